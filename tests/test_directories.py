"""Directories: the second copy of the index beside other libraries, damage, and what `flush` syncs."""

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import blosc2
import numpy as np
import pytest

import caterva as cat

INDEX, COPY = "chunks.b2frame", "chunks.b2frame.copy"
FOOT_BYTES = 56  # behind the copy: docs/design/durability.md, "Directories"


@pytest.fixture
def data():
    return np.arange(1200, dtype="i4").reshape(40, 30)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "array.b2nd"


def make(path, data):
    return cat.asarray(data, chunks=(10, 30), blocks=(5, 30), urlpath=str(path), contiguous=False)


def opened(path, mode="a"):
    """Open an array. @return It, and the names of the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        array = cat.open(str(path), mode=mode)
    return array, [warning.category.__name__ for warning in caught]


def recovered_text(path):
    with pytest.warns(cat.RecoveredWarning) as caught:
        cat.open(str(path), mode="r").close()
    return str(caught[0].message)


def content(path):
    array, _ = opened(path, "r")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(array[...])


def copy_is_of_index(path):
    index, copy = (path / INDEX).read_bytes(), (path / COPY).read_bytes()
    return copy[:-FOOT_BYTES] == index


def test_python_blosc2_reads_changes_and_removes_a_directory_with_a_copy(path, data):
    make(path, data).close()
    assert copy_is_of_index(path)
    other = blosc2.open(str(path), mode="a")
    np.testing.assert_array_equal(other[:], data)
    other[3, 3] = -1
    other.resize((50, 30))
    other[45] = 7
    other.schunk.vlmeta["note"] = "of another library"
    expected = np.zeros((50, 30), "i4")
    expected[:40] = data
    expected[3, 3], expected[45] = -1, 7
    np.testing.assert_array_equal(content(path), expected)
    assert not copy_is_of_index(path)
    array, _ = opened(path)
    array[4, 4] = -2
    array.close()
    expected[4, 4] = -2
    assert copy_is_of_index(path)
    np.testing.assert_array_equal(blosc2.open(str(path))[:], expected)
    blosc2.remove_urlpath(str(path))
    assert not path.exists()


@pytest.mark.parametrize("damage", ["empty", "missing", "cut", "flipped"])
def test_a_state_that_another_library_has_changed_since_is_never_given_in_part(path, data, damage):
    make(path, data).close()
    other = blosc2.open(str(path), mode="a")
    other[3, 3] = -1  # in place: the copy's chunk is gone
    index = path / INDEX
    whole = index.read_bytes()
    if damage == "missing":
        index.unlink()
    else:
        flipped = whole[:4] + bytes([whole[4] ^ 1]) + whole[5:]
        index.write_bytes({"empty": b"", "cut": whole[:100], "flipped": flipped}[damage])
    with pytest.raises(cat.CorruptDataError, match=r"chunks\.b2frame.*00000000\.chunk"):
        cat.open(str(path), mode="r")
    index.write_bytes(whole)
    data[3, 3] = -1
    np.testing.assert_array_equal(content(path), data)


@pytest.mark.parametrize("damage", ["empty", "missing", "cut"])
def test_without_its_index_a_directory_opens_as_it_was_flushed_until_a_change_accepts_it(path, data, damage):
    array = make(path, data)
    array.flush()
    array[0] = -5  # in order mode: the copy is of the state before
    index = path / INDEX
    if damage == "missing":
        index.unlink()
    else:
        index.write_bytes(b"" if damage == "empty" else index.read_bytes()[:50])
    before = sorted((entry.name, entry.stat().st_mtime_ns) for entry in path.glob("chunks*"))
    for mode in ("r", "a"):
        again, told = opened(path, mode)
        assert told == ["RecoveredWarning"]
        np.testing.assert_array_equal(again[...], data)
        again.close()
    assert sorted((entry.name, entry.stat().st_mtime_ns) for entry in path.glob("chunks*")) == before
    with pytest.raises(cat.CorruptDataError, match="opened anew"):
        array.refresh()  # it has a later state
    again, _ = opened(path)
    again[1] = -6
    data[1] = -6
    again.close()
    again, told = opened(path)
    assert told == []
    np.testing.assert_array_equal(again[...], data)
    assert copy_is_of_index(path)


@pytest.mark.parametrize("sectors", [1, 4])
def test_a_sector_that_the_medium_loses_from_the_index_loses_nothing(path, data, sectors):
    array = make(path, data)
    note = np.random.default_rng(1).bytes(3500 * (sectors - 1)).hex()
    array.attrs["note"] = note
    array.close()
    index = path / INDEX
    whole, status = index.read_bytes(), index.stat()
    for start in range(0, len(whole), 4096):
        for lost in (b"\0", b"\xff"):
            with open(index, "r+b") as file:
                file.seek(start)
                file.write(lost * min(4096, len(whole) - start))
            os.utime(index, ns=(status.st_atime_ns, status.st_mtime_ns))  # nobody has written to it
            array, told = opened(path)
            assert told == ["RecoveredWarning"]
            assert "Nothing is lost" in recovered_text(path)
            np.testing.assert_array_equal(array[...], data)
            assert array.attrs["note"] == note
            array.close()
        with open(index, "r+b") as file:
            file.write(whole)
    assert len(whole) > 4096 * (sectors - 1)


def test_a_directory_that_is_copied_by_a_tool_opens_and_goes_on(path, data, tmp_path):
    array = make(path, data)
    array.flush()
    array[0] = 1
    moved = tmp_path / "moved.b2nd"
    shutil.copytree(path, moved)
    data[0] = 1
    again, told = opened(moved)
    assert told == []
    again[1] = 2
    data[1] = 2
    again.close()
    assert copy_is_of_index(moved)
    np.testing.assert_array_equal(content(moved), data)


def test_a_damaged_chunk_file_costs_that_chunk(path, data):
    make(path, data).close()
    for name, rows in (("00000001.chunk", slice(10, 20)), ("00000003.chunk", slice(30, 40))):
        chunk = path / name
        whole = chunk.read_bytes()
        for damaged in (b"", whole[:20], whole[: len(whole) // 2], None):
            if damaged is None:
                chunk.unlink()
            else:
                chunk.write_bytes(damaged)
            array, told = opened(path)
            assert told == []
            for start in range(0, 40, 10):
                if start == rows.start:
                    with pytest.raises(cat.CorruptDataError, match=name):
                        array[rows]
                else:
                    np.testing.assert_array_equal(array[start : start + 10], data[start : start + 10])
            array.close()
        chunk.write_bytes(whole)


def damage_places(path):
    """Positions in the index and its copy: header, soft part of it, chunk index, trailer, foot."""
    count = (path / INDEX).stat().st_size
    places = [(INDEX, at) for at in (0, 3, 12, 20, 30, 50, 75, 90, count // 2, count - 30, count - 3)]
    return (
        places
        + [(COPY, at) for _, at in places]
        + [(COPY, count + 2), (COPY, count + 40), (COPY, count + 55)]
    )


def test_verify_tells_where_metadata_is_damaged_and_repair_mends_it(path, data):
    array = make(path, data)
    array.attrs["note"] = "kept"
    array.close()
    whole = {name: (path / name).read_bytes() for name in (INDEX, COPY)}
    for name, at in damage_places(path):
        damaged = bytearray(whole[name])
        damaged[at] ^= 0x10
        (path / name).write_bytes(damaged)
        array, _ = opened(path, "r")
        found = array.verify()
        assert not found.places
        assert found.twice
        assert not found.ok or found.is_foreign, (name, at)
        assert any(name in note or COPY in note for note in found.metadata)
        with pytest.raises(cat.StorageError):
            array.verify(repair=True)
        array.close()
        array, _ = opened(path)
        assert array.verify(repair=True).repaired
        found = array.verify()
        assert (found.ok, found.metadata, found.twice) == (True, (), True)
        array.close()
        array, told = opened(path)
        assert told == []
        np.testing.assert_array_equal(array[...], data)
        assert array.attrs["note"] == "kept"
        array.close()
        assert (path / INDEX).read_bytes() == whole[INDEX]
        assert copy_is_of_index(path)
        whole[COPY] = (path / COPY).read_bytes()


def test_repair_does_not_accept_an_older_state(path, data):
    array = make(path, data)
    array.flush()
    array[0] = 1
    (path / INDEX).write_bytes(b"")
    array, told = opened(path)
    assert told == ["RecoveredWarning"]
    assert array.verify().metadata
    with pytest.raises(cat.CorruptDataError, match=r"if anything was, is lost.*any change"):
        array.verify(repair=True)
    array.close()
    assert (path / INDEX).read_bytes() == b""


def test_the_command_line_mends_a_directory(path, data):
    make(path, data).close()
    whole = (path / INDEX).read_bytes()
    (path / INDEX).write_bytes(whole[:100] + b"\0" + whole[101:])
    command = [sys.executable, "-P", "-m", "caterva", "verify", "--quiet", str(path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    done = subprocess.run([*command, "--repair"], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert (path / INDEX).read_bytes() == whole


COMMIT = """
import os, sys, caterva as cat
array = cat.open(sys.argv[1], mode="a")
array[0] = 7
array[39] = 9
os._exit(0)  # nothing is flushed
"""

FLUSH = """
import sys, caterva as cat
array = cat.open(sys.argv[1], mode="a", durability=sys.argv[2])
if sys.argv[2] == "fsync":
    array[20] = 1
