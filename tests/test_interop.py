"""Arrays travel both ways between this library and python-blosc2 (C-Blosc2), and both change them in turn.

Three readers must agree on every file: this library, blosc2, and the reference decoder, which was written
from docs/format alone.
"""

import itertools
import struct

import msgpack
import numpy as np
import pytest
from support import (
    CODECS,
    assert_same_bytes,
    home_arguments,
    parse_frame,
    reference_array,
    sample,
    stored_dtype,
)

import caterva as cat

blosc2 = pytest.importorskip("blosc2")
# Each library changes what the other wrote, and that is said each time.
pytestmark = pytest.mark.filterwarnings("ignore::caterva.UnverifiedWarning")
blosc2.set_nthreads(1)  # with several, its reads of delta chunks race: docs/format/filters.md 4

ONE_THREAD = {"nthreads": 1}
BYTEDELTA = 35
DELTA, SHUFFLE, BITSHUFFLE, TRUNC = (
    cat.Filter.DELTA,
    cat.Filter.SHUFFLE,
    cat.Filter.BITSHUFFLE,
    cat.Filter.TRUNC_PREC,
)
PIPELINES = {
    "none": ([], []),
    "shuffle": ([SHUFFLE], [0]),
    "bitshuffle": ([BITSHUFFLE], [0]),
    "delta_shuffle": ([DELTA, SHUFFLE], [0, 0]),
    "trunc_shuffle": ([TRUNC, SHUFFLE], [10, 0]),
    "shuffle_bytedelta": ([SHUFFLE, BYTEDELTA], [0, 0]),
}
ITEMSIZES = [1, 2, 3, 4, 7, 8, 16, 255, 300]
HOMES = ["file", "directory", "memframe"]
SHAPES = {  # shape, chunks, blocks: nothing divides
    1: ((103,), (40,), (17,)),
    2: ((13, 17), (6, 7), (4, 3)),
    3: ((7, 5, 9), (3, 5, 4), (2, 2, 3)),
    4: ((4, 3, 5, 6), (2, 2, 5, 4), (1, 2, 3, 3)),
}


def oracle_opens(pipeline: str, itemsize: int) -> bool:
    """False where blosc2 cannot open even its own file: widths above 127 in the header, filters.md 8."""
    return not (pipeline == "shuffle_bytedelta" and itemsize > 127)


def matrix(wanted=lambda pipeline, itemsize: True) -> list:
    """Every codec x pipeline x item size; homes and numbers of axes take turns."""
    turns = itertools.cycle(itertools.product(HOMES, SHAPES))
    cases = []
    for codec, pipeline, itemsize in itertools.product(CODECS, PIPELINES, ITEMSIZES):
        truncates_odd_items = pipeline == "trunc_shuffle" and itemsize not in (4, 8)
        if truncates_odd_items or not wanted(pipeline, itemsize):
            continue
        home, ndim = next(turns)
        name = f"{codec.name}-{pipeline}-{itemsize}-{home}-{ndim}d"
        cases.append(pytest.param(codec, pipeline, itemsize, home, ndim, id=name))
    return cases


def kept_bits(items: np.ndarray, pipeline: str) -> bytes:
    """The bytes that a pipeline promises to keep: all, or 10 bits of the mantissa."""
    if pipeline != "trunc_shuffle":
        return items.tobytes()
    width = items.dtype.itemsize
    dropped = {4: 23, 8: 52}[width] - 10
    return (np.frombuffer(items.tobytes(), f"<u{width}") >> dropped).tobytes()


def oracle_open(array_or_path):
    """blosc2's array of a path, or of one of ours in memory."""
    if isinstance(array_or_path, cat.NDArray):
        return blosc2.ndarray_from_cframe(array_or_path.to_bytes(), copy=True)
    return blosc2.open(str(array_or_path), mode="a", dparams=ONE_THREAD)


