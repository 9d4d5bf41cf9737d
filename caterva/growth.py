"""Growth along one axis: the steps of `append`, `insert` and `delete`. Pure: no array is touched.

Steps are those of `caterva_array_edit` in the C library.
"""

import operator
from enum import IntEnum
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from caterva.arguments import as_int
from caterva.indexing import plain_key
from caterva.shapes import Shape
from caterva.values import broadcast

Runs: TypeAlias = list[tuple[int, int]]  # half-open, ascending, apart from each other


class Kind(IntEnum):
    """What a step does; positions and counts are items along the axis."""

    RESIZE = 0  # the axis gets `count` items (it had `source`)
    INSERT = 1  # `count` new items before `start`: both whole chunks
    REMOVE = 2  # `count` items from `start` on go: both whole chunks
    MOVE = 3  # `count` items from `source` on are copied to `start` on
    WRITE = 4  # `count` of the values, from `source` on, go to `start` on


class Step(NamedTuple):
    """A step of an edit."""

    kind: Kind
    start: int
    count: int  # type: ignore[assignment]  # hides a method of tuples that nobody wants here
    source: int = 0

    def undone(self) -> "Step":
        """Return the step that leads back: what moved moves back, what went is there again, undefined."""
        if self.kind == Kind.REMOVE:
            return self._replace(kind=Kind.INSERT)
        if self.kind == Kind.RESIZE:
            return Step(Kind.RESIZE, 0, self.source, self.count)
        return Step(Kind.MOVE, self.source, self.count, self.start)


class Edit(NamedTuple):
    """The steps of a call, the values that they write, and the axis with its length afterwards."""

    axis: int
    steps: list[Step]
    values: np.ndarray | None
    length: int


def as_axis(axis: Any, ndim: int) -> int:
    """Return an axis, counted from the end if negative, as a number from 0 on."""
    if ndim == 0:
        raise ValueError("an array without axes cannot change along one")
    return as_int(axis, "axis", -ndim, ndim - 1) % ndim


def plain_indices(key: Any) -> Any:
    """Return the key of `delete` or `insert` as a slice of integers or an array of its own.

    The edit is planned when nobody else can use the array: by then no code of a caller's may run, and a key
    that is made of the array itself must have been read.

    Examples
    --------
    >>> plain_indices([0, -1])
    array([ 0, -1])
    """
    if isinstance(key, slice):
        (part,) = plain_key(key)
        return part
    indices = np.array(key)
    if indices.dtype == object and indices.ndim == 0 and hasattr(key, "__index__"):
        return np.array(operator.index(key))
    return indices


def plain_axis(axis: Any, ndim: int) -> int:
    """Return an axis as an integer that `as_axis` takes, from the same end."""
    as_axis(axis, ndim)
    return operator.index(axis)


def runs_of(positions: np.ndarray) -> Runs:
    """Return ascending, distinct positions as runs.

    Examples
    --------
    >>> runs_of(np.array([1, 2, 3, 7]))
    [(1, 4), (7, 8)]
    """
    if not positions.size:
        return []
    cuts = np.flatnonzero(np.diff(positions) != 1)
    starts = positions[np.concatenate(([0], cuts + 1))].tolist()
    stops = (positions[np.concatenate((cuts, [-1]))] + 1).tolist()
    return list(zip(starts, stops, strict=True))


def _positions(key: Any, length: int, limit: int) -> np.ndarray:
    """Return the indices of a sequence or mask, none negative, each below `limit`."""
    indices = np.asarray(key)
    if indices.dtype == bool:
        if indices.shape != (length,):
            raise ValueError(f"a mask must have the axis' length, {length}, got shape {indices.shape}")
        return np.flatnonzero(indices)
    if indices.ndim > 1:
        raise ValueError(f"indices must be one-dimensional, got shape {indices.shape}")
    if indices.size and indices.dtype.kind not in "iu":
        raise IndexError(f"indices must be integers, got {indices.dtype}")
    wrong = indices[(indices < -length) | (indices >= limit)]
    if wrong.size:
        raise IndexError(f"index {wrong[0]} is out of bounds for an axis of length {length}")
    indices = indices.astype(np.int64)
    return np.where(indices < 0, indices + length, indices)


def _runs_of_key(key: Any, length: int) -> Runs:
    if isinstance(key, slice):
        taken = range(*key.indices(length))
        taken = taken[::-1] if taken.step < 0 else taken
        if taken.step == 1:
            return [(taken.start, taken.stop)] if taken else []
        return [(position, position + 1) for position in taken]
    indices = np.atleast_1d(_positions(key, length, length))
    return runs_of(np.unique(indices))


def _groups(runs: Runs, chunk: int) -> list[Runs]:
    """Cut runs into groups that each take whole chunks in all; the last one may not."""
    groups: list[Runs] = [[]]
    taken = 0
    for start, stop in runs:
        groups[-1].append((start, stop))
        taken += stop - start
        if taken % chunk == 0:
            groups.append([])
    return groups if groups[-1] else groups[:-1]


