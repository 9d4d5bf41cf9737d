"""Damage to the metadata of an array that is open: what its handles take over, and what they say of it."""

import itertools
import os
import shutil
import warnings

import numpy as np
import pytest
import refdecode

import caterva as cat

ROWS, COLUMNS = 20, 12


def make(path, **keywords):
    """Make an array with a history, flushed; return it, still open, and what it holds."""
    data = np.random.default_rng(3).integers(0, 1 << 30, (ROWS, COLUMNS)).astype("i4")
    array = cat.zeros(
        data.shape,
        dtype="i4",
        urlpath=path,
        chunks=(7, 5),
        blocks=(3, 3),
        meta={"m": b"abc"},
        cache_bytes=0,
        **keywords,
    )
    array[...] = data
    array.flush()
    array[2:9] = data[2:9] = data[9:16]
    array.flush()
    return array, data


def index_file(path):
    return path / "chunks.b2frame" if path.is_dir() else path


def told(call):
    """Return what a call gives, and the categories of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return call(), {warning.category for warning in caught}


def flip(file, *bits):
    """Flip bits (byte, bit) in place, as damage does."""
    raw = bytearray(file.read_bytes())
    for at, bit in bits:
        raw[at] ^= 1 << bit
    with file.open("r+b") as stream:
        stream.write(raw)


def header_bytes(path):
    return int.from_bytes(index_file(path).read_bytes()[11:15], "big")


def is_whole(array, data):
    return np.array_equal(array[...], data) and array.meta["m"] == b"abc"


@pytest.mark.parametrize("contiguous", [True, False])
def test_no_change_goes_by_a_header_that_is_not_verified(tmp_path, contiguous):
    """Bits of the header, under an open array: a change is right, or not made, and `refresh` says why."""
    path = tmp_path / "a.b2nd"
    array, data = make(path, contiguous=contiguous)
    file = index_file(path)
    bits = [(at, bit) for at in range(header_bytes(path)) for bit in range(8)]
    array.close()
    # Each byte with one of its bits, those of metalayers with all: each is a file of its own.
    content_start = 87
    bits = [pair for pair in bits if pair[0] >= content_start or pair[1] == pair[0] % 8]
    before = {name: name.read_bytes() for name in (path.iterdir() if path.is_dir() else [path])}
    refused = accepted = 0
    for at, bit in bits:
        for name in path.iterdir() if path.is_dir() else []:
            name.unlink()
        for name, content in before.items():
            name.write_bytes(content)
        with cat.open(path, mode="a", cache_bytes=0) as array:
            flip(file, (at, bit))
            expected = data.copy()
            try:
                _, caught = told(lambda: array.__setitem__((1, 2), 7))
                assert not caught
                expected[1, 2] = 7
                assert is_whole(array, expected), (at, bit)
                continue
            except (cat.FileChangedError, cat.CorruptDataError, cat.UnsupportedFormatError):
                refused += 1
            assert is_whole(array, data), (at, bit)  # the handle has what it had
            try:
                _, caught = told(array.refresh)
            except (cat.FileChangedError, cat.CorruptDataError, cat.UnsupportedFormatError):
                continue
            if not caught & {cat.UnverifiedWarning, cat.RecoveredWarning}:
                assert is_whole(array, data), (at, bit)
            if cat.UnverifiedWarning in caught and array.shape == data.shape:
                try:
                    array[1, 2] = 7  # what is in doubt is known now
                    accepted += 1
                except cat.UnsupportedFormatError:  # parameters of chunks to come
                    pass
    assert accepted > refused / 8 and refused > len(bits) / 8


def test_what_was_not_shown_is_not_adopted(tmp_path):
    path = tmp_path / "a.b2nd"
    array, data = make(path)
    at = path.read_bytes().index(b"abc", 87, header_bytes(path))
    flip(path, (at, 1))  # "cbc"
    assert not array.verify(adopt=True).adopted  # as far as this handle knows there is nothing to adopt
    with pytest.raises(cat.FileChangedError, match="by damage"):
        array.vlmeta["v"] = 1
    with pytest.warns(cat.UnverifiedWarning):
        assert array.refresh()
    assert array.meta["m"] == b"cbc" and np.array_equal(array[...], data)
    assert array.verify(repair=True).repaired  # the copy has what was there
    assert array.meta["m"] == b"abc"


@pytest.mark.parametrize("contiguous", [True, False])
@pytest.mark.parametrize("opens_anew", [True, False])
def test_a_flush_does_not_put_what_is_in_doubt_into_its_copy(tmp_path, contiguous, opens_anew):
    path = tmp_path / "a.b2nd"
    array, data = make(path, contiguous=contiguous)
    at = index_file(path).read_bytes().index(b"abc", 87, header_bytes(path))
    array.close()
    array = None if opens_anew else cat.open(path, mode="a")
    flip(index_file(path), (at, 1))
    if opens_anew:
        array, caught = told(lambda: cat.open(path, mode="a"))
        assert caught == {cat.UnverifiedWarning}
    array.flush()
    array.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert cat.open(path).meta["m"] == b"cbc"
    cat.repair(path)
    with cat.open(path) as array:
        assert is_whole(array, data)


def test_a_dtype_that_damage_has_broken_is_read_from_the_copy_by_refresh(tmp_path):
    path = tmp_path / "a.b2nd"
    array, data = make(path)
    at = path.read_bytes().index(b"<i4", 87, header_bytes(path))
    for bit in range(8):
        flip(path, (at + 1, bit))
        try:
            _, caught = told(array.refresh)
            assert caught, bit
            assert is_whole(array, data), bit
        except cat.FileChangedError:  # an array of other items
            assert is_whole(array, data), bit
        flip(path, (at + 1, bit))


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_damaged_type_of_the_fingerprint_never_ends_verifying(tmp_path, contiguous):
    """With two more flipped bits, wherever they are: what is left says that there were checksums."""
    path = tmp_path / "a.b2nd"
    array, data = make(path, contiguous=contiguous)
    array.close()
    file = index_file(path)
    raw = file.read_bytes()
    end = int.from_bytes(raw[16:24], "big")
    start = end - 17  # of the fingerprint (docs/design/durability.md)
    near = header_bytes(path) + 20 if contiguous else end - 30
    places = [start + 1, start + 5, start + 9, start + 13, start + 16, near, end - 30, 40, 54, end - 120]
    for bit, (one, two) in itertools.product((0, 1, 6), itertools.combinations(places, 2)):
        damaged = bytearray(raw)
        damaged[start] ^= 1 << bit
        damaged[one] ^= 4
        damaged[two] ^= 16
        file.write_bytes(damaged)
        for name in path.glob("*.copy"):
            name.unlink()
        try:
            opened, caught = told(lambda: cat.open(path, mode="r"))
        except (cat.CorruptDataError, cat.UnsupportedFormatError):
            continue
        with opened:
            assert cat.RecoveredWarning in caught and is_whole(opened, data), (bit, one, two)


def test_a_reader_of_an_older_state_has_the_later_one_once_it_is_flushed(tmp_path):
    """A flush writes nothing to the index: what has changed is that the state is promised."""
    path = tmp_path / "a.b2nd"
    writer, data = make(path, contiguous=False)
    older = data.copy()
    flushed = {name.name for name in path.glob("*.chunk")}
    writer[:7, :5] = data[:7, :5] = 5 * data[7:14, :5]
    (new,) = {name.name for name in path.glob("*.chunk")} - flushed
    content = (path / new).read_bytes()
    (path / new).write_bytes(content[:40])
    reader, caught = told(lambda: cat.open(path, mode="r"))
    assert caught == {cat.RecoveredWarning} and np.array_equal(reader[...], older)
    assert not reader.refresh()  # it is still the best there is
    (path / new).write_bytes(content)
    writer.close()
    assert reader.refresh() and np.array_equal(reader[...], data)
    assert not reader.refresh()


@pytest.mark.parametrize("contiguous", [True, False])
def test_who_opens_beside_one_that_stepped_back_steps_back_too(tmp_path, contiguous):
    """After a power cut, several workers open what has lost a chunk of the last state."""
    path, home = tmp_path / "a.b2nd", tmp_path / "cut.b2nd"
    writer, data = make(path, contiguous=contiguous)
    writer[:7, :5] = 1
    if contiguous:
        frame = refdecode.open_frame(os.fspath(path))
        start = frame.header_len + frame.offsets[0]
        raw = path.read_bytes()
        home.write_bytes(raw[:start] + bytes(50) + raw[start + 50 :])
    else:
        shutil.copytree(path, home)
        newest = max(home.glob("*.chunk"))
        newest.write_bytes(b"")
    handles = []
    for mode in "rrar":
        array, caught = told(lambda mode=mode: cat.open(home, mode=mode))
        assert caught == {cat.RecoveredWarning}
        handles.append(array)
        assert all(np.array_equal(one[...], data) for one in handles)
    assert not handles[0].refresh()
    handles[2][0, 0] = 7  # that accepts it
    assert all(np.array_equal(one[...], data) for one in (handles[0], handles[1], handles[3]))
    data[0, 0] = 7
    assert handles[0].refresh() and np.array_equal(handles[0][...], data)


def test_a_change_that_changes_nothing_accepts_no_older_state(tmp_path):
    """The files of the later state stay, so that who can mend them finds them."""
    path = tmp_path / "a.b2nd"
    writer, data = make(path, contiguous=False)
    flushed = {name.name for name in path.glob("*.chunk")}
    later = data.copy()
    with writer.transaction():
        writer[:7] = later[:7] = 3
        writer[7:14] = later[7:14] = data[:7]
    home = tmp_path / "copy.b2nd"
    home.mkdir()
    for name in path.iterdir():
        (home / name.name).write_bytes(name.read_bytes())
    writer.close()
    new = sorted({name.name for name in home.glob("*.chunk")} - flushed)
    assert len(new) > 1
    content = (home / new[0]).read_bytes()
    (home / new[0]).write_bytes(b"")
    opened, caught = told(lambda: cat.open(home, mode="a"))
    assert caught == {cat.RecoveredWarning} and np.array_equal(opened[...], data)
    opened.resize(opened.shape)
    opened.close()
    (home / new[0]).write_bytes(content)
    with cat.open(home, mode="r") as array:
        assert np.array_equal(array[...], later)


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_change_that_takes_an_older_state_is_the_last_that_may(tmp_path, contiguous):
    """Once a change has accepted an older state, the next damage is not taken for that."""
    path = tmp_path / "a.b2nd"
    writer, data = make(path, contiguous=contiguous)
    writer[:7] = 1
    flip(index_file(path), (40, 3))
    opened, caught = told(lambda: cat.open(path, mode="a"))
    assert caught == {cat.RecoveredWarning} and np.array_equal(opened[...], data)
    opened[0, 0] = data[0, 0] = 9
    opened[1, 1] = data[1, 1] = 9  # after the copies of what was accepted
    flip(index_file(path), (40, 3))
    with pytest.raises(cat.CorruptDataError, match="older than what"):
        opened[0, 0] = 8
    assert np.array_equal(opened[...], data)


def test_files_of_others_have_no_fingerprint_that_is_taken_for_a_damaged_one(tmp_path):
    blosc2 = pytest.importorskip("blosc2")
    path = tmp_path / "a.b2nd"
    data = np.arange(240, dtype="i4").reshape(20, 12)
    blosc2.asarray(data, chunks=(7, 5), blocks=(3, 3), urlpath=str(path), mode="w")
    raw = bytearray(path.read_bytes())
    frame = refdecode.open_frame(os.fspath(path))
    assert frame.nchunks
    random = np.random.default_rng(8)
    for _ in range(50):  # what another writer may one day put there
        raw[-17:] = random.bytes(17)
        raw[-17] = 1 + raw[-17] % 2
        path.write_bytes(raw)
        array, caught = told(lambda: cat.open(path, mode="r"))
        assert not caught and np.array_equal(array[...], data)
        array.close()
