"""Attributes: a mapping of plain values, stored with the array in every home."""

import json
import pickle
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import home_arguments

import caterva as cat
from caterva import attrs as attrs_module

# Each library changes what the other wrote, and that is said each time.
pytestmark = pytest.mark.filterwarnings("ignore::caterva.UnverifiedWarning")

GRID = {"chunks": (4, 5), "blocks": (2, 3)}
VALUES = {
    "units": "kelvin",
    "valid_range": [0, 500],
    "scale_factor": 0.1,
    "missing": None,
    "calibrated": True,
    "count": -(2**63),
    "source": {"station": "Küche 7", "height": 2.5, "channels": [{"id": 1}, {}]},
    "": [],
}


def make(home) -> cat.NDArray:
    return cat.asarray(np.arange(63, dtype="<i4").reshape(9, 7), **GRID, **home)


def reopened(array) -> cat.NDArray:
    return cat.open(array.urlpath) if array.urlpath else cat.from_bytes(array.to_bytes())


def test_attributes_are_kept_in_all_homes(home):
    array = make(home)
    assert dict(array.attrs) == {} and not array.attrs
    array.attrs.update(VALUES)
    for same in (
        array,
        reopened(array),
        array.copy(),
        pickle.loads(pickle.dumps(array)),
        cat.from_bytes(array.to_bytes()),
    ):
        assert dict(same.attrs) == same.attrs.asdict() == VALUES
        assert same.attrs == VALUES
        assert list(same.attrs) == list(VALUES)
        assert json.loads(json.dumps(dict(same.attrs))) == VALUES
    array[...] = 5
    assert reopened(array).attrs == VALUES
    np.testing.assert_array_equal(np.asarray(reopened(array)), np.full((9, 7), 5, "<i4"))


def test_it_is_a_mutable_mapping(home):
    attrs = make(home).attrs
    attrs["a"] = 1
    attrs.update({"b": 2}, c=3)
    attrs.update([("d", 4)])
    assert list(attrs.items()) == [("a", 1), ("b", 2), ("c", 3), ("d", 4)]
    assert list(attrs.values()) == [1, 2, 3, 4] and list(attrs.keys()) == ["a", "b", "c", "d"]
    assert len(attrs) == 4 and "a" in attrs and "e" not in attrs and 5 not in attrs
    assert attrs.pop("a") == 1 and attrs.pop("a", None) is None
    assert attrs.popitem() == ("b", 2)
    assert attrs.setdefault("c", 9) == 3 and attrs.setdefault("e", 5) == 5 and attrs.get("z", 0) == 0
    for missing in ("z", 5):
        with pytest.raises(KeyError):
            attrs[missing]
        with pytest.raises(KeyError):
            del attrs[missing]
    assert repr(attrs) == "Attrs({'c': 3, 'd': 4, 'e': 5})"
    del attrs["c"]
    attrs.clear()
    attrs.clear()
    assert attrs == {}


def test_without_attributes_there_is_no_metalayer(home):
    array = make(home)
    assert array._handle.layer_names(1) == []
    array.attrs["a"] = 1
    assert array._handle.layer_names(1) == ["caterva_attrs"] and list(array.vlmeta) == []
    del array.attrs["a"]
    assert array._handle.layer_names(1) == []


def test_values_become_plain(home):
    array = make(home)
    array.attrs["x"] = (np.float32(0.5), np.int64(3), np.bool_(True), np.str_("s"), [(1, 2)])
    value = reopened(array).attrs["x"]
    assert value == [0.5, 3, True, "s", [[1, 2]]]
    assert [type(item) for item in value] == [float, int, bool, str, list]


def test_what_is_read_is_a_copy(home):
    array = make(home)
    given_ = {"y": [1]}
    array.attrs["x"] = given_
    given_["y"].append(2)
    array.attrs["x"]["y"].append(3)
    assert array.attrs["x"] == {"y": [1]}


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        1j,
        {1},
        object(),
        np.zeros(3),
        np.datetime64("2020"),
        2**64,
        -(2**63) - 1,
        [{"a": b""}],
        {5: 1},
    ],
    ids=repr,
)
def test_other_values_are_type_errors_that_name_the_attribute(value, home):
    array = make(home)
    array.attrs["old"] = 1
    with (
        pytest.raises(TypeError, match="'new'" if value != {5: 1} else "5")
        if not isinstance(value, np.ndarray)
        else pytest.raises(TypeError, match="tolist")
    ):
        array.attrs.update(good=1, new=value)
    with pytest.raises(TypeError, match="str"):
        array.attrs[5] = 1
    assert array.attrs == reopened(array).attrs == {"old": 1}


