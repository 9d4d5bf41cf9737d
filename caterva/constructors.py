"""Functions that make, open and remove arrays."""

import os
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from caterva import handles, in_parts, ndarray
from caterva.arguments import as_int
from caterva.dtypes import Items, items_of, typed
from caterva.errors import RecoveredWarning
from caterva.ndarray import NDArray
from caterva.plain import PlainArray, plain
from caterva.removal import remove_array
from caterva.safety import DEFAULTS, LOCK_TIMEOUT, Safety
from caterva.shapes import as_shape
from caterva.slabs import Box
from caterva.storage import (
    CACHE_BYTES,
    Storage,
    as_cache_bytes,
    as_flag,
    as_max_bytes,
    as_path,
    with_keywords,
)
from caterva.threads import as_nthreads
from caterva.values import as_items, refuse_masked
from caterva.verification import Verification

__all__ = [
    "asarray",
    "copy",
    "empty",
    "from_buffer",
    "from_bytes",
    "full",
    "open",
    "remove",
    "repair",
    "zeros",
]


def _uniform(shape: Any, items: Items, storage: Storage, fill: bytes | None = None) -> NDArray | PlainArray:
    """Make an array of one value: the bytes of an item, or zeros."""
    extents = as_shape(shape, items.dtype.itemsize)
    if not storage.is_plain:
        return NDArray(handles.filled(extents, items, storage, fill))
    array = np.zeros(extents, dtype=items.dtype)
    if fill is not None:
        array.view(items.raw)[...] = np.frombuffer(fill, dtype=items.raw)[0]
    return plain(array, items.is_opaque)


@with_keywords
def empty(
    shape: Any, itemsize: int | None = None, *, dtype: npt.DTypeLike | None = None, **kwargs: Any
) -> NDArray | PlainArray:
    """Create an empty array.

    Parameters
    ----------
    shape : int, tuple or list
        The shape of the array; up to 16 axes.
    itemsize : int
        The size of an item, in bytes. Items are opaque, unless `dtype` is given.
    dtype : dtype, optional
        The type of the items; kept with the array. Replaces `itemsize`, or agrees with it.

    Other Parameters
    ----------------
    chunks : iterable of int, "auto" or None
        The chunk shape. If neither it, nor `blocks`, nor a storage is given, the array is a plain buffer, not
        compressed. If only the others are given, or "auto", it is chosen.
    blocks : iterable of int, "auto" or None
        The block shape, within the chunk shape; as above.
    urlpath, filename : path or None
        The file or directory to make, which may not exist. If None, data is in memory.
    contiguous, sequential : bool or None
        With `urlpath`: one file (the default), or, if False, a directory with a file for each chunk. In
        memory: one frame, or, if False, separate chunks.
    memframe : bool
        If True, the array is one frame in memory. (Default: False)
    meta : dict or None
        Fixed metalayers: names (str or bytes) and contents (bytes, or an object to be packed by msgpack).
    codec : Codec, int or str
        The compressor. (Default: Codec.LZ4)
    clevel : int
        The compression level: from 0, no compression, to 9. (Default: 5)
    filters : list of Filter, int or str
        The filter pipeline, up to six. (Default: [Filter.SHUFFLE])
    filtersmeta : list of int
        A parameter for each filter. (Default: zeros)
    nthreads : int
        The number of threads. (Default: that of `set_nthreads`, which begins as 1)
    cache_bytes : int
        Bytes of recently decoded blocks that the array keeps for small reads; 0: none. (Default: 4 MiB)
    usedict : bool
        If a dictionary should be used during compression. (Default: False)
    splitmode : SplitMode, int or str
        When the bytes of items are compressed as separate streams. (Default: "auto")
    checksum : bool
        Whether a file or directory gets checksums, with which damage is noticed. (Default: True)
    durability : {"order", "fsync"}
        What a call that changes a file or directory has survived when it returns: the end of the process and
        a full disk, or the end of the system too. `NDArray.flush` makes the latter at any time. (Default:
        "order")
    locking : bool
        Whether processes that change the array wait for each other. (Default: True)
    lock_timeout : float
        Seconds that a call waits for the others before it raises LockedError. (Default: 10)

    Returns
    -------
    NDArray or PlainArray
        The array. Its items read as zeros where it is compressed.

    Examples
    --------
    >>> import caterva
    >>> caterva.empty((20, 30), 8, chunks=(10, 10), blocks=(5, 5)).shape
    (20, 30)
    """
    storage = Storage.parse(kwargs)
    items = items_of(itemsize, dtype)
    if storage.is_plain:
        return plain(np.empty(as_shape(shape, items.dtype.itemsize), dtype=items.dtype), items.is_opaque)
    return _uniform(shape, items, storage)


