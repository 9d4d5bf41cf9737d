"""Compressed arrays."""

from __future__ import annotations

import math
import os
from abc import ABCMeta
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.array_utils import normalize_axis_tuple

from caterva import _core, handles, in_parts
from caterva.advice import advice
from caterva.arguments import as_int
from caterva.attrs import Attrs, Parsed
from caterva.codecs import Codec, Filter, SplitMode, codec_of, filters_of, parameters_of
from caterva.commits import Commits, warn_if_recovered
from caterva.dtypes import Items, items_from, items_of
from caterva.errors import CorruptDataError, NotAnArrayError, UnsupportedFormatError
from caterva.growing import Growing
from caterva.handles import Use
from caterva.indexing import Selection, plain_key, result_axes, select
from caterva.info import Info, compressed_info
from caterva.meta import FILL, VARIABLE, Meta, VLMeta
from caterva.operators import Operators
from caterva.plain import PlainArray, plain
from caterva.recognize import recognize
from caterva.safety import Safety
from caterva.shapes import Shape
from caterva.slabs import Box
from caterva.storage import Home, Storage, as_cache_bytes, canonical, inherit, is_plain
from caterva.threads import MAX_THREADS
from caterva.values import as_items, broadcast, check_itemsize
from caterva.verification import (
    Seal,
    Verifying,
    warn_if_less_verified,
    warn_if_unverified,
    warn_of_no_snapshot,
)

__all__ = ["NDArray"]

CHUNK_OVERHEAD = 32  # counted for each chunk in the ratio that 0.6.0 shows