def plan_delete(length: int, chunk: int, runs: Runs) -> list[Step]:
    """Plan how runs of items go from an axis.

    The items between the runs of a group close ranks. A group that takes whole chunks fills up its last one
    from behind, and so many chunks go behind it; all others stay as they are. After a group that does not,
    which is the last one, all items move.

    Parameters
    ----------
    length : int
        Items along the axis.
    chunk : int
        Items of a chunk along the axis.
    runs : list of tuple of int
        What goes: start and stop of each run, ascending.

    Examples
    --------
    >>> [(step.kind.name, *step[1:]) for step in plan_delete(100, 10, [(25, 45)])]
    [('MOVE', 25, 5, 45), ('REMOVE', 30, 20, 0)]
    >>> [(step.kind.name, *step[1:]) for step in plan_delete(9, 10, [(0, 1)])]
    [('MOVE', 0, 8, 1), ('RESIZE', 0, 8, 9)]
    """
    steps: list[Step] = []
    chunk = max(chunk, 1)
    for group in reversed(_groups(runs, chunk)):  # places before a group stay valid
        count = sum(stop - start for start, stop in group)
        border = -(-(group[-1][1] - count) // chunk) * chunk
        is_whole = count % chunk == 0 and border + count <= length
        end = border + count if is_whole else length
        to = group[0][0]
        for (_, start), (stop, _) in pairwise([*group, (end, end)]):
            if start < stop:
                steps.append(Step(Kind.MOVE, to, stop - start, start))
            to += stop - start
        if is_whole:
            steps.append(Step(Kind.REMOVE, border, count))
        else:
            steps.append(Step(Kind.RESIZE, 0, length - count, length))
        length -= count
    return steps


def plan_insert(length: int, chunk: int, runs: Runs) -> list[Step]:
    """Plan how an axis of `length` items gets values that lie at `runs` afterwards: a deletion, undone.

    Examples
    --------
    >>> [(step.kind.name, *step[1:]) for step in plan_insert(80, 10, [(25, 45)])]
    [('INSERT', 30, 20, 0), ('MOVE', 45, 5, 25), ('WRITE', 25, 20, 0)]
    """
    grown = length + sum(stop - start for start, stop in runs)
    steps = [step.undone() for step in reversed(plan_delete(grown, chunk, runs))]
    taken = 0
    for start, stop in runs:
        steps.append(Step(Kind.WRITE, start, stop - start, taken))
        taken += stop - start
    return steps


def delete(shape: Shape, chunks: Shape, key: Any, axis: Any) -> Edit:
    """Return the edit that deletes what a key selects, as `numpy.delete` reads it."""
    axis = as_axis(axis, len(shape))
    runs = _runs_of_key(key, shape[axis])
    count = sum(stop - start for start, stop in runs)
    return Edit(axis, plan_delete(shape[axis], chunks[axis], runs), None, shape[axis] - count)


def append(shape: Shape, chunks: Shape, values: np.ndarray, axis: Any) -> Edit:
    """Return the edit that puts values at the end of an axis, as `numpy.append` with an axis."""
    axis = as_axis(axis, len(shape))
    fits = values.ndim == len(shape)
    if not fits or any(values.shape[d] != shape[d] for d in range(len(shape)) if d != axis):
        raise ValueError(
            f"values of shape {values.shape} do not fit to shape {shape}: all axes but {axis} must be equal"
        )
    return _inserted(shape, chunks, values, axis, [(shape[axis], shape[axis] + values.shape[axis])])


def insert(shape: Shape, chunks: Shape, index: Any, values: np.ndarray, axis: Any) -> Edit:
    """Return the edit that inserts values before indices, as `numpy.insert` reads them."""
    axis = as_axis(axis, len(shape))
    length = shape[axis]
    if isinstance(index, slice):
        index = np.arange(*index.indices(length))
    indices = _positions(index, length, length + 1)
    if indices.size != 1:
        order = np.argsort(indices, kind="stable")
        places = indices[order] + np.arange(indices.size)
        target = (*shape[:axis], indices.size, *shape[axis + 1 :])
        values = broadcast(values, target)
        if (np.diff(order) < 0).any():
            values = np.take(values, order, axis=axis)
        return _inserted(shape, chunks, values, axis, runs_of(places))
    if values.ndim > len(shape):
        raise ValueError(f"values of {values.ndim} axes cannot go into an array of {len(shape)}")
    values = values.reshape((1,) * (len(shape) - values.ndim) + values.shape)
    if indices.ndim == 0:  # NumPy's rule: as in a[:, 0] = values
        values = np.moveaxis(values, 0, axis)
    place, count = int(indices.reshape(())), values.shape[axis]
    values = broadcast(values, (*shape[:axis], count, *shape[axis + 1 :]))
    return _inserted(shape, chunks, values, axis, [(place, place + count)])


def _inserted(shape: Shape, chunks: Shape, values: np.ndarray, axis: int, runs: Runs) -> Edit:
    runs = [(start, stop) for start, stop in runs if start < stop]
    length = shape[axis] + sum(stop - start for start, stop in runs)
    return Edit(axis, plan_insert(shape[axis], chunks[axis], runs), values, operator.index(length))
