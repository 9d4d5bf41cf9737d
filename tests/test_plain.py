"""Plain arrays are NumPy arrays in all that NumPy does, keep opaque bytes, and answer NDArray's interface."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

import caterva as cat
from caterva.dtypes import items_of
from caterva.plain import plain
from caterva.values import as_items, broadcast


def numbers(shape=(3, 4), dtype="<i4"):
    return np.arange(np.prod(shape, dtype=int), dtype=dtype).reshape(shape)


def typed(array):
    return cat.asarray(array)


def raw(shape=(3, 4), itemsize=4):
    """An opaque array whose items end in NUL bytes, which NumPy's own scalars lose."""
    data = np.arange(np.prod(shape, dtype=int), dtype=f"<i{itemsize}").reshape(shape)
    return cat.from_buffer(data, shape, itemsize), data


# ---------------------------------------------------------------- as NDArray


def test_a_plain_array_is_both_kinds_of_array():
    array = typed(numbers())
    assert isinstance(array, cat.NDArray)
    assert isinstance(array, np.ndarray)
    assert isinstance(array[1:], cat.NDArray)


def test_what_only_compressed_arrays_have_is_none():
    array = cat.zeros((2, 3), 5)
    for name in ("chunks", "blocks", "meta", "vlmeta", "codec", "filters", "filtersmeta", "urlpath"):
        assert getattr(array, name) is None
    assert (array.cratio, array.clevel, array.nchunks, array.chunksize, array.blocksize) == (1, 1, 0, 0, 0)
    assert (array.storage, array.sframe) == ("Plainbuffer", False)
    assert (array.shape, array.itemsize, array.ndim, array.size, array.nbytes) == ((2, 3), 5, 2, 6, 30)


def test_info_has_type_itemsize_and_shape_only():
    info = cat.zeros((2, 3), 5).info
    assert repr(info) == "Type     : NDArray (Plainbuffer)\nItemsize : 5\nShape    : (2, 3)"
    html = info._repr_html_()
    assert html.startswith('<table class="iarray-info">')
    assert html.count('style="text-align: left"') == 6


def test_constructors_without_chunks_make_plain_arrays():
    assert cat.zeros((2, 2), 3).to_buffer() == bytes(12)
    assert cat.empty([2, 2], itemsize=3).shape == (2, 2)
    assert cat.full((2,), b"sun").to_buffer() == b"sunsun"
    assert cat.full((2,), fill_value=7, dtype="<u2").to_buffer() == b"\7\0\7\0"
    assert cat.full((2,), 1.5).dtype == np.float64
    assert cat.full((2,), np.float32(2), itemsize=4).to_buffer() == 2 * np.float32(2).tobytes()
    assert cat.zeros(3, dtype="M8[s]").dtype == "M8[s]"
    assert cat.zeros((), 4).shape == ()
    for make in (cat.zeros, cat.empty):
        assert type(make((0, 4), 4)) is cat.PlainArray


@pytest.mark.parametrize(
    "source",
    [b"abcdefgh", bytearray(b"abcdefgh"), memoryview(b"abcdefgh"), np.frombuffer(b"abcdefgh", "<M8[s]")],
    ids=lambda source: type(source).__name__,
)
def test_from_buffer_copies_any_buffer(source):
    array = cat.from_buffer(source, (2, 2), 2)
    assert array.to_buffer() == b"abcdefgh"
    assert array.flags.writeable
    array[...] = b"xy"
    assert memoryview(source.view("u1") if isinstance(source, np.ndarray) else source) == b"abcdefgh"


@pytest.mark.parametrize("length", [0, 7, 9])
def test_from_buffer_wants_exactly_the_bytes_of_the_shape(length):
    with pytest.raises(ValueError, match=rf"8 bytes, got {length}"):
        cat.from_buffer(bytes(length), (2, 2), 2)


