"""Arguments: objects of a caller's that use the array they are given to, keys of a shape that has changed."""

import gc
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import caterva as cat
from caterva import _core

SECONDS = 60  # a call that waits for itself never returns; others take milliseconds
START = np.arange(7, dtype="i4")


def within(call):
    """Return what a call returns, or its exception; fail if it does not end."""
    results = []

    def run():
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert results, "the call waits for itself"
    return results[0]


@pytest.fixture(params=["memory", "file", "directory"])
def array(request, path):
    where = {
        "memory": {},
        "file": {"urlpath": path},
        "directory": {"urlpath": path, "contiguous": False},
    }[request.param]
    return cat.asarray(START, chunks=(3,), blocks=(2,), **where)


class Curious:
    """Stands for a value, and uses the array each time it is asked for it."""

    def __init__(self, array, value):
        self.array, self.value = array, value

    def look(self):
        self.array.attrs["seen"] = len(self.array)
        self.array[0] = self.array[0]
        return self.value

    def __index__(self):
        return self.look()

    def __array__(self, dtype=None, copy=None):
        return np.array(self.look(), dtype)

    def __iter__(self):
        return iter(self.look())

    def __len__(self):
        return len(self.look())

    def __getitem__(self, place):
        return self.look()[place]

    def keys(self):
        return self.look().keys()


class Index(int):
    """An index that is no more than that: NumPy makes an object of it."""

    def __index__(self):
        self.array[0] = self.array[0]
        return int.__index__(self)


def index_of(array, value):
    index = Index(value)
    index.array = array
    return index


CALLS = {
    "delete an index": (lambda a: a.delete(Curious(a, 2)), lambda n: np.delete(n, 2)),
    "delete a plain index": (lambda a: a.delete(index_of(a, -2)), lambda n: np.delete(n, -2)),
    "delete indices": (lambda a: a.delete(Curious(a, [0, -1])), lambda n: np.delete(n, [0, -1])),
    "delete a mask": (lambda a: a.delete(Curious(a, n_mask())), lambda n: np.delete(n, n_mask())),
    "delete a slice": (
        lambda a: a.delete(slice(Curious(a, 1), Curious(a, 5), index_of(a, 2))),
        lambda n: np.delete(n, slice(1, 5, 2)),
    ),
    "delete along an axis": (lambda a: a.delete(1, axis=Curious(a, -1)), lambda n: np.delete(n, 1)),
    "delete itself": (lambda a: a.delete(a), lambda n: np.delete(n, n)),
    "delete a part of itself": (lambda a: a.delete(a[1:3]), lambda n: np.delete(n, n[1:3])),
    "insert at an index": (lambda a: a.insert(Curious(a, 2), 5), lambda n: np.insert(n, 2, 5)),
    "insert a value": (lambda a: a.insert(2, Curious(a, 5)), lambda n: np.insert(n, 2, 5)),
    "insert at itself": (lambda a: a.insert(a, 5), lambda n: np.insert(n, n, 5)),
    "insert itself": (lambda a: a.insert([1], a), lambda n: np.insert(n, [1], n)),
    "append": (lambda a: a.append(Curious(a, [4, 5])), lambda n: np.append(n, [4, 5]).astype("i4")),
    "append itself": (lambda a: a.append(a), lambda n: np.append(n, n)),
    "set an index": (lambda a: a.__setitem__(Curious(a, 2), 9), lambda n: put(n, 2, 9)),
    "set a slice": (
        lambda a: a.__setitem__(slice(Curious(a, -3), None), 9),
        lambda n: put(n, slice(-3, None), 9),
    ),
    "set a value": (lambda a: a.__setitem__(..., Curious(a, 9)), lambda n: put(n, ..., 9)),
    "set itself": (lambda a: a.__setitem__(..., a), lambda n: n),
    "set itself, backwards": (
        lambda a: a.__setitem__(slice(None, None, -1), a),
        lambda n: n[::-1],
    ),
    "set what overlaps": (
        lambda a: a.__setitem__(slice(1, None), a[:-1]),
        lambda n: put(n, np.s_[1:], n[:-1]),
    ),
    "resize": (lambda a: a.resize(Curious(a, 5)), lambda n: n[:5]),
    "resize by a sequence": (lambda a: a.resize((Curious(a, 5),)), lambda n: n[:5]),
    "read an index": (lambda a: a[Curious(a, 2)], lambda n: n),
    "slice": (lambda a: a.slice(slice(Curious(a, 1), None), chunks=(2,)), lambda n: n),
    "threads": (lambda a: setattr(a, "nthreads", index_of(a, 2)), lambda n: n),
    "cache": (lambda a: setattr(a, "cache_bytes", index_of(a, 0)), lambda n: n),
    "verify": (lambda a: a.verify(progress=lambda done, count: a[0]), lambda n: n),
}


def n_mask():
    return [True, False] * 3 + [True]


