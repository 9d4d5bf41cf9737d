"""What a change does to the bytes of a file or directory: live ones stay, the header comes last.

A crash at some instant of a commit leaves the bytes written up to then. As all of them lie behind the old
frame, and the header is written last, such a state is: old header, some prefix of what follows. It is the old
array, whole.
"""

import itertools
import os
import pickle
import shutil
import stat
import struct
import subprocess
import sys

import numpy as np
import pytest
import refdecode
import refsums
from support import home_arguments, neighbours, parse_frame, reference_array, sample, snapshot

import caterva as cat

SHAPE, CHUNKS, BLOCKS = (20, 13), (7, 6), (3, 4)


@pytest.fixture
def data():
    return sample(SHAPE, "<i4")


def make(data, path, home="file", **kwargs):
    arguments = {"chunks": CHUNKS, "blocks": BLOCKS, **home_arguments(home, path), **kwargs}
    return cat.asarray(data, **arguments)


def header_length(frame: bytes) -> int:
    return struct.unpack_from(">i", frame, 11)[0]


def frame_length(frame: bytes) -> int:
    return struct.unpack_from(">Q", frame, 16)[0]


def live_extents(frame: bytes) -> list[tuple[int, int]]:
    """[start, stop) of every chunk in the index, with its postscript, of the index, and of the trailer."""
    parsed = refdecode.parse_frame(frame)
    extents = []
    for offset in parsed.offsets:
        if offset >= 0:
            start = parsed.header_len + offset
            cbytes = struct.unpack_from("<i", frame, start + 12)[0]
            after = refsums.postscript(frame[start : start + cbytes])
            assert frame[start + cbytes : start + cbytes + len(after)] == after
            extents.append((start, start + cbytes + len(after)))
    if parsed.nbytes:
        extents.append((parsed.header_len + parsed.cbytes, parsed.frame_len))
    return extents


def write_item(array):
    array[5, 5] = -1


def write_everything(array):
    array[...] = sample(SHAPE, "<i4", seed=3)


def write_a_plane_of_zeros(array):
    array[:, :6] = 0


def set_new_layer(array):
    array.vlmeta["new"] = b"x" * 300


def change_layer(array):
    array.vlmeta["old"] = b"something longer than it was"


def delete_layer(array):
    del array.vlmeta["old"]


