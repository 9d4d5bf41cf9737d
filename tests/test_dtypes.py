"""Item types survive being spelled, and strings from files are never more than what they say."""

import ast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from caterva.dtypes import MAX_SPELLING_BYTES, items_from, items_of, opaque, parse, spell, typed

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
        "{'names': ['x'], 'formats': ['<i4'], 'offsets': [-4]}",
        "{'names': ['x'], 'formats': ['<i4'], 'offsets': [0], 'itemsize': 2}",
        "{'names': ['x'], 'formats': ['<i4'], 'titles': ['t']}",
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
    dtype = parse(text)
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
    assert items_of(2**31 - 1).dtype.itemsize == 2**31 - 1


def test_gaps_in_the_list_of_another_writer_stay_gaps():
    dtype = np.dtype({"names": ["x"], "formats": ["<i2"], "offsets": [2], "itemsize": 8})
    assert parse(str(dtype.descr)) == dtype
    assert parse("[('', '|V4')]") == np.dtype({"names": [], "formats": [], "offsets": [], "itemsize": 4})
