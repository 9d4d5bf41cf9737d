"""Boxes of whole chunks that cover an array, for what is too large to be in memory at once. Pure."""

import itertools
import math
from collections.abc import Iterator

from caterva.shapes import Shape

# Reading and writing so much takes longer than what is around them, and it is small beside any memory.
SLAB_BYTES = 2**25

Box = tuple[slice, ...]


def slab_shape(shape: Shape, chunks: Shape, itemsize: int, most: int = SLAB_BYTES) -> Shape:
    """Return the shape of boxes of whole chunks, of `most` bytes, or of one chunk where that is larger.

    Longest on the last axes: items are in C order.

    Examples
    --------
    >>> slab_shape((1000, 1000), (100, 100), 8, 2**20)
    (100, 1000)
    """
    box = [max(min(chunk, extent), 1) for chunk, extent in zip(chunks, shape, strict=True)]
    for axis in reversed(range(len(shape))):
        room = most // max(itemsize * math.prod(box), 1)
        box[axis] = max(min(shape[axis], chunks[axis] * max(room, 1)), 1)
        if box[axis] < shape[axis]:
            break
    return tuple(box)


def slabs(shape: Shape, chunks: Shape, itemsize: int, most: int = SLAB_BYTES) -> Iterator[Box]:
    """Give boxes, in C order, that cover a shape; each begins where a chunk does.

    Examples
    --------
    >>> [box for box in slabs((5,), (2,), 1, 4)]
    [(slice(0, 4, None),), (slice(4, 5, None),)]
    """
    box = slab_shape(shape, chunks, itemsize, most)
    starts = [range(0, extent, length) for extent, length in zip(shape, box, strict=True)]
    for start in itertools.product(*starts):
        yield tuple(
            slice(first, min(first + length, extent))
            for first, length, extent in zip(start, box, shape, strict=True)
        )
