"""Keys of ``array[key]``, turned into boxes with steps. Pure: no array is touched."""

import operator
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, TypeGuard

import numpy as np

from caterva.shapes import Shape


@dataclass(slots=True)
class Selection:
    """Items ``start, start + step, ...``, `count` of them, on each axis, and the shape they take."""

    start: Shape
    count: Shape
    step: Shape
    shape: Shape  # of the result: without the axes that integers drop, with those that newaxis adds
    is_item: bool  # every axis has its integer: NumPy gives a scalar

    @property
    def is_empty(self) -> bool:
        """Whether no item is selected."""
        return 0 in self.count


# Types of parts that need no closer look. Only int can be subclassed, by bool among others.
_PLAIN_PARTS = frozenset({int, slice, EllipsisType, type(None)})


def _is_integer(part: Any) -> TypeGuard[Any]:
    """Whether a part of a key stands for one index: an integer of Python or NumPy, or 0-d array; no bool."""
    if isinstance(part, (bool, np.bool_)):
        return False
    if hasattr(part, "dtype") and hasattr(part, "ndim"):  # an array, or a scalar of NumPy
        return part.ndim == 0 and part.dtype.kind in "iu"
    return hasattr(part, "__index__")


def _refuse(part: Any) -> None:
    """Raise for what is neither an integer, a slice, an Ellipsis, nor None."""
    if isinstance(part, str) or (isinstance(part, list) and part and isinstance(part[0], str)):
        raise NotImplementedError(
            f"fields cannot be read alone: take them from the items, array[...][{part!r}]"
        )
    if isinstance(part, (bool, np.bool_)) or getattr(part, "dtype", None) == np.bool_:
        raise NotImplementedError(
            "boolean keys are not supported: use integers and slices, or array[...][mask]"
        )
    if isinstance(part, (list, tuple)) or hasattr(part, "shape"):
        raise NotImplementedError(
            "keys of several integers are not supported: use slices, or array[...][integers]"
        )
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`) and numpy.newaxis (`None`) are valid indices, "
        f"got {part!r}"
    )


def _expand(parts: tuple[Any, ...], ndim: int) -> list[Any]:
    """Return one part for each axis, each None in its place, full slices for what the key leaves out."""
    ellipses = [place for place, part in enumerate(parts) if isinstance(part, EllipsisType)]
    if len(ellipses) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    indexed = sum(part is not None and not isinstance(part, EllipsisType) for part in parts)
    if indexed > ndim:
        raise IndexError(
            f"too many indices for array: array is {ndim}-dimensional, but {indexed} were indexed"
        )
    place = ellipses[0] if ellipses else len(parts)
    return [*parts[:place], *[slice(None)] * (ndim - indexed), *parts[place + 1 :]]


def _index(part: Any, axis: int, extent: int) -> int:
    """Return an integer of a key as an index from 0 to extent - 1."""
    index = operator.index(part)
    if not -extent <= index < extent:
        raise IndexError(f"index {index} is out of bounds for axis {axis} with size {extent}")
    return index + extent if index < 0 else index


def _plain_part(part: Any) -> Any:
    if type(part) in (int, EllipsisType, type(None)):
        return part
    if isinstance(part, slice):
        edges = (part.start, part.stop, part.step)
        return slice(*(None if edge is None else operator.index(edge) for edge in edges))
    if not _is_integer(part):
        _refuse(part)
    return operator.index(part)


def plain_key(key: Any) -> tuple[Any, ...]:
    """Return a key as plain parts, so that `select` runs no code of a caller's, and may be asked again.

    Raises
    ------
    IndexError, NotImplementedError, TypeError
        For parts that `select` refuses, whatever the shape.

    Examples
    --------
    >>> plain_key(np.int8(3))
    (3,)
    """
    return tuple(_plain_part(part) for part in (key if isinstance(key, tuple) else (key,)))


def select(key: Any, shape: Shape) -> Selection:
    """Return the selection that a key makes in an array.

    Parameters
    ----------
    key : int, slice, Ellipsis, None, or a tuple of these
        As for NumPy's basic indexing; steps of any sign.
    shape : tuple of int
        Shape of the array.

    Raises
    ------
    IndexError
        If an index is out of bounds, or there are more of them than axes.
    NotImplementedError
        For lists, arrays, booleans and field names, which NumPy would accept.

    Examples
    --------
    >>> select((3, slice(None, None, -2)), (10, 7))
    Selection(start=(3, 6), count=(1, 4), step=(1, -2), shape=(4,), is_item=False)
    """
    parts = key if isinstance(key, tuple) else (key,)
    for part in parts:
        if type(part) not in _PLAIN_PARTS and not _is_integer(part):
            _refuse(part)
    start: list[int] = []
    count: list[int] = []
    step: list[int] = []
    result: list[int] = []
    for part in _expand(parts, len(shape)):
        axis = len(start)
        if part is None:
            result.append(1)
        elif isinstance(part, slice):
            indices = range(*part.indices(shape[axis]))
            start.append(indices.start if indices else 0)
            count.append(len(indices))
            step.append(indices.step if len(indices) > 1 else 1)
            result.append(len(indices))
        else:
            start.append(_index(part, axis, shape[axis]))
            count.append(1)
            step.append(1)
    is_item = not result and not any(isinstance(part, EllipsisType) for part in parts)
    return Selection(tuple(start), tuple(count), tuple(step), tuple(result), is_item)


def result_axes(parts: tuple[Any, ...], ndim: int) -> list[int | None]:
    """Return the array's axis for each one of what plain parts select; None for those that they add.

    Examples
    --------
    >>> result_axes((3, None, Ellipsis), 3)
    [None, 1, 2]
    """
    axes: list[int | None] = []
    axis = 0
    for part in _expand(parts, ndim):
        if part is None:
            axes.append(None)
            continue
        if isinstance(part, slice):
            axes.append(axis)
        axis += 1
    return axes


def whole(shape: Shape) -> Selection:
    """Return the selection of all items, as ``...`` makes it."""
    return Selection((0,) * len(shape), shape, (1,) * len(shape), shape, False)