@with_keywords
def zeros(
    shape: Any, itemsize: int | None = None, *, dtype: npt.DTypeLike | None = None, **kwargs: Any
) -> NDArray | PlainArray:
    """Create an array of zeros. Parameters are those of `empty`.

    Examples
    --------
    >>> import caterva
    >>> caterva.zeros((2, 2), itemsize=3).to_buffer()
    b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'
    """
    storage = Storage.parse(kwargs)
    return _uniform(shape, items_of(itemsize, dtype), storage)


@with_keywords
def full(
    shape: Any,
    fill_value: Any,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Any,
) -> NDArray | PlainArray:
    """Create an array of one value.

    Parameters
    ----------
    shape : int, tuple or list
        The shape of the array.
    fill_value : bytes or scalar
        The value: bytes of one item, or, for typed items, anything that NumPy casts to their type.
    itemsize : int, optional
        The size of an opaque item, by default that of the bytes.
    dtype : dtype, optional
        The type of the items, by default that of a value which is not bytes.
    **kwargs
        Those of `empty`.

    Examples
    --------
    >>> import caterva
    >>> caterva.full((2,), b"pepe").to_buffer()
    b'pepepepe'
    >>> caterva.full((2,), 1.5, dtype="f4", chunks=(2,))[:]
    PlainArray([1.5, 1.5], dtype=float32)
    """
    storage = Storage.parse(kwargs)
    if itemsize is not None or dtype is not None:
        items = items_of(itemsize, dtype)
    elif isinstance(fill_value, (bytes, bytearray)):
        items = items_of(len(fill_value))
    else:
        items = typed(np.asarray(fill_value).dtype)
    item = as_items(fill_value, items)
    if item.ndim:
        raise ValueError(f"fill_value must be one item, got an array of shape {item.shape}")
    return _uniform(shape, items, storage, item.tobytes())


@with_keywords
def from_buffer(
    buffer: Any,
    shape: Any,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Any,
) -> NDArray | PlainArray:
    """Create an array out of a buffer, which is copied.

    Parameters
    ----------
    buffer : bytes-like
        The items in C order: bytes, or any C-contiguous buffer, of exactly the array's size.
    shape, itemsize, dtype, **kwargs
        Those of `empty`.

    Examples
    --------
    >>> import caterva
    >>> caterva.from_buffer(bytes(range(6)), shape=(2, 3), itemsize=1).to_buffer()
    b'\\x00\\x01\\x02\\x03\\x04\\x05'
    """
    storage = Storage.parse(kwargs)
    items = items_of(itemsize, dtype)
    refuse_masked(buffer)
    extents = as_shape(shape, items.dtype.itemsize)
    if isinstance(buffer, np.ndarray) and not buffer.dtype.hasobject and buffer.dtype.itemsize:
        buffer = np.asarray(buffer).view(
            (np.void, buffer.dtype.itemsize)
        )  # datetimes have no buffer protocol
    view = memoryview(buffer)
    if not view.c_contiguous:
        raise ValueError("the buffer is not C-contiguous")
    nbytes = items.dtype.itemsize * int(np.prod(extents, dtype=object))
    if view.nbytes != nbytes:
        raise ValueError(
            f"an array of shape {extents} and itemsize {items.dtype.itemsize} takes {nbytes} bytes, "
            f"got {view.nbytes}"
        )
    source = np.frombuffer(view, dtype=items.dtype) if nbytes else np.empty(0, dtype=items.dtype)
    array = source.reshape(extents)
    if storage.is_plain:
        return plain(array.copy(), items.is_opaque)
    return NDArray(handles.stored(array, items, storage))


@with_keywords
def asarray(
    ndarray: Any, *, dtype: npt.DTypeLike | None = None, copy: bool | None = None, **kwargs: Any
) -> NDArray | PlainArray:
    """Convert the input to an array.

    Parameters
    ----------
    ndarray : array_like
        An array of caterva, or anything that NumPy makes an array of, by the buffer protocol or its own
        interface. What gives its items by keys (h5py's datasets, zarr's and Dask's arrays) is read in parts,
        of 32 MiB or a chunk, if the result is compressed.
    dtype : dtype, optional
        The type of the items, by default that of the input.
    copy : bool, optional
        True: always copy. False: never; ValueError if one is needed. By default a plain result shares the
        memory of its source where that has any.
    **kwargs
        Those of `empty`. Without chunks, blocks or a storage, an array of caterva is returned as it is, and
        anything else as a plain array.

    Examples
    --------
    >>> import caterva
    >>> import numpy as np
    >>> source = np.arange(6).reshape(2, 3)
    >>> caterva.asarray(source)[0, 0] = 9
    >>> source[0, 0]
    np.int64(9)
    >>> caterva.asarray(source, chunks=(2, 2)).dtype
    dtype('int64')
    """
    storage = Storage.parse(kwargs)
    if not storage.is_plain and copy is False:
        raise ValueError("a compressed array cannot be made without a copy")
    if isinstance(ndarray, NDArray) and not isinstance(ndarray, PlainArray):
        if dtype is None and not kwargs and not copy:
            return ndarray
        if copy is False:
            raise ValueError("a compressed array cannot be converted without a copy")
        return ndarray.copy(dtype=dtype, **kwargs)
    refuse_masked(ndarray)
    if not storage.is_plain and in_parts.is_in_parts(ndarray):
        return _from_parts(ndarray, dtype, storage)
    items, array = _typed_array(ndarray, dtype, copy if storage.is_plain else None)
    if storage.is_plain:
        return array if isinstance(array, PlainArray) else plain(array, items.is_opaque)
    return NDArray(handles.stored(array, items, storage))