def test_from_buffer_refuses_gaps():
    with pytest.raises(ValueError, match="contiguous"):
        cat.from_buffer(np.arange(8, dtype="u1")[::2], (4,), 1)


def test_asarray_shares_memory_both_ways_and_copies_on_demand():
    source = numbers()
    array = cat.asarray(source)
    array[0, 0] = 99
    source[1, 1] = -1
    assert source[0, 0] == 99
    assert array[1, 1] == -1
    assert not np.shares_memory(cat.asarray(source, copy=True), source)
    source.flags.writeable = False
    assert not cat.asarray(source).flags.writeable
    assert cat.asarray(array) is not None
    assert np.shares_memory(cat.asarray(source.T[::2]), source)
    assert cat.asarray(b"abc").dtype == np.uint8
    assert cat.asarray([1.5]).dtype == np.float64
    assert np.shares_memory(cat.asarray(array, copy=False), array)


@pytest.mark.parametrize("source", [np.array([{}]), np.array([b""], dtype="V0"), [None]], ids=str)
def test_asarray_refuses_what_has_no_bytes(source):
    with pytest.raises((TypeError, ValueError)):
        cat.asarray(source)


# ---------------------------------------------------------------- as numpy.ndarray


@given(hnp.basic_indices((3, 4, 2), allow_newaxis=True))
def test_typed_items_are_read_and_written_as_numpy_does(key):
    expected = numbers((3, 4, 2))
    array = typed(expected.copy())
    np.testing.assert_array_equal(array[key], expected[key])
    assert isinstance(array[key], np.ndarray) == isinstance(expected[key], np.ndarray)
    array[key] = 77
    expected[key] = 77
    np.testing.assert_array_equal(np.asarray(array), expected, strict=True)


def test_slices_are_views():
    array = typed(numbers())
    array[1:, ::2][...] = -5
    assert (np.asarray(array)[1:, ::2] == -5).all()
    array[[0, 2]] = 1
    assert array[np.array([True, False, True])].tolist() == [[1] * 4] * 2


def test_arithmetic_gives_base_arrays():
    array, expected = typed(numbers()), numbers()
    for got, right in [
        (array + 1, expected + 1),
        (1 - array, 1 - expected),
        (array * array, expected * expected),
        (array > 5, expected > 5),
        (np.sqrt(array), np.sqrt(expected)),
        (np.add.outer(array, array), np.add.outer(expected, expected)),
        (np.add.reduce(array, axis=1), expected.sum(axis=1)),
        (array.sum(axis=0), expected.sum(axis=0)),
        (array.mean(axis=0), expected.mean(axis=0)),
        (np.divmod(array, 5)[1], expected % 5),
        (
            np.add(array, 1, where=array > 3, out=np.zeros((3, 4), "i4")),
            np.where(expected > 3, expected + 1, 0),
        ),
    ]:
        assert type(got) is np.ndarray
        np.testing.assert_array_equal(got, right, strict=True)
    assert array.sum() == expected.sum()


def test_out_and_in_place_keep_the_array_given():
    array = typed(numbers())
    alias = array
    array += 1
    assert array is alias
    target = typed(np.zeros((3, 4), "i4"))
    assert np.add(array, array, out=target) is target
    np.testing.assert_array_equal(np.asarray(target), 2 * (numbers() + 1))
    quotient, rest = typed(np.zeros((3, 4), "i4")), np.zeros((3, 4), "i4")
    made = np.divmod(array, 5, out=(quotient, None))
    assert made[0] is quotient
    assert type(made[1]) is np.ndarray
    made = np.divmod(array, 5, out=(quotient, rest))
    assert made[0] is quotient
    assert made[1] is rest
    np.add.at(array, (0, 0), 10)
    assert array[0, 0] == 11


