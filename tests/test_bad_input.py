"""Wrong arguments get the right exception, which names the value; nothing is left behind or changed."""

import numpy as np
import pytest
from support import home_arguments, sample, snapshot

import caterva as cat

GRID = {"chunks": (4, 3), "blocks": (2, 2)}
BIG = 2**62


def bad(name, call, error, *words):
    return pytest.param(call, error, words, id=name)


def check(call, error, words):
    """The call raises `error`, and each of the words is in its message."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    for word in words:
        assert str(word) in message, f"{word!r} is not in {message!r}"
    return caught.value


def zeros(*arguments, **keywords):
    return lambda where: cat.zeros(*arguments, **where | keywords)


def full(*arguments, **keywords):
    return lambda where: cat.full(*arguments, **where | keywords)


def from_buffer(*arguments, **keywords):
    return lambda where: cat.from_buffer(*arguments, **where | keywords)


def asarray(*arguments, **keywords):
    return lambda where: cat.asarray(*arguments, **where | keywords)


# Calls that would create an array in the home that they are given.
CREATIONS = [
    bad("negative extent", zeros((5, -1), 4), ValueError, -1),
    bad("overflowing shape", zeros((BIG, BIG), 1), ValueError, BIG),
    bad("overflowing bytes", zeros((BIG,), 8), ValueError, BIG),
    bad("overflow beside a zero", zeros((0, BIG, 4), 1), ValueError, BIG),
    bad("extent over int64", zeros((2**70,), 1), ValueError, 2**70),
    bad("fractional extent", zeros((2.5,), 4), TypeError, 2.5),
    bad("text as shape", zeros("ab", 4), TypeError, "ab"),
    bad("no shape", zeros(None, 4), TypeError, None),
    bad("17 axes", zeros((1,) * 17, 4), ValueError, 17, 16),
    bad("itemsize 0", zeros((5,), 0), ValueError, "itemsize", 0),
    bad("negative itemsize", zeros((5,), -3), ValueError, "itemsize", -3),
    bad("huge itemsize", zeros((5,), 2**31), ValueError, "itemsize", 2**31),
    bad("fractional itemsize", zeros((5,), 1.5), TypeError, "itemsize", 1.5),
    bad("text as itemsize", zeros((5,), "4"), TypeError, "itemsize", "4"),
    bad("neither itemsize nor dtype", zeros((5,)), TypeError, "itemsize", "dtype"),
    bad("itemsize against dtype", zeros((5,), 4, dtype="f8"), ValueError, 4, "float64"),
    bad("object dtype", zeros((5,), dtype=object), TypeError, "object"),
    bad("unknown dtype", zeros((5,), dtype="floot"), TypeError, "floot"),
    bad("empty dtype", zeros((5,), dtype="S0"), ValueError, 0),
    bad("chunks of other length", zeros((5, 5), 4, chunks=(2,)), ValueError, (2,), (5, 5)),
    bad("chunk extent 0", zeros((5, 5), 4, chunks=(2, 0)), ValueError, "chunks[1]", 0),
    bad("negative chunk", zeros((5, 5), 4, chunks=(-2, 2)), ValueError, -2),
    bad("fractional chunk", zeros((5, 5), 4, chunks=(2.0, 2)), TypeError, 2.0),
    bad("text as chunks", zeros((5, 5), 4, chunks="big"), TypeError, "big"),
    bad(
        "chunk over the format's limit",
        zeros((2**20, 2**20), 4, chunks=(2**16, 2**16), blocks=(2, 2)),
        ValueError,
        2**34,
        2147483615,
    ),
    bad(
        "block over the format's limit",
        zeros((2**30,), 1, chunks=(2**30,), blocks=(2**30,)),
        ValueError,
        2**30,
        536866816,
    ),
    bad(
        "blocks larger than chunks",
        zeros((9, 9), 4, chunks=(4, 4), blocks=(2, 5)),
        ValueError,
        (2, 5),
        (4, 4),
    ),
    bad("blocks of other length", zeros((9, 9), 4, chunks=(4, 4), blocks=(2, 2, 2)), ValueError, 2),
    bad("block extent 0", zeros((9,), 4, chunks=(4,), blocks=(0,)), ValueError, "blocks[0]", 0),
    bad("misspelled chunks", zeros((9,), 4, chunk=(4,)), TypeError, "chunk", "chunks"),
    bad("sequencial", zeros((9,), 4, sequencial=True), TypeError, "sequencial", "sequential"),
    bad("unknown keyword", zeros((9,), 4, zzyzx=1), TypeError, "zzyzx"),
    bad("codec 3", zeros((9,), 4, codec=3), ValueError, 3, "ZLIB"),
    bad("codec 99", zeros((9,), 4, codec=99), ValueError, 99),
    bad("unknown codec", zeros((9,), 4, codec="snappy"), ValueError, "snappy", "ZSTD"),
    bad("codec of a wrong type", zeros((9,), 4, codec=[1]), TypeError, [1]),
    bad("fractional codec", zeros((9,), 4, codec=1.0), TypeError, 1.0),
    bad("filter as codec", zeros((9,), 4, codec=cat.Filter.DELTA), TypeError, "DELTA"),
    bad("level 10", zeros((9,), 4, clevel=10), ValueError, "clevel", 10, 9),
    bad("level 12", zeros((9,), 4, clevel=12), ValueError, "clevel", 12, 9),
    bad("level -1", zeros((9,), 4, clevel=-1), ValueError, "clevel", -1),
    bad("text as level", zeros((9,), 4, clevel="5"), TypeError, "clevel", "5"),
    bad("fractional level", zeros((9,), 4, clevel=2.5), TypeError, "clevel", 2.5),
    bad("seven filters", zeros((9,), 4, filters=[1] * 7), ValueError, 7, 6),
    bad("unknown filter", zeros((9,), 4, filters=[99]), ValueError, 99),
    bad("defective filter 34", zeros((9,), 4, filters=[34]), ValueError, 34),
    bad("unknown filter name", zeros((9,), 4, filters=["shufle"]), ValueError, "shufle"),
    bad("filters that are no list", zeros((9,), 4, filters=5), TypeError, "filters", 5),
    bad(
        "more parameters than filters",
        zeros((9,), 4, filters=[1], filtersmeta=[0, 0]),
        ValueError,
        "filtersmeta",
        2,
    ),
    bad("parameter 256", zeros((9,), 4, filters=[1], filtersmeta=[256]), ValueError, 256, 255),
    bad("text as parameter", zeros((9,), 4, filters=[1], filtersmeta=["x"]), TypeError, "x"),
    bad("truncating items of 3 bytes", zeros((9,), 3, filters=[4], filtersmeta=[9]), ValueError, 3),
    bad("truncating to 60 bits", zeros((9,), 4, filters=[4], filtersmeta=[60]), ValueError, 60),
    bad("no threads", zeros((9,), 4, nthreads=0), ValueError, "nthreads", 0),
    bad("fractional threads", zeros((9,), 4, nthreads=1.5), TypeError, "nthreads", 1.5),
    bad("long metalayer name", zeros((9,), 4, meta={"n" * 32: b""}), ValueError, "n" * 32, 31),
    bad("long UTF-8 name", zeros((9,), 4, meta={"ä" * 16: b""}), ValueError, "ä" * 16, 31),
    bad(
        "too many metalayers",
        zeros((9,), 4, meta={f"m{i}": b"" for i in range(15)}),
        ValueError,
        "16",
    ),
    bad("reserved name b2nd", zeros((9,), 4, meta={"b2nd": b""}), ValueError, "b2nd"),
    bad("reserved name caterva", zeros((9,), 4, meta={"caterva": b""}), ValueError, "caterva"),
    bad("meta that is no dict", zeros((9,), 4, meta=[1]), TypeError, "meta"),
    bad("metalayer named by a number", zeros((9,), 4, meta={5: b""}), TypeError, 5),
    bad("value msgpack cannot hold", zeros((9,), 4, meta={"a": object()}), TypeError, "object"),
    bad("two paths", zeros((9,), 4, filename="one", urlpath="two"), TypeError, "filename", "urlpath"),
    bad("buffer too short", from_buffer(bytes(19), (5,), 4), ValueError, 19, 20),
    bad("buffer too long", from_buffer(bytes(21), (5,), 4), ValueError, 21, 20),
    bad("empty buffer", from_buffer(b"", (5,), 4), ValueError, 0, 20),
    bad("no buffer", from_buffer([1, 2], (2,), 4), TypeError, "list"),
    bad("text as buffer", from_buffer("12345678", (2,), 4), TypeError, "str"),
    bad("empty fill value", full((5,), b""), ValueError, 0),
    bad("fill value of other size", full((5,), b"abc", itemsize=4), ValueError, 3, 4),
    bad("array of objects", asarray(np.array([{}, None])), TypeError, "object"),
]


@pytest.mark.parametrize("storage", ["file", "directory"])
@pytest.mark.parametrize(("call", "error", "words"), CREATIONS)
def test_a_failed_creation_names_the_value_and_leaves_nothing(call, error, words, storage, path):
    check(lambda: call(home_arguments(storage, path)), error, words)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("storage", ["memory", "memframe"])
@pytest.mark.parametrize(("call", "error", "words"), CREATIONS)
def test_a_failed_creation_names_the_value_in_memory_too(call, error, words, storage, path):
    check(lambda: call({"chunks": "auto"} | home_arguments(storage, path)), error, words)


PATHS = [
    bad("missing", lambda d: cat.open(str(d / "nowhere.b2nd")), FileNotFoundError, "nowhere.b2nd"),
    bad("folder missing", lambda d: cat.open(str(d / "no" / "where.b2nd")), FileNotFoundError, "where.b2nd"),
    bad("path of a wrong type", lambda d: cat.open(5), TypeError, "5"),
    bad("path with NUL", lambda d: cat.open("a\0b"), ValueError, "null"),
    bad("unknown mode", lambda d: cat.open(str(d / "good.b2nd"), mode="q"), ValueError, "q"),
    bad("negative offset", lambda d: cat.open(str(d / "good.b2nd"), offset=-1), ValueError, -1),
    bad(
        "offset behind the end",
        lambda d: cat.open(str(d / "good.b2nd"), mode="r", offset=10**9),
        cat.CorruptDataError,
        "good.b2nd",
    ),
    bad("misspelled argument", lambda d: cat.open(str(d / "good.b2nd"), mod="r"), TypeError, "mod"),
    bad("text file", lambda d: cat.open(str(d / "text")), cat.CorruptDataError, "text"),
    bad("empty file", lambda d: cat.open(str(d / "empty")), cat.CorruptDataError, "empty"),
    bad("cut file", lambda d: cat.open(str(d / "cut.b2nd")), cat.CorruptDataError, "cut.b2nd"),
    bad("empty directory", lambda d: cat.open(str(d / "folder")), cat.CorruptDataError, "folder"),
    bad(
        "existing file",
        lambda d: cat.zeros((5,), 4, urlpath=str(d / "good.b2nd")),
        FileExistsError,
        "good.b2nd",
    ),
    bad("existing text", lambda d: cat.zeros((5,), 4, urlpath=str(d / "text")), FileExistsError, "text"),
    bad(
        "existing directory",
        lambda d: cat.zeros((5,), 4, urlpath=str(d / "folder")),
        FileExistsError,
        "folder",
    ),
    bad(
        "missing parent",
        lambda d: cat.zeros((5,), 4, urlpath=str(d / "no" / "a.b2nd")),
        FileNotFoundError,
        "a.b2nd",
    ),
    bad(
        "parent is a file",
        lambda d: cat.zeros((5,), 4, urlpath=str(d / "text" / "a.b2nd")),
        cat.StorageError,
        "a.b2nd",
    ),
    bad("number as path", lambda d: cat.zeros((5,), 4, urlpath=5), TypeError, "5"),
    bad("empty path", lambda d: cat.zeros((5,), 4, urlpath=""), ValueError, "urlpath"),
    bad(
        "copy onto itself",
        lambda d: cat.open(str(d / "good.b2nd")).copy(urlpath=str(d / "good.b2nd")),
        FileExistsError,
        "good.b2nd",
    ),
    bad("remove a number", lambda d: cat.remove(5), TypeError, "5"),
]


@pytest.mark.parametrize(("call", "error", "words"), PATHS)
def test_a_wrong_path_is_named_and_nothing_there_changes(call, error, words, tmp_path):
    good = cat.asarray(sample((9, 7), "<i4"), **GRID, urlpath=str(tmp_path / "good.b2nd"))
    (tmp_path / "text").write_text("a few words, long enough to hold a header, but without one in it; " * 3)
    (tmp_path / "empty").touch()
    (tmp_path / "cut.b2nd").write_bytes((tmp_path / "good.b2nd").read_bytes()[:-9])
    (tmp_path / "folder").mkdir()
    before = snapshot(tmp_path)
    raised = check(lambda: call(tmp_path), error, words)
    if isinstance(raised, OSError):
        assert raised.errno and raised.filename
    assert snapshot(tmp_path) == before
    np.testing.assert_array_equal(np.asarray(good[...]), sample((9, 7), "<i4"))


FRAMES = [
    bad("no bytes", lambda f: cat.from_bytes(b""), cat.CorruptDataError),
    bad("zeros", lambda f: cat.from_bytes(bytes(1000)), cat.CorruptDataError),
    bad("one byte less", lambda f: cat.from_bytes(f[:-1]), cat.CorruptDataError),
    bad("one byte more", lambda f: cat.from_bytes(f + b"x"), cat.CorruptDataError),
    bad("text", lambda f: cat.from_bytes("b2frame"), TypeError, "str"),
    bad("number", lambda f: cat.from_bytes(5), TypeError, "int"),
]


@pytest.mark.parametrize(("call", "error", "words"), FRAMES)
def test_wrong_bytes_are_refused(call, error, words):
    frame = cat.asarray(sample((9, 7), "<i4"), **GRID).to_bytes()
    check(lambda: call(frame), error, words)


def set_item(key, value):
    return lambda a: a.__setitem__(key, value)


def set_meta(key, value):
    return lambda a: a.meta.__setitem__(key, value)


def set_layer(key, value):
    return lambda a: a.vlmeta.__setitem__(key, value)


# Calls on an array of 9 x 7 items "<i4".
CALLS = [
    bad("row 9", lambda a: a[9], IndexError, 9),
    bad("row -10", lambda a: a[-10], IndexError, -10, 9),
    bad("column 7", lambda a: a[0, 7], IndexError, 7),
    bad("row over int64", lambda a: a[2**70], IndexError, 2**70),
    bad("three indices", lambda a: a[0, 0, 0], IndexError, 3, 2),
    bad("two ellipses", lambda a: a[..., 0, ...], IndexError, "ellipsis"),
    bad("fractional index", lambda a: a[1.0], IndexError, 1.0),
    bad("text index", lambda a: a["x"], (IndexError, NotImplementedError), "x"),
    bad("index of a wrong type", lambda a: a[{}], IndexError, "{}"),
    bad("slice step 0", lambda a: a[::0], ValueError, "step", "zero"),
    bad("fractional slice", lambda a: a[1.5:3], TypeError),
    bad("text slice", lambda a: a["a":"b"], TypeError),
    bad("write to row 9", set_item(9, 0), IndexError, 9),
    bad("write with step 0", set_item(np.s_[::0], 0), ValueError, "step"),
    bad("write of another shape", set_item(np.s_[2:5], np.zeros((2, 7), "<i4")), ValueError, (2, 7), (3, 7)),
    bad("write of more axes", set_item(0, np.zeros((2, 7), "<i4")), ValueError, (2, 7), (7,)),
    bad("write too few", set_item(np.s_[:], [1, 2, 3]), ValueError, (3,), (9, 7)),
    bad("write nothing", set_item(np.s_[:], []), ValueError, (0,), (9, 7)),
    bad("write a ragged list", set_item(0, [[1], [1, 2]]), ValueError),
    bad("write masked items", set_item(np.s_[0], np.ma.masked_array(range(7), mask=1)), TypeError, "filled"),
    bad("write complex into integers", set_item((0, 0), 1j), TypeError, "complex"),
    bad("write text into integers", set_item(0, "five"), (TypeError, ValueError)),
    bad("write None", set_item(0, None), TypeError),
    bad("write objects", set_item(0, {}), TypeError),
    bad("delete items", lambda a: a.__delitem__(0), (AttributeError, TypeError)),
    bad("metalayer of another length", set_meta("note", b"123456"), ValueError, "cannot change"),
    bad("new metalayer", set_meta("other", b"x"), KeyError, "other"),
    bad("missing metalayer", lambda a: a.meta["other"], KeyError, "other"),
    bad("delete a metalayer", lambda a: a.meta.__delitem__("note"), TypeError, "note"),
    bad("geometry by hand", set_meta("caterva", b"x"), ValueError, "caterva"),
    bad("missing variable metalayer", lambda a: a.vlmeta["other"], KeyError, "other"),
    bad("delete a missing variable metalayer", lambda a: a.vlmeta.__delitem__("other"), KeyError, "other"),
    bad("long variable name", set_layer("n" * 32, b""), ValueError, "n" * 32, 31),
    bad("variable name of a wrong type", set_layer(5, b""), TypeError, 5),
    bad("variable value msgpack cannot hold", set_layer("a", object()), TypeError, "object"),
    bad("copy with an unknown keyword", lambda a: a.copy(chonks=(2, 2)), TypeError, "chonks", "chunks"),
    bad("copy with wrong chunks", lambda a: a.copy(chunks=(2,)), ValueError, (2,), (9, 7)),
    bad("copy with level 10", lambda a: a.copy(clevel=10), ValueError, 10),
    bad("slice with an unknown keyword", lambda a: a.slice(0, chonks=(2,)), TypeError, "chonks"),
    bad("slice out of bounds", lambda a: a.slice(9, chunks=(2,)), IndexError, 9),
    bad("slice with wrong chunks", lambda a: a.slice(0, chunks=(2, 2)), ValueError, (2, 2), (7,)),
    bad("buffer of a compressed array", lambda a: memoryview(a), (BufferError, TypeError)),
    bad("wrong threads", lambda a: setattr(a, "nthreads", 0), (ValueError, AttributeError)),
    bad("shape by hand", lambda a: setattr(a, "shape", (7, 9)), AttributeError),
    bad("truth of many items", bool, ValueError),
]


@pytest.mark.parametrize("storage", [{}, {"contiguous": False}], ids=["file", "directory"])
@pytest.mark.parametrize(("call", "error", "words"), CALLS)
def test_a_failed_call_leaves_the_array_and_its_bytes_as_they_were(call, error, words, storage, path):
    data = sample((9, 7), "<i4")
    array = cat.asarray(data, **GRID, urlpath=str(path), meta={"note": b"12345"}, **storage)
    array.vlmeta["layer"] = b"content"
    before = snapshot(path)
    check(lambda: call(array), error, words)
    assert snapshot(path) == before
    for same in (array, cat.open(str(path))):
        np.testing.assert_array_equal(np.asarray(same[...]), data, strict=True)
        assert (same.meta["note"], same.vlmeta["layer"]) == (b"12345", b"content")
    array[0, 0] = 5  # and it works on
    assert cat.open(str(path))[0, 0] == 5


OPAQUE = [
    bad("bytes too short", set_item((0, 0), b"abc"), ValueError, 3, 4),
    bad("bytes too long", set_item((0, 0), b"abcde"), ValueError, 5, 4),
    bad("text", set_item((0, 0), "abcd"), (TypeError, ValueError)),
    bad("items of another size", set_item(0, np.zeros(7, "<i8")), ValueError, 8, 4),
    bad("a number of another size", set_item((0, 0), 5), (ValueError, TypeError)),
]


@pytest.mark.parametrize("plain", [False, True], ids=["compressed", "plain"])
@pytest.mark.parametrize(("call", "error", "words"), OPAQUE)
def test_opaque_items_take_values_by_bytes_only(call, error, words, plain):
    data = sample((9, 7), "S4")
    array = cat.from_buffer(data.tobytes(), (9, 7), 4, **({} if plain else GRID))
    check(lambda: call(array), error, words)
    assert array.to_buffer() == data.tobytes()


READ_ONLY = [
    bad("item", set_item((0, 0), 5), cat.StorageError),
    bad("everything", set_item(..., 5), cat.StorageError),
    bad("metalayer", set_meta("note", b"54321"), cat.StorageError),
    bad("variable metalayer", set_layer("layer", b"x"), cat.StorageError),
    bad("deleting one", lambda a: a.vlmeta.__delitem__("layer"), cat.StorageError),
    bad("in place", lambda a: a.resize((8, 1)), cat.StorageError),
]


@pytest.mark.parametrize("storage", [{}, {"contiguous": False}], ids=["file", "directory"])
@pytest.mark.parametrize(("call", "error", "words"), READ_ONLY)
def test_an_array_opened_for_reading_refuses_changes(call, error, words, storage, path):
    made = cat.asarray(sample((9, 1), "<i4"), **GRID, urlpath=str(path), meta={"note": b"12345"}, **storage)
    made.vlmeta["layer"] = b"content"
    before = snapshot(path)
    check(lambda: call(cat.open(str(path), mode="r")), error, words)
    assert snapshot(path) == before


def test_seventeen_variable_metalayers_are_one_too_many(path):
    array = cat.zeros((5,), 4, chunks=(2,), urlpath=str(path))
    for number in range(16):
        array.vlmeta[f"layer{number}"] = b"x"
    before = snapshot(path)
    with pytest.raises(ValueError, match="16"):
        array.vlmeta["one more"] = b"x"
    assert snapshot(path) == before
    assert len(list(array.vlmeta)) == 16


def test_a_value_that_fails_while_it_is_read_changes_nothing(path):
    class Failing:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("no data today")

    array = cat.asarray(sample((9, 7), "<i4"), **GRID, urlpath=str(path))
    before = snapshot(path)
    with pytest.raises(RuntimeError, match="no data today"):
        array[...] = Failing()
    assert snapshot(path) == before


def test_keys_that_are_not_supported_say_so_or_equal_numpy():
    data = sample((9, 7), "<i4")
    array = cat.asarray(data, **GRID)
    for key in (
        True,
        False,
        [1, 2],
        np.array([0, 3]),
        data > 5,
        ([0, 1], [2, 3]),
        np.array(4),
        np.int8(3),
        (np.True_, 0),
    ):
        try:
            got = array[key]
        except (IndexError, NotImplementedError) as error:
            assert str(error)
        else:
            np.testing.assert_array_equal(np.asarray(got), data[key], strict=True)


def test_a_plain_array_raises_what_numpy_raises():
    plain = cat.zeros((3, 4), dtype="<i4")
    assert isinstance(plain, cat.PlainArray)
    with pytest.raises(IndexError):
        plain[3]
    with pytest.raises(ValueError, match="broadcast"):
        plain[...] = np.zeros(5, "<i4")
    assert not np.asarray(plain).any()
