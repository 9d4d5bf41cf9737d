"""Automatic chunk and block shapes, with their reasons. Pure: integers in, integers out."""

import math
from typing import Any

from caterva.shapes import MAX_BLOCK_BYTES, MAX_CHUNK_BYTES, Shape, as_partition, check_nesting, padded

# A block is what one thread decodes at a time: long enough for the codec to find matches, and short enough
# that an item or a plane does not cost much more than itself. The more axes, the more blocks a plane or box
# cuts through, and the larger they should be. Least loss under mixed access: benchmarks/chunking.md.
BLOCK_BYTES = (2**13, 2**13, 2**14, 2**15)  # for no, one, two, and more axes

# A chunk is what is written, indexed and located at a time: small enough for the caches that cores share,
# large enough that one read of a disk, and its entry in the index, are worth it.
CHUNK_BYTES = 2**21

# Arrays of more chunks than the format counts have larger ones (frame-format.md 5).
MAX_CHUNKS = 2**27

# An array that is empty, or small, may be about to grow, and its chunks stay as they are made: they have room
# for that. What is not used of a chunk is not stored. What it costs: docs/design/growth.md.
GROWTH_BYTES = 2**18


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


def _make_room(chunks: Shape, shape: Shape, itemsize: int) -> Shape:
    """Return small chunks of an array that may grow, longer on the axes where it probably will.

    Those are the axes without items; if there are none, those of length 1 and the first one.
    """
    growing = [axis for axis, extent in enumerate(shape) if extent == 0]
    growing = growing or [axis for axis, extent in enumerate(shape) if extent == 1 or axis == 0]
    box = list(chunks)
    while growing and 2 * math.prod(box) * itemsize <= GROWTH_BYTES:
        axis = min(growing, key=lambda axis: (box[axis], axis))
        box[axis] *= 2
    return tuple(box)


def _divisor_near(extent: int, part: int) -> int:
    """Return the divisor of an extent that is next to a part of it, shorter if it is not far shorter."""
    small = [number for number in range(1, math.isqrt(extent) + 1) if extent % number == 0]
    divisors = small + [extent // number for number in reversed(small)]
    shorter = max(number for number in divisors if number <= part)
    return shorter if 8 * shorter >= part else min(number for number in divisors if number >= part)


def _fit(chunks: Shape, blocks: Shape, itemsize: int) -> Shape:
    """Return blocks of which chunks near the format's limit can consist, if there are any."""
    fitted = list(blocks)
    for axis in sorted(range(len(chunks)), key=lambda axis: chunks[axis] % blocks[axis] == 0):
        if itemsize * math.prod(padded(chunks, tuple(fitted))) <= MAX_CHUNK_BYTES:
            break
        part = _divisor_near(chunks[axis], fitted[axis])
        others = math.prod(fitted) // fitted[axis]
        if itemsize * part * others <= MAX_BLOCK_BYTES:
            fitted[axis] = part
    return tuple(fitted)


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
    return _fit(chunks, _even_out(_grow(chunks, max(target_bytes // itemsize, 1)), chunks), itemsize)


def suggest_chunks(
    shape: Shape, itemsize: int, *, blocks: Shape | None = None, target_bytes: int | None = None
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
        Largest chunk, in bytes; one item, or one block, where that is larger. By default 2 MiB, and more
        where that would be more than 2**27 chunks; small arrays have chunks with room to grow, of 256 KiB.

    Returns
    -------
    tuple of int
        Chunk shape; at least 1 and `blocks` on every axis, and at most `shape` where it has no room to grow.

    Examples
    --------
    >>> suggest_chunks((10000, 10000), 4)
    (500, 1000)
    >>> suggest_chunks((10000, 10000), 4, blocks=(100, 100))
    (400, 800)
    """
    whole = tuple(max(extent, 1) for extent in shape)
    if target_bytes is None:
        array_bytes = itemsize * math.prod(whole)
        doublings = max(-(-array_bytes // (CHUNK_BYTES * MAX_CHUNKS)) - 1, 0).bit_length()
        chunks = suggest_chunks(shape, itemsize, blocks=blocks, target_bytes=CHUNK_BYTES << min(doublings, 9))
        roomy = _make_room(chunks if blocks is None else padded(chunks, blocks), shape, itemsize)
        return roomy if math.prod(roomy) > math.prod(chunks) else chunks
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
