"""What the documentation of python-caterva 0.6.0 promises, and what it did: one test for each row of a list.

Each docstring carries its row's number, in order. Where this library does more than 0.6.0 did, or refuses
what was unsafe there, the test says so.
"""

import ast
import copy
import html.parser
import pickle
import re
import struct

import msgpack
import numpy as np
import pytest
from PIL import Image, ImageDraw
from support import CODECS, assert_same_bytes, parse_frame, sample

import caterva as cat

GRID = {"chunks": (4, 3), "blocks": (2, 2)}


@pytest.fixture
def data():
    return sample((9, 7), "<i4")


@pytest.fixture
def c(data):
    """A compressed array of opaque items, as the seed makes them."""
    return cat.from_buffer(data.tobytes(), (9, 7), 4, **GRID)


# ---------------------------------------------------------------- module, enums, version


def test_version_is_a_string_that_parses():
    """Row 1."""
    assert re.fullmatch(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9.]+)?", cat.__version__)


def test_public_names_are_there():
    """Row 2."""
    constructors = {"empty", "zeros", "full", "from_buffer", "copy", "open", "asarray", "remove"}
    for name in constructors | {"NDArray", "Codec", "Filter"}:
        assert hasattr(cat, name) and name in cat.__all__


def test_codecs_have_their_numbers():
    """Row 3."""
    assert {codec.name: codec.value for codec in cat.Codec} == {
        "BLOSCLZ": 0,
        "LZ4": 1,
        "LZ4HC": 2,
        "ZLIB": 4,
        "ZSTD": 5,
    }
    assert cat.Codec(4) is cat.Codec.ZLIB
    with pytest.raises(ValueError):
        cat.Codec(3)


def test_filters_have_their_numbers():
    """Row 4."""
    numbers = {"NOFILTER": 0, "SHUFFLE": 1, "BITSHUFFLE": 2, "DELTA": 3, "TRUNC_PREC": 4}
    assert {filter_.name: filter_.value for filter_ in cat.Filter} == numbers


def test_meta_is_importable_at_its_path(c):
    """Row 5."""
    from caterva.meta import Meta

    assert isinstance(c.meta, Meta)


def test_numpy_is_what_slices_are_made_of(c):
    """Row 6: 0.4.0 was "independent of numpy"; here it is a dependency."""
    assert isinstance(c[0], np.ndarray)


# ---------------------------------------------------------------- constructors and keywords


@pytest.mark.parametrize("make", [cat.empty, cat.zeros])
def test_shape_is_a_tuple_or_a_list_and_itemsize_positional_or_keyword(make):
    """Row 7."""
    for array in (
        make((5, 3), 4, chunks=(2, 2), blocks=(1, 1)),
        make([5, 3], itemsize=4, chunks=[2, 2], blocks=[1, 1]),
    ):
        assert array.shape == (5, 3) and type(array.shape) is tuple
        assert (array.chunks, array.blocks, array.itemsize) == ((2, 2), (1, 1), 4)


@pytest.mark.parametrize("grid", [{}, GRID], ids=["plain", "compressed"])
def test_zeros_are_all_zero_bytes(grid):
    """Row 8."""
    assert cat.zeros((9, 7), 5, **grid).to_buffer() == bytes(9 * 7 * 5)


@pytest.mark.parametrize("grid", [{}, GRID], ids=["plain", "compressed"])
@pytest.mark.parametrize("value", [b"pepe", b"sun", b"qwerty", b"\0\0a\0"])
def test_full_repeats_bytes_whose_length_is_the_itemsize(value, grid):
    """Row 9."""
    array = cat.full((9, 7), fill_value=value, **grid)
    assert array.itemsize == len(value)
    assert array.to_buffer() == value * 63


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("grid", [{}, GRID], ids=["plain", "compressed"])
def test_from_buffer_takes_anything_with_a_buffer(kind, grid, data):
    """Row 10."""
    array = cat.from_buffer(kind(data.tobytes()), (9, 7), 4, **grid)
    assert array.to_buffer() == data.tobytes()


@pytest.mark.parametrize("grid", [{}, GRID], ids=["plain", "compressed"])
@pytest.mark.parametrize("length", [0, 251, 253])
def test_a_buffer_of_the_wrong_length_is_refused(length, grid):
    """Row 11: 0.6.0 read past its end."""
    with pytest.raises(ValueError, match=rf"{length}\b.*252|252.*\b{length}\b"):
        cat.from_buffer(bytes(length), (9, 7), 4, **grid)


def test_copy_takes_any_keyword_and_leaves_the_source(c, data):
    """Row 12."""
    other = {
        "chunks": (9, 2),
        "blocks": (5, 1),
        "codec": cat.Codec.ZSTD,
        "clevel": 9,
        "filters": [cat.Filter.BITSHUFFLE],
    }
    for twin in (c.copy(**other), cat.copy(c, **other)):
        assert twin.to_buffer() == data.tobytes()
        assert (twin.chunks, twin.blocks, twin.codec, twin.clevel) == ((9, 2), (5, 1), cat.Codec.ZSTD, 9)
        assert twin.filters[-1] is cat.Filter.BITSHUFFLE
        twin[...] = np.zeros((9, 7), "S4")
    assert c.to_buffer() == data.tobytes()
    assert (c.chunks, c.codec, c.clevel) == ((4, 3), cat.Codec.LZ4, 5)


