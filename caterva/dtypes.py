"""Item types: NumPy dtypes, opaque items, and how the "b2nd" metalayer spells them (ndim-metalayers.md 1)."""

import ast
import functools
import itertools
import math
import re
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from caterva.errors import CorruptDataError
from caterva.shapes import MAX_ITEM_BYTES, as_itemsize

MAX_SPELLING_BYTES = 2**16
MAX_NESTING = 16
MAX_LAYOUT_BYTES = 2**31 - 1  # what NumPy counts with an int

# What NumPy may be asked to parse. Strings from files are never evaluated, and never name an object type.
# Units of time have a count or a divisor, 1 to 10 ** 9 - 1: of 0, and of more than an int holds, NumPy makes
# units of no or negative length, or divides by zero, which ends the process.
_UNIT = r"(?:[1-9][0-9]{0,8})?[a-zA-Z]{1,2}|[a-zA-Z]{1,2}/[1-9][0-9]{0,8}"
_SIMPLE = re.compile(
    rf"[<>|=]?(?:\?|[biufcSUV][0-9]{{1,10}}|[mM]8(?:\[(?:{_UNIT})\])?)"
    r"|bool|u?int(?:8|16|32|64)|float(?:16|32|64)|complex(?:64|128)"
)
_FIELD_KEYS = {"offsets", "itemsize", "aligned"}  # besides names and formats
MAX_CHARACTERS = (2**31 - 1) // 4  # of NumPy, four bytes each
_OPAQUE = re.compile(r"S[0-9]{1,10}")


class FieldError(ValueError):
    """A dtype has a field that does not lie inside of its item."""


class Items(NamedTuple):
    """What an item of an array is: of a NumPy dtype, or opaque bytes, shown as ``S<itemsize>``."""

    dtype: np.dtype[Any]
    is_opaque: bool

    @property
    def raw(self) -> np.dtype[Any]:
        """The dtype of the bytes alone: any of the size can be viewed as it, and buffers can have it."""
        return np.dtype(f"V{self.dtype.itemsize}")  # of a tuple, NumPy may lose a Ctrl-C

    @property
    def spelling(self) -> str:
        """The string for "b2nd". Opaque items are ``S4`` where NumPy's own strings are ``|S4``."""
        return f"S{self.dtype.itemsize}" if self.is_opaque else spell(self.dtype)


def opaque(itemsize: int) -> Items:
    """Return opaque items of a size."""
    return Items(np.dtype(f"S{itemsize}"), True)


def typed(dtype: npt.DTypeLike) -> Items:
    """Return items of a NumPy dtype, checked that it can be stored.

    Raises
    ------
    TypeError
        If the dtype holds Python objects, is a sub-array, or cannot be spelled.
    ValueError
        If its size is 0 or exceeds that of a block, 536866816.
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
    try:
        check_layout(dtype)
    except FieldError as error:
        raise TypeError(f"dtype {dtype!r} cannot be stored: {error}") from None
    literal = _literal(dtype)
    text = literal if isinstance(literal, str) else repr(literal)
    if parse(text) != dtype or len(text.encode()) > MAX_SPELLING_BYTES:
        raise TypeError(f"dtype {dtype!r} cannot be stored")
    return text


def _check_sizes(sizes: list[int], offsets: list[int], itemsize: int | None = None) -> None:
    """Raise FieldError unless fields of these sizes lie inside of an item of a size that NumPy can have.

    NumPy adds sizes and offsets as C ints, which overflow: it takes a field of 8 bytes at offset 2147483640
    for one that ends at -2147483648.
    """
    if any(type(number) is not int for number in (*offsets, itemsize or 0)):
        raise ValueError("offsets and itemsize must be integers")
    limit = MAX_LAYOUT_BYTES if itemsize is None else itemsize
    if not 0 <= limit <= MAX_LAYOUT_BYTES:
        raise FieldError(f"an item of {itemsize} bytes (must be 0 to {MAX_LAYOUT_BYTES})")
    for number, (size, offset) in enumerate(zip(sizes, offsets, strict=True)):
        if not 0 <= offset <= limit - size:
            raise FieldError(f"field {number}: {size} bytes at offset {offset} of an item of {limit}")


def check_layout(dtype: np.dtype[Any]) -> None:
    """Raise FieldError unless every field of a dtype, also nested and in sub-arrays, lies inside of its item.

    Examples
    --------
    >>> check_layout(np.dtype([("a", "<i4"), ("b", "<f8", (2,))]))
    """
    if not 0 <= dtype.itemsize <= MAX_LAYOUT_BYTES:
        raise FieldError(f"items of {dtype.itemsize} bytes (must be 0 to {MAX_LAYOUT_BYTES})")
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        check_layout(base)
        if base.itemsize * math.prod(shape) != dtype.itemsize:
            raise FieldError(f"a sub-array {shape} of {base.itemsize} bytes each in {dtype.itemsize} bytes")
        return
    for name in dtype.names or ():
        kind, offset = dtype.fields[name][:2]  # type: ignore[index]
        check_layout(kind)
        size, limit = kind.itemsize, dtype.itemsize
        if not 0 <= offset <= limit - size:
            raise FieldError(f"field {name[:32]!r}: {size} bytes at offset {offset} of an item of {limit}")


def _one_after_another(fields: list[tuple[str, np.dtype[Any]]]) -> np.dtype[Any]:
    """Return the dtype of fields one after another; those without a name are gaps, as in NumPy's `descr`."""
    if not all(isinstance(name, str) for name, _ in fields):
        raise ValueError("names must be strings")
    sizes = [kind.itemsize for _, kind in fields]
    offsets = [0, *itertools.accumulate(sizes)]
    itemsize = offsets.pop()
    _check_sizes(sizes, offsets, itemsize)
    named = [(name, kind, offset) for (name, kind), offset in zip(fields, offsets, strict=True) if name]
    if len(named) == len(fields):
        return np.dtype(fields)
    form: Any = {
        "names": [name for name, _, _ in named],
        "formats": [kind for _, kind, _ in named],
        "offsets": [offset for _, _, offset in named],
        "itemsize": itemsize,
    }
    return cast(np.dtype[Any], np.dtype(form))