CHANGES = [write_item, write_everything, write_a_plane_of_zeros, set_new_layer, change_layer, delete_layer]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_never_overwrites_live_bytes(change, data, path):
    array = make(data, path)
    array.vlmeta["old"] = b"content"
    for _ in range(3):  # space may be reused, but not that of the last commit
        before = path.read_bytes()
        change(array)
        after = path.read_bytes()
        for start, stop in live_extents(before):
            assert after[start:stop] == before[start:stop], (start, stop)
        array.vlmeta["old"] = b"content"


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_killed_before_the_header_is_written_the_old_array_opens(change, data, path):
    array = make(data, path)
    array.vlmeta["old"] = b"content"
    before, content = path.read_bytes(), array.to_buffer()
    change(array)
    del array
    after, size = path.read_bytes(), header_length(before)
    tail = len(before)
    lengths = {
        tail,
        tail + 1,
        len(after) - 1,
        len(after),
        *range(tail, len(after), max(1, (len(after) - tail) // 40)),
    }
    for length in sorted(lengths):
        path.write_bytes(before[:size] + after[size : max(length, tail)])
        again = cat.open(str(path), mode="r")
        assert again.to_buffer() == content, length
        assert again.vlmeta["old"] == b"content"
        assert reference_array(path).tobytes() == content


def test_after_a_crash_the_next_writer_goes_on(data, path):
    array = make(data, path)
    before = path.read_bytes()
    write_everything(array)
    del array
    after, size = path.read_bytes(), header_length(before)
    for length in (len(before) + 10, len(after) - 7, len(after)):
        path.write_bytes(before[:size] + after[size:length])
        again = cat.open(str(path))
        again[3:9, 2] = 17
        expected = data.copy()
        expected[3:9, 2] = 17
        assert cat.open(str(path)).to_buffer() == expected.tobytes()
        assert reference_array(path).tobytes() == expected.tobytes()


def test_a_torn_header_is_never_wrong_data(data, path):
    array = make(data, path)
    old = array.to_buffer()
    before = path.read_bytes()
    write_everything(array)
    new = array.to_buffer()
    del array
    after, size = path.read_bytes(), header_length(before)
    seen = set()
    for torn in range(size + 1):
        path.write_bytes(after[:torn] + before[torn:size] + after[size:])
        try:
            content = cat.open(str(path), mode="r").to_buffer()
        except cat.CorruptDataError:
            seen.add("error")
            continue
        assert content in (old, new), torn
        seen.add("old" if content == old else "new")
    assert {"old", "new"} <= seen


def test_fixed_metalayers_change_in_the_header_alone(data, path):
    array = make(data, path, meta={"note": b"12345"})
    before = path.read_bytes()
    array.meta["note"] = b"67890"
    after = path.read_bytes()
    for start, stop in live_extents(before):
        assert after[start:stop] == before[start:stop]
    assert parse_frame(path).meta["note"] == b"67890"
    assert cat.open(str(path)).meta["note"] == b"67890"


def test_the_header_write_stays_in_the_first_512_bytes(data, path):
    """Geometry comes first, then the user's: what a write of items changes lies before 512 bytes."""
    array = make(data, path, meta={"big": b"m" * 3000})
    before = path.read_bytes()
    write_item(array)
    after = path.read_bytes()
    changed = [i for i in range(header_length(before)) if before[i] != after[i]]
    assert changed and max(changed) < 512


@pytest.mark.parametrize("home", ["file", "directory"])
def test_creation_leaves_nothing_but_the_array(home, data, path):
    make(data, path, home)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    if home == "directory":
        chunks = [entry for entry in path.iterdir() if entry.suffix == ".chunk"]
        assert {entry.name for entry in path.iterdir()} == {
            "chunks.b2frame",
            *(entry.name for entry in chunks),
        }
        assert len(chunks) == 9


@pytest.mark.parametrize("home", ["file", "directory"])
def test_an_existing_path_is_not_touched_by_a_failed_creation(home, data, path):
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError, match=path.name):
        make(data, path, home)
    assert path.read_bytes() == b"precious"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    path.unlink()
    path.mkdir()
    (path / "mine").write_bytes(b"precious")
    with pytest.raises(FileExistsError, match=path.name):
        make(data, path, home)
    assert [entry.name for entry in path.iterdir()] == ["mine"]


def test_files_are_made_with_the_permissions_of_the_umask(data, path):
    old = os.umask(0o027)
    try:
        make(data, path)
        make(data, path.with_name("folder.b2nd"), "directory")
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.with_name("folder.b2nd").stat().st_mode) == 0o750


def test_in_a_directory_the_index_is_replaced_and_a_changed_chunk_gets_a_new_file(data, path):
    array = make(data, path, "directory")
    names = {entry.name for entry in path.glob("*.chunk")}
    with open(path / "chunks.b2frame", "rb") as held:
        before = held.read()
        array[0, 0] = -1  # in the first chunk
        held.seek(0)
        assert held.read() == before, "the old index is another file"
    after = (path / "chunks.b2frame").read_bytes()
    assert after != before
    now = {entry.name for entry in path.glob("*.chunk")}
    assert len(now) == len(names) and len(now - names) == 1 and len(names - now) == 1
    assert sorted(int(name[:8], 16) for name in now) == sorted(parse_frame(path).offsets)


def test_in_a_directory_killed_before_the_index_is_replaced_the_old_array_opens(data, path, tmp_path):
    array = make(data, path, "directory")
    content = array.to_buffer()
    old = tmp_path / "old.b2nd"
    shutil.copytree(path, old)
    write_everything(array)
    for name in path.glob("*.chunk"):  # the new chunks are there, the new index is not
        if not (old / name.name).exists():
            shutil.copyfile(name, old / name.name)
    again = cat.open(str(old))
    assert again.to_buffer() == content
    again[0, 0] = 9
    assert cat.open(str(old))[0, 0] == 9
    assert reference_array(old).tobytes() == again.to_buffer()