def test_copy_inherits_what_is_not_given(data):
    """Row 13: and chunks=None, blocks=None gives a plain buffer."""
    source = cat.asarray(data, **GRID, codec="zlib", clevel=3, filters=["delta", "shuffle"], meta={"m": b"1"})
    source.vlmeta["v"] = b"2"
    twin = source.copy()
    for name in ("chunks", "blocks", "dtype", "codec", "clevel", "filters"):
        assert getattr(twin, name) == getattr(source, name), name
    assert (twin.meta["m"], twin.vlmeta["v"]) == (b"1", b"2")
    assert source.copy(clevel=4).codec is cat.Codec.ZLIB
    plain = source.copy(chunks=None, blocks=None)
    assert isinstance(plain, cat.PlainArray) and plain.chunks is None
    assert_same_bytes(plain, data)


def test_asarray_takes_shape_and_itemsize_from_its_source(data):
    """Row 14."""
    for source in (data, data.view("S4"), memoryview(data), cat.asarray(data, **GRID)):
        array = cat.asarray(source, chunks=(3, 3), blocks=(2, 2))
        assert (array.shape, array.itemsize) == ((9, 7), 4)
        assert array.to_buffer() == data.tobytes()


def test_asarray_without_chunks_shares_memory(data):
    """Row 15: "No copy is performed", decision A; a read-only source stays so, `copy=` detaches."""
    shared = cat.asarray(data)
    assert isinstance(shared, cat.PlainArray) and np.shares_memory(shared, data)
    shared[2, 3] = 77
    assert data[2, 3] == 77
    detached = cat.asarray(data, copy=True)
    detached[2, 3] = 0
    assert data[2, 3] == 77
    data.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        cat.asarray(data)[0, 0] = 1


def test_asarray_takes_sources_of_any_layout(data):
    """Row 16: 0.6.0 refused all but C order."""
    for source in (data.T, data[::2, ::-1], np.asfortranarray(data), data[:, 2]):
        for grid in ({}, {"chunks": (2,) * source.ndim}):
            assert_same_bytes(cat.asarray(source, **grid), np.ascontiguousarray(source))


def test_open_of_a_missing_path_names_it(path):
    """Row 17."""
    with pytest.raises(FileNotFoundError, match=path.name):
        cat.open(str(path))


def test_a_file_may_be_open_several_times(c, data, path):
    """Row 18: "Only one handler is supported per file". Reading is safe; a later open sees all writes."""
    c.copy(urlpath=str(path))
    first, second = cat.open(str(path)), cat.open(str(path))
    assert first.to_buffer() == second.to_buffer() == data.tobytes()
    first[0, 0] = b"abcd"
    assert cat.open(str(path))[0, 0].tobytes() == b"abcd"


@pytest.mark.parametrize("contiguous", [True, False])
def test_creating_over_an_existing_path_fails(contiguous, c, path):
    """Row 19."""
    c.copy(urlpath=str(path), contiguous=contiguous)
    with pytest.raises(FileExistsError, match=re.escape(str(path))):
        cat.zeros((3,), 4, chunks=(2,), blocks=(1,), urlpath=str(path))


def test_remove_deletes_files_and_directories_and_ignores_what_is_missing(c, path):
    """Row 20."""
    for contiguous in (True, False):
        c.copy(urlpath=str(path), contiguous=contiguous)
        assert path.is_file() is contiguous
        assert cat.remove(str(path)) is None
        assert not path.exists()
    assert cat.remove(str(path)) is None


def test_without_chunks_an_array_is_plain_and_blocks_are_chosen_for_chunks():
    """Row 21: one of chunks and blocks given, the other is chosen; 0.6.0 gave a plain array then."""
    assert cat.zeros((50, 60), 4).chunks is None
    array = cat.zeros((50, 60), 4, chunks=(20, 30))
    assert array.chunks == (20, 30) and all(1 <= b <= c for b, c in zip(array.blocks, array.chunks))
    array = cat.zeros((50, 60), 4, blocks=(5, 6))
    assert array.blocks == (5, 6) and all(b <= c for b, c in zip(array.blocks, array.chunks))


def test_chunks_may_exceed_the_shape():
    """Row 22."""
    array = cat.asarray(np.arange(10, dtype="<i4"), chunks=(20,), blocks=(7,))
    assert (array.chunks, array.blocks) == ((20,), (7,))
    assert array[...].tolist() == list(range(10))


def test_filename_is_urlpath(path, c, data):
    """Row 23: 0.6.0 ignored the name that its documentation gives."""
    c.copy(filename=str(path))
    assert cat.open(str(path)).to_buffer() == data.tobytes()
    twin = path.with_name("twin")
    c.copy(filename=str(twin), urlpath=str(twin))
    with pytest.raises(TypeError, match=r"filename.*urlpath|urlpath.*filename"):
        c.copy(filename=str(path) + "1", urlpath=str(path) + "2")


def test_memframe_gives_a_frame_in_memory(data):
    """Row 24."""
    array = cat.asarray(data, **GRID, memframe=True)
    assert_same_bytes(array, data)
    assert array.to_bytes() == cat.asarray(data, **GRID).to_bytes()
    assert cat.from_bytes(array.to_bytes()).to_buffer() == data.tobytes()


def test_a_path_is_one_file_or_a_directory(path, data):
    """Row 25: one file by default; `sequential` is 0.6.0's name."""
    for keyword, is_file in [
        ({}, True),
        *[({name: flag}, flag) for name in ("contiguous", "sequential") for flag in (True, False)],
    ]:
        array = cat.asarray(data, **GRID, urlpath=str(path), **keyword)
        assert path.is_file() is is_file and path.is_dir() is not is_file
        assert_same_bytes(array, data)
        assert_same_bytes(cat.open(str(path)), data)
        cat.remove(str(path))


