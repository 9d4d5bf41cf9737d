"""Item types: NumPy dtypes, opaque items, and how the "b2nd" metalayer spells them (ndim-metalayers.md 1)."""

import ast
import functools
import itertools
import re
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from caterva.shapes import MAX_ITEM_BYTES, as_itemsize

MAX_SPELLING_BYTES = 2**16
MAX_NESTING = 16

# What NumPy may be asked to parse. Strings from files are never evaluated, and never name an object type.
_SIMPLE = re.compile(
    r"[<>|=]?(?:\?|[biufcSUV][0-9]{1,10}|[mM]8(?:\[[0-9]{0,10}[a-zA-Z]{1,2}(?:/[0-9]{1,10})?\])?)"
    r"|bool|u?int(?:8|16|32|64)|float(?:16|32|64)|complex(?:64|128)"
)
_FIELD_KEYS = {"names", "offsets", "itemsize", "aligned"}
_OPAQUE = re.compile(r"S[0-9]{1,10}")


class Items(NamedTuple):
    """What an item of an array is: of a NumPy dtype, or opaque bytes, shown as ``S<itemsize>``."""

    dtype: np.dtype[Any]
    is_opaque: bool

    @property
    def raw(self) -> np.dtype[Any]:
        """The dtype of the bytes alone: any of the size can be viewed as it, and buffers can have it."""
        return np.dtype((np.void, self.dtype.itemsize))

    @property
    def spelling(self) -> str:
        """The string for "b2nd". Opaque items are ``S4`` where NumPy's own strings are ``|S4``."""
        return f"S{self.dtype.itemsize}" if self.is_opaque else spell(self.dtype)


def opaque(itemsize: int) -> Items:
    """Return opaque items of a size."""
    return Items(np.dtype((np.bytes_, itemsize)), True)


def typed(dtype: npt.DTypeLike) -> Items:
    """Return items of a NumPy dtype, checked that it can be stored.

    Raises
    ------
    TypeError
        If the dtype holds Python objects, is a sub-array, or cannot be spelled.
    ValueError
        If its size is 0 or exceeds 2**31 - 1.
    """
    checked = np.dtype(dtype)
    if checked.hasobject:
        raise TypeError(f"dtype {checked} holds Python objects, which cannot be stored")
    if checked.subdtype is not None:
        raise TypeError(f"dtype {checked} is a sub-array: give its axes to the shape")
    if not 1 <= checked.itemsize <= MAX_ITEM_BYTES:
        raise ValueError(
            f"dtype {checked} has items of {checked.itemsize} bytes (must be 1 to {MAX_ITEM_BYTES})"
        )
    spell(checked)
    return Items(checked, False)


def items_of(itemsize: Any = None, dtype: npt.DTypeLike | None = None) -> Items:
    """Return the items that a caller describes by an item size, a dtype, or both in agreement.

    Examples
    --------
    >>> items_of(4)
    Items(dtype=dtype('S4'), is_opaque=True)
    >>> items_of(dtype="f8").spelling
    '<f8'
    """
    if itemsize is None and dtype is None:
        raise TypeError("itemsize or dtype must be given")
    size = None if itemsize is None else as_itemsize(itemsize)
    if dtype is None:
        return opaque(size)  # type: ignore[arg-type]
    items = typed(dtype)
    if size is not None and size != items.dtype.itemsize:
        raise ValueError(f"itemsize {size} and dtype {items.dtype} of {items.dtype.itemsize} bytes disagree")
    return items


def _literal(dtype: np.dtype[Any]) -> Any:
    """Return the Python literal that makes a dtype: a string, a list of fields, or a dictionary of them."""
    if dtype.subdtype is not None:
        return _literal(dtype.subdtype[0]), dtype.subdtype[1]
    if dtype.names is None:
        return dtype.str
    fields = [(name, dtype[name]) for name in dtype.names]
    if np.dtype(fields) == dtype:
        return [
            (name, _literal(field)) if field.subdtype is None else (name, *_literal(field))
            for name, field in fields
        ]
    return {
        "names": list(dtype.names),
        "formats": [_literal(field) for _, field in fields],
        "offsets": [dtype.fields[name][1] for name in dtype.names],  # type: ignore[index]
        "itemsize": dtype.itemsize,
    }


