"""Checksums: what is damaged is never returned, and what other libraries write is never called damaged.

The layouts are checked by tests/reference/refsums.py, which was written from docs/design/durability.md alone.
"""

import contextlib
import itertools
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
import refsums
from support import CODECS, assert_same_bytes, copy_tree, home_arguments, parse_frame, sample, snapshot

import caterva as cat
from caterva import _core
from caterva.verification import Seal, warn_if_unverified

SHAPE, CHUNKS, BLOCKS = (20, 23), (8, 9), (4, 4)
HOMES = ["file", "directory"]
SEALED = refsums.SEALED


@pytest.fixture
def data():
    return sample(SHAPE, "<i4")


def make(data, path, home="file", **keywords):
    """An array with chunks of streams, a copied one, one of zeros and one of a repeated value."""
    keywords = {"chunks": CHUNKS, "blocks": BLOCKS, "meta": {"note": b"abcd"}} | keywords
    array = cat.full(data.shape, fill_value=7, dtype=data.dtype, **keywords, **home_arguments(home, path))
    array.vlmeta["long"] = b"x" * 100
    array[:, :18] = data[:, :18]
    array[:8, 9:18] = 0
    return array


def seal_of(array) -> Seal:
    return Seal(array._handle.seal)


def quiet_open(path, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cat.UnverifiedWarning)
        return cat.open(path, **keywords)


def calls_damage(found):
    """Whether something is said to be damaged: more than that a copy says otherwise, and why that may be."""
    assert found.ok == (not found.places and not found.is_damaged and not found.is_in_doubt)
    return bool(found.places or found.is_damaged or found.bad or found.is_older)


def files_of(path):
    return sorted(file for file in path.iterdir() if file.suffix) if path.is_dir() else [path]


def flags_of(source) -> int | None:
    """What a fingerprint says of seals; None if there is none. Tags, where there are some, are checked."""
    flags, _ = refsums.check(source)
    return None if flags is None else flags & 0xFF & ~refsums.TAGGED


def flip(file, position, mask=0x10):
    raw = bytearray(file.read_bytes())
    raw[position] ^= mask
    file.write_bytes(raw)


# ---------------------------------------------------------------- what is written


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("codec", CODECS, ids=str)
def test_files_have_the_checksums_that_the_documents_describe(data, path, home, codec):
    array = make(data, path, home, codec=codec)
    assert seal_of(array) is Seal.WHOLE
    assert flags_of(path) == SEALED and len(refsums.check(path)[1]) == 8
    array.close()
    if home == "file":
        assert refsums.check(path)[0] & refsums.TAGGED
        assert refsums.check_copies(path) == (2 if path.stat().st_size > 8192 + 1000 else 1)


