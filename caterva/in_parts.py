"""What is too large to be in memory at once is stored a slab of chunks at a time, as one change."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from caterva import _core, growth, slabs
from caterva.dtypes import Items
from caterva.handles import Use
from caterva.indexing import Selection
from caterva.plain import PlainArray
from caterva.shapes import Shape
from caterva.slabs import Box
from caterva.values import as_items, broadcast

if TYPE_CHECKING:
    from caterva.ndarray import NDArray

__all__ = ["Part", "append", "is_in_parts", "place_of", "read_parts", "selected_parts", "set_items"]

Part = tuple[Box, np.ndarray]  # where it belongs, and its items


def is_in_parts(value: Any) -> bool:
    """Whether a value gives its items by keys and is not in memory.

    So do h5py's datasets, zarr's and Dask's arrays, and compressed arrays of this library.
    """
    if isinstance(value, (np.ndarray, np.generic, PlainArray)):
        return False
    has_names = all(hasattr(value, name) for name in ("shape", "dtype", "ndim", "__getitem__"))
    return has_names and not hasattr(value, "__array_interface__")


def _is_large(value: Any) -> bool:
    items = math.prod(int(extent) for extent in value.shape)
    return items * int(np.dtype(value.dtype).itemsize) > slabs.SLAB_BYTES


def read_parts(source: Any, items: Items, boxes: Iterable[Box]) -> Iterator[Part]:
    """Give the items of a source box by box, cast as an assignment casts them."""
    for box in boxes:
        if hasattr(source, "_read") and not isinstance(source, PlainArray):
            part: Any = source._read(box, Use.CONTENT)  # what is stored again is verified by every handle
        else:
            part = source[box]
        part = as_items(part if hasattr(part, "_items") else np.asanyarray(part), items)
        yield box, part
        del part  # before the next one is read


def place_of(box: Selection, axes: list[int | None], where: Box) -> tuple[list[int], list[int]]:
    """Return start and count, in the array, of a box of what a key selects."""
    start, count = list(box.start), list(box.count)
    for axis, part in zip(axes, where, strict=True):
        if axis is not None:
            start[axis] += part.start * box.step[axis]
            count[axis] = part.stop - part.start
    return start, count


def selected_parts(
    handle: _core.ArrayHandle,
    box: Selection,
    axes: list[int | None],
    items: Items,
    boxes: Iterable[Box],
    shape: Shape,
) -> Iterator[Part]:
    """Give what a key selects box by box of the result.

    Parameters
    ----------
    box : Selection
        What the key selects of the array.
    axes : list of int or None
        The array's axis for each of the result's; None where the key adds one.
    boxes : iterable of tuple of slice
        Of the result.
    shape : tuple of int
        That of the array, for which the box was made.
    """
    for where in boxes:
        start, count = place_of(box, axes, where)
        out = np.empty(count, dtype=items.dtype)
        if not handle.read(start, count, box.step, out.view(items.raw), shape, Use.CONTENT):
            raise ValueError(
                f"the array has another shape than {shape} by now: another thread has changed it"
            )
        yield where, out.reshape([part.stop - part.start for part in where])


def _leads_to(value: Any, array: NDArray) -> bool:
    """Whether a value is the array itself, or may read what is being changed."""
    path = getattr(value, "urlpath", None)
    if value is array or getattr(value, "_handle", None) is array._handle:
        return True
    if path is None or array.urlpath is None or not isinstance(path, (str, bytes)):
        return False
    try:
        return os.path.samefile(path, array.urlpath)
    except OSError:
        return True


def _can_be_parted(value: Any, array: NDArray) -> bool:
    return (
        is_in_parts(value)
        and _is_large(value)
        and not _leads_to(value, array)
        and not np.dtype(value.dtype).hasobject
    )


def _in_one_change(array: NDArray, parts: Callable[[], None]) -> bool:
    """Run a function within a change of its own; False if there is one already, which it may not undo."""
    if array._handle.is_changing:
        return False
    with array.transaction():
        parts()
    return True


def _stand_in(value: Any) -> np.ndarray:
    """Return an array of a value's shape that takes no memory, to ask what its shape is good for."""
    return np.broadcast_to(np.zeros((), "u1"), tuple(int(extent) for extent in value.shape))


def set_items(array: NDArray, box: Selection, axes: list[int | None], value: Any) -> bool:
    """Set what a key selects in parts; False if that is not to be done in parts.

    Parameters
    ----------
    box, axes
        As `selected_parts` takes them.

    Raises
    ------
    ValueError
        If the value's shape does not fit.
    """
    if not _can_be_parted(value, array):
        return False
    broadcast(_stand_in(value), box.shape)
    if tuple(value.shape) != box.shape:
        return False
    chunks = tuple(1 if axis is None else array.chunks[axis] for axis in axes)

    def write() -> None:
        for where, part in read_parts(value, array._items, slabs.slabs(box.shape, chunks, array.itemsize)):
            start, count = place_of(box, axes, where)
            array._handle.write(start, count, box.step, part.reshape(count).view(array._items.raw))

    return _in_one_change(array, write)


def _appended(shape: Shape, chunks: Shape, itemsize: int, axis: int, lead: int) -> Iterator[Box]:
    """Give boxes of values that are appended where a chunk has `lead` items already."""
    whole = tuple(extent + lead * (place == axis) for place, extent in enumerate(shape))
    for box in slabs.slabs(whole, chunks, itemsize):
        first, stop = max(box[axis].start - lead, 0), box[axis].stop - lead
        if first < stop:
            yield (*box[:axis], slice(first, stop), *box[axis + 1 :])


def append(array: NDArray, value: Any, axis: int) -> int | None:
    """Append values in parts; the axis' new length, or None if that is not to be done in parts.

    Raises
    ------
    ValueError
        If the value's shape does not fit.
    """
    if not _can_be_parted(value, array):
        return None
    growth.append(array.shape, array.chunks, _stand_in(value), axis)  # raises for a shape that does not fit
    shape, length = tuple(int(extent) for extent in value.shape), 0

    def write() -> None:
        nonlocal length
        old, chunks, ones = list(array.shape), array.chunks, (1,) * array.ndim
        length = old[axis] + shape[axis]
        array.resize([*old[:axis], length, *old[axis + 1 :]])
        boxes = _appended(shape, chunks, array.itemsize, axis, old[axis] % chunks[axis])
        for where, part in read_parts(value, array._items, boxes):
            start = [box.start + old[axis] * (place == axis) for place, box in enumerate(where)]
            array._handle.write(start, part.shape, ones, part.view(array._items.raw))

    return length if _in_one_change(array, write) else None
