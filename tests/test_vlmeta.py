"""Variable-length metalayers: bytes in every home, objects as python-blosc2 has them, one commit a change."""

import math
import struct

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import snapshot

import caterva as cat
from caterva import objects

# Each library changes what the other wrote, and that is said each time.
pytestmark = pytest.mark.filterwarnings("ignore::caterva.UnverifiedWarning")

GRID = {"chunks": (4, 5), "blocks": (2, 3)}


def make(home) -> cat.NDArray:
    return cat.asarray(np.arange(63, dtype="<i4").reshape(9, 7), **GRID, **home)


def reopened(array) -> cat.NDArray:
    """The same array by another handle: from its file, or from its bytes."""
    return cat.open(array.urlpath) if array.urlpath else cat.from_bytes(array.to_bytes())


# ---------------------------------------------------------------- bytes


def test_contents_grow_shrink_and_go_in_all_homes(home):
    array = make(home)
    model = {}
    steps = [
        ("a", b"x"),
        ("b", b""),
        ("a", b"longer " * 4000),
        ("ä" * 15, bytes(range(256))),
        ("b", np.random.default_rng(0).bytes(3_000_000)),
        ("a", b"\0"),
        ("b", None),
        ("c", bytes(5_000_000)),
    ]
    for name, content in steps:
        if content is None:
            del array.vlmeta[name]
            del model[name]
        else:
            array.vlmeta[name] = model[name] = content
        for same in (array, reopened(array)):
            assert dict(same.vlmeta) == model
            assert list(same.vlmeta) == list(model)
    np.testing.assert_array_equal(np.asarray(reopened(array)), np.arange(63, dtype="<i4").reshape(9, 7))


def test_it_is_a_mutable_mapping(home):
    array = make(home)
    layers = array.vlmeta
    layers.update({"a": b"1", b"b": b"2"}, c=b"3")
    layers.update([("d", b"4")])
    assert list(layers) == list(layers.keys()) == ["a", "b", "c", "d"]
    assert list(layers.values()) == [b"1", b"2", b"3", b"4"]
    assert len(layers) == 4 and "a" in layers and b"a" in layers and "e" not in layers and 5 not in layers
    assert b"\xff" not in layers
    assert layers == {"a": b"1", "b": b"2", "c": b"3", "d": b"4"}
    assert layers.pop("b") == b"2" and layers.pop("b", None) is None
    assert layers.popitem() == ("a", b"1")
    assert layers.setdefault("c", b"x") == b"3" and layers.setdefault("e", b"5") == b"5"
    assert layers.get("nothing", b"-") == b"-"
    for missing in ("nothing", b"\xff", "with\0zero"):
        with pytest.raises(KeyError):
            layers[missing]
        with pytest.raises(KeyError):
            del layers[missing]
    assert dict(reopened(array).vlmeta) == {"c": b"3", "d": b"4", "e": b"5"}
    layers.clear()
    layers.clear()
    assert dict(layers) == dict(reopened(array).vlmeta) == {}


def test_there_are_sixteen_and_the_error_says_so(home):
    array = make(home)
    layers = {f"layer{number}": bytes([number]) for number in range(16)}
    array.vlmeta.update(layers)
    for change in (
        lambda: array.vlmeta.update({"layer3": b"changed", "one more": b"x"}),
        lambda: array.vlmeta.objects.update({"layer3": 3, "one more": 4}),
        lambda: array.attrs.update(one=1),
    ):
        with pytest.raises(ValueError, match="16"):
            change()
        assert dict(array.vlmeta) == dict(reopened(array).vlmeta) == layers
    array.vlmeta["layer3"] = b"changed"
    assert reopened(array).vlmeta["layer3"] == b"changed"


def test_the_fill_value_is_not_cleared(path):
    array = cat.full((9, 7), b"pepe", **GRID, urlpath=str(path))
    array.vlmeta["mine"] = b"x"
    array.vlmeta.clear()
    assert array._handle.layer_names(1) == ["caterva_fill"]
    for name in ("caterva_fill", "caterva_attrs"):
        with pytest.raises(ValueError, match=name):
            array.vlmeta[name] = b"x"
        with pytest.raises(KeyError):
            del array.vlmeta[name]