else:
    array.flush()
"""


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("durability", ["order", "fsync"])
def test_what_a_process_left_that_died_is_synced_by_the_next_one(path, data, durability):
    make(path, data).close()
    subprocess.run([sys.executable, "-P", "-c", COMMIT, str(path)], check=True)
    names = {entry.name for entry in path.glob("*.chunk")}
    trace = path.parent / "trace"
    command = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", str(trace)]
    subprocess.run([*command, sys.executable, "-P", "-c", FLUSH, str(path), durability], check=True)
    synced = {
        Path(line.split("<")[1].split(">")[0]).name
        for line in trace.read_text().splitlines()
        if "sync(" in line
    }
    fresh = {name for name in names if int(name[:8], 16) >= 4}  # put by the process that died
    assert len(fresh) == 2
    assert fresh <= synced
    assert {path.name} <= synced
    assert any(name.startswith(COPY + ".tmp-") or name == COPY for name in synced)


def test_closing_an_unchanged_directory_writes_nothing(path, data):
    make(path, data).close()

    def state():
        return sorted((entry.name, entry.stat().st_mtime_ns, entry.stat().st_ino) for entry in path.iterdir())

    before = state()
    for mode in ("r", "a"):
        array, _ = opened(path, mode)
        assert array[0, 0] == 0
        array.close()
    assert state() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    "values", [np.zeros(3), np.full(40, 7), np.arange(50), np.geomspace(1, 9, 200)], ids=len
)
def test_a_flipped_bit_of_a_young_chunk_costs_its_block_and_no_commit(tmp_path, values):
    """Zeros in it are no lost page."""
    path = tmp_path / "a"
    shapes = {"chunks": (1, len(values)), "blocks": (1, min(16, len(values)))}
    cat.zeros((8, len(values)), dtype="f8", urlpath=path, contiguous=False, **shapes).close()
    child = os.fork()
    if child == 0:
        array = cat.open(path, "a")
        for row in range(8):
            array[row] = values + row
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    file = sorted(path.glob("*.chunk"))[-1]
    raw = file.read_bytes()
    for bit in range(0, 8 * len(raw), 13):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            array = cat.open(path)
        np.testing.assert_array_equal(array[:7], values + np.arange(7)[:, None])
        array.close()


def note_of(bytes_count: int) -> bytes:
    return (bytes(range(1, 251)) * (bytes_count // 250 + 1))[:bytes_count]


@pytest.mark.parametrize("note", [10, 1500])
def test_metalayers_of_an_untouched_index_are_read_from_its_copy(tmp_path, note):
    """By its time and size nobody has written to the index: a bit that differs is damage, and no change."""
    path = tmp_path / "a"
    meta = {"note": note_of(note)}
    cat.asarray(
        np.arange(600).reshape(20, 30), chunks=(7, 8), urlpath=path, contiguous=False, meta=meta
    ).close()
    index = path / "chunks.b2frame"
    raw, times = index.read_bytes(), index.stat()
    for at in range(110, min(len(raw), 1900), 13):
        damaged = bytearray(raw)
        damaged[at] ^= 4
        index.write_bytes(damaged)
        os.utime(index, ns=(times.st_atime_ns, times.st_mtime_ns))
        with pytest.warns(cat.RecoveredWarning), cat.open(path) as array:
            assert array.meta["note"] == meta["note"] and array.shape == (20, 30) and array[19, 29] == 599


def test_a_sector_of_an_index_that_was_never_written_is_no_metalayer_of_zeros(tmp_path):
    path = tmp_path / "a"
    meta = {"note": note_of(1500)}
    cat.asarray(
        np.arange(600).reshape(20, 30), chunks=(7, 8), urlpath=path, contiguous=False, meta=meta
    ).close()
    index = path / "chunks.b2frame"
    raw = bytearray(index.read_bytes())
    raw[512:1024] = bytes(512)
    index.write_bytes(raw)
    with pytest.warns(cat.RecoveredWarning), cat.open(path) as array:
        assert array.meta["note"] == meta["note"] and array[19, 29] == 599
