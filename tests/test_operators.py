"""Arithmetic, comparisons, conversions and casts: what NumPy gives for the items, NumPy is asked."""

import operator
import warnings

import numpy as np
import pytest

import caterva as cat

NAMES = ("lt", "le", "eq", "ne", "gt", "ge", "add", "sub", "mul", "truediv", "floordiv", "mod", "pow")
BITS = ("lshift", "rshift", "and_", "xor", "or_")
BINARY = [getattr(operator, name) for name in NAMES + BITS]
DTYPES = [
    "?",
    "i1",
    "u4",
    "i8",
    "f4",
    "f8",
    "c16",
    "M8[s]",
    "m8[s]",
    "S3",
    "U2",
    ">i4",
    [("a", "i4"), ("b", "f8")],
]


def values(dtype, seed=0) -> np.ndarray:
    items = np.random.default_rng(seed).integers(1, 90, (5, 4))
    if isinstance(dtype, list):
        made = np.zeros((5, 4), dtype)
        made["a"], made["b"] = items, items / 3
        return made
    return items.astype("i8").astype(dtype)


def compressed(array: np.ndarray) -> cat.NDArray:
    return cat.asarray(array, chunks=(3, 3), blocks=(2, 2))


def outcome(function, *arguments):
    """What a call returns, or the class of what it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*arguments)
        except Exception as error:
            return type(error)


def assert_same(found, expected):
    if isinstance(expected, type):
        assert found is expected
        return
    assert type(found) is type(expected)
    if isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
        return
    np.testing.assert_array_equal(found, expected)
    assert getattr(found, "dtype", None) == getattr(expected, "dtype", None)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("function", [*BINARY, divmod], ids=lambda function: function.__name__)
def test_binary_operators(function, dtype):
    data, other = values(dtype), values(dtype, 1)
    array = compressed(data)
    for one, two in ((data, other), (data, data[0]), (data, data[2, 1]), (data, 3), (2.5, data), ("x", data)):
        mine = [array if part is data else part for part in (one, two)]
        assert_same(outcome(function, *mine), outcome(function, one, two))
    assert_same(outcome(function, array, compressed(other)), outcome(function, data, other))
    assert_same(outcome(function, other, array), outcome(function, other, data))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_unary_operators_and_products(dtype):
    data = values(dtype)
    array = compressed(data)
    for function in (operator.neg, operator.pos, abs, operator.invert):
        assert_same(outcome(function, array), outcome(function, data))
    for one, two in ((data, data.T), (data, data)):
        mine = compressed(one)
        assert_same(outcome(operator.matmul, mine, two), outcome(operator.matmul, one, two))
        assert_same(outcome(operator.matmul, one, compressed(two)), outcome(operator.matmul, one, two))


@pytest.mark.parametrize("other", [None, "text", object(), [1, 2], np.arange(4), np.arange(3)], ids=str)
def test_comparisons_with_anything(other):
    data = values("i4")
    for function in (operator.eq, operator.ne, operator.lt):
        assert_same(outcome(function, compressed(data), other), outcome(function, data, other))


def test_operators_in_place_say_what_to_do():
    array = compressed(values("i4"))
    for symbol, name in (("+", "iadd"), ("*", "imul"), ("**", "ipow"), ("@", "imatmul"), ("|", "ior")):
        with pytest.raises(TypeError) as raised:
            getattr(operator, name)(array, 1)
        assert f"a[...] {symbol}= value" in str(raised.value)
    array[...] += 1
    np.testing.assert_array_equal(array, values("i4") + 1)


def test_arrays_are_keys_and_members():
    array, other = compressed(values("i4")), compressed(values("i4"))
    assert {array: 1}[array] == 1 and hash(array) != hash(other)
    assert values("i4")[2, 2] in array and 1000 not in array


@pytest.mark.parametrize(
    "data", [np.array(7), np.array(2.5), np.array([[4]]), np.arange(3), np.array(True)], ids=str
)
def test_python_numbers(data):
    array = cat.asarray(data, chunks=data.shape)
    for function in (int, float, complex, bool):
        expected = outcome(function, data)
        found = outcome(function, array)
        assert found == expected or (data.size > 1 and issubclass(found, (TypeError, ValueError)))
    assert outcome(operator.index, array) == outcome(operator.index, data)


def test_an_array_without_axes_is_an_index():
    items, data = list("abcdef"), np.arange(10)
    array = cat.asarray(np.array(3), chunks=())
    assert items[array] == "d" and range(10)[array] == 3
    assert cat.asarray(data, chunks=(4,))[array] == data[np.array(3)] == 3
    with pytest.raises(NotImplementedError):
        cat.asarray(data, chunks=(4,))[compressed(values("i4"))]
    with pytest.raises(NotImplementedError):
        cat.asarray(data, chunks=(4,))[cat.asarray(data > 3, chunks=(4,))]


def test_a_closed_array_has_a_repr(tmp_path):
    array = cat.zeros((4,), dtype="i4", chunks=(2,), urlpath=tmp_path / "a.b2nd")
    array.close()
    assert "closed" in repr(array) and "a.b2nd" in repr(array)


# ---------------------------------------------------------------- casts

SOURCES = [
    1, -1, 2.75, 300, 2**40, True, 1 + 2j, "7", b"7", None, np.nan,
    np.int64(5), np.int64(300), np.float32(2.5), np.bool_(True), np.datetime64("2020-02-03"),
    [1, 2], [1.5, 2.5], [True, False], ["1", "2"], [300, -1], (1, 2), (1, 2.5),
    np.arange(2), np.arange(2.0) + 0.5, np.array([1e20, -3.0]), np.array([1 + 1j, 2]),
    np.array(["4", "5"]), np.array([b"6", b"7"]), np.array(["x", "y"]), np.array([True, False]),
    np.array([5, 6], "M8[D]"), np.array([5, 6], "m8[s]"), np.array([(1, 2.5), (3, 4.5)], "i2,f4"),
    np.array([257, 258], ">u2"), np.array([None, 1], object), np.array([1, 2], object),
]  # fmt: skip
TARGETS = ["?", "u1", "i4", "i8", "f2", "f4", "c8", "M8[s]", "m8[ms]", "S2", "U2", ">i2", "i4,f8", "V4"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES, ids=repr)
def test_values_are_cast_as_numpy_s_assignment_casts_them(source, target):
    data = np.zeros(2, target)
    array = cat.asarray(data, chunks=(2,))

    def assign(where):
        where[...] = source

    expected, found = outcome(assign, data), outcome(assign, array)
    assert_same(found, expected)
    assert array.to_buffer() == (bytes(data.nbytes) if isinstance(expected, type) else data.tobytes())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", [source for source in SOURCES if isinstance(source, np.ndarray)], ids=repr)
def test_copies_of_another_dtype_agree(source, target):
    expected = outcome(source.astype, target)
    assert_same(outcome(lambda: np.asarray(cat.asarray(source, dtype=target))), expected)
    if source.dtype.hasobject:
        return
    array = cat.asarray(source, chunks=(2,))
    assert_same(outcome(lambda: np.asarray(array.copy(dtype=target))), expected)
    assert_same(outcome(lambda: np.asarray(cat.asarray(array, dtype=target))), expected)


class Answering:
    """What NumPy asks for its items, as it does netCDF4's variables."""

    def __array__(self, dtype=None, copy=None):
        return MASKED