COUNTED = [
    lambda a: a.vlmeta.__setitem__("a", b"x" * 10_000),
    lambda a: a.vlmeta.__delitem__("old"),
    lambda a: a.vlmeta.pop("old"),
    lambda a: a.vlmeta.update({f"n{number}": b"y" for number in range(9)}),
    lambda a: a.vlmeta.clear(),
    lambda a: a.vlmeta.objects.update(a=1, b=[2]),
    lambda a: a.attrs.update(a=1, b=[2], c={"d": None}),
    lambda a: a.attrs.__setitem__("a", 1),
    lambda a: a.attrs.__delitem__("units"),
    lambda a: a.attrs.clear(),
]


@pytest.mark.parametrize("change", range(len(COUNTED)))
def test_a_change_is_one_commit(change, path, monkeypatch):
    """It is one call of the C library, which makes one commit (test_change.c)."""
    array = make({"urlpath": str(path)})
    array.vlmeta.update(old=b"old", other=b"other")
    array.attrs["units"] = "kelvin"
    calls = []

    class Counting:
        def __getattr__(self, name):
            return getattr(handle, name)

        def set_layers(self, kind, layers):
            calls.append(layers)
            handle.set_layers(kind, layers)

        def clear_layers(self, kept):
            calls.append(kept)
            handle.clear_layers(kept)

        def change_layer(self, name, change):
            calls.append(name)
            handle.change_layer(name, change)

    handle = array._handle
    monkeypatch.setattr(array, "_handle", Counting())
    COUNTED[change](array)
    assert len(calls) == 1


@pytest.mark.parametrize("target", ["vlmeta", "objects", "attrs"])
def test_what_cannot_be_stored_leaves_all_as_it_was(target, path):
    array = make({"urlpath": str(path)})
    array.vlmeta["old"] = b"old"
    array.attrs["old"] = 1
    mapping = array.vlmeta.objects if target == "objects" else getattr(array, target)
    before = snapshot(path)
    for value in (object(), {"deep": [object()]}, 1j, {1: 2}, {(1,): 2}) + (
        (2**64,) if target != "vlmeta" else ()
    ):
        if target == "vlmeta" and isinstance(value, dict) and "deep" not in value:
            continue  # bytes of the user's own making
        with pytest.raises(TypeError):
            mapping.update({"new": 5, "bad": value})
        with pytest.raises(TypeError):
            mapping["old"] = value
    assert snapshot(path) == before


def test_copies_and_casts_keep_them(home):
    array = make(home)
    array.vlmeta["note"] = b"\0abc"
    array.attrs["units"] = "kelvin"
    for other in (
        array.copy(),
        array.copy(chunks=(3, 3)),
        array.copy(dtype="<i8"),
        cat.asarray(array, dtype="<f8"),
    ):
        assert dict(other.vlmeta) == {"note": b"\0abc"}
        assert dict(other.attrs) == {"units": "kelvin"}


# ---------------------------------------------------------------- objects

SAMPLES = [
    None,
    True,
    False,
    0,
    -1,
    127,
    128,
    -(2**63),
    2**64 - 1,
    1.5,
    math.inf,
    "",
    "Küche",
    "x" * 70_000,
    b"",
    b"\0\xff" * 300,
    [],
    [1, [2.5, [None, "a"]]],
    {},
    {"a": {"b": [{"c": b"d"}]}, b"e": 1},
    (),
    (1, (2, [3, (4,)])),
    list(range(1000)),
    {f"k{number}": number for number in range(70)},
]


@pytest.mark.parametrize("value", SAMPLES, ids=lambda value: repr(value)[:30])
def test_objects_travel_both_ways(value, path):
    blosc2 = pytest.importorskip("blosc2")
    array = make({"urlpath": str(path)})
    array.vlmeta.objects["ours"] = value
    theirs = blosc2.open(str(path), mode="a")
    assert theirs.schunk.vlmeta["ours"] == value
    assert type(theirs.schunk.vlmeta["ours"]) is type(value)
    theirs.schunk.vlmeta["theirs"] = value
    del theirs
    read = cat.open(str(path)).vlmeta.objects
    assert dict(read) == {"ours": value, "theirs": value}
    assert type(read["theirs"]) is type(value)