def _from_parts(source: Any, dtype: npt.DTypeLike | None, storage: Storage) -> NDArray:
    """Store what gives its items by keys a part at a time."""
    items = typed(source.dtype if dtype is None else dtype)
    shape = as_shape(tuple(source.shape), items.dtype.itemsize)

    def read(boxes: Iterable[Box]) -> Iterator[in_parts.Part]:
        return in_parts.read_parts(source, items, boxes)

    return NDArray(handles.stored_in_parts(shape, items, storage, read))


def _typed_array(source: Any, dtype: npt.DTypeLike | None, copy: bool | None) -> tuple[Items, np.ndarray]:
    """Return an input as a NumPy array (a PlainArray stays one), and what its items are."""
    if isinstance(source, PlainArray) and source._items.is_opaque:
        items = source._items if dtype is None else items_of(source.itemsize, dtype)
        viewed = source if dtype is None else source.view(items.dtype)
        return items, np.array(viewed, copy=copy, subok=True)
    if isinstance(source, bytes):
        source = memoryview(source)  # bytes are numbers here, where NumPy takes them for a string
    array = np.array(source, dtype=dtype, copy=copy, subok=True)
    refuse_masked(array)  # which an object that is asked for its items may answer with
    return typed(array.dtype), array if isinstance(source, PlainArray) else np.asarray(array)


def _place(urlpath: Any) -> str | bytes:
    """Return a path, checked, which must be given."""
    path = as_path(urlpath)
    if path is None:
        raise TypeError("urlpath must be a path, got None")
    return path


def copy(array: NDArray | PlainArray, **kwargs: Any) -> NDArray | PlainArray:
    """Create a copy of an array.

    Parameters
    ----------
    array : NDArray or PlainArray
        The array to be copied.
    **kwargs
        Those of `empty`; what is not given is inherited from a compressed array.
    """
    if not isinstance(array, NDArray):
        raise TypeError(f"copy() takes a caterva array, got {type(array).__name__}: use asarray()")
    return array.copy(**kwargs)


def open(
    urlpath: Any,
    mode: str | None = None,
    *,
    offset: int = 0,
    copy: bool = False,
    mmap: bool = False,
    nthreads: int | None = None,
    cache_bytes: int = CACHE_BYTES,
    max_bytes: int | None = None,
    checksum: bool = True,
    durability: str = "order",
    locking: bool = True,
    lock_timeout: float = LOCK_TIMEOUT,
) -> NDArray:
    """Open an array from a file or directory.

    Parameters
    ----------
    urlpath : path
        The file having a Blosc2 frame with a "b2nd" or "caterva" metalayer, or the directory of a sparse one.
    mode : {"a", "r+", "r"}, optional
        "a" or "r+": read and write. "r": read. By default writing is allowed where the system allows it.
    offset : int, optional
        Where in the file the frame begins; elsewhere than at 0 it can only be read.
    copy : bool, optional
        If True, the array is read into memory, and the file closed.
    mmap : bool, optional
        If True, the file is mapped into memory, for reading: blocks are decoded from where they lie. It takes
        memory that the system can have back at any time, and pays where the file is read more than once.
        Nobody may cut the file short while it is mapped: on most systems that kills the process. A directory
        cannot be mapped.
    nthreads : int, optional
        The number of threads; by default that of `set_nthreads`.
    cache_bytes : int, optional
        Bytes of recently decoded blocks that the array keeps for small reads; 0: none.
    max_bytes : int, optional
        Most that bytes of the file may make this process allocate at once: for a chunk, the index of the
        chunks, or the content of a metalayer. By default what the format allows, nearly 2 GiB for a chunk,
        but 256 MiB for a metalayer. Results of the size that a caller asks for are not counted.
    checksum : bool, optional
        Whether what is read is checked, if the file has checksums.
    durability, locking, lock_timeout : optional
        As for `empty`: they are the handle's, not the file's. Without `locking` the state that is read is not
        kept for this handle: `FileChangedError` is raised where another process has used its place again.
        With `checksum=False` too that is not noticed, of which an `UnverifiedWarning` tells.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `urlpath`.
    CorruptDataError
        If what is there is not a whole frame of an array.
    LimitError
        If it needs more than `max_bytes`; chunks and metalayers that do raise it when they are read.

    Notes
    -----
    The array shows what is committed now, until it is changed here or refreshed (`NDArray.refresh`).
    """
    path = _place(urlpath)
    safety = Safety.parse(
        {"checksum": checksum, "durability": durability, "locking": locking, "lock_timeout": lock_timeout}
    )
    keeps = {"nthreads": as_nthreads(nthreads), "cache_bytes": as_cache_bytes(cache_bytes)}
    start = as_int(offset, "offset", 0, 2**63 - 1)
    array = ndarray._open(
        path,
        "r" if copy and mode is None else mode,
        start,
        as_flag(mmap, "mmap"),
        as_max_bytes(max_bytes),
        safety,
        keeps,
    )
    if not copy:
        return array
    with array:
        return array.copy()  # type: ignore[return-value]


