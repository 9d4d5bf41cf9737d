"""Item types survive being spelled, and strings from files are never more than what they say."""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import caterva as cat
from caterva.dtypes import (
    MAX_SPELLING_BYTES,
    FieldError,
    check_layout,
    items_from,
    items_of,
    opaque,
    parse,
    spell,
    typed,
)
from caterva.shapes import MAX_ITEM_BYTES

sys.path.insert(0, str(Path(__file__).parent / "reference"))

import refencode

SIMPLE = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.unsigned_integer_dtypes(endianness="?")
    | hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64))
    | hnp.complex_number_dtypes(endianness="?", sizes=(64, 128))
    | hnp.byte_string_dtypes(min_len=1)
    | hnp.unicode_string_dtypes(endianness="?", min_len=1)
    | hnp.datetime64_dtypes(endianness="?")
    | hnp.timedelta64_dtypes(endianness="?")
)


@given(SIMPLE)
def test_simple_dtypes_are_spelled_as_numpy_spells_them(dtype):
    assert spell(dtype) == dtype.str
    assert parse(dtype.str) == dtype
    assert items_from(items_of(dtype=dtype).spelling, dtype.itemsize) == typed(dtype)


@given(hnp.nested_dtypes(SIMPLE, max_itemsize=400, max_leaves=8).filter(lambda dtype: dtype.subdtype is None))
def test_structured_dtypes_survive(dtype):
    if dtype.itemsize == 0:
        return
    try:
        text = spell(dtype)
    except TypeError:
        return
    assert parse(text) == dtype
    assert np.dtype(ast.literal_eval(text) if text[0] in "[{" else text) == dtype


@pytest.mark.parametrize(
    "dtype",
    [
        np.dtype([("a", "<i4"), ("b", ">f8")]),
        np.dtype([("a", "<i4"), ("b", "<f8", (2, 3))]),
        np.dtype([("a", [("x", "|u1"), ("y", "<M8[25us]")]), ("b", "|S3")]),
        np.dtype([("a", "i1"), ("b", "i8")], align=True),
        np.dtype({"names": ["x"], "formats": ["<i2"], "offsets": [4], "itemsize": 16}),
        np.dtype({"names": ["x", "y"], "formats": ["<i4", ("<i2", (2,))], "offsets": [0, 2], "itemsize": 8}),
        np.dtype([("[(", "<i4"), ("ä'\"", "<i4")]),
        np.dtype("V7"),
        np.dtype("longdouble"),
    ],
    ids=str,
)
def test_dtypes_of_every_form_survive(dtype):
    assert parse(spell(dtype)) == dtype
    assert items_from(spell(dtype), dtype.itemsize) == (dtype, False)


def test_opaque_items_and_strings_are_told_apart():
    assert opaque(4).spelling == "S4"
    assert typed("S4").spelling == "|S4"
    assert items_from("S4", 4) == opaque(4)
    assert items_from("|S4", 4) == typed("S4")
    assert opaque(4).dtype == typed("S4").dtype
    assert opaque(4).raw == np.dtype("V4")


@pytest.mark.parametrize(
    "text", ["", "|u1", "S5", "|O", "<i8", "nonsense", "('<i2', (2,))", "[('a', '|O')]", "\0"]
)
def test_items_without_a_fitting_dtype_are_opaque(text):
    assert items_from(text, 4) == opaque(4)


@pytest.mark.parametrize(
    "text",
    [
        "O",
        "|O8",
        "i4,i4",
        "(2,)i4",
        "V",
        "T",
        "object",
        "datetime64[ns]",
        "__import__('os').system('true')",
        "[('a', 'O')]",
        "[('a', '<i4'), ('a', '<i4')]",
        "[('a', '<i4', -1)]",
        "[('a',)]",
        "['<i4']",
        "[(1, '<i4')]",
        "[('a', print)]",
        "[x for x in ()]",
        "{'names': ['x'], 'formats': ['O']}",
        "{'names': ['x'], 'formats': ['<i4'], 'titles': ['t']}",
        "{'names': [('t', 'x')], 'formats': ['<i4']}",
        "{'names': ['x'], 'formats': ['<i4'], 'offsets': [True]}",
        "{'names': ['x'], 'formats': ['<i4'], 'offsets': [0.0]}",
        "{'names': ['x'], 'formats': ['<i4'], 'offsets': (0,)}",
        "{'names': ['x'], 'formats': ['<i4'], 'itemsize': True}",
        "{'names': ['x'], 'formats': ['<i4'], 'itemsize': '4'}",
        "{'names': ['x'], 'formats': ['<i4'], 'aligned': 7}",
        "{'names': ['x', 'y'], 'formats': ['<i4', '<i4'], 'offsets': [0]}",
        "{'names': ['x', 'x'], 'formats': ['<i4', '<i4']}",
        "[(('title', 'x'), '<i4')]",
        "[('a', '<i8', (2, -1))]",
        "[('a', '<i8', (2, True))]",
        "('S0', (5,))",
        "U1073741825",
        "S4294967300",
        "M8[0D]",
        "M8[Y/0]",  # NumPy would divide by zero, which ends the process
        "M8[Y/4294967296]",  # and so here
        "m8[W/2147483648]",  # and make units of no length, of negative length
        "m8[2147483647D/2]",
        "[('a', '<M8[Y/0]')]",
        "{'names': 'x', 'formats': 5}",
        "[" * 1000,
        "[" * 30000,
        "[('a', " * 40 + "'<i4'" + ")]" * 40,
        "(" + "-" * 60000 + "1, 2)",
        "[('a', '<i4', (" + "9" * 5000 + ",))]",
        "<i4" + " " * MAX_SPELLING_BYTES,
    ],
    ids=lambda text: text[:40],
)
def test_strings_that_are_no_plain_dtype_are_not_understood(text):
    assert parse(text) is None