def put(values, key, value):
    result = values.copy()
    result[key] = value
    return result


@pytest.mark.parametrize("name", CALLS)
def test_an_argument_may_use_the_array_that_it_is_given_to(name, array):
    call, model = CALLS[name]
    result = within(lambda: call(array))
    assert not isinstance(result, Exception), result
    np.testing.assert_array_equal(array[...], model(START), strict=True)


def test_another_handle_of_the_same_file_is_a_value(array):
    if array.urlpath is None:
        pytest.skip("needs a file")
    other = cat.open(array.urlpath)
    for call, expected in [
        (lambda: array.__setitem__(slice(None, None, -1), other), START[::-1]),
        (lambda: other.append(array), np.concatenate([START[::-1], START[::-1]])),
        (lambda: other.delete(array[:2]), np.delete(np.tile(START[::-1], 2), [6, 5])),
    ]:
        assert not isinstance(within(call), Exception)
        np.testing.assert_array_equal(cat.open(array.urlpath, mode="r")[...], expected)


def test_attributes_and_metalayers_may_use_the_array(array):
    class Key(str):
        __slots__ = ()

        def __hash__(self):
            array[0] = array[0]
            return str.__hash__(self)

        def __eq__(self, other):
            array[0] = array[0]
            return str.__eq__(self, other)

    class Number(float):
        def __float__(self):
            array[0] = array[0]
            return 99.0

    calls = [
        lambda: array.attrs.update(Curious(array, {"a": 1})),
        lambda: array.attrs.__setitem__(Key("b"), Number(2.5)),
        lambda: array.attrs.__setitem__("c", {Key("d"): [Number(1), index_of(array, 3)]}),
        lambda: array.attrs.__delitem__(Key("a")),
        lambda: array.vlmeta.update(Curious(array, {"note": b"x"})),
        lambda: array.vlmeta.__setitem__(Key("text"), "y"),
        lambda: array.vlmeta.objects.__setitem__("object", {"z": Number(3)}),
        lambda: array.vlmeta.__delitem__(Key("note")),
    ]
    for call in calls:
        assert within(call) is None
    assert {name: array.attrs[name] for name in "bc"} == {"b": 2.5, "c": {"d": [1.0, 3]}}
    assert list(array.vlmeta) == ["text", "object"]


# ---------------------------------------------------------------- what runs within a call


def test_a_finalizer_that_the_collector_runs_within_a_call_does_not_wait_for_it(array):
    """The collector may run at any allocation, those of planning an edit among them."""
    said = set()
    stop = threading.Event()

    class Cycle:
        def __init__(self):
            self.itself = self

        def __del__(self):
            try:
                assert array[0] == 0
            except cat.CatervaError as error:
                said.add(str(error))
            if not stop.is_set():
                Cycle()

    def edit():
        before = gc.get_threshold()
        gc.set_threshold(3)
        try:
            Cycle()
            for _ in range(100):
                array.append([1])
                array.delete(-1)
                array.attrs["n"] = 1
        finally:
            stop.set()
            gc.set_threshold(*before)

    assert within(edit) is None
    assert said, "no finalizer has run within a call"
    assert all("at work in this thread" in text for text in said)
    np.testing.assert_array_equal(array[...], START)


def test_a_source_that_reads_the_array_it_is_of_is_told():
    frame = cat.asarray(START, chunks=(3,)).to_bytes()
    asks = []

    def read(position, count):
        if asks:
            asks.pop().read((0,), (1,), (1,), np.empty(1, "i4"))
        return frame[position : position + count]

    handle = _core.ArrayHandle.open_source(read, len(frame))
    asks.append(handle)
    error = within(lambda: handle.read((0,), (7,), (1,), np.empty(7, "i4")))
    assert isinstance(error, cat.StorageError) and "cannot be used here" in str(error)
    out = np.empty(7, "i4")
    assert within(lambda: handle.read((0,), (7,), (1,), out))
    np.testing.assert_array_equal(out, START)


def test_what_is_told_of_the_progress_of_a_change_cannot_use_the_array_but_others(path):
    array = cat.asarray(START, chunks=(3,), urlpath=path, checksum=False)
    array.close()
    array, other = cat.open(path), cat.zeros((3,), dtype="i4", chunks=(2,))
    seen = []

    def progress(done, count):  # of the verification, which holds nobody up, then of the change
        other[0] = done
        assert array.shape == START.shape  # nobody waits for that
        for call in (lambda: array[0], lambda: array.flush()):
            try:
                call()
                seen.append("let in")
            except cat.CatervaError as error:
                seen.append(str(error))

    assert not isinstance(within(lambda: array.verify(adopt=True, progress=progress)), Exception)
    refused = [text for text in seen if text != "let in"]
    assert len(refused) > 1 and all("at work in this thread" in text for text in refused)
    np.testing.assert_array_equal(array[...], START)


