"""Right-hand sides of assignments: what they are as items of the array."""

import math
from typing import Any

import numpy as np

from caterva.dtypes import Items
from caterva.shapes import Shape


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
    array = np.asarray(value)
    if array.dtype.kind in "SUO" and not hasattr(value, "dtype"):
        return _exact(value, raw)
    if array.dtype.hasobject or array.dtype.itemsize != raw.itemsize:
        raise ValueError(
            f"opaque items of {raw.itemsize} bytes take values of that size, got {array.dtype} of "
            f"{array.dtype.itemsize} bytes"
        )
    return array.view(raw)


def _cast(value: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """Return a value cast as NumPy does, within the same kind; Python integers must fit."""
    if hasattr(value, "dtype"):
        return np.asarray(value).astype(dtype, casting="same_kind", copy=False)
    if dtype.kind not in "biufc":
        return np.array(value, dtype=dtype)
    array = np.asarray(value)
    if array.size == 0:
        return array.astype(dtype)
    if array.dtype.kind in "iu" and dtype.kind in "iu":
        cast = array.astype(dtype)
        if (cast != array).any():
            raise OverflowError(f"{value!r} does not fit into {dtype}")
        return cast
    return array.astype(dtype, casting="same_kind", copy=False)


def as_items(value: Any, items: Items) -> np.ndarray:
    """Return a value as items of an array.

    Parameters
    ----------
    value : object
        An array (of caterva or NumPy), anything with the buffer protocol, a scalar, nested lists of these;
        for opaque items also the bytes of one item.
    items : Items
        What the array consists of. Opaque items, as source or as target, are taken by their bytes; typed ones
        are cast as NumPy does, within the same kind.

    Returns
    -------
    numpy.ndarray
        Of ``items.dtype``, or of ``items.raw`` where items are opaque; its shape is the value's own.

    Raises
    ------
    ValueError
        If bytes are taken and the item sizes differ.
    TypeError
        If NumPy does not cast from the one dtype to the other.

    Examples
    --------
    >>> from caterva.dtypes import items_of
    >>> as_items(b"pepe", items_of(4)).tobytes()
    b'pepe'
    >>> as_items([1, 2], items_of(dtype="f4"))
    array([1., 2.], dtype=float32)
    """
    source: Items | None = getattr(value, "_items", None)
    if items.is_opaque:
        return _by_bytes(value, items.raw)
    if source is not None and source.is_opaque:
        return _by_bytes(value, items.raw).view(items.dtype)
    return _cast(value, items.dtype)


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