def test_sequencial_is_an_error_that_names_the_right_word(path):
    """Row 26: 0.6.0 ignored it."""
    with pytest.raises(TypeError, match="sequential"):
        cat.zeros((3,), 4, chunks=(2,), sequencial=True, urlpath=str(path))
    assert not path.exists()


def test_meta_takes_both_kinds_of_keys_and_bytes_verbatim(path):
    """Row 27: other values are packed by msgpack."""
    meta = {b"raw": b"\0\xff\0", "text": "Küche", "list": [1, 2.5, None]}
    array = cat.zeros((3,), 4, chunks=(2,), meta=meta, urlpath=str(path))
    for same in (array, cat.open(str(path))):
        assert same.meta["raw"] == same.meta[b"raw"] == b"\0\xff\0"
        assert msgpack.unpackb(same.meta["text"]) == "Küche"
        assert msgpack.unpackb(same.meta["list"]) == [1, 2.5, None]


def test_defaults_are_those_documented(c):
    """Row 28."""
    assert (c.codec, c.clevel, c.nthreads) == (cat.Codec.LZ4, 5, 1)
    assert c.filters == [cat.Filter.NOFILTER] * 5 + [cat.Filter.SHUFFLE]
    frame = parse_frame(c.to_bytes())
    assert (frame.codec, frame.clevel, frame.filters, frame.filters_meta) == (1, 5, [0] * 5 + [1], [0] * 6)
    assert not frame.use_dict


@pytest.mark.parametrize("clevel", [-1, 10, 12])
def test_levels_outside_of_0_to_9_are_refused(clevel):
    """Row 29: 0.6.0 took 12."""
    with pytest.raises(ValueError, match=f"{clevel}.*9|9.*{clevel}"):
        cat.zeros((3,), 4, chunks=(2,), clevel=clevel)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_a_codec_is_a_member_a_number_or_a_name(codec, data):
    """Row 30: numbers and names crashed 0.6.0 and 0.7.3."""
    for given in (codec, codec.value, codec.name, codec.name.lower()):
        assert cat.asarray(data, **GRID, codec=given).codec is codec
    for wrong in (None, 1.0, [1]):
        with pytest.raises(TypeError):
            cat.asarray(data, **GRID, codec=wrong)


def test_filters_fill_the_pipeline_from_the_right(data):
    """Row 31: 0.6.0 dropped the seventh without a word."""
    array = cat.asarray(data, **GRID, filters=[cat.Filter.DELTA, cat.Filter.SHUFFLE])
    assert parse_frame(array.to_bytes()).filters == [0, 0, 0, 0, 3, 1]
    assert array.filters == [cat.Filter.NOFILTER] * 4 + [cat.Filter.DELTA, cat.Filter.SHUFFLE]
    with pytest.raises(ValueError, match="7"):
        cat.asarray(data, **GRID, filters=[cat.Filter.SHUFFLE] * 7)


@pytest.mark.parametrize(("dtype", "kept", "mantissa"), [("<f4", 10, 23), ("<f8", 20, 52)])
def test_filtersmeta_really_truncates(dtype, kept, mantissa):
    """Row 32: in 0.6.0 it had no effect."""
    values = np.random.default_rng(0).random((40, 40)).astype(dtype)
    grid = {"chunks": (20, 20), "blocks": (10, 10)}
    whole = cat.asarray(values, **grid)
    array = cat.asarray(
        values, **grid, filters=[cat.Filter.TRUNC_PREC, cat.Filter.SHUFFLE], filtersmeta=[kept, 0]
    )
    words = values.view(f"<u{values.itemsize}")
    expected = (words >> (mantissa - kept) << (mantissa - kept)).view(dtype)
    np.testing.assert_array_equal(np.asarray(array[...]), expected, strict=True)
    assert array.cratio > whole.cratio
    dropped = cat.asarray(values, **grid, filters=[4, 1], filtersmeta=[kept - mantissa, 0])
    np.testing.assert_array_equal(np.asarray(dropped[...]), expected, strict=True)


def test_unknown_keywords_are_an_error_and_legacy_ones_a_warning(data):
    """Row 33: 0.6.0 ignored them."""
    with pytest.raises(TypeError, match=r"clevle.*clevel"):
        cat.asarray(data, **GRID, clevle=5)
    for name, value in {"use_dict": True, "cname": "zstd", "complevel": 7}.items():
        with pytest.warns(Warning, match=name):
            array = cat.asarray(data, **GRID, **{name: value})
        assert_same_bytes(array, data)
    assert cat.zeros((3,), dtype="f8").dtype == np.float64  # a keyword in its own right here


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("itemsize", [1, 3, 5, 7, 131, 255, 256, 300, 70000])
def test_any_itemsize_round_trips_through_every_codec(itemsize, codec):
    """Row 34: 0.6.0 stopped at 255."""
    items = sample((5, 3), f"V{itemsize}")
    array = cat.from_buffer(items.tobytes(), (5, 3), itemsize, chunks=(2, 2), blocks=(2, 1), codec=codec)
    assert array.itemsize == itemsize
    assert array.to_buffer() == items.tobytes()
    assert_same_bytes(array[1:4, 2], items[1:4, 2])


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_dictionaries_round_trip_where_the_codec_has_them(codec):
    """Row 35: LZ4, LZ4HC and ZSTD; the others are refused, or compress without."""
    data = np.random.default_rng(1).integers(0, 40, (120, 130)).astype("<i4") * 1_234_567
    grid = {"chunks": (100, 100), "blocks": (20, 20), "codec": codec}
    try:
        array = cat.asarray(data, **grid, usedict=True)
    except ValueError as error:
        assert "dict" in str(error) and codec in (cat.Codec.BLOSCLZ, cat.Codec.ZLIB)
        return
    np.testing.assert_array_equal(np.asarray(array[...]), data, strict=True)
    if codec not in (cat.Codec.BLOSCLZ, cat.Codec.ZLIB):
        frame = parse_frame(array.to_bytes())
        assert frame.use_dict
        assert frame.stored_chunk(0)[31] & 1, "the chunk has a dictionary"


