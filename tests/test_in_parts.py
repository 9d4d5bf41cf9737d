"""What is too large for memory goes a slab of chunks at a time, as one change, and gives what NumPy gives."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import caterva as cat
from caterva import slabs

SHAPE = (37, 11, 9)
DATA = np.arange(np.prod(SHAPE), dtype="i4").reshape(SHAPE)


class Lazy:
    """What h5py's datasets, zarr's and Dask's arrays have in common; notes the largest part that is read."""

    def __init__(self, data: np.ndarray):
        self.data, self.shape, self.dtype, self.ndim = data, data.shape, data.dtype, data.ndim
        self.parts: list[int] = []

    def __getitem__(self, key):
        part = self.data[key]
        self.parts.append(part.size)
        return part

    def __array__(self, dtype=None, copy=None):
        assert self.data.nbytes <= 4000, "all of it was asked for"
        return self.data


@pytest.fixture(autouse=True)
def small_slabs(monkeypatch):
    monkeypatch.setattr(slabs, "SLAB_BYTES", 4000)
    for function in (slabs.slabs, slabs.slab_shape):
        monkeypatch.setattr(function, "__defaults__", (4000,))


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 12)), max_size=4),
    st.integers(1, 9),
    st.integers(1, 3000),
)
def test_slabs_cover_each_item_once_and_begin_with_chunks(axes, itemsize, most):
    shape, chunks = (tuple(axis[i] for axis in axes) for i in (0, 1))
    seen = np.zeros(shape, "u1")
    for box in slabs.slabs(shape, chunks, itemsize, most):
        seen[box] += 1
        for axis, chunk, extent in zip(box, chunks, shape, strict=True):
            assert axis.start % chunk == 0 and (axis.stop % chunk == 0 or axis.stop == extent)
        chunk_items = np.prod([min(chunk, extent) for chunk, extent in zip(chunks, shape, strict=True)])
        assert seen[box].size * itemsize <= max(most, chunk_items * itemsize)
    assert (seen == 1).all()


@pytest.mark.parametrize("chunks", [(4, 5, 3), "auto"])
def test_asarray_reads_what_gives_its_items_by_keys_in_parts(tmp_path, chunks):
    source = Lazy(DATA)
    array = cat.asarray(source, chunks=chunks, urlpath=tmp_path / "a.b2nd", meta={"note": b"x"})
    np.testing.assert_array_equal(array, DATA)
    assert array.dtype == DATA.dtype and array.meta["note"] == b"x"
    if chunks != "auto":
        assert len(source.parts) > 3 and max(source.parts) * 4 <= 4000
    typed = cat.asarray(Lazy(DATA), dtype="f8", chunks=(4, 5, 3))
    np.testing.assert_array_equal(typed, DATA.astype("f8"))
    assert cat.asarray(Lazy(np.zeros((0, 3))), chunks="auto").shape == (0, 3)
    assert cat.asarray(Lazy(np.array(5)), chunks="auto")[()] == 5


def test_a_source_that_fails_or_lies_leaves_nothing(tmp_path):
    class Short(Lazy):
        def __getitem__(self, key):
            return super().__getitem__(key)[:1]

    class Failing(Lazy):
        def __getitem__(self, key):
            if key[0].start > 9:
                raise OSError("gone")
            return super().__getitem__(key)

    for source, error in ((Short(DATA), ValueError), (Failing(DATA), OSError)):
        with pytest.raises(error):
            cat.asarray(source, chunks=(4, 5, 3), urlpath=tmp_path / "a.b2nd")
        assert not list(tmp_path.iterdir())
    array = cat.asarray(DATA, chunks=(4, 5, 3), urlpath=tmp_path / "b.b2nd")
    with pytest.raises(OSError):
        array[...] = Failing(DATA + 1)
    with pytest.raises(OSError):
        array.append(Failing(DATA + 1))
    np.testing.assert_array_equal(array, DATA)
    masked = np.ma.masked_array(DATA, mask=DATA == 700)
    with pytest.raises(TypeError, match="filled"):
        array[...] = Lazy(masked)
    np.testing.assert_array_equal(cat.open(tmp_path / "b.b2nd"), DATA)


@pytest.mark.parametrize("make", [Lazy, lambda data: cat.asarray(data, chunks=(9, 4, 5))])
def test_items_are_set_and_appended_in_parts_as_one_commit(tmp_path, make):
    path = tmp_path / "a.b2nd"
    array = cat.zeros(SHAPE, dtype="f4", chunks=(4, 5, 3), urlpath=path)
    reader = cat.open(path, "r")
    array[...] = make(DATA)
    np.testing.assert_array_equal(array, DATA)
    assert not np.asarray(reader).any()
    array[5:30, :, 2:] = make(DATA[12:, :, :7] * 2)
    expected = DATA.astype("f4")
    expected[5:30, :, 2:] = DATA[12:, :, :7] * 2
    np.testing.assert_array_equal(array, expected)
    array[3, None, ::-1, 1:] = make(DATA[:1, :, :8])
    expected[3, None, ::-1, 1:] = DATA[:1, :, :8]
    wide = np.broadcast_to(np.arange(2000), (37, 2000))
    broad = cat.zeros((37, 2000), dtype="i4", chunks=(5, 300))
    row = Lazy(wide[0]) if make is Lazy else cat.asarray(wide[0], chunks=(700,))
    broad[4, ::-1] = row
    broad[7] = row
    assert (broad[4] == wide[0, ::-1]).all() and (broad[7] == wide[1]).all()
    for axis in range(3):
        more = np.full(
            [29 if place == axis else extent for place, extent in enumerate(array.shape)], axis + 5
        )
        assert array.append(make(more), axis) == array.shape[axis]
        expected = np.append(expected, more, axis)
        np.testing.assert_array_equal(array, expected)
    with pytest.raises(ValueError):
        array.append(make(DATA))
    with pytest.raises(ValueError, match="broadcast"):
        array[...] = make(DATA)
    np.testing.assert_array_equal(array, expected)
    with array.transaction():
        array[:37, :11, :9] = np.zeros((37, 11, 9))
        if make is not Lazy:
            array[:37, :11, :9] = make(DATA)
    assert reader.refresh()