@given(st.text(alphabet="[](){}'\",:<>|iufSVM0123456789 abenmsO*-\\", max_size=60))
def test_any_string_is_read_without_an_exception(text):
    try:
        dtype = parse(text)
    except FieldError:
        return
    assert dtype is None or (isinstance(dtype, np.dtype) and not dtype.hasobject)


@pytest.mark.parametrize(
    ("itemsize", "dtype", "error"),
    [
        (None, None, TypeError),
        (0, None, ValueError),
        (-1, None, ValueError),
        (2**31, None, ValueError),
        (1.5, None, TypeError),
        (True, None, TypeError),
        ("4", None, TypeError),
        (4, "f8", ValueError),
        (None, "S0", ValueError),
        (None, "U0", ValueError),
        (None, object, TypeError),
        (None, [("a", "O")], TypeError),
        (None, "T", TypeError),
        (None, ("i4", (2,)), TypeError),
        (None, "floot", TypeError),
        (None, [(("title", "name"), "i4")], TypeError),
    ],
    ids=str,
)
def test_items_that_cannot_be_stored_are_refused(itemsize, dtype, error):
    with pytest.raises(error):
        items_of(itemsize, dtype)


def test_itemsize_and_dtype_may_agree():
    assert items_of(8, "<f8") == (np.dtype("<f8"), False)
    assert items_of(300) == (np.dtype("S300"), True)
    assert items_of(MAX_ITEM_BYTES).dtype.itemsize == MAX_ITEM_BYTES


def test_gaps_in_the_list_of_another_writer_stay_gaps():
    dtype = np.dtype({"names": ["x"], "formats": ["<i2"], "offsets": [2], "itemsize": 8})
    assert parse(str(dtype.descr)) == dtype
    assert parse("[('', '|V4')]") == np.dtype({"names": [], "formats": [], "offsets": [], "itemsize": 4})


OUTSIDE = [
    "[('a', '<i4', (" + "9" * 4000 + "," + "9" * 4000 + "))]",
    "{'names': ['x'], 'formats': ['<i4'], 'offsets': [-4]}",
    "{'names': ['x'], 'formats': ['<i4'], 'offsets': [0], 'itemsize': 2}",
    "{'names': ['x'], 'formats': ['<i4'], 'offsets': [13], 'itemsize': 16}",
    "{'names': ['x'], 'formats': ['<i4'], 'itemsize': -4}",
    "{'names': ['x'], 'formats': ['<i4'], 'offsets': [4294967296], 'itemsize': 16}",
    "{'names': ['x'], 'formats': ['<i4'], 'itemsize': 4294967300}",
    "{'names': ['x'], 'formats': ['<i8'], 'offsets': [2147483640]}",
    "[('a', ('<i8', (536870912,)))]",
    "[('a', '<i8', (65536, 65536, 65536, 65536))]",
    # From here on NumPy itself lets them pass: it adds in C ints.
    "{'names': ['x'], 'formats': ['<i8'], 'offsets': [2147483640], 'itemsize': 16}",
    "{'names': ['y', 'x'], 'formats': ['<i8', '<i8'], 'offsets': [0, 2147483647], 'itemsize': 16}",
    "{'names': ['x'], 'formats': [('<i4', (100,))], 'offsets': [2147483600], 'itemsize': 16}",
    "{'names': ['x', 'y', 'z'], 'formats': ['S2147483647', 'S2147483647', 'S18']}",
    "{'names': ['x', 'y', 'z'], 'formats': ['S2147483647', 'S2147483647', 'S18'], 'itemsize': 16}",
    "{'names': ['x', 'y', 'z'], 'formats': ['S2147483640', '<i8', '<i8'], 'aligned': True}",
    "[('x', 'S2147483647'), ('y', 'S2147483647'), ('z', 'S18')]",
    "[('x', 'S2147483647'), ('', '|V2147483647'), ('z', 'S18')]",
    "[('x', '<i8'), ('y', {'names': ['a'], 'formats': ['<i8'], 'offsets': [2147483640], 'itemsize': 8})]",
    "[('x', ({'names': ['a'], 'formats': ['<i8'], 'offsets': [2147483640], 'itemsize': 8}, (2,)))]",
]