@pytest.mark.parametrize(
    "keywords",
    [
        {"clevel": 0},
        {"clevel": 0, "blocks": (2, 3)},
        {"usedict": True, "codec": cat.Codec.ZSTD, "chunks": (20, 23), "blocks": (10, 23)},
        {"filters": [cat.Filter.DELTA, cat.Filter.SHUFFLE]},
        {"filters": [cat.Filter.BITSHUFFLE], "splitmode": cat.SplitMode.NEVER},
    ],
    ids=["copied", "copied_short_blocks", "dictionary", "delta", "one_stream"],
)
def test_each_kind_of_chunk_has_the_documented_postscript(path, keywords):
    values = np.repeat(sample(SHAPE, "<i4"), 40, axis=0).reshape(-1, SHAPE[1])
    chunks = {"chunks": (64, 9), "blocks": (16, 9)} | keywords
    if "usedict" in keywords:
        chunks |= {"chunks": values.shape, "blocks": (values.shape[0] // 8, 23)}
    array = cat.asarray(values, urlpath=path, **chunks)
    assert flags_of(path) == SEALED
    assert_same_bytes(cat.open(path)[...], values)
    assert array.verify().ok


@pytest.mark.parametrize("home", ["memory", "memframe", *HOMES])
def test_exported_bytes_have_checksums_and_arrays_in_memory_none(data, path, home):
    array = make(data, path, home)
    frame = array.to_bytes()
    assert flags_of(frame) == SEALED
    assert (seal_of(array) is Seal.NONE) == (home in ("memory", "memframe"))
    copy = cat.from_bytes(frame)
    assert seal_of(copy) is Seal.WHOLE and copy.to_bytes() == frame
    copy[3, 3] = 5
    assert flags_of(copy.to_bytes()) == SEALED and copy.verify().ok


@pytest.mark.parametrize("home", ["memory", *HOMES])
def test_checksum_false_writes_none(data, path, home):
    array = make(data, path, home, checksum=False)
    array[1, 1] = 4
    for source in [array.to_bytes(), *[path] * (home in HOMES)]:
        assert refsums.check(source) == (None, [False] * 8)
    assert seal_of(array) is Seal.NONE
    assert array.verify().unverified == array.verify().unverified > 0


@pytest.mark.parametrize("home", HOMES)
def test_every_change_keeps_the_array_sealed(data, path, home):
    array = make(data, path, home)
    changes = [
        lambda: array.__setitem__((slice(1, 3), slice(None)), 9),
        lambda: array.__setitem__(..., data),
        lambda: array.__setitem__((slice(8, 16), slice(0, 9)), 0),
        lambda: array.meta.__setitem__("note", b"wxyz"),
        lambda: array.vlmeta.__setitem__("long", b"y" * 30),
        lambda: array.resize((33, 30)),
        lambda: array.insert(8, np.ones((8, 30), "i4")),
        lambda: array.append(np.ones((3, 30), "i4")),
        lambda: array.delete(slice(0, 11)),
        lambda: array.resize((5, 30)),
        lambda: array.resize((5, 0)),
        lambda: array.resize((12, 12)),
    ]
    for change in changes:
        change()
        assert flags_of(path) == SEALED
        again = cat.open(path)
        assert seal_of(again) is Seal.WHOLE and again.verify().ok
        assert_same_bytes(again[...], np.asarray(array))


@pytest.mark.parametrize("home", HOMES)
def test_a_handle_that_checks_nothing_still_writes_checksums(data, path, home):
    make(data, path, home).close()
    with cat.open(path, checksum=False) as array:
        array[...] = data
    assert flags_of(path) == SEALED
    assert_same_bytes(cat.open(path)[...], data)


# ---------------------------------------------------------------- damage


def outcome(open_array, expected) -> str:
    """What became of a damaged array; anything but the right items, or an error that says so, fails."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            with open_array() as array:
                items = np.asarray(array)
                places = np.asarray(array[::7, 3])
        except (cat.CorruptDataError, cat.UnsupportedFormatError):
            return "refused"
    if any(issubclass(warning.category, cat.UnverifiedWarning) for warning in told):
        return "warned"
    assert_same_bytes(items, expected)
    assert_same_bytes(places, expected[::7, 3])
    return "recovered" if told else "right"


def open_source(raw):
    handle = _core.ArrayHandle.open_source(lambda position, count: raw[position : position + count], len(raw))
    warn_if_unverified(handle)
    return cat.NDArray(handle)


def openers(path):
    """Each way to open what is at a path."""
    yield lambda: cat.open(path)
    if path.is_file():
        yield lambda: cat.open(path, mmap=True)
        raw = path.read_bytes()
        yield lambda: cat.from_bytes(raw)
        yield lambda: open_source(raw)


@pytest.mark.parametrize("keywords", [{}, {"clevel": 0}], ids=["streams", "copied"])
@pytest.mark.parametrize("home", HOMES)
def test_no_flipped_byte_is_returned_as_data(data, path, home, keywords):
    expected = np.asarray(make(data, path, home, **keywords))
    if home == "file":  # without dead bytes
        path.write_bytes(cat.open(path).to_bytes())
    counts = dict.fromkeys(["refused", "warned", "recovered", "right"], 0)
    step = itertools.cycle([1, 2, 4, 8, 16, 32, 64, 128, 255])
    for file in files_of(path):
        before = file.read_bytes()
        for position in range(0, len(before), 3):
            flip(file, position, next(step))
            for open_array in openers(path):
                found = outcome(open_array, expected)
                counts[found] += 1
                if found == "right":
                    assert not open_array().verify().ok, "padding or a postscript's own CRC, and found"
            file.write_bytes(before)
    assert counts["refused"] > 2 * (counts["warned"] + counts["recovered"] + counts["right"]) > 0


@pytest.mark.parametrize("home", HOMES)
def test_a_flip_under_an_open_array_is_noticed(data, path, home):
    array = make(data, path, home, cache_bytes=0)
    expected = np.asarray(array)
    noticed = 0
    for file in files_of(path):
        before = file.read_bytes()
        for position in range(0, len(before), 17):
            flip(file, position)
            try:
                assert_same_bytes(array[...], expected)
            except (cat.CorruptDataError, cat.FileChangedError):
                noticed += 1
            file.write_bytes(before)
    assert noticed > 50


@pytest.mark.parametrize("mmap", [False, True])
def test_the_error_names_file_chunk_place_and_block(data, path, mmap):
    make(data, path, clevel=0).close()
    frame = parse_frame(path)
    start = (
        frame.header_len + frame.offsets[3] + 32
    )  # chunk (1, 0): its first block is 4 by 4 items of 4 bytes
    flip(path, start + 2 * 64 + 5)
    with cat.open(path, mmap=mmap) as array:
        with pytest.raises(cat.CorruptDataError, match=r"array\.b2nd: chunk 3 \(1, 0\): block 2: checksum"):
            array[8:12, 8]
        assert array[8, 0] == data[8, 0], "other blocks of the chunk are read"
        with pytest.raises(cat.CorruptDataError, match=r"chunk 3 \(1, 0\)"):
            array[...]


def test_a_stale_or_missing_chunk_file_is_noticed(data, path):
    make(data, path, "directory").close()
    first, second, *_ = sorted(path.glob("*.chunk"))
    for content in (second.read_bytes(), first.read_bytes()[:-1], b""):
        before = first.read_bytes()
        first.write_bytes(content)
        if content == second.read_bytes():  # whole, with its own checksums: that it is another's is not seen
            assert cat.open(path).verify().ok
        else:
            assert not cat.open(path).verify().ok
            with pytest.raises(cat.CorruptDataError):
                cat.open(path)[...]
        first.write_bytes(before)
    first.unlink()
    assert not cat.open(path).verify().ok


def test_with_checksum_false_damage_is_not_looked_for(data, path):
    make(data, path, clevel=0).close()
    frame = parse_frame(path)
    flip(path, frame.header_len + frame.offsets[3] + 40)
    with cat.open(path, checksum=False) as array:
        assert (np.asarray(array) != np.asarray(data)).any()
        assert not array.verify().ok, "that it does"


@pytest.mark.parametrize("home", HOMES)
def test_damage_is_never_sealed_anew(data, path, home, tmp_path):
    array = make(data, path, home, cache_bytes=0)
    file = max(files_of(path), key=lambda one: one.stat().st_size)
    frame = parse_frame(path)
    where = 0 if home == "directory" else frame.header_len + frame.offsets[3]
    if home == "directory":
        file = path / f"{frame.offsets[3]:08X}.chunk"
    chunk = file.read_bytes()[where:]
    bstart = int.from_bytes(chunk[32:36], "little")  # of block 0 of chunk (1, 0)
    flip(file, where + bstart + 6)
    damaged = snapshot(path)
    array = cat.open(path, cache_bytes=0)
    for attempt in (
        lambda: array.to_bytes(),
        lambda: array.copy(),
        lambda: array.copy(urlpath=tmp_path / "copy.b2nd"),
        lambda: array.copy(codec=cat.Codec.ZLIB),
        lambda: array.__setitem__((8, 8), 1),  # block 2: block 0 would be taken over
        lambda: array.__setitem__((8, 0), 1),  # a part of block 0
    ):
        with pytest.raises(cat.CorruptDataError, match="block 0"):
            attempt()
        assert (
            snapshot(path)[file.name if home == "file" else f"{path.name}/{file.name}"]
            == (damaged[file.name if home == "file" else f"{path.name}/{file.name}"])
        )
    array[8:12, 0:4] = 3  # all of it
    assert array.verify().ok and flags_of(path) == SEALED
    assert (array[8:12, 0:4] == 3).all() and array[12, 0] == data[12, 0]


# ---------------------------------------------------------------- verify


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("checksum", [True, False])
def test_verify_names_just_the_blocks_that_are_damaged(path, home, checksum):
    expected = np.arange(80 * 92, dtype="i4").reshape(80, 92)
    keywords = {"chunks": (32, 36), "blocks": (16, 16), "codec": cat.Codec.ZLIB, "checksum": checksum}
    cat.asarray(expected, **keywords, **home_arguments(home, path)).close()
    frame = parse_frame(path)
    told = []
    for number in (0, 4):
        file = path if home == "file" else path / f"{frame.offsets[number]:08X}.chunk"
        start = frame.header_len + frame.offsets[number] if home == "file" else 0
        bstart = int.from_bytes(file.read_bytes()[start + 32 + 4 : start + 32 + 8], "little")
        flip(file, start + bstart + 4, 0xFF)  # the first byte of block 1's first stream
    found = cat.open(path).verify(progress=lambda done, total: told.append((done, total)))
    assert not found.ok and found.bad == 2
    assert [(place.chunk, place.chunk_index, place.block, place.block_index) for place in found.places] == [
        (0, (0, 0), 1, (0, 1)),
        (4, (1, 1), 1, (0, 1)),
    ]
    assert [place.box for place in found.places] == [np.s_[0:16, 16:32], np.s_[32:48, 52:68]]
    assert found.chunks == 9 and told[-1] == (9, 9)
    blocks = (found.verified, found.unverified)
    assert blocks == ((52, 0) if checksum else (0, 52))
    text = str(found).splitlines()
    assert "2 bad" in text[0] and "chunk 4 (1, 1), block 1 (0, 1), items [32:48, 52:68]" in text[2]
    readable = np.ones(expected.shape, bool)
    for place in found.places:
        readable[place.box] = False
    rest = cat.open(path)
    for row, column in np.argwhere(readable)[::7]:
        assert rest[row, column] == expected[row, column]


@pytest.mark.parametrize("home", ["memory", "memframe"])
def test_verify_decodes_what_has_no_checksums(data, home):
    array = make(data, None, home)
    found = array.verify()
    assert found.ok and found.path is None and (found.verified, found.unverified) == (0, 54)
    assert str(found) == "array in memory: 9 chunks, 0 blocks verified, 54 without checksums"
    with pytest.raises(ValueError, match="in memory"):
        array.copy(contiguous=False, chunks=CHUNKS).verify(adopt=True)


def test_verify_of_a_huge_array_of_zeros_takes_no_time(path):
    array = cat.zeros((2**40,), dtype="u1", chunks=(2**14,), blocks=(2**12,), urlpath=path)
    found = array.verify()
    assert found.ok and found.verified == 2**28 and found.chunks == 2**26


def test_verify_of_plain_arrays_and_of_empty_ones_is_fine(path):
    assert cat.zeros((3, 4), itemsize=2).verify().ok
    assert cat.zeros((0, 4), itemsize=2, urlpath=path).verify().ok


def test_verify_can_be_ended_by_its_progress(data, path):
    make(data, path, checksum=False).close()
    before = path.read_bytes()

    def end(done, total):
        raise KeyboardInterrupt

    array = cat.open(path)
    with pytest.raises(KeyboardInterrupt):
        array.verify(progress=end)
    rounds = itertools.count()

    def end_in_second_round(done, total):
        if next(rounds) == 9 + 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        array.verify(adopt=True, progress=end_in_second_round)
    assert path.read_bytes() == before
    array[0, 0] = 1
    assert array[0, 0] == 1 and seal_of(array) is Seal.NONE


@pytest.mark.parametrize("home", HOMES)
def test_adopt_gives_checksums_to_what_has_none(data, path, home):
    array = make(data, path, home, checksum=False)
    expected = np.asarray(array)
    found = array.verify(adopt=True)
    assert found.ok and found.adopted and (found.verified, found.unverified) == (0, 54)
    assert "without checksums until now" in str(found)
    assert seal_of(array) is Seal.WHOLE and flags_of(path) == SEALED
    assert array.verify().verified == 54 and not array.verify(adopt=True).adopted
    assert_same_bytes(cat.open(path)[...], expected)


def test_adopt_refuses_damage_and_files_open_for_reading(data, path):
    make(data, path, checksum=False, codec=cat.Codec.ZLIB).close()
    before = path.read_bytes()
    with pytest.raises(cat.StorageError, match="reading only"):
        cat.open(path, mode="r").verify(adopt=True)
    frame = parse_frame(path)
    start = frame.header_len + frame.offsets[0]
    flip(path, start + int.from_bytes(before[start + 32 : start + 36], "little") + 4, 0xFF)
    damaged = path.read_bytes()
    found = cat.open(path).verify(adopt=True)
    assert not found.ok and not found.adopted and path.read_bytes() == damaged


# ---------------------------------------------------------------- other libraries


def write_items(array):
    array[3:10, 2:15] = np.arange(91, dtype="i4").reshape(7, 13)


def write_one_item(array):
    array[3, 3] = 12345


def write_all(array):
    array[...] = np.random.default_rng(1).integers(0, 2**31, array.shape, dtype="i4")


def write_the_same(array):
    array[0:8, 0:9] = array[0:8, 0:9]


def write_zeros(array):
    array[0:8, 0:9] = 0


def resize_within_chunks(array):
    array.resize((array.shape[0] + (1 if array.shape[0] % 8 else -1), array.shape[1]))


def resize_larger(array):
    array.resize((array.shape[0] + 9, array.shape[1] + 5))


def resize_smaller(array):
    array.resize((max(array.shape[0] - 9, 1), array.shape[1]))


def set_meta(array):
    array.schunk.meta["note"] = b"vw"  # msgpack adds two bytes


def set_vlmeta(array):
    array.schunk.vlmeta["new"] = [1, 2, "three"]


def delete_vlmeta(array):
    array.schunk.vlmeta["gone"] = 1
    del array.schunk.vlmeta["gone"]


def update_chunk(array):
    array.schunk.update_data(1, np.arange(CHUNKS[0] * CHUNKS[1] * 16 // 9, dtype="i4"), True)


FOREIGN = [
    write_items,
    write_one_item,
    write_all,
    write_the_same,
    write_zeros,
    resize_within_chunks,
    resize_larger,
    resize_smaller,
    set_meta,
    set_vlmeta,
    delete_vlmeta,
]
IN_PLACE = {resize_within_chunks, set_meta}
WAYS = ["plain", "locking", "mapped"]


def foreign_change(path, way, change):
    """Let python-blosc2 change an array, and return what it reads then."""
    blosc2 = pytest.importorskip("blosc2")
    keywords = {
        "plain": {"mode": "a"},
        "locking": {"mode": "a", "locking": True},
        "mapped": {"mode": "r+", "mmap_mode": "r+"},
    }[way]
    array = blosc2.open(str(path), **keywords)
    change(array)
    del array
    return blosc2.open(str(path), mode="r")[...]


@pytest.mark.parametrize("change", FOREIGN, ids=lambda change: change.__name__)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("clevel", [5, 0])
def test_a_change_by_blosc2_is_never_called_damage(data, path, home, way, change, clevel):
    if home == "directory" and way == "mapped":
        pytest.skip("blosc2 does not map directories for writing")
    make(data, path, home, clevel=clevel).close()
    expected = foreign_change(path, way, change)
    lost_all = change is write_all and home == "directory"  # chunk files lose what is behind the chunk
    with contextlib.nullcontext() if lost_all else pytest.warns(cat.UnverifiedWarning, match=r"array\.b2nd"):
        array = cat.open(path)
    wanted = Seal.LAYERS if change in IN_PLACE else Seal.NONE if lost_all else Seal.BROKEN
    assert seal_of(array) is wanted
    assert_same_bytes(array[...], expected)
    found = array.verify()
    assert found.ok or change in IN_PLACE
    assert not calls_damage(found) and (found.unverified == 0 or change not in IN_PLACE)
    array[0, 0] = 77
    expected[0, 0] = 77
    assert seal_of(array) is wanted, "our change does not hide theirs"
    again = quiet_open(path)
    assert seal_of(again) is wanted
    assert_same_bytes(again[...], expected)
    assert flags_of(path) == {Seal.LAYERS: 3, Seal.BROKEN: 2, Seal.NONE: None}[wanted]
    assert again.verify(adopt=True).adopted
    assert flags_of(path) == SEALED
    assert_same_bytes(cat.open(path)[...], expected)


@pytest.mark.parametrize("seed", range(12))
def test_both_libraries_change_a_file_in_turn(data, path, seed):
    random = np.random.default_rng(seed)
    home = HOMES[seed % 2]
    make(data, path, home, clevel=5 * (seed % 3 > 0)).close()
    for step in range(12):
        if random.random() < 0.5:
            change = FOREIGN[random.integers(len(FOREIGN))]
            way = WAYS[random.integers(2 if home == "directory" else 3)]
            expected = foreign_change(path, way, change)
        else:
            with quiet_open(path) as array:
                write_items(array) if array.shape[0] > 9 else array.resize((20, array.shape[1]))
                if random.random() < 0.3:
                    array.verify(adopt=True)
                    assert seal_of(array) is Seal.WHOLE
                expected = np.asarray(array)
        with quiet_open(path) as array:
            assert not calls_damage(array.verify()), step
            assert_same_bytes(array[...], expected)
            if seal_of(array) is Seal.WHOLE:
                assert flags_of(path) == SEALED


@pytest.mark.parametrize("way", ["append", "resize"])
def test_appending_to_one_axis_by_blosc2_is_never_called_damage(path, way):
    blosc2 = pytest.importorskip("blosc2")
    cat.asarray(np.arange(100, dtype="i4"), chunks=(30,), blocks=(8,), urlpath=path).close()
    array = blosc2.open(str(path), mode="a")
    if way == "append":
        array.append(np.arange(77, dtype="i4"))
    else:
        array.resize((177,))
        array[100:] = np.arange(77)
    del array
    with pytest.warns(cat.UnverifiedWarning):
        ours = cat.open(path)
    assert_same_bytes(ours[...], np.r_[np.arange(100), np.arange(77)].astype("i4"))
    assert ours.verify().ok


@pytest.mark.parametrize("kind", ["append", "insert", "delete", "update"])
@pytest.mark.parametrize("home", HOMES)
def test_chunks_that_blosc2_moves_are_never_called_damage(data, path, home, kind):
    blosc2 = pytest.importorskip("blosc2")
    make(data, path, home).close()
    array = blosc2.open(str(path), mode="a")
    schunk = array.schunk  # which lives as long as the array
    values = np.random.default_rng(3).integers(0, 2**31, schunk.chunksize // 4, dtype="i4")
    if kind == "append":
        schunk.append_data(values)
    elif kind == "insert":
        schunk.insert_data(3, values, True)
    elif kind == "delete":
        schunk.delete_chunk(3)
    else:
        schunk.update_data(3, values, True)
    theirs = [schunk.decompress_chunk(index) for index in range(schunk.nchunks)]
    del schunk, array
    ours = _core.SChunkHandle.open(path)
    assert [ours.decode_chunk(index) for index in range(ours.nchunks)] == theirs


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("change", FOREIGN, ids=lambda change: change.__name__)
@pytest.mark.parametrize("locking", [True, False])
def test_an_open_array_never_calls_a_change_of_others_damage(data, path, home, change, locking):
    array = make(data, path, home, cache_bytes=0, locking=locking)
    before = np.asarray(array)
    expected = foreign_change(path, "plain", change)
    try:
        items = np.asarray(array)
        assert items.tobytes() in (before.tobytes(), expected.tobytes())
    except cat.FileChangedError:
        assert change not in IN_PLACE
    if (
        locking
    ):  # it sees what is there now, and changes that; where it goes by what nothing verifies, it is told
        if change in IN_PLACE:
            with pytest.raises(cat.FileChangedError, match=r"refresh\(\) shows what is there"):
                array[0, 0] = 5
            with pytest.warns(cat.UnverifiedWarning, match="metalayers or parameters"):
                assert array.refresh()
            assert array.shape == expected.shape
            array[0, 0] = 5
        else:
            lost_all = change is write_all and home == "directory"  # there is nothing left to tell it by
            with pytest.warns(cat.UnverifiedWarning, match="another library has changed it"):
                array[0, 0] = 5
            assert seal_of(array) is (Seal.NONE if lost_all else Seal.BROKEN)
        expected[0, 0] = 5
    else:
        with pytest.raises(cat.FileChangedError):
            array[0, 0] = 5
    assert_same_bytes(quiet_open(path)[...], expected)
    assert quiet_open(path).verify().ok


def test_blosc2_reads_what_it_has_not_written(data, path):
    blosc2 = pytest.importorskip("blosc2")
    for home, way in itertools.product(HOMES, [{}, {"mmap_mode": "r"}]):
        if home == "directory" and way:
            continue
        array = make(data, path, home)
        assert_same_bytes(blosc2.open(str(path), mode="r", **way)[...], np.asarray(array))
        array.close()
        cat.remove(path)
    frame = make(data, path, "memory").to_bytes()
    assert_same_bytes(blosc2.ndarray_from_cframe(frame)[...], np.asarray(cat.from_bytes(frame)))


def test_files_of_others_open_without_a_word_and_stay_as_they_are(data, path):
    blosc2 = pytest.importorskip("blosc2")
    blosc2.asarray(data, chunks=CHUNKS, blocks=BLOCKS, urlpath=str(path), mode="w")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        array = cat.open(path)
    array[0, 0] = 1
    assert flags_of(path) is None
    assert array.verify(adopt=True).adopted and flags_of(path) == SEALED


# ---------------------------------------------------------------- the command


def run(*words):
    command = [sys.executable, "-m", "caterva", "verify", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=words[-1].parent, check=False)


def test_the_command_tells_by_its_status_what_it_has_found(data, path, tmp_path):
    make(data, path, clevel=0).close()
    done = run(path)
    assert (done.returncode, done.stderr) == (0, "") and "blocks verified" in done.stdout
    assert run("--quiet", path).stdout == ""
    bad = copy_tree(path, tmp_path / "bad.b2nd")
    frame = parse_frame(bad)
    flip(bad, frame.header_len + frame.offsets[3] + 40)
    done = run(path, bad)
    assert done.returncode == 1 and "chunk 3 (1, 0), block 0 (0, 0), items [8:12, 0:4]" in done.stdout
    assert "bad.b2nd" in run("--quiet", path, bad).stdout
    flip(bad, 20)
    done = run(bad)
    assert done.returncode == 1 and "metadata: header: 1 of " in done.stdout
    done = run("--repair", bad)
    assert done.returncode == 1 and "metadata: mended" in done.stdout and "chunk 3 (1, 0)" in done.stdout
    assert "metadata" not in run(bad).stdout and "metadata" not in run("--repair", bad).stdout
    bad.write_bytes(b"no array")
    done = run(path, bad, tmp_path / "missing.b2nd")
    assert done.returncode == 2 and "missing.b2nd" in done.stderr and "bad.b2nd" in done.stderr


def test_the_command_adopts(data, path):
    make(data, path, "directory", checksum=False).close()
    assert run(path).returncode == 0 and flags_of(path) is None
    done = run("--adopt", path)
    assert done.returncode == 0 and "until now" in done.stdout and flags_of(path) == SEALED
    shutil.rmtree(path)