def from_bytes(
    buffer: Any,
    *,
    nthreads: int | None = None,
    cache_bytes: int = CACHE_BYTES,
    max_bytes: int | None = None,
) -> NDArray:
    """Open an array from the bytes of a contiguous frame, which are copied.

    Parameters
    ----------
    buffer : bytes-like
        The frame.
    nthreads, cache_bytes, max_bytes : int, optional
        As for `open`; the copy of the buffer does not count.

    Examples
    --------
    >>> import caterva
    >>> array = caterva.zeros((4, 4), 2, chunks=(2, 2))
    >>> caterva.from_bytes(array.to_bytes()).to_buffer() == array.to_buffer()
    True
    """
    keeps = {"nthreads": as_nthreads(nthreads), "cache_bytes": as_cache_bytes(cache_bytes)}
    return ndarray._from_bytes(memoryview(buffer), as_max_bytes(max_bytes), keeps)


def repair(
    urlpath: Any,
    *,
    accept_older: bool = False,
    lock_timeout: float = LOCK_TIMEOUT,
    max_bytes: int | None = None,
) -> Verification:
    """Mend the metadata of an array's file by its second copies, and check all that is stored.

    It mends what `open` reads with a `RecoveredWarning`, and a file that was cut, if the copies have what is
    missing. What another library has changed in the header alone goes back to what the copy has. Damaged
    chunks are named, and stay as they are.

    Parameters
    ----------
    urlpath : str or path-like
        The file or directory.
    accept_older : bool, optional
        If True, and only the state that was flushed last can be read, because later ones are damaged, that
        one is made the last one for good: what was changed after that flush is lost. If False, it is refused.
    lock_timeout : float, optional
        Seconds to wait for others who are changing the array.
    max_bytes : int, optional
        As `open` takes it.

    Returns
    -------
    Verification
        What was found, as `NDArray.verify` tells it.

    Raises
    ------
    CorruptDataError
        If the copies do not give the whole state that was flushed last, or changes after that flush would be
        lost, and `accept_older` is not set. The file is as it was.
    FileNotFoundError
        If there is nothing at `urlpath`.

    Examples
    --------
    >>> import caterva
    >>> caterva.zeros((4, 6), dtype="i4", chunks=(2, 6), urlpath="mended.b2nd").close()
    >>> print(caterva.repair("mended.b2nd"))
    mended.b2nd: 2 chunks, 2 blocks verified
    """
    safety, limit = Safety.parse(DEFAULTS | {"lock_timeout": lock_timeout}), as_max_bytes(max_bytes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecoveredWarning)  # the result says it
        array = ndarray._open(_place(urlpath), "a", 0, False, limit, safety, {}, prefers_copy=True)
    with array:
        return array.verify(repair=True, accept_older=accept_older)


def remove(urlpath: Any) -> None:
    """Remove the file or directory of an array, its lock file, and what dead writers have left beside it.

    Nothing happens if there is none. Only arrays are removed, damaged ones too: a file that begins as one or
    has a copy of an array's header, a directory that holds files of an array and nothing else. A symbolic
    link is removed itself; the array that it leads to stays.

    Raises
    ------
    ValueError
        If there is something else at `urlpath`, a file of several arrays, or a link that does not lead to an
        array.
    """
    remove_array(os.fsdecode(_place(urlpath)))
