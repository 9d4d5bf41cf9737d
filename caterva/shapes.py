"""Shapes that callers give: checked, and turned into tuples, before any memory is taken."""

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np

from caterva.arguments import as_int

Shape: TypeAlias = tuple[int, ...]

MAX_NDIM = 16  # ndim-metalayers.md 1
MAX_ARRAY_BYTES = 2**63 - 1
MAX_CHUNK_BYTES = 2**31 - 1 - 32  # chunk-format.md 2
MAX_BLOCK_BYTES = 536866816
MAX_ITEM_BYTES = MAX_BLOCK_BYTES  # a block has at least one
MAX_PART = 2**31 - 1  # items of a chunk or block on one axis


def _extents(value: Any, what: str, low: int, high: int) -> Shape:
    """Return a tuple of checked integers; one integer stands for one axis."""
    if isinstance(value, np.ndarray):
        value = value.tolist()  # a number, or numbers, as Python's
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return (as_int(value, what, low, high),)
    if isinstance(value, (str, bytes, bytearray)) or not isinstance(value, Iterable):
        raise TypeError(f"{what} must be an integer or a sequence of integers, got {value!r}")
    return tuple(as_int(extent, f"{what}[{axis}]", low, high) for axis, extent in enumerate(value))


def as_itemsize(value: Any) -> int:
    """Return a checked item size, in bytes."""
    return as_int(value, "itemsize", 1, MAX_ITEM_BYTES)


def as_shape(value: Any, itemsize: int) -> Shape:
    """Return the shape of an array as a tuple.

    Parameters
    ----------
    value : int or iterable of int
        Items per axis, each at least 0; an integer is the shape of one axis. At most 16 axes.
    itemsize : int
        Bytes of one item; the array may not exceed 2**63 - 1 bytes, axes of length 0 counted as 1 (as NumPy
        does).

    Examples
    --------
    >>> as_shape([4, 5], 8)
    (4, 5)
    >>> as_shape(3, 1)
    (3,)
    """
    shape = _extents(value, "shape", 0, MAX_ARRAY_BYTES)
    if len(shape) > MAX_NDIM:
        raise ValueError(f"an array has at most {MAX_NDIM} axes, got {len(shape)}")
    array_bytes = itemsize * math.prod(max(extent, 1) for extent in shape)
    if array_bytes > MAX_ARRAY_BYTES:
        raise ValueError(f"an array of shape {shape} and itemsize {itemsize} exceeds 2**63 - 1 bytes")
    return shape


def as_partition(value: Any, what: str, shape: Shape) -> Shape:
    """Return a chunk or block shape as a tuple.

    Parameters
    ----------
    value : int or iterable of int
        Items per axis. May exceed the array's; at least 1, but 0 is taken (and made 1) where the array has no
        items.
    what : str
        "chunks" or "blocks", for messages.
    shape : tuple of int
        Shape of the array.
    """
    partition = _extents(value, what, 0, MAX_PART)
    if len(partition) != len(shape):
        raise ValueError(f"{what} {partition} needs one extent for each axis of shape {shape}")
    for axis, (part, extent) in enumerate(zip(partition, shape, strict=True)):
        if part == 0 and extent > 0:
            raise ValueError(f"{what}[{axis}] must be at least 1, got 0")
    return tuple(max(part, 1) for part in partition)


def padded(chunks: Shape, blocks: Shape) -> Shape:
    """Return the shape of chunks as they are stored, in whole blocks.

    Examples
    --------
    >>> padded((10, 7), (4, 7))
    (12, 7)
    """
    return tuple(-(-chunk // block) * block for chunk, block in zip(chunks, blocks, strict=True))


def check_nesting(chunks: Shape, blocks: Shape, itemsize: int) -> None:
    """Raise ValueError unless blocks fit into chunks, and both into the limits of the format."""
    for axis, (chunk, block) in enumerate(zip(chunks, blocks, strict=True)):
        if block > chunk:
            raise ValueError(
                f"blocks {blocks} do not fit into chunks {chunks}: on axis {axis}, {block} exceeds {chunk}"
            )
    for what, partition, limit in (("chunks", chunks, MAX_CHUNK_BYTES), ("blocks", blocks, MAX_BLOCK_BYTES)):
        partition_bytes = itemsize * math.prod(partition)
        if partition_bytes > limit:
            raise ValueError(
                f"{what} {partition} of items of {itemsize} bytes take {partition_bytes} bytes "
                f"(at most {limit})"
            )
    stored_bytes = itemsize * math.prod(padded(chunks, blocks))
    if stored_bytes > MAX_CHUNK_BYTES:
        raise ValueError(
            f"chunks {chunks} take {stored_bytes} bytes (at most {MAX_CHUNK_BYTES}) as they consist of whole "
            f"blocks, which are {blocks}: give blocks that divide them evenly"
        )