@pytest.mark.parametrize("home", ["memory", "memframe", "file", "directory"])
def test_to_bytes_is_stable_and_leaves_no_gaps(home, data, path):
    array = make(data, path, home)
    for _ in range(3):
        write_item(array)
        set_new_layer(array)
    frame = array.to_bytes()
    assert frame == array.to_bytes()
    assert cat.from_bytes(frame).to_bytes() == frame
    parsed = refdecode.parse_frame(frame)
    extents = sorted(live_extents(frame))
    assert extents[0][0] == parsed.header_len and extents[-1][1] == len(frame)
    assert all(stop == start for (_, stop), (start, _) in itertools.pairwise(extents))
    assert parsed.offsets == sorted(parsed.offsets)


def test_bytes_of_all_homes_are_the_same(data, path):
    frames = set()
    for home in ("memory", "memframe", "file", "directory"):
        frames.add(make(data, path.with_name(home), home, meta={"a": b"b"}).to_bytes())
    assert len(frames) == 1


def test_two_handles_may_read_one_file(data, path):
    make(data, path)
    first, second = cat.open(str(path)), cat.open(str(path))
    assert first.to_buffer() == second.to_buffer() == data.tobytes()


@pytest.mark.parametrize("home", ["file", "directory"])
def test_a_handle_opened_before_another_wrote_reads_one_state_whole(home, data, path):
    make(data, path, home)
    writer, reader = cat.open(str(path)), cat.open(str(path), mode="r")
    writer[...] = sample(SHAPE, "<i4", seed=9)
    states = (data.tobytes(), writer.to_buffer())
    try:
        assert reader.to_buffer() in states
    except (cat.CorruptDataError, cat.StorageError):
        assert home == "directory", "in a file the old bytes are still there"
    assert cat.open(str(path)).to_buffer() == states[1]


@pytest.mark.parametrize("home", ["file", "directory"])
def test_a_writer_that_locks_nothing_notices_another_and_destroys_nothing(home, data, path):
    make(data, path, home)
    first, second = cat.open(str(path)), cat.open(str(path), locking=False)
    first[0, :] = 1
    for change in (lambda: second.__setitem__((1, slice(None)), 2), lambda: second.vlmeta.update(a=b"b")):
        with pytest.raises(cat.FileChangedError, match=path.name):
            change()
    expected = data.copy()
    expected[0, :] = 1
    first[19, :] = expected[19, :] = 3  # the first goes on
    again = cat.open(str(path))
    again[10, :] = expected[10, :] = 4
    assert cat.open(str(path)).to_buffer() == expected.tobytes()
    assert reference_array(path).tobytes() == expected.tobytes()


@pytest.mark.parametrize("home", ["file", "directory"])
def test_a_writer_notices_that_its_file_was_replaced(home, data, path):
    make(data, path, home)
    array = cat.open(str(path))
    cat.remove(str(path))
    with pytest.raises(cat.FileChangedError):
        array[0, 0] = 1
    assert list(path.parent.iterdir()) == []
    for other in (data[0], data.view("<f4")):
        cat.asarray(other, chunks=(5,) * other.ndim, **home_arguments(home, path))
        with pytest.raises(cat.FileChangedError, match=path.name):
            array[0, 0] = 1
        assert cat.open(str(path)).to_buffer() == other.tobytes()
        cat.remove(str(path))


@pytest.mark.parametrize("home", ["file", "directory"])
def test_reading_changes_nothing(home, data, path):
    make(data, path, home, meta={"m": b"1"})
    before = snapshot(path)
    array = cat.open(str(path))
    _ = array[3:5], array.info, array.cratio, array.meta["m"], array.to_bytes(), array.copy()[...]
    del array
    assert snapshot(path) == before


def test_an_open_copy_is_detached_from_the_file(data, path):
    make(data, path)
    before = snapshot(path)
    array = cat.open(str(path), copy=True)
    array[...] = 0
    assert snapshot(path) == before
    path.unlink()
    assert not np.asarray(array[...]).any()