def test_an_array_may_be_its_own_source(tmp_path):
    path = tmp_path / "a.b2nd"
    array = cat.asarray(DATA, chunks=(4, 5, 3), urlpath=path)
    array[...] = array
    array[...] = cat.open(path, "r")
    np.testing.assert_array_equal(array, DATA)
    array.append(array)
    np.testing.assert_array_equal(array, np.append(DATA, DATA, 0))
    array[37:] = cat.open(path, "r")[:37] + 1
    np.testing.assert_array_equal(array[37:], DATA + 1)


KEYS = [
    np.s_[...], np.s_[3:30:2], np.s_[::-1, 2, ::-3], np.s_[5, None, 1:9],
    np.s_[None, ..., 4, None], np.s_[0, 0, 0], np.s_[9:9],
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_slices_are_stored_in_parts(tmp_path, key):
    array = cat.asarray(DATA, chunks=(4, 5, 3), codec="zstd", clevel=7, nthreads=2, meta={"note": b"n"})
    part = array.slice(key, urlpath=tmp_path / "a.b2nd")
    np.testing.assert_array_equal(part, DATA[key], strict=False)
    assert part.shape == DATA[key].shape and part.dtype == DATA.dtype
    assert (part.codec, part.clevel, part.nthreads) == (cat.Codec.ZSTD, 7, 2)
    chunks = (3,) * DATA[key].ndim
    other = array.slice(key, chunks=chunks, codec="lz4")
    assert (other.codec, other.clevel, other.chunks) == (cat.Codec.LZ4, 7, chunks)
    np.testing.assert_array_equal(other, DATA[key])


def test_copies_of_another_dtype_are_made_in_parts(tmp_path):
    array = cat.asarray(DATA, chunks=(4, 5, 3), meta={"note": b"n"})
    array.attrs["unit"] = "m"
    copy = array.copy(dtype="f8", urlpath=tmp_path / "a.b2nd")
    np.testing.assert_array_equal(copy, DATA.astype("f8"))
    assert copy.meta["note"] == b"n" and copy.attrs == {"unit": "m"} and copy.chunks == array.chunks


MEMORY = """
import resource, sys
import numpy as np
import caterva as cat

class Rows:
    shape, dtype, ndim = (48, 1000, 1000), np.dtype("f8"), 3  # 384 MB
    def __getitem__(self, key):
        counts = [axis.stop - axis.start for axis in key]
        return np.broadcast_to(np.arange(key[2].start, key[2].stop, dtype="f8"), counts)

cat.zeros((4, 4), dtype="f8", chunks="auto")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
path = sys.argv[1]
a = cat.asarray(Rows(), urlpath=path + "/a.b2nd", chunks=(2, 500, 500))
b = a.copy(dtype="f4", urlpath=path + "/b.b2nd")
c = a.slice(np.s_[1:, ::-1], urlpath=path + "/c.b2nd")
a[...] = b
c.append(a)
c.append(Rows(), axis=0) if False else None
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
assert c.shape == (95, 1000, 1000) and c[94, 3, 999] == 999 and c[3, 3, 5] == 5
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in kibibytes on Linux")
@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="sanitizers take memory of their own")
def test_memory_is_that_of_some_slabs(tmp_path):
    """384 MB of items: as a whole they would be in memory, here or there, at least once."""
    shown = subprocess.run(
        [sys.executable, "-P", "-c", MEMORY, tmp_path], capture_output=True, text=True, check=True
    )
    assert int(shown.stdout) < 300e6


@pytest.mark.parametrize("library", ["h5py", "zarr", "dask.array"])
def test_arrays_of_other_libraries(tmp_path, library):
    module = pytest.importorskip(library)
    if library == "h5py":
        source = module.File(tmp_path / "a.h5", "w").create_dataset("a", data=DATA, chunks=(5, 5, 5))
    else:
        make = module.array if library == "zarr" else module.from_array
        source = make(DATA, chunks=(5, 5, 5))
    array = cat.asarray(source, chunks=(4, 5, 3))
    np.testing.assert_array_equal(array, DATA)
    array[...] = source
    array.append(source)
    np.testing.assert_array_equal(array, np.append(DATA, DATA, 0))