class NDArray(_core.ArrayBase, Operators, Growing, Commits, Verifying, metaclass=ABCMeta):
    """A multidimensional array in compressed chunks.

    Made by the constructors (`zeros`, `asarray`, `open`, ...). `PlainArray`, which is not compressed, is
    registered as a subclass: ``isinstance(array[key], NDArray)`` holds.

    Examples
    --------
    >>> import caterva
    >>> import numpy as np
    >>> array = caterva.asarray(np.arange(12).reshape(3, 4), chunks=(2, 2))
    >>> array[1, ::-2]
    PlainArray([7, 5])
    >>> array[:, 0] = -1
    >>> np.asarray(array).sum()
    np.int64(51)
    """

    def __init__(self, handle: _core.ArrayHandle) -> None:
        self._handle = handle
        self._items = items_from(handle.dtype, handle.itemsize, handle.path)
        super().__init__(handle, self._items.dtype, self._items.is_opaque, PlainArray)
        self._where = f", urlpath={handle.path!r}" if handle.path else ""  # for a closed array
        self._place = (0, False)  # offset in the file it was opened from, and whether that is mapped
        self._max_bytes: int | None = None
        self._parsed_attrs = Parsed()

    # ---------------------------------------------------------------- what it is

    @property
    def shape(self) -> Shape:
        """Items per axis."""
        return self._handle.shape

    @property
    def chunks(self) -> Shape:
        """Items of a chunk per axis."""
        return self._handle.chunks

    @property
    def blocks(self) -> Shape:
        """Items of a block per axis."""
        return self._handle.blocks

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the items; ``S<itemsize>`` if they are opaque."""
        return self._items.dtype

    @property
    def itemsize(self) -> int:
        """Bytes of an item."""
        return self._items.dtype.itemsize

    @property
    def size(self) -> int:
        """Number of items."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all items, uncompressed and without padding."""
        return self.size * self.itemsize

    @property
    def nchunks(self) -> int:
        """Number of chunks."""
        return self._handle.nchunks

    @property
    def chunksize(self) -> int:
        """Bytes of a chunk, uncompressed and padded to whole blocks."""
        return self._handle.chunk_bytes

    @property
    def blocksize(self) -> int:
        """Bytes of a block, uncompressed."""
        return self._handle.block_bytes

    @property
    def cbytes(self) -> int:
        """Bytes that the array takes where it is stored: of its file or directory, all that is in it.

        In memory: of its compressed chunks.
        """
        path = self._handle.absolute_path
        if path is None:
            return self._handle.stored_bytes()
        if self._handle.home == Home.FILE:
            return os.stat(path).st_size
        with os.scandir(path) as entries:
            return sum(entry.stat().st_size for entry in entries if entry.is_file())

    @property
    def cratio(self) -> float:
        """Compression ratio: `nbytes` by the chunks' bytes, 32 more for each. Reads the chunks' headers."""
        stored = self._handle.stored_bytes() + CHUNK_OVERHEAD * self.nchunks
        return self.nbytes / stored if stored else 1.0

    @property
    def codec(self) -> Codec | int:
        """Codec of chunks to come; a number if it has no name here."""
        return codec_of(self._handle.codec)

    @property
    def clevel(self) -> int:
        """Compression level of chunks to come."""
        return self._handle.clevel

    @property
    def filters(self) -> list[Filter | int]:
        """The six slots of the filter pipeline."""
        return filters_of(self._handle.filters)

    @property
    def filtersmeta(self) -> list[int]:
        """The parameters of the six filters."""
        return parameters_of(self._handle.filters, self._handle.filtersmeta)

    @property
    def nthreads(self) -> int:
        """Threads that one call may use."""
        return self._handle.nthreads

    @nthreads.setter
    def nthreads(self, value: int) -> None:
        self._handle.nthreads = as_int(value, "nthreads", 1, MAX_THREADS)

    @property
    def cache_bytes(self) -> int:
        """Bytes of recently decoded blocks that are kept for small reads; setting it forgets those there."""
        return self._handle.cache_bytes

    @cache_bytes.setter
    def cache_bytes(self, value: int) -> None:
        self._handle.cache_bytes = as_cache_bytes(value)

    @property
    def storage(self) -> str:
        """The kind of storage: "Blosc", or "Plainbuffer" for plain arrays."""
        return "Blosc"

    @property
    def sframe(self) -> bool:
        """Whether the array is kept in a directory, a file for each chunk."""
        return self._handle.home == Home.DIRECTORY

    @property
    def urlpath(self) -> str | None:
        """Path of the file or directory, as it was given; None in memory."""
        return self._handle.path

    @property
    def info(self) -> Info:
        """A short description, as text or HTML."""
        return compressed_info(self)

    @property
    def meta(self) -> Meta:
        """The fixed metalayers."""
        return Meta(self)

    @property
    def vlmeta(self) -> VLMeta:
        """The variable-length metalayers."""
        return VLMeta(self)

    @property
    def attrs(self) -> Attrs:
        """The attributes: what a user says about the array."""
        return Attrs(self)

    @property
    def max_bytes(self) -> int | None:
        """What the file may make us allocate at once, as it was opened; None: the default."""
        return self._max_bytes

    def __repr__(self) -> str:
        if self._handle.is_closed:
            return f"<caterva.NDArray closed, dtype={self.dtype.str!r}{self._where}>"
        where = f", urlpath={self.urlpath!r}" if self.urlpath else ""
        return (
            f"<caterva.NDArray shape={self.shape}, dtype={self.dtype.str!r}, chunks={self.chunks}, "
            f"blocks={self.blocks}{where}>"
        )

    # ---------------------------------------------------------------- items

    def _fetch(self, key: Any, use: Use = Use.READ) -> tuple[np.ndarray, Selection]:
        """Return the items of a key, and the box that it is in the array's shape when they are read."""
        parts = plain_key(key)
        while True:  # until no other thread has changed the shape in between
            shape = self.shape
            box = select(parts, shape)
            out = np.empty(box.count, dtype=self.dtype)
            if box.is_empty or self._handle.read(
                box.start, box.count, box.step, out.view(self._items.raw), shape, use
            ):
                return out, box

    def _read(self, key: Any, use: Use = Use.READ) -> PlainArray:
        out, box = self._fetch(key, use)
        return plain(out.reshape(box.shape), self._items.is_opaque)

    def _general_item(self, key: Any) -> Any:
        """Get a slice by any key; `__getitem__` comes here with those that it does not know.

        Parameters
        ----------
        key : int, slice, Ellipsis, None, or a tuple of these
            As for NumPy's basic indexing, steps included.

        Returns
        -------
        PlainArray
            The items, in a buffer of its own. Integers on all axes give a NumPy scalar, or, as opaque items
            have no scalar, a 0-d array.
        """
        out, box = self._fetch(key)
        if box.is_item and not self._items.is_opaque:
            return out.reshape(())[()]
        return plain(out.reshape(box.shape), self._items.is_opaque)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Set a (multidimensional) slice as specified in key.

        Parameters
        ----------
        key : int, slice, Ellipsis, None, or a tuple of these
            As for `__getitem__`.
        value : object
            Array, buffer, scalar, list, or bytes of one item; broadcast as NumPy does. Opaque items take
            values of their size, by bytes; typed ones are cast as NumPy's own assignment casts them.
        """
        parts = plain_key(key)
        if in_parts.is_in_parts(value) and self._set_in_parts(parts, value):
            return
        items = as_items(value, self._items)

        def make(shape: Shape) -> tuple[Shape, Shape, Shape, np.ndarray]:
            box = select(parts, shape)
            values = broadcast(items, box.shape).reshape(box.count)
            return box.start, box.count, box.step, values.view(self._items.raw)

        shape = self.shape
        try:
            box = make(shape)
        except (IndexError, ValueError):
            if self.urlpath is None:
                raise
            self._handle.write_box(make, None, None)  # others may have changed the shape: it fits, or not
        else:
            self._handle.write_box(make, shape, box)

    def _set_in_parts(self, parts: tuple[Any, ...], value: Any) -> bool:
        shape = self.shape
        return in_parts.set_items(self, select(parts, shape), result_axes(parts, len(shape)), value)

    def slice(self, key: Any, **kwargs: Any) -> NDArray | PlainArray:
        """Get a (multidimensional) slice as specified in key. Generalizes `__getitem__`.

        Parameters
        ----------
        key : int, slice, Ellipsis, None, or a tuple of these
            As for `__getitem__`.
        **kwargs
            Keywords of `caterva.empty`: with `chunks`, `blocks` or a storage the result is compressed, as
            this array is where they do not say otherwise.

        Returns
        -------
        NDArray or PlainArray
            The items, always as an array.
        """
        given = canonical(kwargs)
        if is_plain(given):
            Storage.parse(given)
            return self._read(key)
        parts, shape = plain_key(key), self.shape
        box, axes = select(parts, shape), result_axes(parts, len(shape))
        own = {
            name: value
            for name, value in self._keywords().items()
            if name not in ("chunks", "blocks", "meta")
        }
        storage = self._inherited({"chunks": "auto", "blocks": "auto", "meta": None, **own, **given})

        def selected(boxes: Iterable[Box]) -> Iterator[in_parts.Part]:
            return in_parts.selected_parts(self._handle, box, axes, self._items, boxes, shape)

        return NDArray(handles.stored_in_parts(box.shape, self._items, storage, selected))

    def to_buffer(self) -> bytes:
        """Return the items as bytes, in C order."""
        return self._read(...).tobytes()

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        """Return the items as a NumPy array. Opaque ones may be given a dtype of their size: bytes stay."""
        if copy is False:
            raise ValueError("a compressed array cannot be a NumPy array without a copy")
        array: np.ndarray = self._read(...).view(np.ndarray)
        if dtype is None:
            return array
        if not self._items.is_opaque:
            return array.astype(dtype, copy=False)
        return array.view(items_of(self.itemsize, dtype).dtype)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[index] for index in range(len(self)))

    # ---------------------------------------------------------------- copies

    def _keeps(self) -> dict[str, int]:
        """Return what a handle has beyond the stored array."""
        return {"nthreads": self.nthreads, "cache_bytes": self.cache_bytes}

    def _keywords(self) -> dict[str, Any]:
        """Return the keywords that a copy inherits."""
        first = next((slot for slot, number in enumerate(self._handle.filters) if number), len(self.filters))
        return {
            "chunks": self.chunks,
            "blocks": self.blocks,
            "meta": self.meta.users(),
            "codec": self.codec,
            "clevel": self.clevel,
            "filters": self.filters[first:],
            "filtersmeta": self.filtersmeta[first:],
            "usedict": self._handle.use_dict,
            "splitmode": SplitMode(self._handle.split),
            **self._keeps(),
        }

    def _inherited(self, given: dict[str, Any]) -> Storage:
        """Return the storage of a copy; what a file says may be nothing that can be asked for."""
        own, given = self._keywords(), canonical(given)
        try:
            return Storage.parse(inherit(given, own), given)
        except ValueError as error:
            try:
                Storage.parse(own)
            except ValueError:
                place = self._handle.path or "array in memory"
                raise UnsupportedFormatError(
                    f"{place}: a copy cannot take its compression over ({error}); give codec= and filters="
                ) from None
            raise

    def copy(
        self, dtype: npt.DTypeLike | None = None, *, itemsize: int | None = None, **kwargs: Any
    ) -> NDArray | PlainArray:
        """Return a copy.

        Parameters
        ----------
        dtype : dtype, optional
            Another type for the items: typed ones are cast as an assignment casts them, opaque ones keep
            their bytes.
        itemsize : int, optional
            That of the array, as Caterva 0.7 takes it.
        **kwargs
            Keywords of `caterva.empty`. Chunks, blocks, compression and metalayers are inherited where they
            are not given; ``chunks=None, blocks=None`` makes a plain buffer. The place is not inherited.
        """
        check_itemsize(itemsize, self.itemsize)
        storage = self._inherited(kwargs)
        if dtype is not None and items_of(dtype=dtype) != self._items:
            return self._retyped(items_of(dtype=dtype), storage)
        if storage.is_plain:
            return self._read(...)
        return NDArray(handles.copied(self._handle, self._items, storage))

    def _retyped(self, items: Items, storage: Storage) -> NDArray | PlainArray:
        if storage.is_plain:
            return plain(as_items(self._read(..., Use.CONTENT), items), False)
        names = (name for name in self._handle.layer_names(VARIABLE) if name != FILL)
        layers = ((name, self._handle.layer(VARIABLE, name)) for name in names)

        def cast(boxes: Iterable[Box]) -> Iterator[in_parts.Part]:
            return in_parts.read_parts(self, items, boxes)

        return NDArray(handles.stored_in_parts(self.shape, items, storage, cast, layers, self._handle))

    def squeeze(self, axis: int | tuple[int, ...] | None = None) -> NDArray:
        """Return a copy in memory without axes of length 1, as `numpy.squeeze` does.

        Parameters
        ----------
        axis : int or tuple of int, optional
            Those that go, each of length 1; by default all of them.

        Returns
        -------
        NDArray
            Of the same items, compressed as they are here. What is stored stays as it is.

        Examples
        --------
        >>> import caterva
        >>> caterva.zeros((1, 4, 1), dtype="i4", chunks=(1, 2, 1)).squeeze().shape
        (4,)
        """
        part = self._read(..., Use.CONTENT)
        shape, axes = part.shape, range(part.ndim)
        dropped = [place for place in axes if shape[place] == 1]
        if axis is not None:
            dropped = list(normalize_axis_tuple(axis, part.ndim, "axis"))
        for place in dropped:
            if shape[place] != 1:
                raise ValueError(f"cannot squeeze axis {place}, whose length is {shape[place]}: it must be 1")
        kept = [place for place in axes if place not in dropped]
        keywords = self._keywords()
        for name in ("chunks", "blocks"):
            keywords[name] = tuple(keywords[name][place] for place in kept)
        squeezed = part.reshape([shape[place] for place in kept])
        return NDArray(handles.stored(squeezed, self._items, self._inherited(keywords)))

    def to_bytes(self) -> bytes:
        """Return the array as the bytes of a contiguous frame; `caterva.from_bytes` opens them."""
        return self._handle.to_bytes()

    def __copy__(self) -> NDArray | PlainArray:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> NDArray | PlainArray:
        return self.copy()

    def __reduce__(self) -> Any:
        """Arrays in files are pickled by path and mode, those in memory by their bytes."""
        path = self._handle.absolute_path
        if path is None:
            return _from_bytes, (self.to_bytes(), self.max_bytes, self._keeps())
        mode = "r" if self._handle.read_only else "a"
        place = (path, mode, *self._place)
        return _open, (*place, self.max_bytes, Safety.of_core(self._handle.safety), self._keeps())

    # ---------------------------------------------------------------- the handle

    def refresh(self) -> bool:
        """Have what others have committed since the array was opened, changed or refreshed here.

        An array in a file or directory is a snapshot: other processes' changes show, whole, after this, and
        when the array is changed here. The shape may become another one. Where another library has written,
        or damage may have, what is not verified any more is told of with an `UnverifiedWarning`; a change
        before which the shape or other metalayers would become so raises `FileChangedError` instead.

        Returns
        -------
        bool
            Whether anything was written by others.

        Raises
        ------
        FileChangedError
            If the file or directory is gone, or is an array of other items or another number of axes by now.
        CorruptDataError
            If what is there is damaged. The array is as it was; opening the file anew may find the state that
            was flushed last, with a `RecoveredWarning`.

        Examples
        --------
        >>> import caterva
        >>> caterva.zeros((4,), 1, chunks=(2,)).refresh()
        False
        """
        before = self._handle.seal
        changed = self._handle.refresh()
        if changed:
            warn_if_recovered(self._handle)
            warn_if_less_verified(self._handle, before)
        return changed

    def close(self) -> None:
        """Bring changes to the medium, and release memory and files. The array cannot be used any more."""
        self._handle.close()

    def __enter__(self) -> NDArray:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


NDArray.register(PlainArray)


def _keeping(array: NDArray, keeps: dict[str, int]) -> NDArray:
    for name, value in keeps.items():
        setattr(array._handle, name, value)
    return array


def _from_bytes(frame: Any, max_bytes: int | None, keeps: dict[str, int]) -> NDArray:
    array = NDArray(_core.ArrayHandle.from_bytes(frame, max_bytes or 0))
    array._max_bytes = max_bytes
    warn_if_unverified(array._handle)
    return _keeping(array, keeps)


def _opened(
    path: str | bytes,
    mode: str | None,
    offset: int,
    mmap: bool,
    max_bytes: int | None,
    safety: Safety,
    prefers_copy: bool,
) -> NDArray:
    handle = handles.opened(path, mode, offset, mmap, max_bytes, safety, prefers_copy)
    try:
        array = NDArray(handle)
    except (CorruptDataError, UnsupportedFormatError):  # the dtype: a metalayer
        # Another library may have changed it, or damage.
        if handle.seal != Seal.LAYERS:
            raise
        handle.close()
        array = NDArray(handles.opened(path, mode, offset, mmap, max_bytes, safety, prefers_copy=True))
    return array


def _open(
    path: str | bytes,
    mode: str | None,
    offset: int,
    mmap: bool,
    max_bytes: int | None,
    safety: Safety,
    keeps: dict[str, int],
    prefers_copy: bool = False,
) -> NDArray:
    try:
        array = _opened(path, mode, offset, mmap, max_bytes, safety, prefers_copy)
    except CorruptDataError as error:
        more = advice(
            path,
            offset,
            safety,
            prefers_copy,
            lambda *how: _opened(path, "r", offset, False, max_bytes, *how),
        )
        other = recognize(path, offset)
        if other is not None and not more:
            raise NotAnArrayError(f"{os.fsdecode(path)}: not a caterva or Blosc2 file: {other}") from None
        raise type(error)(f"{error}{more}") from None
    array._place = (offset, mmap)
    array._max_bytes = max_bytes
    warn_if_recovered(array._handle)
    warn_if_unverified(array._handle)
    if not safety.checksum and not safety.locking:
        warn_of_no_snapshot(array._handle)
    return _keeping(array, keeps)
