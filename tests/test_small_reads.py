"""The shortcuts of small reads, keys parsed in Cython and the cache of blocks, against the general way."""

import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import home_arguments, sample

import caterva as cat

SHAPE = (13, 11, 7)
CACHES = [0, 500, 5000, 4 * 2**20]  # none, two blocks, some, all

INDICES = st.integers(-15, 15) | st.integers(-15, 15).map(np.int64) | st.integers(0, 6).map(np.uint8)
SLICES = st.slices(13) | st.builds(
    slice, *[st.none() | st.integers(-20, 20)] * 2, st.none() | st.integers(-5, 5)
)
PARTS = INDICES | SLICES | st.just(Ellipsis) | st.none() | st.sampled_from([True, 2**70, -(2**70), 1.5, "a"])
KEYS = PARTS | st.lists(PARTS, max_size=5).map(tuple) | st.tuples(*[st.integers(0, 6)] * 3)


def outcome(call, key):
    """What a call gives, or the type and words of its exception."""
    try:
        return call(key)
    except Exception as error:
        return type(error), str(error)


def assert_same(got, expected):
    assert type(got) is type(expected)
    if isinstance(got, tuple):
        assert got == expected
    else:
        assert got.dtype == expected.dtype and got.shape == expected.shape
        assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", ["<f8", "|S3", "<M8[s]", [("a", "<i2"), ("b", "<f4")]])
@given(key=KEYS)
def test_keys_in_cython_are_those_in_python(dtype, key):
    array = cat.asarray(sample(SHAPE, dtype), chunks=(6, 6, 6), blocks=(4, 3, 2))
    assert_same(outcome(array.__getitem__, key), outcome(array._general_item, key))


@given(key=KEYS)
def test_opaque_items_too(key):
    data = sample(SHAPE, "V5")
    array = cat.from_buffer(data, SHAPE, 5, chunks=(6, 6, 6), blocks=(4, 3, 2))
    got, expected = outcome(array.__getitem__, key), outcome(array._general_item, key)
    assert_same(got, expected)
    assert getattr(got, "_is_opaque", None) == getattr(expected, "_is_opaque", None)


@pytest.mark.parametrize("axes", [(), (0,), (4, 0)])
def test_arrays_without_axes_or_items(axes):
    array = cat.zeros(axes, dtype="f8", chunks="auto")
    for key in [(), ..., 0, slice(None), (0, ...), (..., 0), (slice(None), slice(2)), (0, 0), (..., ...)]:
        assert_same(outcome(array.__getitem__, key), outcome(array._general_item, key))


@pytest.mark.parametrize("cache_bytes", CACHES)
@pytest.mark.parametrize("kind", ["smooth", "noise"])
def test_reads_between_writes(cache_bytes, kind, home):
    """Whatever the cache holds, a read gives what was written last."""
    random = np.random.default_rng(3)
    data = sample(SHAPE, "<i4") if kind == "smooth" else random.integers(-(2**31), 2**31, SHAPE, "<i4")
    array = cat.asarray(data, chunks=(6, 6, 6), blocks=(4, 3, 2), cache_bytes=cache_bytes, **home)
    data = data.copy()
    assert array.cache_bytes == cache_bytes
    for step in range(300):
        index = tuple(int(random.integers(extent)) for extent in SHAPE)
        box = tuple(slice(place, place + int(random.integers(1, 4))) for place in index)
        assert array[index] == data[index]
        np.testing.assert_array_equal(np.asarray(array[box]), data[box])
        if step % 5 == 0:
            array[box] = data[box] = step
            assert array[index] == step


def test_a_change_that_is_rolled_back_leaves_nothing_in_the_cache():
    array = cat.zeros((8, 8), dtype="i4", chunks=(4, 4), blocks=(2, 2))
    assert array[1, 1] == 0
    array._handle.begin()
    array[1, 1] = 5
    assert array[1, 1] == 5
    array._handle.rollback()
    assert array[1, 1] == 0