@pytest.mark.parametrize("shape", [(), (0,), (0, 4), (4, 0, 2), (2,) * 8, (1, 2) * 8], ids=str)
def test_arrays_have_0_to_16_axes_of_any_length(shape):
    """Row 36: 0.6.0 stopped at 8."""
    data = sample(shape, "<i2")
    for grid in ({}, {"chunks": (1,) * len(shape)}, {"chunks": "auto"}):
        array = cat.asarray(data, **grid)
        assert (array.shape, array.ndim) == (shape, len(shape))
        assert_same_bytes(array[...], data)
    with pytest.raises(ValueError, match="17"):
        cat.zeros((1,) * 17, 1, chunks=(1,) * 17)


# ---------------------------------------------------------------- NDArray


def test_geometry_is_tuples_of_integers(c):
    """Row 37."""
    assert (c.shape, c.chunks, c.blocks, c.itemsize, c.ndim) == ((9, 7), (4, 3), (2, 2), 4, 2)
    assert {type(value) for value in (c.shape, c.chunks, c.blocks)} == {tuple}
    assert {type(value) for value in (*c.shape, *c.chunks, *c.blocks, c.itemsize, c.ndim)} == {int}


def test_a_plain_array_has_no_chunks():
    """Row 38."""
    plain = cat.zeros((9, 7), 4)
    assert isinstance(plain, cat.NDArray)
    assert [getattr(plain, name) for name in ("chunks", "blocks", "meta", "codec", "filters")] == [None] * 5
    assert (plain.cratio, plain.clevel) == (1, 1)


def test_sizes_count_items_and_bytes_and_storage_is_named(c):
    """Row 39: 0.6.0's `size` was bytes; here it is items, and `nbytes` bytes, as in NumPy."""
    assert (c.size, c.nbytes) == (63, 252)
    assert (c.storage, cat.zeros((3,), 4).storage) == ("Blosc", "Plainbuffer")
    assert (c.nchunks, c.chunksize, c.blocksize) == (9, 4 * 4 * 4, 2 * 2 * 4)
    assert c.cratio > 0 and (c.codec, c.clevel) == (cat.Codec.LZ4, 5)


def test_filters_are_six_and_info_drops_the_empty_ones(c):
    """Row 40."""
    assert c.filters == [cat.Filter.NOFILTER] * 5 + [cat.Filter.SHUFFLE]
    assert dict(rows(c))["Comp. filters"] == "[SHUFFLE]"


def test_getitem_gives_a_plain_array_and_integers_drop_their_axis(c, data):
    """Row 41."""
    view = data.view("S4")
    for key in (3, -1, np.s_[2:5], np.s_[1, 2:], np.s_[..., 0], np.s_[:, -2], (), ...):
        part = c[key]
        assert isinstance(part, cat.NDArray) and isinstance(part, np.ndarray) and part.chunks is None
        assert_same_bytes(part, view[key])
    assert isinstance(c[0, 0], cat.NDArray) and c[0, 0].shape == ()


@pytest.mark.parametrize("key", [9, -10, (0, 7), (0, -8), (0, 0, 0)], ids=str)
def test_an_index_out_of_bounds_is_an_index_error(key, c):
    """Row 42."""
    with pytest.raises(IndexError):
        c[key]
    with pytest.raises(IndexError):
        c[key] = b"abcd"


@pytest.mark.parametrize("step", [2, 3, 100, -1, -2, -100])
def test_steps_are_honoured(step, c, data):
    """Row 43: 0.6.0 returned wrong data."""
    view = data.view("S4")
    assert_same_bytes(c[::step], view[::step])
    assert_same_bytes(c[1:8:2, ::step], view[1:8:2, ::step])
    c[::step, 1] = view[::step, 2]
    data[::step, 1] = data[::step, 2]
    assert c.to_buffer() == data.tobytes()


def test_setitem_takes_scalars_lists_bytes_and_broadcasts(data):
    """Row 44: 0.6.0 took buffers only."""
    expected = data.copy()
    array = cat.asarray(data, **GRID)
    writes = [
        ((0, 0), 5),
        (1, 7),
        (np.s_[2, :3], [1, 2, 3]),
        (np.s_[3:5], np.arange(7)),
        (np.s_[:, 6], np.int16(-1)),
        (np.s_[5:7, :2], [[1], [2]]),
        (..., np.int32(3)),
        (np.s_[4:4], 9),
    ]
    for key, value in writes:
        array[key] = value
        expected[key] = value
        np.testing.assert_array_equal(np.asarray(array[...]), expected, strict=True)
    opaque = cat.zeros((3, 2), 4, **GRID)
    opaque[0, 0] = b"abcd"
    opaque[1] = b"efgh"
    opaque[2] = [b"ijkl", b"mnop"]
    assert opaque.to_buffer() == b"abcd\0\0\0\0efghefghijklmnop"


