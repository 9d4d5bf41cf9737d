"""Right-hand sides of assignments: what they are as items of the array."""

import math
from typing import Any

import numpy as np

from caterva.dtypes import Items
from caterva.shapes import Shape, as_itemsize

MAX_DEPTH = 64  # of nested lists: NumPy's limit of axes


def _exact(value: Any, raw: np.dtype[Any]) -> np.ndarray:
    """Return nested lists of bytes, each exactly one item long, as an array of `raw`."""
    nested = np.array(value, dtype=object)
    for item in nested.flat:
        if not isinstance(item, bytes):
            raise TypeError(f"opaque items are bytes, got {type(item).__name__}")
        if len(item) != raw.itemsize:
            raise ValueError(f"an item has {raw.itemsize} bytes, got {len(item)}")
    return np.frombuffer(b"".join(nested.flat), dtype=raw).reshape(nested.shape)


def _by_bytes(value: Any, raw: np.dtype[Any]) -> np.ndarray:
    """Return a value as bytes of items of the same size; no bytes are changed."""
    if isinstance(value, (bytes, bytearray)):
        return _exact(bytes(value), raw)
    array = unmasked(value)
    if array.dtype.kind in "SUO" and not hasattr(value, "dtype"):
        return _exact(value, raw)
    if array.dtype.hasobject or array.dtype.itemsize != raw.itemsize:
        raise ValueError(
            f"opaque items of {raw.itemsize} bytes take values of that size, got {array.dtype} of "
            f"{array.dtype.itemsize} bytes"
        )
    return array.view(raw)


def _cast(value: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """Return a value as NumPy's own assignment casts it."""
    if not hasattr(value, "dtype"):
        array = np.array(value, dtype=dtype, copy=None, subok=True)
        refuse_masked(array)
        return np.asarray(array)
    source = unmasked(value)
    if source.dtype == dtype:
        return source
    cast = np.empty(source.shape, dtype)
    cast[...] = value if isinstance(value, np.generic) else source
    return cast


def _masked_count(value: Any, depth: int = 0) -> int:
    """Return how many items of a value, or of values in nested lists, are masked; fields count each."""
    if isinstance(value, np.ma.MaskedArray):
        mask = np.ma.getmask(value)
        if mask is np.ma.nomask:
            return 0
        return int(np.count_nonzero(np.ascontiguousarray(mask).view(np.bool_)))
    if isinstance(value, (list, tuple)) and depth <= MAX_DEPTH:
        parts = (part for part in value if isinstance(part, (list, tuple, np.ma.MaskedArray)))
        return sum(_masked_count(part, depth + 1) for part in parts)
    return 0


def refuse_masked(value: Any) -> None:
    """Raise for a masked array, or a list of some, of which an item is masked: masks cannot be stored.

    Raises
    ------
    TypeError
        If an item is masked.

    Examples
    --------
    >>> refuse_masked(np.ma.masked_array([1, 2], mask=[False, False]))
    """
    count = _masked_count(value)
    if count:
        raise TypeError(
            f"{count} of the values are masked, and a mask cannot be stored: give filled(value), the items "
            "with a value in place of the masked ones"
        )


def unmasked(value: Any) -> np.ndarray:
    """Return a value as a base NumPy array.

    Raises
    ------
    TypeError
        If items of it are masked: what NumPy asks for its items may answer with a masked array.
    """
    refuse_masked(value)
    array = np.asanyarray(value)
    refuse_masked(array)
    return np.asarray(array)


def as_items(value: Any, items: Items) -> np.ndarray:
    """Return a value as items of an array.

    Parameters
    ----------
    value : object
        An array (of caterva or NumPy), anything with the buffer protocol, a scalar, nested lists of these;
        for opaque items also the bytes of one item.
    items : Items
        What the array consists of. Opaque items, as source or as target, are taken by their bytes; typed ones
        are cast as NumPy's own assignment casts them.

    Returns
    -------
    numpy.ndarray
        Of ``items.dtype``, or of ``items.raw`` where items are opaque; its shape is the value's own.

    Raises
    ------
    ValueError
        If bytes are taken and the item sizes differ.
    TypeError
        If the value is masked.
    Exception
        What NumPy raises for a value that it does not cast.

    Examples
    --------
    >>> from caterva.dtypes import items_of
    >>> as_items(b"pepe", items_of(4)).tobytes()
    b'pepe'
    >>> as_items([1, 2], items_of(dtype="f4"))
    array([1., 2.], dtype=float32)
    """
    refuse_masked(value)
    source: Items | None = getattr(value, "_items", None)
    if items.is_opaque:
        return _by_bytes(value, items.raw)
    if source is not None and source.is_opaque:
        return _by_bytes(value, items.raw).view(items.dtype)
    return _cast(value, items.dtype)


def check_itemsize(given: Any, itemsize: int) -> None:
    """Raise ValueError if a copy is asked for items of another size than the array's."""
    if given is not None and as_itemsize(given) != itemsize:
        raise ValueError(
            f"a copy keeps its item size of {itemsize}, got {given}: dtype= gives it other items"
        )


def broadcast(array: np.ndarray, shape: Shape) -> np.ndarray:
    """Return a view of an array in the shape of the region that it is assigned to, by NumPy's rules.

    Raises
    ------
    ValueError
        If the shapes do not agree.
    """
    extra = max(array.ndim - len(shape), 0)
    if math.prod(array.shape[:extra]) == 1:
        array = array.reshape(array.shape[extra:])
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(
            f"could not broadcast input array from shape {array.shape} into shape {shape}"
        ) from None
