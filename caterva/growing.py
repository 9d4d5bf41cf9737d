"""The methods of compressed arrays that change their shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from caterva import _core, growth, in_parts
from caterva.dtypes import Items
from caterva.shapes import Shape, as_shape
from caterva.values import as_items

if TYPE_CHECKING:
    from caterva.ndarray import NDArray

__all__ = ["Growing"]


class Growing:
    """What `NDArray` does to its shape. Each call is one change: if it fails, the array is as it was."""

    _handle: _core.ArrayHandle
    _items: Items

    def resize(self, newshape: Any) -> None:
        """Change the shape in place: each axis may grow and shrink at its end.

        Parameters
        ----------
        newshape : int or iterable of int
            Items per axis, as many axes as now. New items have the fill value of `full`, else they are
            zeros, also where items were cut off before. Chunks that stay are not compressed anew.

        Examples
        --------
        >>> import caterva
        >>> array = caterva.full((2, 2), fill_value=7, dtype="i4", chunks=(2, 2))
        >>> array.resize((2, 4))
        >>> array[1]
        PlainArray([7, 7, 7, 7], dtype=int32)
        """
        shape = as_shape(newshape, self._handle.itemsize)
        if len(shape) != len(self._handle.shape):
            raise ValueError(f"shape {shape} has not the {len(self._handle.shape)} axes of the array")
        self._handle.resize(shape)

    def append(self, values: Any, axis: int = 0) -> int:
        """Put values at the end of an axis, as `numpy.append` does.

        Parameters
        ----------
        values : object
            What an assignment takes; its shape equals the array's on all other axes. What gives its items by
            keys (compressed arrays, h5py's datasets, zarr's and Dask's arrays) is read in parts.
        axis : int, optional
            The axis that grows.

        Returns
        -------
        int
            The axis' new length.

        Examples
        --------
        >>> import caterva
        >>> import numpy as np
        >>> array = caterva.asarray(np.arange(4), chunks=(2,))
        >>> array.append([7, 8])
        6
        """
        plain_axis = self._plain_axis(axis)
        if in_parts.is_in_parts(values):
            length = in_parts.append(cast("NDArray", self), values, plain_axis)
            if length is not None:
                return length
        items = as_items(values, self._items)
        return self._edit(lambda shape, chunks: growth.append(shape, chunks, items, plain_axis))

    def insert(self, index: Any, values: Any, axis: int = 0) -> int:
        """Insert values before an index, or before several, as `numpy.insert` does.

        Whole chunks of new items leave all chunks behind them as they are; other numbers move those items, a
        chunk at a time.

        Parameters
        ----------
        index : int, slice, or sequence of int
            Where, along the axis.
        values : object
            What an assignment takes, held in memory; broadcast by NumPy's rules for `numpy.insert`.
        axis : int, optional
            The axis that grows.

        Returns
        -------
        int
            The axis' new length.

        Examples
        --------
        >>> import caterva
        >>> import numpy as np
        >>> array = caterva.asarray(np.arange(4), chunks=(2,))
        >>> array.insert(1, [7, 8])
        6
        >>> array[...]
        PlainArray([0, 7, 8, 1, 2, 3])
        """
        items, plain_axis = as_items(values, self._items), self._plain_axis(axis)
        places = growth.plain_indices(index)
        return self._edit(lambda shape, chunks: growth.insert(shape, chunks, places, items, plain_axis))

    def delete(self, key: Any, axis: int = 0) -> int:
        """Delete items along an axis, as `numpy.delete` does; whole chunks go without moving others.

        Parameters
        ----------
        key : int, slice, or sequence of int or bool
            What goes, along the axis.
        axis : int, optional
            The axis that shrinks.

        Returns
        -------
        int
            The axis' new length.

        Examples
        --------
        >>> import caterva
        >>> import numpy as np
        >>> array = caterva.asarray(np.arange(6), chunks=(2,))
        >>> array.delete([0, -1])
        4
        """
        places, plain_axis = growth.plain_indices(key), self._plain_axis(axis)
        return self._edit(lambda shape, chunks: growth.delete(shape, chunks, places, plain_axis))

    def _plain_axis(self, axis: Any) -> int:
        return growth.plain_axis(axis, len(self._handle.shape))

    def _edit(self, plan: Callable[[Shape, Shape], growth.Edit]) -> int:
        """Make an edit that is planned for shape and chunks as they are when nobody else can change them."""
        edits: list[growth.Edit] = []

        def make(shape: Shape, chunks: Shape) -> tuple[int, list[growth.Step], Any]:
            edit = plan(shape, chunks)
            as_shape((*shape[: edit.axis], edit.length, *shape[edit.axis + 1 :]), self._handle.itemsize)
            edits.append(edit)
            return edit.axis, edit.steps, None if edit.values is None else edit.values.view(self._items.raw)

        self._handle.edit(make)
        return edits[0].length