def array_with_dtype(text: str) -> bytes:
    """A frame by the reference encoder: an array of four items of 16 bytes, whose "b2nd" has that dtype."""
    items = np.arange(64, dtype="u1")
    chunk = refencode.encode_chunk(items.tobytes(), 16, 32)
    meta = {"b2nd": refencode.array_meta((4,), (4,), (2,), text)}
    return refencode.encode_frame([chunk], 16, 64, 32, meta)


@pytest.mark.parametrize("text", OUTSIDE, ids=lambda text: text[:40])
def test_an_array_whose_dtype_has_a_field_outside_of_its_item_is_refused(text, tmp_path):
    frame, path = array_with_dtype(text), tmp_path / "evil.b2nd"
    path.write_bytes(frame)
    with pytest.raises(FieldError):
        parse(text)
    with pytest.raises(cat.CorruptDataError, match="dtype"):
        cat.from_bytes(frame)
    for keywords in ({}, {"mode": "r"}, {"mode": "r", "mmap": True}, {"mode": "r", "copy": True}):
        with pytest.raises(cat.CorruptDataError, match=r"evil\.b2nd: dtype .* bytes"):
            cat.open(path, **keywords)


def test_the_frame_of_those_tests_is_one_that_opens():
    array = cat.from_bytes(array_with_dtype("[('a', '<i8'), ('b', '<i4', (2,))]"))
    assert array[1]["a"] == int.from_bytes(bytes(range(16, 24)), "little")


def test_a_dtype_that_a_caller_has_from_numpy_is_checked_as_well():
    evil = np.dtype({"names": ["a"], "formats": ["<i8"], "offsets": [2147483640], "itemsize": 16})
    with pytest.raises(TypeError, match="field 'a'"):
        typed(evil)
    with pytest.raises(TypeError, match="field 'a'"):
        cat.zeros((4,), dtype=evil, chunks=(2,))
    with pytest.raises(FieldError):
        check_layout(np.dtype((evil, (3,))))


SIZES = {"|u1": 1, "<i4": 4, ">f8": 8, "|S3": 3, "S1000000000": 10**9, "|V2147483647": 2**31 - 1}
HUGE = st.sampled_from([0, 1, 4, 16, 2**30, 2**31 - 9, 2**31 - 1, 2**31, 2**32, 2**32 + 4, 2**64, -1, -8])
NUMBERS = st.integers(0, 40) | HUGE


@st.composite
def described(draw, depth=0):
    """A literal of a dtype, its size, and whether all of its fields lie inside, all by unbounded integers."""
    form = draw(st.sampled_from(["simple", "list", "dict", "shape"] if depth < 3 else ["simple"]))
    if form == "simple":
        text = draw(st.sampled_from(sorted(SIZES)))
        return text, SIZES[text], True
    if form == "shape":
        literal, size, is_inside = draw(described(depth + 1))
        shape = tuple(draw(st.lists(st.integers(1, 4) | st.just(70_000), min_size=1, max_size=3)))
        size *= np.prod(shape, dtype=object)
        return (literal, shape), size, is_inside and size < 2**31
    parts = draw(st.lists(described(depth + 1), min_size=1, max_size=4))
    names = [f"f{number}" for number in range(len(parts))]
    is_inside = all(inside for _, _, inside in parts)
    sizes = [size for _, size, _ in parts]
    if form == "list":
        return (
            [(n, p[0]) for n, p in zip(names, parts, strict=True)],
            sum(sizes),
            is_inside and sum(sizes) < 2**31,
        )
    offsets = draw(st.lists(NUMBERS, min_size=len(parts), max_size=len(parts)))
    ends = [offset + size for offset, size in zip(offsets, sizes, strict=True)]
    literal = {"names": names, "formats": [p[0] for p in parts], "offsets": offsets}
    itemsize = max(ends)
    if draw(st.booleans()):
        itemsize = literal["itemsize"] = draw(NUMBERS | st.sampled_from(ends))
    is_inside = is_inside and min(offsets) >= 0 and max(ends) <= itemsize < 2**31
    return literal, itemsize, is_inside


def sum_of_leaves_is_inside(dtype, start, limit):
    """Whether every byte that NumPy would touch of an item at `start` is below `limit`."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        last = int(np.prod(shape, dtype=object)) - 1
        return all(sum_of_leaves_is_inside(base, start + n * base.itemsize, limit) for n in {0, last})
    if dtype.names is None:
        return start >= 0 and start + dtype.itemsize <= limit
    fields = [dtype.fields[name][:2] for name in dtype.names]
    return all(sum_of_leaves_is_inside(kind, start + offset, limit) for kind, offset in fields)


@given(described())
def test_a_dtype_is_understood_just_if_all_of_its_fields_lie_inside(case):
    literal, size, is_inside = case
    text = literal if isinstance(literal, str) else repr(literal)
    try:
        dtype = parse(text)
    except FieldError:
        assert not is_inside
        return
    assert dtype is not None and is_inside
    assert dtype.itemsize == size
    assert sum_of_leaves_is_inside(dtype, 0, dtype.itemsize)