def test_a_value_smaller_than_the_region_broadcasts_or_is_refused(c, data):
    """Row 45: 0.6.0 read past the buffer."""
    with pytest.raises(ValueError, match=r"\(2, 7\).*\(3, 7\)"):
        c[2:5] = data[:2].view("S4")
    assert c.to_buffer() == data.tobytes()
    c[2:5] = data[:1].view("S4")
    data[2:5] = data[:1]
    assert c.to_buffer() == data.tobytes()


def test_setitem_takes_slices_of_arrays(c, data):
    """Row 46."""
    c[0:3] = c[3:6]
    c[8, 0:3] = c.slice(np.s_[0, 4:7])
    c[:, 0] = c.copy()[:, 1]
    data[0:3] = data[3:6]
    data[8, 0:3] = data[0, 4:7]
    data[:, 0] = data[:, 1]
    assert c.to_buffer() == data.tobytes()


def test_slice_is_plain_or_compressed(c, data, path):
    """Row 47."""
    plain = c.slice(np.s_[2:7, 1:])
    assert isinstance(plain, cat.PlainArray)
    part = c.slice(np.s_[2:7, 1:], chunks=(3, 2), blocks=(2, 1), codec="zstd", clevel=9, urlpath=str(path))
    assert (part.chunks, part.blocks, part.codec, part.clevel) == ((3, 2), (2, 1), cat.Codec.ZSTD, 9)
    for same in (plain, part, cat.open(str(path))):
        assert same.to_buffer() == data[2:7, 1:].tobytes()


def test_squeeze_returns_an_array_and_stores_nothing(path):
    """Row 48 is withdrawn: as NumPy's."""
    data = sample((1, 9, 1, 7), "<i4")
    keywords = {"codec": "zstd", "clevel": 3, "meta": {"note": b"kept"}}
    array = cat.asarray(data, chunks=(1, 4, 1, 3), blocks=(1, 2, 1, 2), urlpath=str(path), **keywords)
    before = path.read_bytes()
    for squeezed, expected in (
        (array.squeeze(), data.squeeze()),
        (np.squeeze(array), data.squeeze()),
        (array.squeeze(2), data.squeeze(2)),
        (array.squeeze(axis=(0, -2)), data.squeeze((0, -2))),
        (array.squeeze(()), data),
    ):
        assert isinstance(squeezed, cat.NDArray) and squeezed.urlpath is None
        assert squeezed.shape == expected.shape
        assert squeezed.codec == cat.Codec.ZSTD and squeezed.meta["note"] == b"kept"
        assert_same_bytes(squeezed[...], expected)
    assert (array.squeeze().chunks, array.squeeze().blocks) == ((4, 3), (2, 2))
    for axis, error in ((1, ValueError), (4, IndexError), ((0, 0), ValueError)):
        with pytest.raises(error):
            array.squeeze(axis)
        with pytest.raises(error):
            data.squeeze(axis)
    assert path.read_bytes() == before and array.shape == data.shape
    plain = cat.asarray(data)
    assert plain.squeeze().shape == (9, 7) and plain.shape == (1, 9, 1, 7)


def test_to_buffer_gives_bytes(c, data):
    """Row 49."""
    assert type(c.to_buffer()) is bytes and c.to_buffer() == data.tobytes()
    assert type(c[2:4].to_buffer()) is bytes and c[2:4].to_buffer() == data[2:4].tobytes()


def test_a_plain_array_has_the_buffer_protocol():
    """Row 50: no copy, and writable."""
    plain = cat.from_buffer(b"abcdefghijkl" * 2, (2, 3), 4)
    view = memoryview(plain)
    assert (view.format, view.shape, view.strides, view.itemsize, view.readonly) == (
        "4s",
        (2, 3),
        (12, 4),
        4,
        False,
    )
    view.cast("B")[0:4] = b"WXYZ"
    assert plain.to_buffer()[:8] == b"WXYZefgh"


def test_a_compressed_array_has_none_and_says_what_to_do(c):
    """Row 51: BufferError, as the protocol wants; 0.6.0 raised AttributeError."""
    with pytest.raises(BufferError, match=r"asarray"):
        memoryview(c)


def test_array_interface_names_bytes_of_the_itemsize(c):
    """Row 52."""
    interface = c[...].__array_interface__
    assert (interface["typestr"], interface["version"], interface["shape"]) == ("|S4", 3, (9, 7))
    assert type(interface["typestr"]) is str
    assert np.array(c[...]).dtype == np.dtype("S4")


def test_slices_view_as_any_dtype(c, data):
    """Row 53: the tutorial's way."""
    np.testing.assert_array_equal(np.array(c[0, :]).view(np.int32), data[0], strict=True)
    assert np.array(c[3, 2]).view(np.int32) == data[3, 2]


def test_arrays_iterate_and_have_length_and_a_repr(c, data):
    """Row 54: 0.6.0 had neither length nor a repr of its own."""
    rows_ = list(c)
    assert len(c) == len(rows_) == 9
    assert all(row.to_buffer() == data[i].tobytes() for i, row in enumerate(rows_))
    assert "(9, 7)" in repr(c) and "NDArray" in repr(c)
    with pytest.raises(TypeError):
        len(cat.zeros((), 4, chunks=()))


