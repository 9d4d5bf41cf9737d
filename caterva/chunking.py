"""Automatic chunk and block shapes, with their reasons. Pure: integers in, integers out."""

import math
from typing import Any

from caterva.shapes import Shape, as_partition, check_nesting

# A block is what one thread decodes at a time: long enough for the codec to find matches, and short enough
# that an item or a plane does not cost much more than itself. The more axes, the more blocks a plane or box
# cuts through, and the larger they should be. Least loss under mixed access: benchmarks/chunking.md.
BLOCK_BYTES = (2**13, 2**13, 2**14, 2**15)  # for no, one, two, and more axes

# A chunk is what is written, indexed and located at a time: small enough for the caches that cores share,
# large enough that one read of a disk, and its entry in the index, are worth it.
CHUNK_BYTES = 2**21


def _grow(limits: Shape, units: int) -> Shape:
    """Return the extents, at most `limits`, of a box of about `units` cells that is as cubic as it can be.

    Doubles the shortest axis that can still grow, the last one first where several are equal: memory is in C
    order, so a longer last axis means longer runs to copy. An axis that would exceed its limit takes it
    whole.
    """
    box = [1] * len(limits)
    while True:
        grown = [
            (extent, -axis)
            for axis, (extent, limit) in enumerate(zip(box, limits, strict=True))
            if extent < limit and math.prod(box) // extent * min(2 * extent, limit) <= units
        ]
        if not grown:
            return tuple(box)
        axis = -min(grown)[1]
        box[axis] = min(2 * box[axis], limits[axis])


def _even_out(box: Shape, whole: Shape) -> Shape:
    """Shorten a box so that those which cover `whole` are about equal, and the last is not mostly padding."""
    return tuple(-(-extent // -(-extent // part)) for part, extent in zip(box, whole, strict=True))


def block_target(chunks: Shape) -> int:
    """Return the size of automatic blocks, in bytes; axes of length 1 do not count.

    Examples
    --------
    >>> block_target((1, 1000, 1000))
    16384
    """
    return BLOCK_BYTES[min(sum(extent > 1 for extent in chunks), len(BLOCK_BYTES) - 1)]


def suggest_blocks(chunks: Shape, itemsize: int, *, target_bytes: int | None = None) -> Shape:
    """Suggest a block shape for chunks.

    Parameters
    ----------
    chunks : tuple of int
        Chunk shape in items; every axis at least 1.
    itemsize : int
        Size of one item, in bytes.
    target_bytes : int, optional
        Largest block, in bytes; one item where that is larger. By default 8 KiB for one axis, 16 for two, and
        32 for more.

    Returns
    -------
    tuple of int
        Block shape; ``1 <= block <= chunk`` on every axis.

    Examples
    --------
    >>> suggest_blocks((1000, 1000), 4)
    (63, 63)
    """
    if target_bytes is None:
        target_bytes = block_target(chunks)
    return _even_out(_grow(chunks, max(target_bytes // itemsize, 1)), chunks)


def suggest_chunks(
    shape: Shape, itemsize: int, *, blocks: Shape | None = None, target_bytes: int = CHUNK_BYTES
) -> Shape:
    """Suggest a chunk shape for an array.

    Parameters
    ----------
    shape : tuple of int
        Array shape in items; axes of length 0 are taken as 1.
    itemsize : int
        Size of one item, in bytes.
    blocks : tuple of int, optional
        Block shape that the chunks shall consist of, in whole blocks but for the end of the array.
    target_bytes : int, optional
        Largest chunk, in bytes; one item, or one block, where that is larger.

    Returns
    -------
    tuple of int
        Chunk shape; ``1 <= chunk <= shape``, and at least `blocks`, on every axis.

    Examples
    --------
    >>> suggest_chunks((10000, 10000), 4)
    (500, 1000)
    >>> suggest_chunks((10000, 10000), 4, blocks=(100, 100))
    (400, 800)
    """
    whole = tuple(max(extent, 1) for extent in shape)
    if blocks is None:
        return _even_out(_grow(whole, max(target_bytes // itemsize, 1)), whole)
    grid = tuple(-(-extent // block) for extent, block in zip(whole, blocks, strict=True))
    counts = _grow(grid, max(target_bytes // (itemsize * math.prod(blocks)), 1))
    return tuple(
        max(block, min(block * count, extent))
        for block, count, extent in zip(blocks, counts, whole, strict=True)
    )


def partition(shape: Shape, itemsize: int, chunks: Any = None, blocks: Any = None) -> tuple[Shape, Shape]:
    """Return the chunk and block shape of an array: those given, checked, and the others chosen.

    Parameters
    ----------
    shape : tuple of int
        Array shape in items.
    itemsize : int
        Size of one item, in bytes.
    chunks, blocks : int, iterable of int, "auto" or None
        What the caller asked for; "auto" and None leave the choice to this function.

    Returns
    -------
    chunks, blocks : tuple of int
        ``1 <= block <= chunk`` on every axis, within the format's limits in bytes.

    Raises
    ------
    ValueError
        If a given shape has the wrong number of axes, blocks exceed chunks, or a limit is exceeded.

    Examples
    --------
    >>> partition((1000, 1000), 4, chunks=(100, 100))
    ((100, 100), (50, 50))
    """
    given_chunks, given_blocks = (
        None
        if value is None or (isinstance(value, str) and value == "auto")
        else as_partition(value, what, shape)
        for what, value in (("chunks", chunks), ("blocks", blocks))
    )
    if given_chunks is None:
        given_chunks = suggest_chunks(shape, itemsize, blocks=given_blocks)
    if given_blocks is None:
        given_blocks = suggest_blocks(given_chunks, itemsize)
    check_nesting(given_chunks, given_blocks, itemsize)
    return given_chunks, given_blocks
