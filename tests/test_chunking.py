"""Chunks and blocks that are chosen obey the format, the shape, and their target sizes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caterva as cat
from caterva.chunking import (
    CHUNK_BYTES,
    GROWTH_BYTES,
    block_target,
    partition,
    suggest_blocks,
    suggest_chunks,
)
from caterva.shapes import MAX_BLOCK_BYTES, MAX_CHUNK_BYTES, MAX_ITEM_BYTES, as_partition, as_shape

SHAPES = st.lists(st.integers(0, 5) | st.integers(0, 10**6), max_size=16).map(tuple)
ITEMSIZES = st.integers(1, 300) | st.integers(1, 2**24)


def padded(chunks, blocks):
    return tuple(-(-chunk // block) * block for chunk, block in zip(chunks, blocks, strict=True))


@given(SHAPES, ITEMSIZES)
def test_automatic_shapes_fit_into_each_other_and_into_the_targets(shape, itemsize):
    chunks, blocks = partition(shape, itemsize)
    is_roomy = itemsize * math.prod(chunks) <= GROWTH_BYTES
    assert all(
        1 <= block <= chunk and (chunk <= max(extent, 1) or is_roomy)
        for block, chunk, extent in zip(blocks, chunks, shape, strict=True)
    )
    assert math.prod(blocks) == 1 or itemsize * math.prod(blocks) <= block_target(chunks)
    is_huge = itemsize * math.prod(max(extent, 1) for extent in shape) > CHUNK_BYTES * 2**27
    assert math.prod(chunks) == 1 or itemsize * math.prod(chunks) <= (2**30 if is_huge else CHUNK_BYTES)
    assert itemsize * math.prod(padded(chunks, blocks)) <= MAX_CHUNK_BYTES


@given(SHAPES.filter(lambda shape: 0 not in shape), st.integers(1, 255))
def test_automatic_shapes_are_not_needlessly_small(shape, itemsize):
    chunks, blocks = partition(shape, itemsize)
    array_bytes = itemsize * math.prod(shape)
    chunk_bytes = itemsize * math.prod(chunks)
    # halved once for the next doubling that did not fit, and once per axis by evening out: at most 3/2 each
    slack = 2 * 1.5 ** sum(chunk < extent for chunk, extent in zip(chunks, shape, strict=True))
    assert chunk_bytes * slack >= min(array_bytes, CHUNK_BYTES // 2)
    slack = 2 * 1.5 ** sum(block < chunk for block, chunk in zip(blocks, chunks, strict=True))
    assert itemsize * math.prod(blocks) * slack >= min(chunk_bytes, block_target(chunks) // 2)


@pytest.mark.parametrize(
    ("shape", "itemsize", "chunks", "blocks"),
    [
        ((), 8, (), ()),
        ((), 2**28, (), ()),
        ((0,), 4, (65536,), (2048,)),
        ((0, 7), 4, (8192, 7), (512, 7)),
        ((10,), 4, (40960,), (2048,)),
        ((1000, 1), 4, (1000, 64), (63, 64)),
        ((3, 400, 400), 4, (3, 400, 400), (3, 31, 58)),
        ((2**58,), 1, (2**30,), (2**13,)),
        ((2**26, 2**26), 8, (4096, 8192), (32, 64)),
        ((10**9,), 1, (2096437,), (8190,)),
        ((4096, 4096), 4, (512, 1024), (64, 64)),
        ((512, 512, 512), 2, (64, 128, 128), (16, 32, 32)),
        ((5, 5), 2**26, (1, 1), (1, 1)),
    ],
)
def test_automatic_shapes_of_typical_arrays(shape, itemsize, chunks, blocks):
    assert partition(shape, itemsize) == (chunks, blocks)
    assert partition(shape, itemsize, "auto", "auto") == (chunks, blocks)


@given(SHAPES.filter(lambda shape: len(shape) <= 5), st.integers(1, 64), st.data())
def test_the_shape_that_is_not_given_is_chosen_to_fit_the_other(shape, itemsize, data):
    given_shape = tuple(data.draw(st.integers(1, 20)) for _ in shape)
    chunks, blocks = partition(shape, itemsize, chunks=given_shape)
    assert chunks == given_shape
    assert all(1 <= block <= chunk for block, chunk in zip(blocks, chunks, strict=True))
    chunks, blocks = partition(shape, itemsize, blocks=given_shape)
    assert blocks == given_shape
    for chunk, block, extent in zip(chunks, blocks, shape, strict=True):
        assert chunk >= block
        assert chunk % block == 0 or chunk == extent


@pytest.mark.parametrize(
    ("chunks", "itemsize"),
    [((2**31 - 33,), 1), ((1000, 1000, 536), 4), ((536870903,), 4), ((2**29 - 9, 4), 1), ((46340, 46341), 1)],
)
def test_chunks_near_the_limit_have_blocks_that_they_consist_of(chunks, itemsize):
    assert itemsize * math.prod(chunks) <= MAX_CHUNK_BYTES
    found, blocks = partition(chunks, itemsize, chunks=chunks)
    assert found == chunks and itemsize * math.prod(padded(chunks, blocks)) <= MAX_CHUNK_BYTES
    assert 2**9 <= itemsize * math.prod(blocks) <= MAX_BLOCK_BYTES
    assert cat.zeros(chunks, itemsize, chunks=chunks).chunks == chunks


@pytest.mark.parametrize("shape", [(0,), (10,), (200,), (0, 5), (1, 5), (5, 1), (0, 300), (3, 4)])
def test_what_grows_from_nothing_has_few_chunks(shape):
    """16,000 items, one at a time or in rows, on the axis that is empty, of length 1, or the first."""
    chunks, _ = partition(shape, 8)
    axis = next((axis for axis, extent in enumerate(shape) if extent < 2), 0)
    grown = [*shape]
    grown[axis] += 16000
    grown_chunks = math.prod(-(-extent // chunk) for extent, chunk in zip(grown, chunks, strict=True))
    assert grown_chunks <= max(150, 4 * 8 * math.prod(grown) // GROWTH_BYTES)


def test_the_largest_item_is_that_of_a_block():
    assert cat.zeros((2,), MAX_ITEM_BYTES, chunks=(1,)).itemsize == MAX_ITEM_BYTES == MAX_BLOCK_BYTES
    for size in (MAX_ITEM_BYTES + 1, 2**31 - 1):
        with pytest.raises(ValueError, match=str(MAX_ITEM_BYTES)):
            cat.zeros((2,), size, chunks=(1,))
        with pytest.raises(ValueError, match=str(MAX_ITEM_BYTES)):
            cat.zeros((2,), dtype=f"V{size}", chunks=(1,))


def test_suggestions_take_other_targets():
    assert math.prod(suggest_blocks((1000, 1000), 8, target_bytes=2**12)) * 8 <= 2**12
    assert math.prod(suggest_chunks((1000, 1000), 8, target_bytes=2**16)) * 8 <= 2**16


def test_what_is_given_is_kept_even_beyond_the_shape():
    assert partition((10,), 4, chunks=(20,), blocks=(15,)) == ((20,), (15,))
    assert partition((0, 3), 4, chunks=(0, 3), blocks=(0, 2)) == ((1, 3), (1, 2))
    assert partition((10,), 4, chunks=5, blocks=5) == ((5,), (5,))


@pytest.mark.parametrize(
    ("chunks", "blocks", "error", "words"),
    [
        ((4, 4), (2, 5), ValueError, ["(2, 5)", "(4, 4)", "axis 1"]),
        ((4,), None, ValueError, ["(4,)", "(9, 9)"]),
        ((4, 0), None, ValueError, ["chunks[1]", "0"]),
        (None, (0, 1), ValueError, ["blocks[0]", "0"]),
        ((4, -1), None, ValueError, ["chunks[1]", "-1"]),
        ((4, 2**31), None, ValueError, [str(2**31)]),
        ((4, 2.0), None, TypeError, ["chunks[1]", "2.0"]),
        ((4, True), None, TypeError, ["True"]),
        ("big", None, TypeError, ["big"]),
        (4.0, None, TypeError, ["4.0"]),
        ((2**16, 2**16), (2, 2), ValueError, [str(2**34), str(MAX_CHUNK_BYTES)]),
        ((2**14, 2**14), (2**14, 2**14), ValueError, [str(2**30), "536866816"]),
    ],
    ids=str,
)
def test_wrong_partitions_are_named(chunks, blocks, error, words):
    with pytest.raises(error) as caught:
        partition((9, 9), 4, chunks, blocks)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "itemsize", "error"),
    [
        ((-1,), 4, ValueError),
        ((2**63,), 1, ValueError),
        ((2**62,), 2, ValueError),
        ((0, 2**62, 4), 1, ValueError),
        ((1,) * 17, 1, ValueError),
        ((1.0,), 1, TypeError),
        ((True,), 1, TypeError),
        ("12", 1, TypeError),
        (None, 1, TypeError),
        (1.5, 1, TypeError),
    ],
    ids=str,
)
def test_wrong_shapes_are_refused(shape, itemsize, error):
    with pytest.raises(error):
        as_shape(shape, itemsize)


def test_shapes_are_taken_from_any_iterable_of_integers():
    assert as_shape(range(2, 4), 1) == (2, 3)
    assert as_shape(7, 1) == (7,)
    assert as_shape((2**63 - 1,), 1) == (2**63 - 1,)
    assert as_partition((part for part in (2, 3)), "chunks", (4, 4)) == (2, 3)