@pytest.mark.parametrize("storage", [{}, {"memframe": True}, {"file": True}, {"contiguous": False}], ids=str)
def test_arrays_pickle_and_copy(storage, data, path):
    """Row 55: failed in 0.6.0 and 0.7.3. A file travels by its path, what is in memory by its bytes."""
    where = {**storage, "urlpath": str(path)} if "file" in storage or "contiguous" in storage else storage
    where.pop("file", None)
    array = cat.asarray(data, **GRID, **where, meta={"m": b"1"})
    for twin in (pickle.loads(pickle.dumps(array)), copy.copy(array), copy.deepcopy(array)):
        assert (twin.shape, twin.chunks, twin.dtype, twin.meta["m"]) == (
            array.shape,
            array.chunks,
            array.dtype,
            b"1",
        )
        assert_same_bytes(twin[...], data)
    plain = array[2:5]
    twin = pickle.loads(pickle.dumps(plain))
    assert isinstance(twin, cat.PlainArray)
    assert_same_bytes(twin, data[2:5])


# ---------------------------------------------------------------- info


def rows(array) -> list[tuple[str, str]]:
    """Labels and values of `info`'s text."""
    return [
        tuple(part.strip() for part in line.split(" : ", 1)) for line in str(array.info).splitlines() if line
    ]


LABELS = [
    "Type",
    "Itemsize",
    "Shape",
    "Chunks",
    "Blocks",
    "Comp. codec",
    "Comp. level",
    "Comp. filters",
    "Comp. ratio",
]


def test_info_of_a_compressed_array_has_its_labels_in_order(c):
    """Row 56."""
    assert [label for label, _ in rows(c)] == LABELS


def test_info_names_the_type_and_plain_arrays_have_three_rows(c):
    """Row 57."""
    assert rows(c)[:3] == [("Type", "NDArray (Blosc)"), ("Itemsize", "4"), ("Shape", "(9, 7)")]
    assert rows(c[...]) == [("Type", "NDArray (Plainbuffer)"), ("Itemsize", "4"), ("Shape", "(9, 7)")]


def test_info_is_aligned_text_and_a_table(c):
    """Row 58."""
    expected = [
        "NDArray (Blosc)",
        "4",
        "(9, 7)",
        "(4, 3)",
        "(2, 2)",
        "LZ4",
        "5",
        "[SHUFFLE]",
        f"{c.cratio:.2f}",
    ]
    width = max(map(len, LABELS))
    lines = [f"{label.ljust(width)} : {value}" for label, value in zip(LABELS, expected)]
    assert str(c.info).splitlines() == repr(c.info).splitlines() == lines

    class Cells(html.parser.HTMLParser):
        table = None

        def __init__(self, text):
            super().__init__()
            self.cells, self.styles = [], set()
            self.feed(text)

        def handle_starttag(self, tag, attributes):
            attributes = dict(attributes)
            if tag == "table":
                self.table = attributes["class"]
            if tag in ("th", "td"):
                self.styles.add(attributes.get("style"))

        def handle_data(self, data):
            if data.strip():
                self.cells.append(data.strip())

    parsed = Cells(c.info._repr_html_())
    assert parsed.table == "iarray-info"
    assert parsed.styles == {"text-align: left"}
    assert parsed.cells == [cell for pair in zip(LABELS, expected) for cell in pair]


def test_the_ratio_counts_chunks_and_their_headers():
    """Row 59: bytes / (live chunks' cbytes + 32 for each chunk), so 588.24 is determined by the format."""
    array = cat.full((1000, 1000), b"pepe", chunks=(100, 100), blocks=(50, 50))
    assert dict(rows(array))["Comp. ratio"] == "588.24"
    data = sample((40, 50), "<i4")
    array = cat.asarray(data, chunks=(20, 10), blocks=(5, 5))
    frame = parse_frame(array.to_bytes())
    stored = sum(struct.unpack_from("<i", frame.stored_chunk(i), 12)[0] for i in range(10))
    assert array.cratio == pytest.approx(data.nbytes / (stored + 32 * 10))
    assert dict(rows(array))["Comp. ratio"] == f"{array.cratio:.2f}"


def test_ratios_are_at_least_those_of_the_seed():
    """Row 60: 6.64 and 20.83 (2.68 is that of an image, which row 74 makes anew)."""
    b = np.arange(1000000).tobytes()
    first = cat.from_buffer(b, shape=(1000, 1000), itemsize=8, chunks=(500, 10), blocks=(50, 10))
    assert first.cratio >= 6.635
    second = first.copy(codec=cat.Codec.ZSTD, clevel=9, filters=[cat.Filter.BITSHUFFLE])
    assert second.cratio >= 20.825


# ---------------------------------------------------------------- metalayers


@pytest.fixture
def layered(path):
    meta = {"dtype": msgpack.packb("i8"), "coords": msgpack.packb([5.14, 23.0])}
    return cat.zeros((1000, 1000), 5, chunks=(100, 100), blocks=(50, 50), meta=meta, urlpath=str(path))


def test_meta_lists_caterva_first_and_hides_what_is_ours(layered):
    """Row 61."""
    assert len(layered.meta) == 3
    assert layered.meta.keys() == ["caterva", "dtype", "coords"]


