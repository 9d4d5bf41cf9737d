"""Metadata is stored twice: no bit, and no sector, takes more than the chunk that it is in."""

import os
import random
import shutil
import warnings

import numpy as np
import pytest
import refdecode
import refsums

import caterva as cat

SECTOR = 4096
ATTRS = {"unit": "m", "list": [1, 2.5, None]}


def values(rows: int) -> np.ndarray:
    random_part = np.random.default_rng(5).integers(0, 1 << 30, (rows, 30))
    return random_part.astype("i4")


def make(path, rows=90, **keywords):
    """Make an array with a history, flushed and closed; return what it holds."""
    data = values(rows)
    with cat.zeros(
        data.shape, dtype="i4", urlpath=path, chunks=(7, 20), blocks=(3, 7), meta={"m": b"abc"}, **keywords
    ) as array:
        array[...] = data
        array.vlmeta["v"] = b"variable" * 9
        array.attrs.update(ATTRS)
        array.flush()
        array[5:30] = data[5:30] = data[35:60]
    return data


def is_whole(array, data) -> bool:
    same = np.array_equal(array[...], data) and array.meta["m"] == b"abc"
    return same and array.vlmeta["v"] == b"variable" * 9 and dict(array.attrs) == ATTRS


def opened(path, mode="r"):
    """Return an array as it opens, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return cat.open(path, mode=mode), [warning.category for warning in caught]


def check_damaged(path, raw, data):
    """A file of these bytes loses nothing, says so, is not changed by that, and can be mended."""
    path.write_bytes(raw)
    array, caught = opened(path, "a")
    soft = cat.UnverifiedWarning in caught
    if soft:  # what another library may have changed: not verified, and said to be
        assert array.verify().metadata
    else:
        assert is_whole(array, data)
    found = array.verify()
    noticed = bool(caught or found.metadata)
    array.close()
    assert path.read_bytes() == bytes(raw)  # nobody has changed it
    mended = cat.repair(path)
    assert mended.bad == 0
    array, caught = opened(path)
    with array:
        assert not caught and is_whole(array, data)
        found = array.verify()
        assert found.ok and found.twice and not found.metadata
    return noticed, soft


def flips(size, ranges, count, seed):
    outside = [at for at in range(size) if not any(start <= at < stop for start, stop in ranges)]
    draw = random.Random(seed)
    return [(at, draw.randrange(8)) for at in draw.sample(outside, min(count, len(outside)))]


@pytest.mark.parametrize("durability", ["order", "fsync"])
@pytest.mark.parametrize("rows", [70, 200])
def test_no_flipped_bit_of_metadata_loses_anything(tmp_path, rows, durability):
    path = tmp_path / "a.b2nd"
    data = make(path, rows, durability=durability)
    raw, soft_count, noticed_count = path.read_bytes(), 0, 0
    frame = refdecode.open_frame(os.fspath(path))
    places = flips(len(raw), refsums.chunk_ranges(path), 250, rows)
    places += [(at, at % 8) for at in range(frame.header_len)]  # each byte of the header
    for at, bit in places:
        damaged = bytearray(raw)
        damaged[at] ^= 1 << bit
        noticed, soft = check_damaged(path, damaged, data)
        soft_count += soft
        noticed_count += noticed
        assert noticed or at >= frame.header_len, at
    assert soft_count < len(places) / 4 and noticed_count >= frame.header_len


@pytest.mark.parametrize("durability", ["order", "fsync"])
def test_no_lost_sector_outside_of_chunks_loses_anything(tmp_path, durability):
    path = tmp_path / "a.b2nd"
    data = make(path, 200, durability=durability)
    raw, ranges = path.read_bytes(), refsums.chunk_ranges(path)
    sectors = [
        start
        for start in range(0, len(raw), SECTOR)
        if not any(first < start + SECTOR and start < stop for first, stop in ranges)
    ]
    # The first one has chunks behind the header: those alone may be lost.
    assert len(sectors) >= 2
    for start in sectors:
        for content in (b"\0" * SECTOR, random.Random(start).randbytes(SECTOR)):
            damaged = bytearray(raw)
            damaged[start : start + SECTOR] = content[: len(raw) - start]
            check_damaged(path, damaged, data)


def test_a_lost_first_sector_takes_only_the_chunks_in_it(tmp_path):
    path = tmp_path / "a.b2nd"
    data = make(path, 200)
    raw = bytearray(path.read_bytes())
    raw[:SECTOR] = bytes(SECTOR)
    path.write_bytes(raw)
    array, caught = opened(path)
    assert caught == [cat.RecoveredWarning] and array.shape == data.shape and dict(array.attrs) == ATTRS
    found = array.verify()
    lost = {place.chunk for place in found.places}
    assert len(lost) < array.nchunks / 2 and found.metadata
    whole = 0
    for row in range(0, 200, 7):
        for column in range(0, 30, 20):
            box = (slice(row, row + 7), slice(column, column + 20))
            try:
                np.testing.assert_array_equal(array[box], data[box])
                whole += 1
            except cat.CorruptDataError:
                pass
    assert whole == array.nchunks - len(lost)


def test_a_short_file_raises_and_is_mended_where_copies_have_what_is_missing(tmp_path):
    path = tmp_path / "a.b2nd"
    data = make(path, 200)
    raw = path.read_bytes()
    mended = 0
    for cut in [1, 2, 17, 100, *range(200, len(raw), 977)]:
        path.write_bytes(raw[:-cut])
        with pytest.raises(cat.CorruptDataError):
            cat.open(path)
        try:
            found = cat.repair(path)
        except cat.CorruptDataError:
            assert path.read_bytes() == raw[:-cut]
            continue
        mended += 1
        assert found.repaired and found.bad == 0
        with cat.open(path) as array:
            assert is_whole(array, data) and array.verify().ok
    assert mended >= 4


@pytest.mark.parametrize("contiguous", [True, False], ids=["file", "directory"])
def test_opening_and_closing_writes_nothing(tmp_path, contiguous):
    path = tmp_path / "a.b2nd"
    data = make(path, contiguous=contiguous)

    def state():
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return [
            (file.name, file.stat().st_mtime_ns, file.read_bytes())
            for file in files
            if file.suffix != ".b2lock"
        ]

    before = state()
    for mode in ("r", "a"):
        with cat.open(path, mode=mode) as array:
            assert is_whole(array, data) and array.verify().ok
        assert state() == before


def test_a_file_of_another_library_is_read_and_changed_as_before(tmp_path):
    blosc2 = pytest.importorskip("blosc2")
    path = tmp_path / "a.b2nd"
    data = make(path, 60)
    other = blosc2.open(os.fspath(path), mode="a")
    other[10:20] = 7
    data[10:20] = 7
    del other
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cat.UnverifiedWarning)
        with cat.open(path, mode="a") as array:
            np.testing.assert_array_equal(array[...], data)
            array[20:25] = data[20:25] = 8
    np.testing.assert_array_equal(blosc2.open(os.fspath(path))[:], data)


def test_both_copies_damaged_is_an_error_not_an_older_state(tmp_path):
    path = tmp_path / "a.b2nd"
    make(path, 200)
    frame = refdecode.open_frame(os.fspath(path))
    raw = bytearray(path.read_bytes())
    size = frame.header_len
    for at in (20, size + 40, 8192 + 40):  # the header, and both copies of it
        raw[at] ^= 4
    path.write_bytes(raw)
    with pytest.raises(cat.CorruptDataError):
        cat.open(path)
    shutil.copy(path, tmp_path / "b.b2nd")
    with pytest.raises(cat.CorruptDataError):
        cat.repair(tmp_path / "b.b2nd")
    assert (tmp_path / "b.b2nd").read_bytes() == bytes(raw)


def change_and_die(path, rows):
    """Change rows in a process that dies before it flushes; return where chunks are that were not before."""
    before = set(refsums.chunk_ranges(path))
    child = os.fork()
    if child == 0:
        array = cat.open(path, "a")
        array[rows] = -1
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    return sorted(set(refsums.chunk_ranges(path)) - before)


@pytest.mark.parametrize("how", ["zeros", "older bytes", "noise"])
@pytest.mark.parametrize("change", ["set", "attrs"])
def test_a_state_that_is_there_in_part_is_not_taken(tmp_path, how, change):
    """A power cut has taken 512 bytes of a chunk that was put since the flush: each of them in turn."""
    path = tmp_path / "a.b2nd"
    data = make(path, 200)
    fresh = change_and_die(path, slice(20, 27))
    raw = path.read_bytes()
    assert fresh and cat.open(path)[20, 0] == -1  # killed, and nothing else: all of it is there
    for start, stop in fresh:
        for at in range(start, stop, 512):
            damaged, end = bytearray(raw), min(at + 512, stop)
            damaged[at:end] = {
                "zeros": bytes(end - at),
                "older bytes": raw[100 : 100 + end - at],
                "noise": random.Random(at).randbytes(end - at),
            }[how]
            path.write_bytes(damaged)
            for _ in range(2):  # each time until it is accepted
                array, caught = opened(path)
                assert caught == [cat.RecoveredWarning]
                assert is_whole(array, data)
                array.close()
            assert path.read_bytes() == damaged
    with opened(path, "a")[0] as array:
        if change == "set":
            array[3] = data[3] = 5
        else:
            array.attrs["more"] = 1
            del array.attrs["more"]
    array, caught = opened(path)
    assert not caught and is_whole(array, data) and array.verify().ok


def test_a_flipped_bit_of_what_was_not_flushed_costs_its_block(tmp_path):
    path = tmp_path / "a.b2nd"
    make(path, 200)
    start, stop = change_and_die(path, slice(20, 27))[0]
    damaged = bytearray(path.read_bytes())
    damaged[(start + stop) // 2] ^= 4
    path.write_bytes(damaged)
    array, caught = opened(path)
    assert not caught and not array.verify().ok
    array.close()


@pytest.mark.parametrize("durability", ["order", "fsync"])
@pytest.mark.parametrize("has_handle", [False, True])
def test_a_header_that_has_lost_its_last_write_is_no_older_state(tmp_path, durability, has_handle):
    path = tmp_path / "a.b2nd"
    data = make(path, 200, durability=durability)
    before = path.read_bytes()
    array, reader = cat.open(path, "a", durability=durability), opened(path)[0]
    array[150] = data[150] = 7
    array.flush()
    reader.close()
    raw = bytearray(path.read_bytes())
    raw[:SECTOR] = before[:SECTOR]
    path.write_bytes(raw)
    if has_handle:  # it has the state that the far copy tells of
        array[0] = data[0] = 1
        array.close()
        assert is_whole(opened(path)[0], data)
        return
    array.close()
    assert path.read_bytes() == raw
    array, caught = opened(path, "a")
    assert caught == [cat.RecoveredWarning] and is_whole(array, data)
    array[3] = data[3] = 5
    array.close()
    array, caught = opened(path)
    assert not caught and is_whole(array, data) and array.verify().ok


@pytest.mark.parametrize("is_followed", [False, True])
def test_a_lost_header_says_whether_later_changes_are_lost_with_it(tmp_path, is_followed):
    path = tmp_path / "a.b2nd"
    data = make(path, 200)
    if is_followed:
        change_and_die(path, slice(20, 27))
    raw = bytearray(path.read_bytes())
    size = refdecode.open_frame(os.fspath(path)).header_len
    raw[: 2 * size] = bytes(2 * size)  # and its near copy
    path.write_bytes(raw)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        array = cat.open(path)
    assert len(caught) == 1 and ("Nothing is lost" in str(caught[0].message)) != is_followed
    assert is_whole(array, data)
    array.close()
    if is_followed:
        with pytest.raises(cat.CorruptDataError):
            cat.repair(path)
    cat.repair(path, accept_older=is_followed)
    array, caught = opened(path)
    assert not caught and is_whole(array, data) and array.verify().twice


def test_what_is_left_where_both_tails_are_damaged_can_be_verified(tmp_path):
    path = tmp_path / "a.b2nd"
    data = make(path, 200)
    raw = bytearray(path.read_bytes())
    header = refdecode.open_frame(os.fspath(path)).header_len
    tail_bytes, mirror = (int.from_bytes(raw[header + at : header + at + 8], "little") for at in (32, 40))
    for stop in (len(raw), header + mirror + tail_bytes):
        raw[stop - 15] ^= 1  # of the fingerprint
    path.write_bytes(raw)
    with pytest.raises(cat.CorruptDataError, match="checksum=False"):
        cat.open(path)
    with cat.open(path, checksum=False) as array:
        found = array.verify()
        assert not found.ok and found.metadata and found.bad == 0 and found.verified
        np.testing.assert_array_equal(array[...], data)
        with pytest.raises(cat.CorruptDataError):
            array.verify(repair=True)
    assert path.read_bytes() == raw