def spell(dtype: np.dtype[Any]) -> str:
    """Return the string of a dtype for "b2nd".

    Examples
    --------
    >>> spell(np.dtype([("a", "<i4"), ("b", "<f8", (2,))]))
    "[('a', '<i4'), ('b', '<f8', (2,))]"
    """
    literal = _literal(dtype)
    text = literal if isinstance(literal, str) else repr(literal)
    if parse(text) != dtype or len(text.encode()) > MAX_SPELLING_BYTES:
        raise TypeError(f"dtype {dtype!r} cannot be stored")
    return text


def _with_gaps(fields: list[tuple[str, np.dtype[Any]]]) -> np.dtype[Any]:
    """Return the dtype of fields one after another; those without a name are gaps, as in NumPy's `descr`."""
    ends = list(itertools.accumulate(field.itemsize for _, field in fields))
    named = [
        (name, kind, end - kind.itemsize) for (name, kind), end in zip(fields, ends, strict=True) if name
    ]
    if len(named) == len(fields):
        return np.dtype(fields)
    form: Any = {
        "names": [name for name, _, _ in named],
        "formats": [kind for _, kind, _ in named],
        "offsets": [offset for _, _, offset in named],
        "itemsize": ends[-1],
    }
    return cast(np.dtype[Any], np.dtype(form))


@functools.lru_cache(maxsize=256)
def _simple(text: str) -> np.dtype[Any]:
    """Return the dtype of a string; such dtypes have no fields that somebody could rename for all."""
    if not _SIMPLE.fullmatch(text):
        raise ValueError(f"unknown type {text!r}")
    return np.dtype(text)


def _build(literal: Any, depth: int = 0) -> np.dtype[Any]:
    """Return the dtype of a literal, or raise ValueError for what is not on the list of things allowed."""
    if depth > MAX_NESTING:
        raise ValueError("nested too deeply")
    match literal:
        case str():
            return _simple(literal)
        case [*fields] if isinstance(literal, list):
            kinds = [
                (name, _build((kind, *shape) if shape else kind, depth + 1)) for name, kind, *shape in fields
            ]
            return _with_gaps(kinds)
        case (kind, int() | tuple() as shape):
            return np.dtype((_build(kind, depth + 1), shape))
        case {"formats": [*formats], **rest} if rest.keys() <= _FIELD_KEYS:
            form: Any = {**rest, "formats": [_build(kind, depth + 1) for kind in formats]}
            return cast(np.dtype[Any], np.dtype(form))
    raise ValueError(f"unknown form {type(literal).__name__}")


def parse(text: str) -> np.dtype[Any] | None:
    """Return the dtype that a string of "b2nd" spells, None if it is none we would make.

    The string may come from anybody: it is read as a literal, its types are compared with a list of those
    allowed, and its length is limited.

    Examples
    --------
    >>> parse("[('a', '<i4'), ('b', '|u1')]")
    dtype([('a', '<i4'), ('b', 'u1')])
    >>> parse("|O") is None
    True
    """
    if len(text) > MAX_SPELLING_BYTES:
        return None
    try:
        dtype = _build(ast.literal_eval(text) if text[:1] in ("[", "{", "(") else text)
    except (
        ValueError,
        TypeError,
        SyntaxError,
        RecursionError,
        MemoryError,
        OverflowError,
        AttributeError,
        KeyError,
    ):
        return None
    return None if dtype.hasobject else dtype


def items_from(text: str, itemsize: int) -> Items:
    """Return the items of an array in a file, from its "b2nd" string and the item size of its frame.

    The frame's item size is what the bytes were laid out by. Items without a string, with one that is not
    understood, or with one of another size, are opaque.
    """
    if _OPAQUE.fullmatch(text):
        return opaque(itemsize)
    dtype = parse(text)
    if dtype is None or dtype.itemsize != itemsize or dtype.subdtype is not None:
        return opaque(itemsize)
    return Items(dtype, False)