def test_many_threads_share_the_cache(tmp_path):
    """Readers of single items beside a writer see old or new items, and no others."""
    keywords = home_arguments("file", tmp_path / "a.b2nd")
    array = cat.zeros(SHAPE, dtype="i8", chunks=(6, 6, 6), blocks=(4, 3, 2), cache_bytes=2000, **keywords)
    done, wrong = threading.Event(), []

    def read(seed):
        random, last = np.random.default_rng(seed), 0
        while not done.is_set():
            got = array[tuple(int(random.integers(extent)) for extent in SHAPE)]
            if got < last:
                wrong.append((last, got))
            last = got

    readers = [threading.Thread(target=read, args=(seed,)) for seed in range(3)]
    for reader in readers:
        reader.start()
    for value in range(1, 60):
        array[...] = value
    done.set()
    for reader in readers:
        reader.join()
    assert not wrong


def test_cache_bytes_is_a_keyword_and_a_property(path):
    array = cat.zeros((4, 4), dtype="i4", chunks=(2, 2), urlpath=path, cache_bytes=1234)
    assert array.cache_bytes == array.copy().cache_bytes == 1234
    array.cache_bytes = 0
    assert array[3, 3] == 0 and array.cache_bytes == 0
    assert cat.open(path, cache_bytes=77).cache_bytes == 77
    assert cat.open(path).cache_bytes == cat.from_bytes(array.to_bytes()).cache_bytes == 4 * 2**20
    for wrong, error in [(-1, ValueError), (1.5, TypeError), (2**63, ValueError)]:
        with pytest.raises(error, match="cache_bytes"):
            cat.open(path, cache_bytes=wrong)


@pytest.mark.parametrize("mode", [None, "r"])
def test_a_mapped_file_reads_as_any_other(mode, path):
    data = sample((40, 30), "<f4")
    for codec, filters in [("lz4", ["shuffle"]), ("zstd", []), ("lz4", ["delta"])]:
        cat.asarray(data, chunks=(17, 11), blocks=(5, 4), urlpath=path, codec=codec, filters=filters)
        with cat.open(path, mode, mmap=True, nthreads=2) as array, pickle.loads(pickle.dumps(array)) as twin:
            for key in [..., (3, 4), (slice(3, 30, 2), 5), slice(None, None, -1)]:
                np.testing.assert_array_equal(np.asarray(array[key]), data[key])
                np.testing.assert_array_equal(np.asarray(twin[key]), data[key])
            with pytest.raises(cat.StorageError):
                array[0, 0] = 1
        cat.remove(path)


def test_what_cannot_be_mapped(path):
    cat.zeros((4, 4), dtype="i4", chunks=(2, 2), urlpath=path)
    with pytest.raises(ValueError, match="'a'"):
        cat.open(path, "a", mmap=True)
    with pytest.raises(TypeError, match="mmap"):
        cat.open(path, mmap="yes")
    cat.remove(path)
    cat.zeros((4, 4), dtype="i4", chunks=(2, 2), urlpath=path, contiguous=False)
    with pytest.raises(ValueError, match=r"array\.b2nd.*directory"):
        cat.open(path, mmap=True)
    (path.parent / "empty").touch()
    with pytest.raises(cat.CorruptDataError, match="empty"):
        cat.open(path.parent / "empty", mmap=True)


def test_the_process_has_a_number_of_threads(path):
    before = cat.set_nthreads(3)
    try:
        array = cat.zeros((4, 4), dtype="i4", chunks=(2, 2), urlpath=path)
        assert array.nthreads == cat.open(path).nthreads == cat.from_bytes(array.to_bytes()).nthreads == 3
        assert cat.open(path, nthreads=2).nthreads == 2
        for wrong, error in [(0, ValueError), (1025, ValueError), ("2", TypeError), (True, TypeError)]:
            with pytest.raises(error, match="nthreads"):
                cat.set_nthreads(wrong)
    finally:
        assert cat.set_nthreads(before) == 3


@pytest.mark.parametrize(
    ("text", "shown"), [("4", "4"), ("", "1"), ("0", "from 1 to 1024"), ("many", "an integer")]
)
def test_the_environment_sets_it(text, shown):
    code = "import caterva; print(caterva.zeros(3, dtype='i4', chunks=2).nthreads)"
    run = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=os.environ | {"CATERVA_NTHREADS": text},
        capture_output=True,
        text=True,
    )
    assert shown in (run.stdout if run.returncode == 0 else run.stderr)
    assert (run.returncode == 0) == shown.isdecimal()