def oracle_read(array) -> np.ndarray:
    """All items as bare bytes, from whole chunks: its partial reads are wrong with delta, filters.md 4."""
    out = np.zeros(array.shape, f"V{array.schunk.typesize}")
    grid = [-(-s // c) for s, c in zip(array.shape, array.chunks)]
    split = [-(-c // b) for c, b in zip(array.chunks, array.blocks)]
    order = [axis for pair in zip(range(out.ndim), range(out.ndim, 2 * out.ndim)) for axis in pair]
    for number, index in enumerate(np.ndindex(*grid)):
        items = np.frombuffer(array.schunk.decompress_chunk(number), out.dtype).reshape(
            (*split, *array.blocks)
        )
        items = items.transpose(order).reshape([k * b for k, b in zip(split, array.blocks)])
        box = tuple(slice(i * c, min(i * c + c, s)) for i, c, s in zip(index, array.chunks, array.shape))
        out[box] = items[tuple(slice(0, side.stop - side.start) for side in box)]
    return out


def make_ours(data, home, path, chunks, blocks, **kwargs):
    return cat.asarray(data, chunks=chunks, blocks=blocks, **home_arguments(home, path), **kwargs)


def make_theirs(
    data, home, path, chunks, blocks, codec=cat.Codec.ZSTD, pipeline="shuffle", clevel=5, **kwargs
):
    filters, metas = PIPELINES[pipeline]
    filters = [blosc2.Filter(getattr(code, "value", code)) for code in filters]
    cparams = {
        "codec": blosc2.Codec(codec.value),
        "clevel": clevel,
        "filters": filters,
        "filters_meta": metas,
        **ONE_THREAD,
        **kwargs.pop("cparams", {}),
    }
    where = {"contiguous": home != "directory"}
    if home != "memframe":
        where |= {"urlpath": str(path), "mode": "w"}
    return blosc2.asarray(
        data, chunks=chunks, blocks=blocks, cparams=cparams, dparams=ONE_THREAD, **where, **kwargs
    )


def reopen(array, home, path):
    """Ours, from the file, the directory, or its own bytes."""
    return cat.from_bytes(array.to_bytes()) if home == "memframe" else cat.open(str(path))


@pytest.mark.parametrize(("codec", "pipeline", "itemsize", "home", "ndim"), matrix())
def test_what_we_write_three_readers_agree_on(codec, pipeline, itemsize, home, ndim, path):
    shape, chunks, blocks = SHAPES[ndim]
    data = sample(shape, f"V{itemsize}", seed=itemsize)
    filters, metas = PIPELINES[pipeline]
    array = make_ours(data, home, path, chunks, blocks, codec=codec, filters=filters, filtersmeta=metas)
    ours = reopen(array, home, path)[...]
    assert kept_bits(ours, pipeline) == kept_bits(data, pipeline)
    assert_same_bytes(reference_array(array.to_bytes() if home == "memframe" else path), ours)
    if oracle_opens(pipeline, itemsize):
        theirs = oracle_open(array if home == "memframe" else path)
        assert isinstance(theirs, blosc2.NDArray)
        assert (theirs.shape, theirs.chunks, theirs.blocks) == (shape, chunks, blocks)
        assert_same_bytes(oracle_read(theirs), ours)
        if "delta" not in pipeline or pipeline == "shuffle_bytedelta":
            assert_same_bytes(theirs[...], ours)


@pytest.mark.parametrize(("codec", "pipeline", "itemsize", "home", "ndim"), matrix(oracle_opens))
def test_what_blosc2_writes_we_read_and_change_and_it_reads_again(
    codec, pipeline, itemsize, home, ndim, path
):
    shape, chunks, blocks = SHAPES[ndim]
    data = sample(shape, f"V{itemsize}", seed=itemsize)
    theirs = make_theirs(data, home, path, chunks, blocks, codec, pipeline)
    array = cat.from_bytes(theirs.to_cframe()) if home == "memframe" else cat.open(str(path))
    assert (array.shape, array.chunks, array.blocks, array.itemsize) == (shape, chunks, blocks, itemsize)
    assert kept_bits(array[...], pipeline) == kept_bits(data, pipeline)
    assert_same_bytes(array[...], oracle_read(theirs))
    box = tuple(slice(s // 3, s // 3 + max(1, s // 2)) for s in shape)
    expected = np.array(array[...])
    expected[box] = expected[box][(slice(None, None, -1),) * ndim].copy()
    array[box] = expected[box]
    again = oracle_open(array if home == "memframe" else path)
    assert kept_bits(oracle_read(again), pipeline) == kept_bits(expected, pipeline)
    assert_same_bytes(reopen(array, home, path)[...], oracle_read(again))


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("ndim", SHAPES)
@pytest.mark.parametrize("clevel", [0, 1, 5, 9])
def test_levels_and_homes_travel_both_ways(clevel, ndim, home, path):
    shape, chunks, blocks = SHAPES[ndim]
    data = sample(shape, "<i4", seed=clevel)
    for codec in CODECS:
        target = path.with_name(f"{codec.name}.b2nd")
        array = make_ours(data, home, target, chunks, blocks, codec=codec, clevel=clevel)
        theirs = oracle_open(array if home == "memframe" else target)
        np.testing.assert_array_equal(theirs[...], data, strict=True)
        back = target.with_name(f"{codec.name}-back.b2nd")
        theirs = make_theirs(data, home, back, chunks, blocks, codec, clevel=clevel)
        ours = cat.from_bytes(theirs.to_cframe()) if home == "memframe" else cat.open(str(back))
        np.testing.assert_array_equal(np.asarray(ours[...]), data, strict=True)


@pytest.mark.parametrize(
    "codec", [cat.Codec.ZSTD, cat.Codec.LZ4, cat.Codec.LZ4HC], ids=lambda codec: codec.name
)
@pytest.mark.parametrize("home", HOMES)
def test_dictionaries_travel_both_ways(codec, home, path):
    words = np.random.default_rng(1).integers(0, 40, 120 * 130).astype("<i4") * 1_234_567
    data = words.reshape(120, 130)
    array = make_ours(data, home, path, (100, 100), (20, 20), codec=codec, usedict=True)
    assert_same_bytes(reference_array(array.to_bytes() if home == "memframe" else path), data)
    assert_same_bytes(oracle_read(oracle_open(array if home == "memframe" else path)), data)
    back = path.with_name("back.b2nd")
    theirs = make_theirs(data, home, back, (100, 100), (20, 20), codec, cparams={"use_dict": True})
    ours = cat.from_bytes(theirs.to_cframe()) if home == "memframe" else cat.open(str(back))
    assert_same_bytes(ours[...], data)
    ours[3:30, 5:9] = data[3:30, 15:19]
    expected = data.copy()
    expected[3:30, 5:9] = data[3:30, 15:19]
    assert_same_bytes(oracle_read(oracle_open(ours if home == "memframe" else back)), expected)


@pytest.mark.parametrize("home", HOMES)
def test_special_chunks_of_ours_read_the_same_in_blosc2(home, path):
    for name, make, expected in [
        ("zeros", lambda **k: cat.zeros((9, 13), dtype="<f8", **k), np.zeros((9, 13))),
        ("full", lambda **k: cat.full((9, 13), 2.5, dtype="<f8", **k), np.full((9, 13), 2.5)),
        ("wide", lambda **k: cat.full((9, 13), b"abc" * 100, **k), np.full((9, 13), b"abc" * 100)),
        ("bytes", lambda **k: cat.full((9, 13), b"sun", **k), np.full((9, 13), b"sun")),
    ]:
        target = path.with_name(f"{name}.b2nd")
        array = make(chunks=(4, 5), blocks=(2, 2), **home_arguments(home, target))
        assert_same_bytes(array[...], expected)
        assert_same_bytes(reference_array(array.to_bytes() if home == "memframe" else target), expected)
        theirs = oracle_open(array if home == "memframe" else target)
        assert_same_bytes(theirs[...], expected)
        theirs[3:6, 4:7] = expected[:3, :3].copy()  # a chunk of one value becomes a regular one
        del theirs
        array = reopen(array, home, target)
        assert_same_bytes(array[...], expected)
        array[2, 3] = array[0, 0]
        assert_same_bytes(reopen(array, home, target)[...], expected)


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("kind", ["zeros", "full", "nans", "uninit"])
def test_special_chunks_of_blosc2_read_and_change_here(kind, home, path):
    where = {"contiguous": home != "directory"}
    if home != "memframe":
        where |= {"urlpath": str(path), "mode": "w"}
    arguments = {"dtype": "<f8", "chunks": (4, 5), "blocks": (2, 2), **where}
    theirs = {
        "zeros": lambda: blosc2.zeros((9, 13), **arguments),
        "full": lambda: blosc2.full((9, 13), 7.25, **arguments),
        "nans": lambda: blosc2.nans((9, 13), **arguments),
        "uninit": lambda: blosc2.uninit((9, 13), **arguments),
    }[kind]()
    array = cat.from_bytes(theirs.to_cframe()) if home == "memframe" else cat.open(str(path))
    expected = {"full": np.full((9, 13), 7.25), "nans": np.full((9, 13), np.nan)}.get(kind, np.zeros((9, 13)))
    np.testing.assert_array_equal(np.asarray(array[...]), expected, strict=True)
    array[3:6, 4:11] = 1.5
    expected[3:6, 4:11] = 1.5
    again = oracle_open(array if home == "memframe" else path)
    if kind == "uninit":
        np.testing.assert_array_equal(again[3:6, 4:11], expected[3:6, 4:11])
    else:
        np.testing.assert_array_equal(again[...], expected, strict=True)
    np.testing.assert_array_equal(np.asarray(array[...]), expected, strict=True)


def test_sixteen_axes_travel_both_ways(path):
    shape = (1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 2, 1, 1, 1, 3)
    data = np.arange(48, dtype="<i4").reshape(shape)
    chunks, blocks = (1,) * 15 + (2,), (1,) * 16
    array = make_ours(data, "file", path, chunks, blocks)
    assert "caterva" not in parse_frame(path).meta  # it holds no more than 8 axes
    assert_same_bytes(reference_array(path), data)
    np.testing.assert_array_equal(oracle_open(path)[...], data, strict=True)
    np.testing.assert_array_equal(np.asarray(array[...]), data, strict=True)
    back = path.with_name("back.b2nd")
    make_theirs(data, "file", back, chunks, blocks)
    ours = cat.open(str(back))
    np.testing.assert_array_equal(np.asarray(ours[...]), data, strict=True)
    ours[0, 1, ..., 2] = -1
    data[0, 1, ..., 2] = -1
    np.testing.assert_array_equal(oracle_open(back)[...], data, strict=True)


@pytest.mark.parametrize("home", HOMES)
def test_no_axes_and_no_items_travel_both_ways(home, path):
    for number, (shape, chunks) in enumerate(
        [((), ()), ((0,), (3,)), ((0, 4), (2, 2)), ((5, 0, 2), (2, 2, 2))]
    ):
        data = sample(shape, "<i2")
        target = path.with_name(f"{number}.b2nd")
        array = make_ours(data, home, target, chunks, chunks)
        theirs = oracle_open(array if home == "memframe" else target)
        assert isinstance(theirs, blosc2.NDArray)
        assert_same_bytes(theirs[()], data)
        back = target.with_name(f"{number}-back.b2nd")
        theirs = make_theirs(data, home, back, chunks, chunks)
        ours = cat.from_bytes(theirs.to_cframe()) if home == "memframe" else cat.open(str(back))
        assert ours.shape == shape
        assert_same_bytes(ours[()], data)


DTYPES = [
    "<i4", ">i4", "<f8", ">f8", "|b1", "|u1", "<c16", "|S5", "<U3", "<M8[ns]", "<m8[D]", "<f2",
    [("a", "<i4"), ("b", ">f8")],
    {"names": ["x"], "formats": ["<i2"], "offsets": [2], "itemsize": 8},
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtypes_travel_both_ways(dtype, path):
    data = sample((5, 7), dtype)
    make_ours(data, "file", path, (3, 3), (2, 2))
    assert stored_dtype(path) == data.dtype
    theirs = oracle_open(path)
    assert theirs.dtype == data.dtype
    assert_same_bytes(oracle_read(theirs), data)
    back = path.with_name("back.b2nd")
    make_theirs(data, "file", back, (3, 3), (2, 2))
    ours = cat.open(str(back))
    assert ours.dtype == blosc2.open(str(back), mode="r").dtype  # it spells padding as fields
    assert_same_bytes(ours[...], data)


@pytest.mark.parametrize("home", HOMES)
def test_both_libraries_change_one_array_in_turn(home, path):
    data = sample((20, 13), "<i4")
    expected = data.copy()
    array = make_ours(data, home, path, (7, 6), (3, 4), meta={"note": msgpack.packb("fixed")})
    array.vlmeta["ours"] = msgpack.packb({"a": 1})

    theirs = oracle_open(array if home == "memframe" else path)
    assert theirs.schunk.meta["note"] == "fixed"
    assert theirs.schunk.vlmeta["ours"] == {"a": 1}
    theirs[5:9, 2:11] = expected[5:9, 2:11] = -5
    theirs.schunk.vlmeta["theirs"] = [1, 2, 3]
    theirs.schunk.meta["note"] = "FIXED"
    frame = theirs.to_cframe() if home == "memframe" else None
    del theirs

    array = cat.from_bytes(frame) if home == "memframe" else cat.open(str(path))
    np.testing.assert_array_equal(np.asarray(array[...]), expected, strict=True)
    assert msgpack.unpackb(array.meta["note"]) == "FIXED"
    assert msgpack.unpackb(array.vlmeta["ours"]) == {"a": 1}
    assert msgpack.unpackb(array.vlmeta["theirs"]) == [1, 2, 3]
    array[0:20:3, ::-4] = expected[0:20:3, ::-4] = 77
    array.meta["note"] = msgpack.packb("again")
    array.vlmeta["ours"] = msgpack.packb("longer than it was " * 9)
    del array.vlmeta["theirs"]

    theirs = oracle_open(array if home == "memframe" else path)
    np.testing.assert_array_equal(theirs[...], expected, strict=True)
    assert theirs.schunk.meta["note"] == "again"
    assert theirs.schunk.vlmeta["ours"] == "longer than it was " * 9
    assert "theirs" not in theirs.schunk.vlmeta
    assert_same_bytes(reference_array(array.to_bytes() if home == "memframe" else path), expected)


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("shape", [(25, 13), (20, 30), (11, 4), (33, 2)], ids=str)
def test_an_array_that_blosc2_resized_is_read_and_changed_here(shape, home, path):
    data = sample((20, 13), "<i4")
    array = make_ours(data, home, path, (7, 6), (3, 4))
    theirs = oracle_open(array if home == "memframe" else path)
    theirs.resize(shape)
    expected = theirs[...]  # its own view: growing again brings cut data back
    frame = theirs.to_cframe() if home == "memframe" else None
    del theirs
    array = cat.from_bytes(frame) if home == "memframe" else cat.open(str(path))
    assert array.shape == shape  # "b2nd" wins over the stale "caterva"
    np.testing.assert_array_equal(np.asarray(array[...]), expected, strict=True)
    array[1:, -1] = 4
    expected[1:, -1] = 4
    again = oracle_open(array if home == "memframe" else path)
    np.testing.assert_array_equal(again[...], expected, strict=True)
    np.testing.assert_array_equal(np.asarray(reopen(array, home, path)[...]), expected, strict=True)


def test_metalayers_of_blosc2_are_raw_bytes_here(path):
    meta = {"u": b"12", "v": [1, 2], "w": {"x": None}}
    theirs = make_theirs(sample((4, 5), "<i4"), "file", path, (2, 2), (1, 2), meta=meta)
    theirs.schunk.vlmeta["raw"] = b"abc"
    theirs.schunk.vlmeta["text"] = "äöü"
    array = cat.open(str(path))
    assert [key for key in array.meta if key != "caterva"] == list(meta)
    assert {key: msgpack.unpackb(array.meta[key]) for key in meta} == meta
    assert msgpack.unpackb(array.vlmeta["raw"]) == b"abc"
    assert msgpack.unpackb(array.vlmeta["text"]) == "äöü"


def test_a_frame_inside_of_a_file_opens_at_its_offset(path):
    data = sample((7, 5), "<i2")
    theirs = make_theirs(data, "memframe", path, (3, 3), (2, 2))
    ours = cat.asarray(-data, chunks=(3, 3), blocks=(2, 2))
    first, second = theirs.to_cframe(), ours.to_bytes()
    path.write_bytes(b"x" * 77 + first + second + b"behind")
    np.testing.assert_array_equal(
        np.asarray(cat.open(str(path), mode="r", offset=77)[...]), data, strict=True
    )
    at = 77 + len(first)
    np.testing.assert_array_equal(
        np.asarray(cat.open(str(path), mode="r", offset=at)[...]), -data, strict=True
    )
    np.testing.assert_array_equal(blosc2.open(str(path), mode="r", offset=at)[...], -data, strict=True)


def dims(marker: bytes, code: str, values) -> bytes:
    return bytes([0x90 + len(values)]) + b"".join(marker + struct.pack(code, value) for value in values)


def expected_metalayer(name: str, shape, chunks, blocks, dtype: str = "") -> bytes:
    """docs/format/ndim-metalayers.md 1, byte by byte."""
    content = bytes([0x95 if name == "caterva" else 0x97, 0, len(shape)])
    content += dims(b"\xd3", ">q", shape) + dims(b"\xd2", ">i", chunks) + dims(b"\xd2", ">i", blocks)
    if name == "b2nd":
        content += b"\x00\xdb" + struct.pack(">I", len(dtype)) + dtype.encode()
    return content


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize(
    ("shape", "chunks", "blocks", "dtype"),
    [
        ((10, 10), (4, 4), (2, 3), "<f8"),
        ((1000,), (7,), (3,), "|S4"),
        ((3,) * 8, (2,) * 8, (1,) * 8, ">i2"),
        ((2**40, 3), (2**20, 2), (2**10, 1), "|u1"),
        ((5, 6), (3, 3), (2, 2), [("a", "<i4"), ("b", "<f8")]),
    ],
    ids=str,
)
def test_both_metalayers_are_byte_exact(shape, chunks, blocks, dtype, home, path):
    array = cat.zeros(shape, dtype=dtype, chunks=chunks, blocks=blocks, **home_arguments(home, path))
    frame = parse_frame(array.to_bytes() if home == "memframe" else path)
    assert list(frame.meta) == ["caterva", "b2nd"] or list(frame.meta) == ["b2nd", "caterva"]
    assert frame.meta["caterva"] == expected_metalayer("caterva", shape, chunks, blocks)
    assert frame.meta["b2nd"] == expected_metalayer("b2nd", shape, chunks, blocks, str(dtype))
    assert array.meta["caterva"] == frame.meta["caterva"]


@pytest.mark.parametrize(
    ("shape", "itemsize"), [((2,) * 9, 4), ((2,) * 16, 1), ((3, 4), 256), ((3, 4), 70000)]
)
def test_only_b2nd_is_stored_where_caterva_cannot_hold_the_array(shape, itemsize):
    array = cat.zeros(shape, itemsize, chunks=(1,) * len(shape), blocks=(1,) * len(shape))
    frame = parse_frame(array.to_bytes())
    assert list(frame.meta) == ["b2nd"]
    assert frame.typesize == itemsize
    assert_same_bytes(reference_array(array.to_bytes()), np.zeros(shape, f"V{itemsize}"))


@pytest.mark.parametrize("home", ["file", "directory"])
def test_a_resize_by_blosc2_leaves_no_stale_geometry_behind(home, path):
    make_ours(sample((10, 9), "<i4"), home, path, (4, 4), (2, 2))
    theirs = oracle_open(path)
    theirs.resize((13, 9))
    del theirs
    right = [0, 2, [13, 9], [4, 4], [2, 2]]
    assert msgpack.unpackb(parse_frame(path).meta["caterva"]) != right  # only "b2nd" was theirs to change
    assert msgpack.unpackb(cat.open(str(path), mode="r").meta["caterva"]) == right
    array = cat.open(str(path))
    array[0, 0] = 5
    assert msgpack.unpackb(parse_frame(path).meta["caterva"]) == right
    assert oracle_open(path).shape == (13, 9)
