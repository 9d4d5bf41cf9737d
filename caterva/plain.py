"""Uncompressed arrays: NumPy arrays that answer NDArray's interface too."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, NoReturn, cast

import numpy as np

from caterva import _core
from caterva.dtypes import Items
from caterva.info import Info, plain_info
from caterva.values import as_items, check_itemsize, refuse_masked
from caterva.verification import Progress, Verification

__all__ = ["PlainArray"]


class PlainArray(np.ndarray):
    """An array in a plain buffer: a `numpy.ndarray` that counts as a caterva array.

    It is what ``array[key]`` gives, and the constructors where no chunks are asked for. Everything NumPy does
    with arrays works, and gives base NumPy arrays where it computes. Where names collide (`copy`, `squeeze`),
    NumPy's meaning holds.

    Items made with an item size alone are opaque: their dtype is ``S<itemsize>``, but they are bytes, not
    text. They take values of their size only, and an index on every axis gives a 0-d array, so that no byte
    is lost: NumPy's own scalar of such a dtype drops NULs from its end.

    Examples
    --------
    >>> import caterva
    >>> import numpy as np
    >>> plain = caterva.zeros((2, 3), itemsize=4)
    >>> plain[0, 1] = np.int32(7)
    >>> np.array(plain[0]).view(np.int32)
    array([0, 7, 0], dtype=int32)
    >>> isinstance(plain, caterva.NDArray)
    True
    """

    _is_opaque = False

    # What a compressed array has and this one has not.
    chunks = blocks = meta = vlmeta = max_bytes = codec = filters = filtersmeta = urlpath = None
    nchunks = chunksize = blocksize = 0
    cratio = clevel = nthreads = 1
    cache_bytes = 0
    sframe = False
    storage = "Plainbuffer"

    def __array_finalize__(self, source: Any) -> None:
        self._is_opaque = getattr(source, "_is_opaque", False)

    @property
    def _items(self) -> Items:
        return Items(self.dtype, self._is_opaque and self.dtype.kind == "S")

    @property
    def _base(self) -> np.ndarray:
        """The same memory as a base NumPy array, opaque items as raw bytes."""
        items = self._items
        base = super().view(np.ndarray)
        return base.view(items.raw) if items.is_opaque else base

    @property
    def info(self) -> Info:
        """A short description, as text or HTML."""
        return plain_info(self)

    def __repr__(self) -> str:
        return np.array_repr(self.view(self.dtype))

    def __str__(self) -> str:
        return np.array_str(np.asarray(self))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Compute on base arrays, so that results are base arrays; `out` is returned as it was given."""
        out = kwargs.pop("out", None)
        if out is not None:
            kwargs["out"] = tuple(map(_based, out))
        result = getattr(ufunc, method)(
            *map(_based, inputs), **{name: _based(value) for name, value in kwargs.items()}
        )
        if out is None:
            return result
        if isinstance(result, tuple):
            return tuple(
                given if given is not None else made for given, made in zip(out, result, strict=True)
            )
        return out[0]

    def __getitem__(self, key: Any) -> Any:
        result = super().__getitem__(key)
        if self._is_opaque and not isinstance(result, np.ndarray) and self._items.is_opaque:
            return self._region(key)
        return result

    def __setitem__(self, key: Any, value: Any) -> None:
        refuse_masked(value)
        if self._items.is_opaque or getattr(value, "_is_opaque", False):
            value = as_items(value, self._items)
        self._base[key] = value

    def _region(self, key: Any) -> PlainArray:
        """Return what a key selects as an array, 0-d where NumPy would give a scalar."""
        result = super().__getitem__(key)
        if isinstance(result, PlainArray):
            return result
        parts = key if isinstance(key, tuple) else (key,)
        return cast(PlainArray, super().__getitem__((*parts, ...)))

    def slice(self, key: Any, **kwargs: Any) -> Any:
        """Return what a key selects, in the storage that the keywords describe (those of `caterva.empty`).

        Without keywords it is a view, as ``array[key]``; of one item, a 0-d array.
        """
        from caterva.constructors import asarray

        return asarray(self._region(key), **kwargs)

    def copy(self, order: Any = "C", **kwargs: Any) -> Any:
        """Return a copy: plain, as NumPy's, or in the storage of the keywords (those of `caterva.empty`)."""
        from caterva.constructors import asarray

        check_itemsize(kwargs.pop("itemsize", None), self.itemsize)
        return asarray(self, copy=True, **kwargs) if kwargs else super().copy(order)

    def view(self, *args: Any, **kwargs: Any) -> Any:
        """Return a view, as NumPy's; once it is given a dtype, items are typed."""
        result = super().view(*args, **kwargs)
        named = kwargs.get("dtype", args[0] if args else None)
        if named is not None and not _is_array_type(named) and isinstance(result, PlainArray):
            result._is_opaque = False
        return result

    def append(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: a plain buffer has a fixed length."""
        raise TypeError("a plain array cannot grow: use numpy.append, or copy(chunks='auto')")

    def insert(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: a plain buffer has a fixed length."""
        raise TypeError("a plain array cannot grow: use numpy.insert, or copy(chunks='auto')")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: a plain buffer has a fixed length."""
        raise TypeError("a plain array cannot shrink: use numpy.delete, or copy(chunks='auto')")

    def verify(self, adopt: bool = False, progress: Progress | None = None) -> Verification:
        """Report that nothing is stored that could be damaged."""
        return Verification(path=None, chunks=0, verified=0, unverified=0, bad=0, places=(), adopted=False)

    def to_buffer(self) -> bytes:
        """Return the items as bytes, in C order."""
        return self.tobytes()

    def to_bytes(self) -> bytes:
        """Return the array as the bytes of a frame, compressed; `caterva.from_bytes` opens them."""
        frame: bytes = self.copy(chunks="auto").to_bytes()
        return frame

    def tolist(self) -> Any:
        """Return nested lists of Python objects; opaque items are bytes of their full size."""
        return self._base.tolist()

    def item(self, *args: Any) -> Any:
        """Return one item as a Python object; an opaque one is bytes of its full size."""
        return self._base.item(*args)

    def fill(self, value: Any) -> None:
        """Set all items to a value."""
        self[...] = value

    def flush(self) -> None:
        """Do nothing: there is no file."""

    def compact(self) -> None:
        """Do nothing: there is no dead space."""

    def refresh(self) -> bool:
        """Return False: nobody else can have changed it."""
        return False

    @property
    def cbytes(self) -> int:
        """Bytes that it takes: `nbytes`."""
        return self.nbytes

    @property
    def attrs(self) -> Mapping[str, Any]:
        """No attributes: a plain buffer has none."""
        return MappingProxyType({})

    def transaction(self) -> AbstractContextManager[PlainArray]:
        """Undo what a ``with`` block does to the items if it ends with an exception."""
        return _core.Restoration(self._base, self)

    def close(self) -> None:
        """Do nothing: there is no file. For code that serves both kinds of arrays."""

    def __enter__(self) -> PlainArray:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        return plain, (super().view(np.ndarray), self._items.is_opaque)


def _is_array_type(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, np.ndarray)


def _based(value: Any) -> Any:
    """Return a PlainArray as a base array, items as NumPy sees them, and anything else as it is."""
    return np.asarray(value) if isinstance(value, PlainArray) else value


def plain(array: np.ndarray, is_opaque: bool) -> PlainArray:
    """Return a NumPy array as a plain one, sharing its memory."""
    result = array.view(PlainArray)
    result._is_opaque = is_opaque
    return result
