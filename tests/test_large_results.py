"""Large results are written past the caches: they are what small ones are, wherever their memory lies."""

import itertools

import numpy as np
import pytest

import caterva as cat

LARGE = 4 << 20  # bytes: CATERVA_LARGE_BYTES


def smooth(shape, dtype):
    """Planes of all kinds: runs, compressible ones, noise."""
    data = np.add.outer(*(np.arange(extent) for extent in (shape[0], int(np.prod(shape[1:]))))).reshape(shape)
    noise = np.random.default_rng(1).integers(0, 50, shape)
    return (data * 3 + noise).astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "filters", "codec"),
    [
        ("<i2", ["SHUFFLE"], "LZ4"),
        ("<i4", ["SHUFFLE"], "BLOSCLZ"),
        ("<f8", ["SHUFFLE"], "ZSTD"),
        ("<f8", ["BITSHUFFLE"], "LZ4"),
        ("<f8", [], "LZ4"),
        ("<c16", ["SHUFFLE"], "LZ4"),
        ("S3", ["SHUFFLE"], "LZ4"),
    ],
    ids=str,
)
def test_a_large_read_equals_numpy(dtype, filters, codec):
    shape = (70, 130, 10 * 24) if dtype != "S3" else (70, 130, 160)
    data = smooth(shape, dtype)
    data[5:40, :, 64:128] = data[0, 0, 0]  # constant blocks and chunks
    assert data.nbytes > LARGE
    filters = [cat.Filter[name] for name in filters]
    array = cat.asarray(
        data, chunks=(32, 64, 64), blocks=(8, 16, 32), codec=cat.Codec[codec], filters=filters
    )
    for nthreads in (1, 2):
        array.nthreads = nthreads
        np.testing.assert_array_equal(array[...], data, strict=False)
        np.testing.assert_array_equal(array[1:, ::-1, 3:], data[1:, ::-1, 3:])


@pytest.mark.parametrize("start", [0, 8, 16, 64, 72])
def test_memory_at_any_address_is_filled_and_no_more_of_it(start):
    data = smooth((64, 128, 96), "<f8")
    array = cat.asarray(data, chunks=(64, 64, 64), blocks=(16, 16, 32))
    memory = np.full(data.nbytes + 256, 0xA5, np.uint8)
    begin = -memory.__array_interface__["data"][0] % 64 + start
    target = memory[begin : begin + data.nbytes]
    out = np.ndarray(data.shape, array._items.raw, target)
    array._handle.read((0, 0, 0), data.shape, (1, 1, 1), out)
    assert target.tobytes() == data.tobytes()
    assert set(memory[:begin].tolist()) <= {0xA5}
    assert set(memory[begin + data.nbytes :].tolist()) <= {0xA5}


def test_large_results_begin_with_a_cache_line_and_own_what_they_need():
    array = cat.zeros((LARGE // 8,), dtype="<f8", chunks=(1 << 16,), blocks=(1 << 12,))
    result = array[...]
    assert result.__array_interface__["data"][0] % 64 == 0
    assert result.flags.c_contiguous
    assert result.flags.writeable
    assert array[: LARGE // 8 - 1].nbytes == LARGE - 8


@pytest.mark.parametrize("ndim", [1, 2, 3, 4])
def test_blocks_that_lie_in_the_result_as_in_a_chunk(ndim):
    count = LARGE // 8 + 8 * 1024
    shape = (count,) if ndim == 1 else (count // 1024, *(1,) * (ndim - 2), 1024)
    data = smooth((*shape, 1), "<i8").reshape(shape)
    blocks = (1024,) if ndim == 1 else (1,) * (ndim - 1) + (1024,)
    chunks = tuple(min(8 * block, extent) for block, extent in zip(blocks, shape, strict=True))
    array = cat.asarray(data, chunks=chunks, blocks=blocks)
    np.testing.assert_array_equal(array[...], data)


@pytest.mark.parametrize("row", [1, 3, 8, 31, 32, 33, 64, 100])
def test_rows_of_any_length_equal_numpy(row):
    data = smooth((40, 50, row), "<f8")
    array = cat.asarray(data, chunks=(20, 30, row), blocks=(7, 9, min(row, 40)), cache_bytes=0)
    for start, stop in itertools.combinations(sorted({0, 1, row // 2, row}), 2):
        np.testing.assert_array_equal(array[3:31, ::-1, start:stop], data[3:31, ::-1, start:stop])
        np.testing.assert_array_equal(array[:, 7, start:stop], data[:, 7, start:stop])
