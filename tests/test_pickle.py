"""Arrays that go to other processes: by path and mode from files, by content from memory."""

import multiprocessing
import operator
import os
import pickle

import numpy as np
import pytest

import caterva as cat

SECONDS = 120  # then another process hangs


@pytest.fixture(scope="module")
def elsewhere():
    """A function that calls a function in a process of its own, which has inherited nothing."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        yield lambda function, *arguments: pool.apply_async(function, arguments).get(timeout=SECONDS)


@pytest.fixture
def data():
    return np.arange(600, dtype="<i4").reshape(20, 30)


def make(data, **keywords):
    return cat.asarray(data, chunks=(7, 8), blocks=(3, 8), **keywords)


kept = operator.attrgetter(
    "shape", "chunks", "blocks", "dtype", "nthreads", "cache_bytes", "max_bytes", "sframe"
)


def test_every_home_arrives_as_it_is(home, data, elsewhere):
    array = make(data, **home, nthreads=3, cache_bytes=12_345)
    array.attrs["unit"] = "mm"
    np.testing.assert_array_equal(elsewhere(operator.getitem, array, ()), data, strict=True)
    assert elsewhere(kept, array) == kept(array)
    twin = pickle.loads(pickle.dumps(array))
    assert twin.attrs == {"unit": "mm"} and twin.urlpath == array.urlpath


def test_what_another_process_writes_into_a_file_is_there(home, data, elsewhere):
    array = make(data, **home)
    elsewhere(operator.setitem, array, (3, slice(None)), -1)
    after = data.copy()
    if array.urlpath:
        after[3] = -1
        array = cat.open(array.urlpath)
    np.testing.assert_array_equal(array[...], after)


def test_opaque_items_stay_opaque(data, elsewhere):
    array = cat.from_buffer(data.tobytes(), data.shape, 4, chunks=(7, 8), blocks=(3, 8))
    part = elsewhere(operator.getitem, array, slice(2, 5))
    assert part.dtype == "S4" and part.tobytes() == data[2:5].tobytes()
    assert pickle.loads(pickle.dumps(array))[0, 1].tobytes() == data[0, 1].tobytes()


@pytest.mark.parametrize("keywords", [{"mode": "r"}, {"mode": "r", "mmap": True}], ids=["read", "mapped"])
def test_a_file_for_reading_is_for_reading_there(keywords, data, path, elsewhere):
    make(data, urlpath=path)
    array = cat.open(path, **keywords, max_bytes=1 << 20)
    assert array.__reduce__()[1][:4] == (str(path), "r", 0, "mmap" in keywords)
    np.testing.assert_array_equal(elsewhere(operator.getitem, array, ()), data)
    assert elsewhere(kept, array) == kept(array)
    with pytest.raises(OSError, match="reading only"):
        elsewhere(operator.setitem, array, 0, 0)


@pytest.mark.parametrize("mmap", [False, True])
def test_an_array_within_a_file_is_found_by_its_offset(mmap, data, path, elsewhere):
    path.write_bytes(bytes(1000) + make(data).to_bytes())
    array = cat.open(path, offset=1000, mmap=mmap)
    np.testing.assert_array_equal(elsewhere(operator.getitem, array, ()), data)
    with pytest.raises(OSError, match="reading only"):
        elsewhere(operator.setitem, array, 0, 0)


def test_bytes_arrive_with_their_limit(data, elsewhere):
    array = cat.from_bytes(make(data).to_bytes(), max_bytes=1 << 20)
    np.testing.assert_array_equal(elsewhere(operator.getitem, array, ()), data)
    assert elsewhere(kept, array) == kept(array)


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_relative_path_is_of_the_directory_it_was_opened_in(contiguous, data, path, monkeypatch, elsewhere):
    monkeypatch.chdir(path.parent)
    made = make(data, urlpath="array.b2nd", contiguous=contiguous)
    opened = cat.open("array.b2nd")
    assert opened.urlpath == "array.b2nd"
    monkeypatch.chdir(os.sep)
    for array in (made, opened):
        pickled = pickle.dumps(array)
        assert pickle.loads(pickled).urlpath == str(path)
        np.testing.assert_array_equal(elsewhere(operator.getitem, array, ()), data)


def test_a_change_that_is_open_does_not_go_along(home, data, elsewhere):
    array = make(data, **home)
    array._handle.begin()
    array[0] = -1
    seen = elsewhere(operator.getitem, array, 0)
    assert (seen == (data[0] if array.urlpath else -1)).all()  # from memory: what the array is
    array._handle.rollback()


def test_a_closed_array_is_refused(home, data):
    array = make(data, **home)
    array.close()
    with pytest.raises(ValueError, match="the array is closed"):
        pickle.dumps(array)


def test_a_file_that_is_gone_is_named(data, path):
    pickled = pickle.dumps(make(data, urlpath=path))
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"array\.b2nd"):
        pickle.loads(pickled)