FIELDS = np.ma.masked_array(np.zeros(3, "i4,f8"), mask=[(False, True), (False, False), (False, False)])
MASKED = np.ma.masked_array([1, 2, 3], mask=[False, True, False])


@pytest.mark.parametrize(
    "give",
    [
        lambda a: cat.asarray(MASKED),
        lambda a: cat.asarray(MASKED, chunks=(2,)),
        lambda a: cat.asarray([MASKED, MASKED]),
        lambda a: cat.from_buffer(MASKED, (3,), 8),
        lambda a: cat.full((2,), np.ma.masked, dtype="i4"),
        lambda a: a.__setitem__(slice(0, 3), MASKED),
        lambda a: a.__setitem__(0, np.ma.masked),
        lambda a: a.append(MASKED),
        lambda a: a.insert(0, MASKED),
        lambda a: a.insert(0, [1, [np.ma.masked]][1]),
        lambda a: cat.asarray(Answering()),
        lambda a: cat.asarray(Answering(), chunks=(2,)),
        lambda a: a.__setitem__(slice(0, 3), Answering()),
        lambda a: cat.asarray(FIELDS, chunks=(2,)),
        lambda a: cat.zeros((3,), dtype="i4").__setitem__(slice(0, 3), MASKED),
        lambda a: cat.zeros((3,), 8, chunks=(2,)).__setitem__(slice(0, 3), MASKED),
    ],
)
def test_masked_items_are_refused_and_nothing_changes(give):
    array = cat.asarray(np.arange(5), chunks=(2,))
    with pytest.raises(TypeError, match=r"filled"):
        give(array)
    np.testing.assert_array_equal(array, np.arange(5))


def test_masked_arrays_without_masked_items_are_values():
    array = cat.asarray(np.ma.masked_array([1, 2, 3]), chunks=(2,))
    array[:2] = np.ma.masked_array([8, 9], mask=False)
    assert array[...].tolist() == [8, 9, 3]


def test_shapes_may_be_arrays():
    array = cat.zeros(np.array([4, 6]), dtype="i4", chunks=np.array([2, 3]), blocks=np.array([1, 3], "u1"))
    assert (array.shape, array.chunks, array.blocks) == ((4, 6), (2, 3), (1, 3))
    assert cat.zeros(np.int16(3), dtype="i4").shape == cat.zeros(np.array(3), dtype="i4").shape == (3,)
    array.resize(np.array([5, 6]))
    assert array.shape == (5, 6)