def test_numpy_s_own_meaning_holds_where_names_collide():
    array = typed(numbers((1, 4)))
    assert array.squeeze().shape == (4,)
    assert array.shape == (1, 4)
    assert array.copy("F").flags.f_contiguous
    assert not np.shares_memory(array.copy(), array)
    assert array.size == 4


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a)), lambda a: a.copy()]
)
def test_duplicates_keep_type_items_and_bytes(duplicate):
    for array in (typed(numbers()), raw()[0], typed(np.array([b"a", b"bc"]))):
        again = duplicate(array)
        assert type(again) is cat.PlainArray
        assert again._items == array._items
        assert again.to_buffer() == array.to_buffer()
        assert not np.shares_memory(again, array)


# ---------------------------------------------------------------- opaque items


def test_opaque_items_are_shown_as_bytes_of_their_size():
    array, data = raw()
    assert array.dtype == "S4"
    assert np.array(array).__array_interface__["typestr"] == "|S4"
    assert type(np.array(array)) is np.ndarray
    np.testing.assert_array_equal(np.array(array[1, ::-1]).view("<i4"), data[1, ::-1])
    view = memoryview(array)
    assert (view.format, view.itemsize, view.readonly, view.c_contiguous) == ("4s", 4, False, True)
    assert repr(cat.full((2,), b"pepe")) == "PlainArray([b'pepe', b'pepe'], dtype='|S4')"
    assert str(cat.full((2,), b"pepe")) == "[b'pepe' b'pepe']"


def test_integers_on_all_axes_give_0_d_arrays_that_lose_no_byte():
    array, data = raw()
    item = array[1, 2]
    assert (type(item), item.shape) == (cat.PlainArray, ())
    assert np.array(item).view("<i4") == data[1, 2]
    assert [np.array(item).view("<i4") for item in array[2]] == data[2].tolist()
    assert array[1, 2].item() == data[1, 2].tobytes()
    assert array.tolist() == [[item.tobytes() for item in row] for row in data]
    assert item[()].tobytes() == data[1, 2].tobytes()
    array[1, 2][...] = b"view"
    assert array[1, 2].to_buffer() == b"view"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ((0, 0), b"a\0\0\0"),
        ((0, 0), bytearray(b"abcd")),
        ((0, 0), np.float32(1.5)),
        (1, np.arange(4, dtype=">u4")),
        (1, [b"a\0\0\0", b"bbbb", b"\0\0\0\0", b"c\0d\0"]),
        (slice(None, None, -2), np.arange(8, dtype="<i4").reshape(2, 4)[:, ::-1]),
        (..., np.arange(3, dtype="<i4").reshape(3, 1)),
        ([0, 2], np.arange(4, dtype="<i4")),
        (np.array([True, False, True]), np.arange(8, dtype="<f4").reshape(2, 4)),
        ((0, 1), np.array("2001", dtype="M8[Y]").astype("i4")),
        (0, np.array([b"ab", b"c", b"", b"abcd"], dtype="S4")),
    ],
    ids=str,
)
def test_opaque_items_take_values_by_bytes(key, value):
    array, data = raw()
    expected = data.view("V4")
    if isinstance(value, list):
        value_items = np.frombuffer(b"".join(value), "V4")
    elif isinstance(value, bytes | bytearray):
        value_items = np.frombuffer(value, "V4")[0]
    else:
        value_items = np.asarray(value).view("V4")
    array[key] = value
    expected[key] = value_items
    assert array.to_buffer() == expected.tobytes()


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"abc", ValueError),
        (b"abcde", ValueError),
        (np.array([b"ab\0\0"])[0], ValueError),  # NumPy's scalar has lost the NULs already
        ("abcd", TypeError),
        (["abcd"], TypeError),
        (np.int64(5), ValueError),
        (5, ValueError),
        (np.zeros(4, "S3"), ValueError),
        ([b"abc"] * 4, ValueError),
        (None, TypeError),
        (np.array([None] * 4), ValueError),
        (np.zeros(3, "i4"), ValueError),
    ],
    ids=repr,
)
def test_opaque_items_take_nothing_of_another_size_or_by_text(value, error):
    array, data = raw()
    with pytest.raises(error):
        array[0] = value
    with pytest.raises(error):
        array[1:2].fill(value) if np.shape(value) != (3,) else array.__setitem__(0, value)
    assert array.to_buffer() == data.tobytes()