def test_meta_caterva_unpacks_to_the_geometry_and_is_byte_exact(layered):
    """Row 62."""
    content = layered.meta["caterva"]
    assert msgpack.unpackb(content) == [0, 2, [1000, 1000], [100, 100], [50, 50]]
    shape, chunks, blocks = "d3 00000000000003e8", "d2 00000064", "d2 00000032"
    expected = f"95 00 02  92 {shape} {shape}  92 {chunks} {chunks}  92 {blocks} {blocks}"
    assert content == bytes.fromhex(expected)


def test_meta_is_a_mapping_of_bytes(layered):
    """Row 63."""
    assert layered.meta["dtype"] == layered.meta[b"dtype"] == msgpack.packb("i8")
    assert list(layered.meta) == ["caterva", "dtype", "coords"]
    assert "coords" in layered.meta and "else" not in layered.meta
    assert layered.meta.get("dtype") == msgpack.packb("i8")
    assert layered.meta.get("else") is None
    assert layered.meta.get("else", default=5) == 5


def test_a_missing_metalayer_is_a_key_error(layered):
    """Row 64: 0.6.0 returned the bytes of the key."""
    with pytest.raises(KeyError, match="nothing"):
        layered.meta["nothing"]


def test_a_metalayer_keeps_its_length(layered, path):
    """Row 65."""
    before = layered.meta["coords"]
    with pytest.raises(
        ValueError, match=re.escape("The length of the content in a metalayer cannot change.")
    ):
        layered.meta["coords"] = before + b"x"
    assert layered.meta["coords"] == cat.open(str(path)).meta["coords"] == before


def test_metalayers_keep_zero_bytes(layered, path):
    """Row 66: 0.6.0 lost them."""
    content = msgpack.packb([0.0, 23.0])
    assert content.count(b"\0") > 10
    layered.meta["coords"] = content
    assert layered.meta["coords"] == cat.open(str(path)).meta["coords"] == content
    assert msgpack.unpackb(layered.meta["coords"]) == [0.0, 23.0]


def test_meta_has_values_and_items_and_refuses_del(layered):
    """Row 67."""
    assert list(layered.meta.values()) == [layered.meta[key] for key in layered.meta]
    assert dict(layered.meta.items()) == {key: layered.meta[key] for key in layered.meta}
    with pytest.raises(TypeError):
        del layered.meta["dtype"]
    assert len(layered.meta) == 3


def test_meta_persists(layered, path):
    """Row 68."""
    layered.meta["coords"] = msgpack.packb([1.0, 2.0])
    assert msgpack.unpackb(cat.open(str(path)).meta["coords"]) == [1.0, 2.0]


# ---------------------------------------------------------------- the tutorial, in order


def test_tutorial_creates_writes_and_reads():
    """Row 69."""
    c = cat.zeros((10000, 10000), itemsize=4, chunks=(1000, 1000), blocks=(100, 100))
    assert isinstance(c, cat.ndarray.NDArray)
    dtype = np.int32
    c[0, :] = np.arange(10000, dtype=dtype)
    c[:, 0] = np.arange(10000, dtype=dtype)
    assert isinstance(c[0, 0], cat.ndarray.NDArray)
    assert repr(np.array(c[0, 0]).view(dtype)) == "array(0, dtype=int32)"
    assert repr(np.array(c[0, -1]).view(dtype)) == "array(9999, dtype=int32)"
    np.testing.assert_array_equal(np.array(c[0, :]).view(dtype), np.arange(10000, dtype=dtype), strict=True)
    np.testing.assert_array_equal(np.array(c[:, 0]).view(dtype), np.arange(10000, dtype=dtype), strict=True)
    whole = np.asarray(c[:]).view(dtype)
    assert whole.shape == (10000, 10000)
    assert whole.sum(dtype="i8") == 99_990_000
    assert whole[1:, 1:].max() == 0


def test_tutorial_persists(tmp_path, monkeypatch):
    """Row 70."""
    monkeypatch.chdir(tmp_path)
    cat.full(
        (1000, 1000), fill_value=b"pepe", chunks=(100, 100), blocks=(50, 50), urlpath="cat_tutorial.caterva"
    )
    c2 = cat.open("cat_tutorial.caterva")
    assert rows(c2) == list(
        zip(
            LABELS,
            [
                "NDArray (Blosc)",
                "4",
                "(1000, 1000)",
                "(100, 100)",
                "(50, 50)",
                "LZ4",
                "5",
                "[SHUFFLE]",
                "588.24",
            ],
        )
    )
    part = np.array(c2[0, 20:30]).view("S4")
    assert part.dtype == np.dtype("|S4") and part.tolist() == [b"pepe"] * 10
    cat.remove("cat_tutorial.caterva")
    assert list(tmp_path.iterdir()) == []


def test_tutorial_compresses_a_buffer():
    """Row 71."""
    b = np.arange(1000000).tobytes()
    c1 = cat.from_buffer(b, shape=(1000, 1000), itemsize=8, chunks=(500, 10), blocks=(50, 10))
    expected = ["NDArray (Blosc)", "8", "(1000, 1000)", "(500, 10)", "(50, 10)", "LZ4", "5", "[SHUFFLE]"]
    assert rows(c1)[:-1] == list(zip(LABELS, expected))
    assert float(rows(c1)[-1][1]) >= 6.64
    assert c1.to_buffer() == b


