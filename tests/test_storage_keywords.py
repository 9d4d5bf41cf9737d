"""Keywords of the constructors: every name, alias and default of the seed, and what a copy inherits."""

import warnings
from pathlib import Path

import pytest

import caterva as cat
from caterva.dtypes import items_of
from caterva.storage import DEFAULTS, Home, Storage, canonical, inherit


def test_defaults_are_those_of_the_seed():
    storage = Storage.parse({})
    assert storage.is_plain
    assert (storage.codec, storage.clevel, storage.nthreads) == (cat.Codec.LZ4, 5, 1)
    assert (storage.filters, storage.filtersmeta) == ((0, 0, 0, 0, 0, 1), (0,) * 6)
    assert (storage.use_dict, storage.meta, storage.split) == (False, None, cat.SplitMode.AUTO)


@pytest.mark.parametrize(
    ("keywords", "home"),
    [
        ({}, None),
        ({"chunks": None, "blocks": None, "urlpath": None, "contiguous": None, "memframe": False}, None),
        ({"codec": "zstd", "clevel": 9, "filters": [2], "nthreads": 2}, None),
        ({"chunks": (2, 2)}, Home.MEMORY),
        ({"blocks": (2, 2)}, Home.MEMORY),
        ({"chunks": "auto"}, Home.MEMORY),
        ({"chunks": ()}, Home.MEMORY),
        ({"contiguous": False}, Home.MEMORY),
        ({"contiguous": True}, Home.MEMFRAME),
        ({"sequential": True}, Home.MEMFRAME),
        ({"memframe": True}, Home.MEMFRAME),
        ({"urlpath": "a"}, Home.FILE),
        ({"filename": "a"}, Home.FILE),
        ({"urlpath": Path("a")}, Home.FILE),
        ({"urlpath": b"a"}, Home.FILE),
        ({"urlpath": "a", "contiguous": True}, Home.FILE),
        ({"urlpath": "a", "contiguous": False}, Home.DIRECTORY),
        ({"filename": "a", "sequential": False}, Home.DIRECTORY),
    ],
    ids=str,
)
def test_an_array_is_plain_unless_chunks_or_a_storage_is_asked_for(keywords, home):
    storage = Storage.parse(keywords)
    assert storage.is_plain == (home is None)
    assert storage.home == (home or Home.MEMORY)


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({"chunk": (2,)}, TypeError, ["'chunk'", "'chunks'"]),
        ({"sequencial": True}, TypeError, ["'sequencial'", "'sequential'"]),
        ({"zzyzx": 1}, TypeError, ["'zzyzx'", "urlpath"]),
        ({"filename": "a", "urlpath": "b"}, TypeError, ["'filename'", "'urlpath'"]),
        ({"contiguous": True, "sequential": False}, TypeError, ["'contiguous'", "'sequential'"]),
        ({"contiguous": 5}, TypeError, ["contiguous", "5"]),
        ({"memframe": None}, TypeError, ["memframe"]),
        ({"memframe": True, "urlpath": "a"}, ValueError, ["memframe", "urlpath"]),
        ({"memframe": True, "contiguous": False}, ValueError, ["memframe", "contiguous"]),
        ({"usedict": "yes"}, TypeError, ["usedict", "yes"]),
        ({"urlpath": ""}, ValueError, ["urlpath"]),
        ({"urlpath": "a\0b"}, ValueError, ["null"]),
        ({"urlpath": 5}, TypeError, ["5"]),
        ({"clevel": True}, TypeError, ["clevel"]),
        ({"clevel": 10}, ValueError, ["clevel", "10"]),
        ({"nthreads": 0}, ValueError, ["nthreads", "0"]),
        ({"meta": {"a": b""}}, ValueError, ["chunks"]),
    ],
    ids=str,
)
def test_wrong_keywords_are_named(keywords, error, words):
    with pytest.raises(error) as caught:
        Storage.parse(keywords)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("legacy", "value", "name"),
    [("use_dict", True, "usedict"), ("cname", "zstd", "codec"), ("complevel", 7, "clevel")],
)
def test_legacy_names_work_and_warn_on_the_line_of_the_user(legacy, value, name):
    with pytest.warns(DeprecationWarning, match=f"{legacy}.*{name}") as caught:
        cat.zeros((4,), 4, chunks=(2,), **{legacy: value})
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert canonical({legacy: value}) == {name: value}


def test_two_names_of_one_keyword_may_agree():
    assert canonical({"filename": "a", "urlpath": "a"}) == {"urlpath": "a"}


def describe(shape=(8, 6), itemsize=4, **keywords):
    return Storage.parse(keywords).describe(shape, items_of(itemsize))