def test_opaque_and_typed_arrays_exchange_bytes():
    array, data = raw()
    target = typed(np.zeros((3, 4), "<i4"))
    target[...] = array
    np.testing.assert_array_equal(np.asarray(target), data)
    array[0] = target[2]
    np.testing.assert_array_equal(np.asarray(array).view("<i4")[0], data[2])
    with pytest.raises(ValueError, match="8"):
        typed(np.zeros((3, 4)))[...] = array


def test_a_view_as_a_dtype_is_typed():
    array, data = raw()
    view = array.view("<i4")
    assert view[1, 2] == data[1, 2]
    assert isinstance(view[1, 2], np.int32)
    view[0, 0] = -1
    assert array[0, 0].to_buffer() == b"\xff" * 4
    assert array.view()[0, 0].shape == ()
    assert type(array.view(np.ndarray)) is np.ndarray
    assert isinstance(array.view("S4")[0, 0], np.bytes_)
    assert array.T[0, 0].shape == ()
    np.testing.assert_array_equal(np.asarray(cat.asarray(array, dtype="<i4")), view)


def test_a_slice_is_always_an_array():
    array, data = raw()
    assert array.slice((1, 2)).to_buffer() == data[1, 2].tobytes()
    assert typed(data).slice((1, 2)).shape == ()
    assert np.shares_memory(array.slice(np.s_[1:]), array)


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (5, "u1"),
        (True, "i4"),
        ([1, 2], "f2"),
        ([], "i4"),
        (1.5, "c8"),
        (np.int64(3), "f4"),
        (np.float64(0.1), "f4"),
        (np.arange(3, dtype=">i2"), "<i8"),
        ([300, -1], "i2"),
        ((1, 2.5), [("a", "i4"), ("b", "f8")]),
        ("2001-01-01", "M8[D]"),
        (b"abc", "S5"),
        (["a", "bc"], "U3"),
        (memoryview(b"ab"), "u4"),
    ],
    ids=str,
)
def test_typed_values_are_cast_as_numpy_casts_them(value, dtype):
    items = items_of(dtype=dtype)
    got = as_items(value, items)
    expected = np.array(value, dtype=dtype)
    np.testing.assert_array_equal(got, expected, strict=True)


@pytest.mark.parametrize(
    ("value", "dtype", "error"),
    [
        (1j, "f8", TypeError),
        (300, "u1", OverflowError),
        ([-1], "u8", OverflowError),
        (2**70, "i8", OverflowError),
        (None, "i4", TypeError),
        ("five", "i4", ValueError),
        ([[1], [1, 2]], "i4", ValueError),
    ],
    ids=str,
)
def test_values_that_numpy_refuses_are_refused(value, dtype, error):
    with pytest.raises(error):
        as_items(value, items_of(dtype=dtype))


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4))
def test_values_are_broadcast_as_numpy_assigns_them(shapes):
    source, region = shapes.input_shapes
    target = np.zeros(region)
    value = numbers(source, "f8")
    try:
        target[...] = value
    except ValueError as error:
        with pytest.raises(ValueError, match="could not broadcast") as caught:
            broadcast(value, region)
        assert str(caught.value).split(" from")[0] == str(error).split(" from")[0]
    else:
        np.testing.assert_array_equal(broadcast(value, region), target)


def test_plain_shares_memory_and_says_what_items_are():
    source = np.zeros(3, "S4")
    assert plain(source, True)[0].shape == ()
    assert isinstance(plain(source, False)[0], np.bytes_)
    assert np.shares_memory(plain(source, True), source)