def test_tutorial_copies_with_other_parameters():
    """Row 72."""
    b = np.arange(1000000).tobytes()
    c1 = cat.from_buffer(b, shape=(1000, 1000), itemsize=8, chunks=(500, 10), blocks=(50, 10))
    c2 = c1.copy(
        chunks=(500, 10), blocks=(50, 10), codec=cat.Codec.ZSTD, clevel=9, filters=[cat.Filter.BITSHUFFLE]
    )
    expected = ["NDArray (Blosc)", "8", "(1000, 1000)", "(500, 10)", "(50, 10)", "ZSTD", "9", "[BITSHUFFLE]"]
    assert rows(c2)[:-1] == list(zip(LABELS, expected))
    assert float(rows(c2)[-1][1]) >= 20.83
    assert c2.to_buffer() == b


def test_tutorial_has_metalayers():
    """Row 73."""
    meta = {"dtype": msgpack.packb("i8"), "coords": msgpack.packb([5.14, 23.0])}
    c = cat.zeros((1000, 1000), 5, chunks=(100, 100), blocks=(50, 50), meta=meta)
    assert len(c.meta) == 3
    assert c.meta.keys() == ["caterva", "dtype", "coords"]
    printed = [f"{key} -> {msgpack.unpackb(c.meta[key])}" for key in c.meta]
    geometry = "caterva -> [0, 2, [1000, 1000], [100, 100], [50, 50]]"
    assert printed == [geometry, "dtype -> i8", "coords -> [5.14, 23.0]"]
    c.meta["coords"] = msgpack.packb([0.0, 23.0])
    printed = [f"{key} -> {msgpack.unpackb(c.meta[key])}" for key in c.meta]
    assert printed == [geometry, "dtype -> i8", "coords -> [0.0, 23.0]"]


def test_tutorial_crops_an_image():
    """Row 74."""
    im = Image.new("RGBA", (128, 70), (255, 255, 255, 0))
    draw = ImageDraw.Draw(im)
    draw.ellipse((12, 17, 33, 53), fill=(20, 90, 180, 255), outline=(0, 0, 0, 255))
    draw.text((50, 20), "Blosc", fill=(200, 30, 30, 255))
    c = cat.asarray(np.array(im), chunks=(50, 50, 4), blocks=(10, 10, 4), meta={"dtype": b"|u1"})
    expected = ["NDArray (Blosc)", "1", "(70, 128, 4)", "(50, 50, 4)", "(10, 10, 4)", "LZ4", "5", "[SHUFFLE]"]
    assert rows(c)[:-1] == list(zip(LABELS, expected))
    assert float(rows(c)[-1][1]) >= 2.68
    im2 = c[15:55, 10:35]
    cropped = Image.fromarray(np.array(im2).view(c.meta["dtype"]))
    assert (cropped.mode, cropped.size) == ("RGBA", (25, 40))
    assert cropped.tobytes() == im.crop((10, 15, 35, 55)).tobytes()


# ---------------------------------------------------------------- release notes and roadmap


def test_arrays_travel_as_bytes(data, path):
    """Row 75: byte-stable, metalayers kept."""
    array = cat.asarray(data, **GRID, meta={"m": b"\0x"})
    frame = array.to_bytes()
    twin = cat.from_bytes(frame)
    assert twin.to_bytes() == frame == array.to_bytes()
    assert_same_bytes(twin[...], data)
    assert twin.meta["m"] == b"\0x"
    assert array.sframe in (True, False)


def test_open_with_copy_is_detached_from_the_file(data, path):
    """Row 76."""
    cat.asarray(data, **GRID, urlpath=str(path))
    array = cat.open(str(path), copy=True)
    array[...] = 0
    cat.remove(str(path))
    assert not np.asarray(array[...]).any()


def test_chunks_auto_chooses_shapes():
    """Row 77."""
    array = cat.zeros((3000, 500), 8, chunks="auto")
    assert array.chunks is not None and array.blocks is not None
    assert all(1 <= b <= c <= s for b, c, s in zip(array.blocks, array.chunks, array.shape))


def test_a_terabyte_of_zeros_is_tiny(path):
    """Row 78: special chunks cost nothing for each item (test_large.py has more)."""
    array = cat.zeros((2**20, 2**20), 1, chunks=(2**12, 2**12), blocks=(2**8, 2**8), urlpath=str(path))
    assert array.nbytes == 2**40
    assert path.stat().st_size < 4096
    assert array[2**19, 5].tobytes() == b"\0"


def test_two_levels_of_chunking_read_only_what_is_needed(data, path):
    """Row 79: the blocks that are not asked for are destroyed (test_storage.py has more)."""
    cat.asarray(sample((32, 32), "<i4"), chunks=(32, 32), blocks=(8, 8), urlpath=str(path), codec="zlib")
    frame = parse_frame(path)
    chunk = frame.header_len + frame.offsets[0]
    starts = struct.unpack_from("<16i", path.read_bytes(), chunk + 32)
    wanted = np.asarray(cat.open(str(path))[8:16, 16:24])
    content = bytearray(path.read_bytes())
    for block in set(range(16)) - {6}:
        content[chunk + starts[block] : chunk + starts[block] + 4] = b"\xff\xff\xff\x7f"
    path.write_bytes(content)
    np.testing.assert_array_equal(np.asarray(cat.open(str(path), mode="r")[8:16, 16:24]), wanted)


def test_every_row_has_its_test():
    """The list above is complete: rows 1 to 79."""
    with open(__file__, encoding="utf-8") as source:
        functions = [node for node in ast.parse(source.read()).body if isinstance(node, ast.FunctionDef)]
    numbers = [re.match(r"Row (\d+)", ast.get_docstring(node) or "") for node in functions]
    assert [int(number[1]) for number in numbers if number] == list(range(1, 80))