def test_a_description_has_what_an_array_is_made_of():
    assert describe(
        chunks=(4, 3), blocks=(2, 2), filters=["delta", 4], filtersmeta=[0, -3], usedict=True
    ) == {
        "shape": (8, 6),
        "chunks": (4, 3),
        "blocks": (2, 2),
        "itemsize": 4,
        "dtype": "S4",
        "home": 0,
        "path": None,
        "codec": 1,
        "clevel": 5,
        "split": 3,
        "filters": (0, 0, 0, 0, 3, 4),
        "filtersmeta": (0, 0, 0, 0, 0, 253),
        "use_dict": True,
        "meta": [],
        "nthreads": 1,
        "cache_bytes": 4 * 2**20,
        "safety": (0, 0, 0, 10000),
    }


def test_metalayers_are_bytes_or_packed_by_msgpack():
    meta = {"raw": b"a\0b", b"key": bytearray(b"x"), "packed": [1, "i8"], "view": memoryview(b"v")}
    assert describe(chunks=(4, 3), meta=meta)["meta"] == [
        ("raw", b"a\0b"),
        ("key", b"x"),
        ("packed", b"\x92\x01\xa2i8"),
        ("view", b"v"),
    ]


@pytest.mark.parametrize(
    ("shape", "itemsize", "room"), [((8, 6), 4, 14), ((1,) * 9, 4, 15), ((8, 6), 256, 15)]
)
def test_a_user_has_the_metalayers_that_the_geometry_leaves(shape, itemsize, room):
    meta = {f"m{number}": b"" for number in range(room)}
    assert len(describe(shape, itemsize, chunks="auto", meta=meta)["meta"]) == room
    with pytest.raises(ValueError, match="16"):
        describe(shape, itemsize, chunks="auto", meta=meta | {"more": b""})


@pytest.mark.parametrize(
    ("meta", "error"),
    [
        ({"": b""}, ValueError),
        ({"n" * 32: b""}, ValueError),
        ({"ä" * 16: b""}, ValueError),
        ({"a\0": b""}, ValueError),
        ({"b2nd": b""}, ValueError),
        ({"caterva": b""}, ValueError),
        ({"a": b"", b"a": b""}, ValueError),
        ({5: b""}, TypeError),
        ({"a": object()}, TypeError),
        ([("a", b"")], TypeError),
    ],
    ids=str,
)
def test_wrong_metalayers_are_refused(meta, error):
    with pytest.raises(error):
        describe(chunks=(4, 3), meta=meta)


SOURCE = DEFAULTS | {
    "chunks": (4, 4),
    "blocks": (2, 2),
    "filters": [3, 1],
    "filtersmeta": [7, 0],
    "clevel": 8,
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"chunks": (4, 4), "blocks": (2, 2), "clevel": 8, "filtersmeta": [7, 0]}),
        ({"clevel": 1, "filename": "a"}, {"chunks": (4, 4), "clevel": 1, "urlpath": "a"}),
        ({"chunks": (6, 2)}, {"chunks": (6, 2), "blocks": (2, 2)}),
        ({"chunks": [6, 2]}, {"chunks": (6, 2), "blocks": (2, 2)}),
        ({"chunks": (6, 1)}, {"chunks": (6, 1), "blocks": None}),
        ({"chunks": "auto"}, {"chunks": "auto", "blocks": None}),
        ({"blocks": (4, 1)}, {"chunks": (4, 4), "blocks": (4, 1)}),
        ({"blocks": (5, 1)}, {"chunks": None, "blocks": (5, 1)}),
        ({"chunks": None}, {"chunks": None, "blocks": None}),
        ({"chunks": None, "blocks": None}, {"chunks": None, "blocks": None}),
        ({"filters": [2]}, {"filters": [2], "filtersmeta": None}),
        ({"filters": [2], "filtersmeta": [5]}, {"filters": [2], "filtersmeta": [5]}),
    ],
    ids=str,
)
def test_a_copy_inherits_what_is_not_given(given, expected):
    inherited = DEFAULTS | inherit(given, SOURCE)
    assert {name: inherited[name] for name in expected} == expected


def test_a_legacy_name_is_told_of_once_whatever_is_asked():
    array = cat.zeros((4,), 4, chunks=(2,))
    for call in (
        lambda: array.slice(slice(1), cname="zstd"),
        lambda: array.slice(slice(1), chunks=(1,), cname="zstd"),
        lambda: array.copy(cname="zstd"),
        lambda: array.copy(chunks=None, blocks=None, cname="zstd"),
        lambda: cat.zeros((4,), 4, cname="zstd"),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        assert [one.category for one in caught].count(DeprecationWarning) == 1