def test_values_without_end_are_refused(home):
    array = make(home)
    endless = []
    endless.append(endless)
    with pytest.raises(ValueError, match="deep"):
        array.attrs["x"] = endless
    deep = 1
    for _ in range(60):
        deep = [deep]
    array.attrs["x"] = deep
    assert reopened(array).attrs["x"] == deep


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), JSON))
def test_any_json_comes_back_the_same(values):
    array = make({})
    array.attrs.update(values)
    assert cat.from_bytes(array.to_bytes()).attrs == values


def test_python_blosc2_reads_and_writes_them(path):
    blosc2 = pytest.importorskip("blosc2")
    make({"urlpath": str(path)}).attrs.update(VALUES)
    theirs = blosc2.open(str(path), mode="a")
    assert theirs.schunk.vlmeta["caterva_attrs"] == VALUES
    theirs.schunk.vlmeta["caterva_attrs"] = VALUES | {"more": (1, 2)}
    del theirs
    assert cat.open(str(path)).attrs == VALUES | {"more": ["__tuple__", 1, 2]}


@pytest.mark.parametrize(
    "content", [b"", b"\xc1", b"\x91\xc0", b"\xc0", b"\x81\xc4\x01a\xc0", b"\x91" * 9999]
)
def test_damaged_attributes_raise_and_the_rest_is_read(content, path):
    blosc2 = pytest.importorskip("blosc2")
    make({"urlpath": str(path)})
    theirs = blosc2.open(str(path), mode="a")
    theirs.schunk.vlmeta["caterva_attrs"] = 1
    del theirs
    array = cat.open(str(path))
    array._handle.set_layers(1, [("caterva_attrs", content)])
    for use in (lambda: array.attrs["a"], lambda: array.attrs.update(a=1), lambda: len(array.attrs)):
        with pytest.raises((cat.CorruptDataError, cat.LimitError), match="caterva_attrs"):
            use()
    assert array[0, 1] == 1


def test_threads_lose_no_attribute(home):
    array = make(home)

    def work(number):
        for step in range(20):
            array.attrs[f"{number} {step}"] = step

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(reopened(array).attrs) == 80


def test_within_a_change_they_are_a_part_of_it(home):
    array = make(home)
    array.attrs["a"] = 1
    for end, after in [(array._handle.rollback, {"a": 1}), (array._handle.commit, {"b": 2})]:
        array._handle.begin()
        array.attrs.update(b=2)
        del array.attrs["a"]
        array.vlmeta["note"] = b"x"
        assert array.attrs == {"b": 2} and array.vlmeta["note"] == b"x"
        end()
        assert array.attrs == reopened(array).attrs == after
        assert ("note" in array.vlmeta) == ("b" in after)


def test_an_array_opened_for_reading_keeps_its_attributes(path):
    make({"urlpath": str(path)}).attrs["a"] = 1
    array = cat.open(str(path), mode="r")
    for change in (
        lambda: array.attrs.update(b=2),
        lambda: array.attrs.clear(),
        lambda: array.attrs.pop("a"),
    ):
        with pytest.raises(cat.StorageError):
            change()
    assert array.attrs == {"a": 1}


def test_plain_arrays_have_empty_ones():
    for plain in (cat.zeros((3,), 4), cat.zeros((3,), 4, chunks=(2,))[...]):
        assert dict(plain.attrs) == {}
        with pytest.raises(TypeError):
            plain.attrs["name"] = 1


def test_they_do_not_show_among_the_metalayers(path):
    array = cat.zeros((3,), 4, chunks=(2,), **home_arguments("file", path))
    array.attrs["a"] = 1
    assert list(array.vlmeta) == list(array.vlmeta.objects) == []
    array.vlmeta.clear()
    assert reopened(array).attrs == {"a": 1}


def test_a_thousand_attributes_are_parsed_once(monkeypatch, tmp_path):
    """Whatever is asked of them: they are parsed again when they have changed, here or elsewhere."""
    parses = []
    unpack = attrs_module.unpack

    def counted(*arguments, **keywords):
        parses.append(1)
        return unpack(*arguments, **keywords)

    monkeypatch.setattr(attrs_module, "unpack", counted)
    array = cat.zeros((4,), 4, chunks=(2,), urlpath=tmp_path / "a.b2nd")
    many = {f"name {number}": [number, {"deep": [number]}] for number in range(1000)}
    array.attrs.update(many)
    parses.clear()
    assert dict(array.attrs) == many and array.attrs == many and len(array.attrs) == 1000
    assert all(array.attrs[name] == value for name, value in many.items())
    assert len(parses) == 1
    other = cat.zeros((4,), 4, chunks=(2,))
    other.attrs.update(array.attrs)
    assert other.attrs == many and len(parses) <= 3
    array.attrs["name 1"][1]["deep"].append("changed")
    array.attrs.asdict()["name 2"].append("changed")
    assert array.attrs == many
    with cat.open(tmp_path / "a.b2nd") as second:
        second.attrs["name 0"] = "new"
    array.refresh()
    assert array.attrs["name 0"] == "new"