def _repeated(kind: np.dtype[Any], shape: int | tuple[Any, ...]) -> np.dtype[Any]:
    """Return the dtype of a sub-array."""
    extents = shape if isinstance(shape, tuple) else (shape,)
    if any(type(extent) is not int or extent < 0 for extent in extents):
        raise ValueError("a shape must be of integers, 0 or more")
    _check_sizes([min(kind.itemsize * math.prod(extents), 2**63)], [0])  # a number that can be printed
    return np.dtype((kind, shape))


def _as_placed(formats: list[np.dtype[Any]], names: Any, rest: dict[Any, Any]) -> np.dtype[Any]:
    """Return the dtype of a dictionary: fields at offsets, in an item of a size; each may be left out."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("names must be strings")
    if type(rest.get("aligned", False)) is not bool:
        raise ValueError("aligned must be True or False")
    sizes = [kind.itemsize for kind in formats]
    offsets = rest.get("offsets")
    if offsets is None:  # NumPy finds them: as far apart at most
        padded = [size + max(kind.alignment, 1) - 1 for size, kind in zip(sizes, formats, strict=True)]
        _check_sizes(padded, [0, *itertools.accumulate(padded)][:-1])
    elif not isinstance(offsets, list):
        raise ValueError("offsets must be a list")
    _check_sizes(sizes, offsets or [0] * len(sizes), rest.get("itemsize"))
    form: Any = {**rest, "names": names, "formats": formats}
    return cast(np.dtype[Any], np.dtype(form))


@functools.lru_cache(maxsize=256)
def _simple(text: str) -> np.dtype[Any]:
    """Return the dtype of a string; such dtypes have no fields that somebody could rename for all."""
    if not _SIMPLE.fullmatch(text):
        raise ValueError(f"unknown type {text!r}")
    if text.lstrip("<>=|")[:1] == "U" and int(text.lstrip("<>=|")[1:] or 0) > MAX_CHARACTERS:
        raise ValueError(
            f"{text}: strings of at most {MAX_CHARACTERS} characters"
        )  # NumPy 2.0 would overflow
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
            return _one_after_another(kinds)
        case (kind, int() | tuple() as shape):
            return _repeated(_build(kind, depth + 1), shape)
        case {"names": names, "formats": [*formats], **rest} if rest.keys() <= _FIELD_KEYS:
            return _as_placed([_build(kind, depth + 1) for kind in formats], names, rest)
    raise ValueError(f"unknown form {type(literal).__name__}")


def parse(text: str) -> np.dtype[Any] | None:
    """Return the dtype that a string of "b2nd" spells, None if it is none we would make.

    The string may come from anybody: it is read as a literal, its types are compared with a list of those
    allowed, its length is limited, and every size and offset is checked in integers that cannot overflow.

    Raises
    ------
    FieldError
        If a field does not lie inside of its item: no bytes could be shown as such items.

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
        check_layout(dtype)
    except FieldError:
        raise
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


def items_from(text: str, itemsize: int, path: str | None = None) -> Items:
    """Return the items of an array in a file, from its "b2nd" string and the item size of its frame.

    The frame's item size is what the bytes were laid out by. Items without a string, with one that is not
    understood, or with one of another size, are opaque.

    Raises
    ------
    CorruptDataError
        If the string has a field that does not lie inside of its item.
    """
    if _OPAQUE.fullmatch(text):
        return opaque(itemsize)
    try:
        dtype = parse(text)
    except FieldError as error:
        where = f"{path}: " if path else ""
        raise CorruptDataError(
            f"{where}dtype {text[:200]!r}: {error}; the file is damaged or forged"
        ) from None
    if dtype is None or dtype.itemsize != itemsize or dtype.subdtype is not None:
        return opaque(itemsize)
    return Items(dtype, False)
