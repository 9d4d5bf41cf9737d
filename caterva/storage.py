"""Keywords of the constructors: where an array is kept and how it is compressed."""

import difflib
import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

from caterva.arguments import as_int
from caterva.chunking import partition
from caterva.codecs import Codec, Filter, SplitMode, as_member, as_pipeline, check_cut
from caterva.dtypes import Items
from caterva.meta import MAX_LAYERS, as_layers
from caterva.safety import DEFAULTS as SAFETY_DEFAULTS
from caterva.safety import Safety
from caterva.shapes import MAX_ARRAY_BYTES, Shape
from caterva.threads import as_nthreads

# The metalayer "caterva" describes arrays up to here; above, "b2nd" stands alone (ndim-metalayers.md 1).
CATERVA_MAX_NDIM = 8
CATERVA_MAX_ITEMSIZE = 255


Function = TypeVar("Function", bound=Callable[..., Any])


class Home(IntEnum):
    """Where the chunks of an array are kept."""

    MEMORY = 0
    MEMFRAME = 1
    FILE = 2
    DIRECTORY = 3


# Recently decoded blocks that an array keeps: enough for the blocks around a point, or along a row.
CACHE_BYTES = 4 * 2**20

# Every keyword, with its default. None: not asked for.
DEFAULTS: dict[str, Any] = {
    "chunks": None,
    "blocks": None,
    "urlpath": None,
    "contiguous": None,
    "memframe": False,
    "meta": None,
    "codec": Codec.LZ4,
    "clevel": 5,
    "filters": [Filter.SHUFFLE],
    "filtersmeta": None,
    "nthreads": None,
    "cache_bytes": CACHE_BYTES,
    "usedict": False,
    "splitmode": SplitMode.AUTO,
    **SAFETY_DEFAULTS,
}
ALIASES = {"filename": "urlpath", "sequential": "contiguous"}
WITH_DICTIONARY = (Codec.LZ4, Codec.LZ4HC, Codec.ZSTD)
COMPRESSION = ("codec", "clevel", "filters", "filtersmeta", "usedict", "splitmode")
LEGACY = {"use_dict": "usedict", "cname": "codec", "complevel": "clevel"}


def level_of_caller() -> int:
    """Return the stacklevel with which a warning of this function's caller names the user's line."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "caterva":
        level, frame = level + 1, frame.f_back
    return level


# What other libraries call it, or have and this one has not.
ELSEWHERE = {
    "compression": "codec",
    "compressor": "codec",
    "compressors": "codec",
    "compression_opts": "clevel",
    "level": "clevel",
    "compression_level": "clevel",
    "filter": "filters",
    "chunk_shape": "chunks",
    "chunkshape": "chunks",
    "block_shape": "blocks",
    "blockshape": "blocks",
    "path": "urlpath",
    "file": "urlpath",
    "threads": "nthreads",
    "metadata": "meta",
}
NOT_HERE = {
    "itemsize": "a copy keeps its item size: dtype= gives it other items",
    "mode": "a new array never takes the place of what is there; caterva.remove(path) removes an array",
    "shape": "resize() gives an array another shape",
}


def _hint(given: str) -> str:
    """Return what to say of an unknown keyword."""
    if given in NOT_HERE:
        return f": {NOT_HERE[given]}"
    known = [name for name in (*DEFAULTS, *ALIASES, "dtype", "itemsize") if name != given]
    close = [ELSEWHERE[given]] if given in ELSEWHERE else difflib.get_close_matches(given, known, 1, 0.7)
    return f": did you mean {close[0]!r}?" if close else f" (known are {', '.join(DEFAULTS)})"


def with_keywords(function: Function) -> Function:
    """Have a function's signature, as `help` shows it, list the keywords instead of ``**kwargs``."""
    signature = inspect.signature(function)
    parameters = [part for part in signature.parameters.values() if part.kind is not part.VAR_KEYWORD]
    for name, default in DEFAULTS.items():
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default))
    function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return function


