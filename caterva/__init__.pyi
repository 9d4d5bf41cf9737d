"""What users see of the package, for type checkers: which keywords there are, and what they make of a result.

tests/test_typing.py compares it with the package.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Required, TypeAlias, TypedDict, Unpack, overload

import numpy as np
import numpy.typing as npt

from caterva.build import build_info as build_info
from caterva.codecs import Codec as Codec
from caterva.codecs import Filter as Filter
from caterva.codecs import SplitMode as SplitMode
from caterva.errors import CatervaError as CatervaError
from caterva.errors import CodecError as CodecError
from caterva.errors import CorruptDataError as CorruptDataError
from caterva.errors import FileChangedError as FileChangedError
from caterva.errors import LimitError as LimitError
from caterva.errors import LockedError as LockedError
from caterva.errors import NotAnArrayError as NotAnArrayError
from caterva.errors import RecoveredWarning as RecoveredWarning
from caterva.errors import StorageError as StorageError
from caterva.errors import UnsupportedFormatError as UnsupportedFormatError
from caterva.errors import UnverifiedWarning as UnverifiedWarning
from caterva.ndarray import NDArray as NDArray
from caterva.plain import PlainArray as PlainArray
from caterva.threads import set_nthreads as set_nthreads
from caterva.verification import BadPlace as BadPlace
from caterva.verification import Verification as Verification

__version__: str

_Shape: TypeAlias = int | Sequence[int] | npt.NDArray[np.integer[Any]]
_Partition: TypeAlias = int | Sequence[int] | npt.NDArray[np.integer[Any]] | Literal["auto"]
_Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

class _Compression(TypedDict, total=False):
    meta: Mapping[str | bytes, Any] | None
    codec: Codec | int | str
    clevel: int
    filters: Sequence[Filter | int | str] | None
    filtersmeta: Sequence[int] | None
    nthreads: int | None
    cache_bytes: int
    usedict: bool
    splitmode: SplitMode | int | str
    checksum: bool
    durability: Literal["order", "fsync"]
    locking: bool
    lock_timeout: float

class _Rest(_Compression, total=False):
    contiguous: bool | None
    sequential: bool | None
    memframe: bool

class _WithChunks(_Rest, total=False):
    chunks: Required[_Partition]
    blocks: _Partition | None
    urlpath: _Path | None
    filename: _Path | None

class _WithBlocks(_Rest, total=False):
    chunks: _Partition | None
    blocks: Required[_Partition]
    urlpath: _Path | None
    filename: _Path | None

class _WithPath(_Rest, total=False):
    chunks: _Partition | None
    blocks: _Partition | None
    urlpath: Required[_Path]

class _WithFilename(_Rest, total=False):
    chunks: _Partition | None
    blocks: _Partition | None
    filename: Required[_Path]

class _WithoutStorage(_Compression, total=False):
    chunks: None
    blocks: None
    urlpath: None

class _Anything(_Rest, total=False):
    chunks: _Partition | None
    blocks: _Partition | None
    urlpath: _Path | None
    filename: _Path | None

@overload
def empty(
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithChunks],
) -> NDArray: ...
@overload
def empty(
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithBlocks],
) -> NDArray: ...
@overload
def empty(
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithPath],
) -> NDArray: ...
@overload
def empty(
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithFilename],
) -> NDArray: ...
@overload
def empty(
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithoutStorage],
) -> PlainArray: ...
@overload
def empty(
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_Anything],
) -> NDArray | PlainArray: ...
@overload
def zeros(
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithChunks],
) -> NDArray: ...
@overload
def zeros(
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithBlocks],
) -> NDArray: ...
@overload
def zeros(
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithPath],
) -> NDArray: ...
@overload
def zeros(
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithFilename],
) -> NDArray: ...
@overload
def zeros(
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithoutStorage],
) -> PlainArray: ...
@overload
def zeros(
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_Anything],
) -> NDArray | PlainArray: ...
@overload
def full(
    shape: _Shape,
    fill_value: Any,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithChunks],
) -> NDArray: ...
@overload
def full(
    shape: _Shape,
    fill_value: Any,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithBlocks],
) -> NDArray: ...
@overload
def full(
    shape: _Shape,
    fill_value: Any,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithPath],
) -> NDArray: ...
@overload
def full(
    shape: _Shape,
    fill_value: Any,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithFilename],
) -> NDArray: ...
@overload
def full(
    shape: _Shape,
    fill_value: Any,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithoutStorage],
) -> PlainArray: ...
@overload
def full(
    shape: _Shape,
    fill_value: Any,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_Anything],
) -> NDArray | PlainArray: ...
@overload
def from_buffer(
    buffer: Any,
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithChunks],
) -> NDArray: ...
@overload
def from_buffer(
    buffer: Any,
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithBlocks],
) -> NDArray: ...
@overload
def from_buffer(
    buffer: Any,
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithPath],
) -> NDArray: ...
@overload
def from_buffer(
    buffer: Any,
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithFilename],
) -> NDArray: ...
@overload
def from_buffer(
    buffer: Any,
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_WithoutStorage],
) -> PlainArray: ...
@overload
def from_buffer(
    buffer: Any,
    shape: _Shape,
    itemsize: int | None = None,
    *,
    dtype: npt.DTypeLike | None = None,
    **kwargs: Unpack[_Anything],
) -> NDArray | PlainArray: ...
@overload
def asarray(
    ndarray: Any,
    *,
    dtype: npt.DTypeLike | None = None,
    copy: bool | None = None,
    **kwargs: Unpack[_WithChunks],
) -> NDArray: ...
@overload
def asarray(
    ndarray: Any,
    *,
    dtype: npt.DTypeLike | None = None,
    copy: bool | None = None,
    **kwargs: Unpack[_WithBlocks],
) -> NDArray: ...
@overload
def asarray(
    ndarray: Any, *, dtype: npt.DTypeLike | None = None, copy: bool | None = None, **kwargs: Unpack[_WithPath]
) -> NDArray: ...
@overload
def asarray(
    ndarray: Any,
    *,
    dtype: npt.DTypeLike | None = None,
    copy: bool | None = None,
    **kwargs: Unpack[_WithFilename],
) -> NDArray: ...
@overload
def asarray(
    ndarray: Any,
    *,
    dtype: npt.DTypeLike | None = None,
    copy: bool | None = None,
    **kwargs: Unpack[_WithoutStorage],
) -> PlainArray: ...
@overload
def asarray(
    ndarray: Any, *, dtype: npt.DTypeLike | None = None, copy: bool | None = None, **kwargs: Unpack[_Anything]
) -> NDArray | PlainArray: ...
def copy(
    array: NDArray | PlainArray,
    *,
    dtype: npt.DTypeLike | None = None,
    itemsize: int | None = None,
    **kwargs: Unpack[_Anything],
) -> NDArray: ...
def open(
    urlpath: _Path,
    mode: Literal["r", "a", "r+"] | None = None,
    *,
    offset: int = 0,
    copy: bool = False,
    mmap: bool = False,
    nthreads: int | None = None,
    cache_bytes: int = ...,
    max_bytes: int | None = None,
    checksum: bool = True,
    durability: Literal["order", "fsync"] = "order",
    locking: bool = True,
    lock_timeout: float = ...,
) -> NDArray: ...
def from_bytes(
    buffer: Any, *, nthreads: int | None = None, cache_bytes: int = ..., max_bytes: int | None = None
) -> NDArray: ...
def repair(
    urlpath: _Path, *, accept_older: bool = False, lock_timeout: float = ..., max_bytes: int | None = None
) -> Verification: ...
def remove(urlpath: _Path) -> None: ...