# ---------------------------------------------------------------- keys, and the shape that a call changes

KEYS = [
    -1, 0, 5, -6, 9, ..., (), None, (None, -2), slice(None), slice(-2, None), slice(4, None), slice(None, -3),
    slice(None, None, -2), slice(-1, -4, -1), slice(2, 100), slice(7, None),
]  # fmt: skip


def outcome(call):
    try:
        return call(), None
    except (IndexError, ValueError) as error:
        return None, error


def set_in(values, key, value):
    if len(np.shape(value)) > np.ndim(values[key]):
        raise ValueError("NumPy has a TypeError for some of these")
    return put(values, key, value)


CHANGES = {
    "set": (
        lambda a, key: a.__setitem__(key, 70),
        lambda n, key: set_in(n, key, 70),
    ),
    "set two": (
        lambda a, key: a.__setitem__(key, [71, 72]),
        lambda n, key: set_in(n, key, [71, 72]),
    ),
    "delete": (
        lambda a, key: a.delete(key),
        lambda n, key: np.delete(n, key),
    ),
    "insert": (
        lambda a, key: a.insert(key, [73]),
        lambda n, key: np.insert(n, key, [73]),
    ),
}


@pytest.mark.parametrize("contiguous", [True, False])
@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("length", [0, 2, 4, 6, 11])
def test_a_key_means_the_state_that_the_call_changes(name, length, contiguous, tmp_path):
    """Another handle has changed the length: NumPy on what is there now gives the answer."""
    change, model = CHANGES[name]
    for n, key in enumerate(KEYS):
        if name in ("delete", "insert") and not isinstance(key, (int, slice)):
            continue
        path = tmp_path / f"{n}"
        stale = cat.asarray(START, chunks=(3,), blocks=(2,), urlpath=path, contiguous=contiguous)
        other = cat.open(path)
        other.resize(length)
        other[...] = now = 50 + np.arange(length, dtype="i4")
        expected, refused = outcome(lambda model=model, now=now, key=key: model(now, key))
        _, error = outcome(lambda change=change, stale=stale, key=key: change(stale, key))
        assert (error is None) == (refused is None), (key, error, refused)
        if refused is not None:
            assert type(error) is type(refused), (key, error, refused)
            assert isinstance(error, ValueError) or str(length) in str(error), (key, error)
        for handle in (stale, cat.open(path, mode="r")):
            np.testing.assert_array_equal(handle[...], now if refused else expected, str(key))


def test_a_key_in_a_transaction_means_what_is_seen_there(tmp_path):
    array = cat.asarray(START, chunks=(3,), urlpath=tmp_path / "a")
    cat.open(array.urlpath).append([100, 101])
    with array.transaction():
        array[-1] = 1
        array.append([5])
        array[-1] += 1
    np.testing.assert_array_equal(array[...], [*START, 100, 1, 6])


def test_metalayers_that_others_have_made_can_be_deleted(tmp_path):
    array = cat.asarray(START, chunks=(3,), urlpath=tmp_path / "a")
    other = cat.open(array.urlpath)
    other.vlmeta["new"] = b"1"
    del array.vlmeta["new"]
    with pytest.raises(KeyError, match="new"):
        del other.vlmeta["new"]
    other.vlmeta.update(a=b"1", b=b"2")
    other.attrs["kept"] = 1
    array.vlmeta.clear()
    assert not cat.open(array.urlpath).vlmeta and cat.open(array.urlpath).attrs == {"kept": 1}


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_read_is_of_one_state_while_another_thread_refreshes(contiguous, tmp_path):
    """Item i is `length` times 1000 plus i: each read tells the length that it is of."""
    path = tmp_path / "a"

    def content(length):
        return length * 1000 + np.arange(length)

    writer = cat.asarray(content(5), chunks=(3,), blocks=(2,), urlpath=path, contiguous=contiguous)
    array = cat.open(path, mode="r")
    stop = threading.Event()
    wrong, seen = [], set()

    def read():
        while not stop.is_set():
            last, rest, first = array[-1], np.asarray(array[2:]), array[np.int64(-2) :: -1]
            for length, part, expected in [
                (last // 1000, last, lambda length: content(length)[-1]),
                (rest[0] // 1000, rest, lambda length: content(length)[2:]),
                (first[0] // 1000, np.asarray(first), lambda length: content(length)[-2::-1]),
            ]:
                if not np.array_equal(part, expected(int(length))):
                    wrong.append(part)
                seen.add(int(length))

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        end = time.monotonic() + SECONDS
        for n, length in enumerate(itertools.cycle([5, 9, 4, 12])):
            if (n > 200 and len(seen) == 4) or time.monotonic() > end:
                break
            with writer.transaction():
                writer.resize(length)
                writer[...] = content(length)
            array.refresh()
        stop.set()
        for reader in readers:
            reader.result()
    assert not wrong, wrong[0]
    assert seen == {4, 5, 9, 12}