def canonical(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return keywords under their own names instead of aliases and legacy names.

    Raises
    ------
    TypeError
        If a keyword is unknown, naming the closest one, or two names of one differ in value.

    Examples
    --------
    >>> canonical({"filename": "x.b2nd"})
    {'urlpath': 'x.b2nd'}
    """
    result: dict[str, Any] = {}
    spelled: dict[str, str] = {}
    for given, value in keywords.items():
        name = LEGACY.get(given, ALIASES.get(given, given))
        if name not in DEFAULTS:
            raise TypeError(f"unknown keyword {given!r}{_hint(given)}")
        if given in LEGACY:
            warnings.warn(
                f"keyword {given!r} is deprecated: use {name!r}",
                DeprecationWarning,
                stacklevel=level_of_caller(),
            )
        if name in ("chunks", "blocks") and isinstance(value, Iterable) and not isinstance(value, str):
            value = tuple(value)
        if name in result and result[name] != value:
            raise TypeError(f"{spelled[name]!r} and {given!r} name one keyword, and their values differ")
        result[name], spelled[name] = value, given
    return result


def inherit(keywords: Mapping[str, Any], inherited: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of a copy: those given, and those of the source for the rest.

    Shapes and parameters that belong together are inherited together: blocks stay if they fit into the chunks
    that are given, filters without parameters start from zeros.
    """
    given = canonical(keywords)
    rest = {name: value for name, value in inherited.items() if name not in given}
    for name, other in (("chunks", "blocks"), ("blocks", "chunks")):
        if name in given and other in rest:
            chunks, blocks = (given | rest)["chunks"], (given | rest)["blocks"]
            if given[name] is None or not _nested(chunks, blocks):
                del rest[other]
    if "filters" in given:
        rest.pop("filtersmeta", None)
    if is_plain(given | rest):
        rest.pop("meta", None)
    return given | rest


def is_plain(keywords: Mapping[str, Any]) -> bool:
    """Whether keywords ask for no chunks, no blocks and no storage: the array is a plain buffer."""
    asked = (keywords.get(name) for name in ("chunks", "blocks", "urlpath", "contiguous"))
    return all(value is None for value in asked) and not keywords.get("memframe")


def _nested(chunks: Any, blocks: Any) -> bool:
    """Whether chunks and blocks are shapes of the same length, the one within the other."""
    if isinstance(chunks, int) or isinstance(blocks, int):
        chunks, blocks = ((shape,) if isinstance(shape, int) else shape for shape in (chunks, blocks))
    if isinstance(chunks, str) or isinstance(blocks, str) or len(chunks) != len(blocks):
        return False
    return all(block <= chunk for chunk, block in zip(chunks, blocks, strict=True))


def as_path(value: Any) -> str | bytes | None:
    """Return a path given as str, bytes or path object; None for None."""
    if value is None:
        return None
    if not isinstance(value, (str, bytes, os.PathLike)):
        raise TypeError(f"urlpath must be a path, got {value!r}")
    path: str | bytes = os.fspath(value)
    if not path:
        raise ValueError("urlpath is empty")
    if (b"\0" if isinstance(path, bytes) else "\0") in path:  # type: ignore[operator]
        raise ValueError(f"urlpath {path!r} contains a null character")
    return path


def without_separators(path: str | bytes) -> str | bytes:
    """Return a path without separators at its end, of which a root needs one.

    Examples
    --------
    >>> without_separators("array.b2nd//")
    'array.b2nd'
    """
    separators = os.sep + (os.altsep or "")
    if isinstance(path, bytes):
        return path.rstrip(separators.encode()) or path
    return path.rstrip(separators) or path


def as_flag(value: Any, what: str) -> bool:
    """Return a bool argument, checked."""
    if value not in (False, True):
        raise TypeError(f"{what} must be True or False, got {value!r}")
    return bool(value)


def as_cache_bytes(value: Any) -> int:
    """Return a size of the cache of decoded blocks, checked."""
    return as_int(value, "cache_bytes", 0, MAX_ARRAY_BYTES)


def as_max_bytes(value: Any) -> int | None:
    """Return a limit of what a file may make us allocate, checked; None is the default."""
    return None if value is None else as_int(value, "max_bytes", 1, MAX_ARRAY_BYTES)


def _home(path: str | bytes | None, contiguous: bool | None, memframe: bool) -> Home:
    if path is not None:
        if memframe:
            raise ValueError("memframe keeps the array in memory, urlpath in a file: give one of them")
        if contiguous is not False and without_separators(path) != path:
            raise ValueError(
                f"urlpath {os.fsdecode(path)!r} ends as the name of a directory does: "
                "give contiguous=False, or leave the separator out"
            )
        return Home.DIRECTORY if contiguous is False else Home.FILE
    if memframe and contiguous is False:
        raise ValueError("a memframe is contiguous")
    return Home.MEMFRAME if memframe or contiguous else Home.MEMORY


def _as_use_dict(value: Any, codec: Codec) -> bool:
    """Return whether chunks get a dictionary; a warning says so if the codec knows none."""
    if not as_flag(value, "usedict") or codec in WITH_DICTIONARY:
        return bool(value)
    warnings.warn(
        f"usedict=True ignored: {codec.name} has no dictionaries; those of "
        f"{', '.join(known.name for known in WITH_DICTIONARY)} have",
        UserWarning,
        stacklevel=level_of_caller(),
    )
    return False


def _warn_of_ignored(given: Mapping[str, Any]) -> None:
    """Warn of keywords that say how to compress what is not going to be compressed."""
    ignored = [name for name in COMPRESSION if given.get(name) is not None]
    if ignored:
        warnings.warn(
            f"{', '.join(ignored)} ignored: without chunks, blocks or a place to store it the array is a "
            'plain buffer, which is not compressed; chunks="auto" compresses it',
            UserWarning,
            stacklevel=level_of_caller(),
        )


@dataclass(frozen=True)
class Storage:
    """The keywords of a constructor, checked: everything about an array but its shape, items and values."""

    chunks: Any  # checked against the shape by describe()
    blocks: Any
    is_plain: bool
    home: Home
    path: str | bytes | None
    meta: Mapping[Any, Any] | None
    codec: Codec
    clevel: int
    filters: tuple[int, ...]
    filtersmeta: tuple[int, ...]
    use_dict: bool
    split: SplitMode
    nthreads: int
    cache_bytes: int
    safety: Safety

    @classmethod
    def parse(cls, keywords: Mapping[str, Any], asked: Mapping[str, Any] | None = None) -> "Storage":
        """Return the storage that a constructor's keywords describe.

        The array is a plain buffer unless `chunks` or `blocks` is given, or a storage (`urlpath`,
        `contiguous`, `memframe`) is asked for. `asked` is what the caller has given of the keywords, under
        their own names: a warning tells of compression that a plain buffer has not.
        """
        given = canonical(keywords)
        values = DEFAULTS | given
        if values["filters"] is None:
            values["filters"] = DEFAULTS["filters"]
        path = as_path(values["urlpath"])
        contiguous = None if values["contiguous"] is None else as_flag(values["contiguous"], "contiguous")
        memframe = as_flag(values["memframe"], "memframe")
        codec = as_member(Codec, values["codec"], "codec")
        filters, parameters = as_pipeline(values["filters"], values["filtersmeta"])
        plain = is_plain(values)
        if plain:
            _warn_of_ignored(given if asked is None else asked)
        if plain and values["meta"]:
            raise ValueError("a plain buffer has no metalayers: give chunks, or chunks='auto'")
        return cls(
            chunks=values["chunks"],
            blocks=values["blocks"],
            is_plain=plain,
            home=_home(path, contiguous, memframe),
            path=path if path is None else without_separators(path),
            meta=values["meta"],
            codec=codec,
            clevel=as_int(values["clevel"], "clevel", 0, 9),
            filters=filters,
            filtersmeta=parameters,
            use_dict=_as_use_dict(values["usedict"], codec),
            split=as_member(SplitMode, values["splitmode"], "splitmode"),
            nthreads=as_nthreads(values["nthreads"]),
            cache_bytes=as_cache_bytes(values["cache_bytes"]),
            safety=Safety.parse(values),
        )

    def check_items(self, items: Items, kept: Iterable[int] = ()) -> None:
        """Raise ValueError if a filter would destroy items; `kept` are those that they have been through."""
        if not items.is_opaque and self.filters != tuple(kept):
            check_cut(self.filters, items.dtype)

    def describe(self, shape: Shape, items: Items) -> dict[str, Any]:
        """Return the keywords with which ``_core.ArrayHandle`` makes an array of a shape and items."""
        itemsize = items.dtype.itemsize
        chunks, blocks = partition(shape, itemsize, self.chunks, self.blocks)
        has_caterva = len(shape) <= CATERVA_MAX_NDIM and itemsize <= CATERVA_MAX_ITEMSIZE
        return {
            "shape": shape,
            "chunks": chunks,
            "blocks": blocks,
            "itemsize": itemsize,
            "dtype": items.spelling,
            "home": int(self.home),
            "path": self.path,
            "codec": self.codec.value,
            "clevel": self.clevel,
            "split": self.split.value,
            "filters": self.filters,
            "filtersmeta": self.filtersmeta,
            "use_dict": self.use_dict,
            "meta": list(as_layers(self.meta, MAX_LAYERS - 1 - has_caterva)),
            "nthreads": self.nthreads,
            "cache_bytes": self.cache_bytes,
            "safety": self.safety.for_core(),
        }