def test_untouched_blocks_keep_their_compressed_bytes(path):
    data = sample((64, 64), "<i4")
    array = cat.asarray(data, chunks=(64, 64), blocks=(16, 16), urlpath=str(path), codec="zstd", clevel=9)

    def streams():  # each block's bytes, from its bstart to the next
        frame = parse_frame(path)
        chunk = frame.stored_chunk(0)
        header = refdecode.parse_chunk_header(chunk)
        starts = struct.unpack_from("<16i", chunk, 32)
        ends = dict(zip(sorted(starts), [*sorted(starts)[1:], header.cbytes]))
        return [bytes(chunk[start : ends[start]]) for start in starts]

    before = streams()
    array[17, 40] = 0  # block 6
    after = streams()
    assert [i for i in range(16) if before[i] != after[i]] == [6]


def test_a_read_decodes_only_the_blocks_it_touches(path):
    """The other blocks of the chunk are destroyed, and nobody notices."""
    data = np.arange(64 * 64, dtype="<i4").reshape(64, 64) // 3
    cat.asarray(data, chunks=(64, 64), blocks=(16, 16), urlpath=str(path), codec="zstd")
    frame = parse_frame(path)
    at = frame.header_len + frame.offsets[0]
    starts = struct.unpack_from("<16i", path.read_bytes(), at + 32)
    damaged = bytearray(path.read_bytes())
    ends = dict(zip(sorted(starts), [*sorted(starts)[1:], None]))
    for block, start in enumerate(starts):
        if block != 6 and ends[start]:
            damaged[at + start : at + ends[start]] = b"\x7f" * (ends[start] - start)
    path.write_bytes(damaged)
    array = cat.open(str(path), mode="r")
    np.testing.assert_array_equal(np.asarray(array[16:32, 32:48]), data[16:32, 32:48])
    assert array[20, 40] == data[20, 40]
    with pytest.raises(cat.CorruptDataError):
        array[...]


FULL_DISK = """
import resource, signal, sys
import numpy as np
import caterva as cat
path, home = sys.argv[1:]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
noise = np.random.default_rng(0).integers(0, 2**31, (200, 200), "<i4")
where = dict(urlpath=path, contiguous=home == "file", chunks=(100, 100), blocks=(20, 20))
array = cat.asarray(noise, **where)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000 if home == "file" else 20_000, resource.RLIM_INFINITY))
def write():
    array[...] = noise[::-1]
def create():
    cat.asarray(noise, **where | {"urlpath": path + "2"})
for change in (write, create):
    try:
        change()
    except OSError as error:
        assert isinstance(error, cat.StorageError), type(error)
        assert error.errno == 27, error.errno  # EFBIG stands for ENOSPC: both come out of write()
    else:
        raise AssertionError("no error on a full disk")
assert (np.asarray(array[...]) == noise).all(), "the handle"
assert (np.asarray(cat.open(path)[...]) == noise).all(), "the file"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
array[...] = noise[::-1]
assert (np.asarray(cat.open(path)[...]) == noise[::-1]).all(), "the next write works"
"""


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE")
@pytest.mark.parametrize("home", ["file", "directory"])
def test_on_a_full_disk_the_array_stays_as_it_was(home, path):
    run = [sys.executable, "-P", "-c", FULL_DISK, str(path), home]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert neighbours(path) == [path.name]


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_working_directory_that_changes_matters_to_nobody(contiguous, path, monkeypatch):
    monkeypatch.chdir(path.parent)
    made = cat.zeros((9, 9), dtype="<i4", chunks=(4, 4), urlpath="array.b2nd", contiguous=contiguous)
    opened = cat.open("array.b2nd", cache_bytes=0)
    elsewhere = path.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    made[:5] = 1
    assert opened.refresh() and opened[4, 8] == 1
    opened.append(np.full((2, 9), 2, "<i4"))
    opened.compact()
    assert made.refresh() and made.shape == (11, 9)
    np.testing.assert_array_equal(np.asarray(made)[::5, 0], [1, 0, 2])
    assert made.urlpath == opened.urlpath == "array.b2nd"
    with made.transaction(), pytest.raises(cat.LockedError, match=r"^\[Errno \d+\] array.b2nd is locked"):
        opened[0] = 5
    made.flush()
    copy = pickle.loads(pickle.dumps(made))  # by its full path
    assert copy.shape == (11, 9)
    assert not list(elsewhere.iterdir())