def test_numpy_scalars_and_subclasses_become_plain(home):
    array = make(home)
    array.vlmeta.objects["x"] = [np.int8(-3), np.float32(0.5), np.bool_(True), np.str_("s"), np.bytes_(b"b")]
    read = array.vlmeta.objects["x"]
    assert read == [-3, 0.5, True, "s", b"b"]
    assert [type(item) for item in read] == [int, float, bool, str, bytes]


@pytest.mark.parametrize("value", [{1, 2}, 1 + 2j, np.array([1, 2])], ids=repr)
def test_extension_types_of_python_blosc2_are_named_and_kept(value, path):
    blosc2 = pytest.importorskip("blosc2")
    make({"urlpath": str(path)})
    theirs = blosc2.open(str(path), mode="a")
    theirs.schunk.vlmeta["x"] = value
    del theirs
    array = cat.open(str(path))
    with pytest.raises(cat.UnsupportedFormatError, match="metalayer 'x': msgpack: an extension type"):
        array.vlmeta.objects["x"]
    assert isinstance(msgpack.unpackb(array.vlmeta["x"], ext_hook=msgpack.ExtType), msgpack.ExtType)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.binary(), inner),
)


@given(VALUES)
def test_what_is_packed_unpacks_to_the_same(value):
    assert objects.unpack(objects.pack(value), list_hook=None) == value


@given(st.binary(max_size=60))
def test_any_bytes_unpack_as_msgpack_does_or_raise(content):
    """Never another exception; where the plain library gives a value without limits, so does this."""
    try:
        expected = msgpack.unpackb(content)
    except Exception:
        with pytest.raises(cat.CatervaError):
            objects.unpack(content)
        return
    try:
        got = objects.unpack(content, list_hook=None)
    except cat.UnsupportedFormatError:
        assert any(0xC7 <= byte <= 0xC9 or 0xD4 <= byte <= 0xD8 for byte in content)
        return
    assert repr(got) == repr(expected)


HOSTILE = {
    "deep lists": b"\x91" * 100_000 + b"\xc0",
    "deep maps": b"\x81\xa1a" * 100_000 + b"\xc0",
    "lists of 2^20 within each other, 8 GiB of pointers": b"\xdd\0\x0f\xff\xff" * 1000 + bytes(2**20),
    "a list of 2^32": b"\xdd\xff\xff\xff\xff" + bytes(2**20),
    "a map of 2^32": b"\xdf\xff\xff\xff\xff" + bytes(2**20),
    "a text of 4 GiB": b"\xdb\xff\xff\xff\xff",
    "bytes of 4 GiB": b"\xc6\xff\xff\xff\xff",
    "two million empty dicts": b"\xdd" + struct.pack(">I", 2_000_000) + b"\x80" * 2_000_000,
    "keys that are numbers, made to collide": b"\x82\x01\xc0\x01\xc0",
    "an extension": b"\xc7\x03\x2a\x01\x02\x03",
    "a time": b"\xd6\xff\0\0\0\0",
    "no UTF-8": b"\xa1\xff",
    "a reserved marker": b"\xc1",
    "nothing": b"",
    "too much": b"\xc0\xc0",
    "half a length": b"\xdc\x01",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_objects_raise_and_cost_little(kind, home):
    import tracemalloc

    array = make(home)
    array.vlmeta["x"] = HOSTILE[kind]
    objects_ = array.vlmeta.objects
    tracemalloc.start()
    with pytest.raises((cat.CorruptDataError, cat.UnsupportedFormatError, cat.LimitError), match="'x'"):
        objects_["x"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20
    assert array.vlmeta["x"] == HOSTILE[kind]


def test_a_list_within_itself_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(ValueError):
        objects.pack(endless)
