"""Objects as msgpack, strictly: what is read is checked before anything is made of it, and no code runs.

The values are those that python-blosc2 stores in metalayers; a tuple is an array that begins with "__tuple__"
(frame-format.md 2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack  # type: ignore[import-untyped]
import numpy as np

from caterva.errors import CatervaError, CorruptDataError, LimitError, UnsupportedFormatError

__all__ = ["MAX_DEPTH", "MAX_ITEMS", "pack", "unpack"]

MAX_DEPTH = 64  # containers within containers
MAX_ITEMS = 2**20  # values in all: an empty dict takes 64 times the byte that it is stored in
TUPLE = "__tuple__"
BASES: tuple[type[Any], ...] = (int, float, list, dict)  # whose subclasses are stored as the base

# The first byte of a value: bytes that follow it, or bytes of the length or count that follows it.
SCALARS = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, **{0xCC + n: 1 << n % 4 for n in range(8)}}
TEXTS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
ARRAYS = {0xDC: 2, 0xDD: 4}
MAPS = {0xDE: 2, 0xDF: 4}
EXTENSIONS = {*range(0xC7, 0xCA), *range(0xD4, 0xD9)}


def _head(content: bytes, at: int) -> tuple[str, int, int]:
    """Return what is at a position: kind of value, its bytes or items, and where these begin."""
    marker = content[at]
    at += 1
    if marker < 0x80 or marker >= 0xE0:
        return "scalar", 0, at
    if marker < 0x90:
        return "map", 2 * (marker & 15), at
    if marker < 0xA0:
        return "array", marker & 15, at
    if marker < 0xC0:
        return "text", marker & 31, at
    if marker in SCALARS:
        return "scalar", SCALARS[marker], at
    for kind, table in (("text", TEXTS), ("array", ARRAYS), ("map", MAPS)):
        if marker in table:
            stop = at + table[marker]
            if stop > len(content):
                raise CorruptDataError(f"msgpack: {len(content)} bytes end within a length")
            count = int.from_bytes(content[at:stop], "big")
            return kind, 2 * count if kind == "map" else count, stop
    if marker in EXTENSIONS:
        raise UnsupportedFormatError(f"msgpack: an extension type at byte {at - 1}, which is no plain value")
    raise CorruptDataError(f"msgpack: marker {marker:#x} at byte {at - 1}")


def _check(content: bytes) -> None:
    """Raise unless `content` is one value within the limits, every length of it covered by bytes."""
    left, maps = [1], [False]  # values to come, and whether keys are among them, at each depth
    at = items = 0
    while left:
        if left[-1] == 0:
            left.pop()
            maps.pop()
            continue
        if at >= len(content):
            raise CorruptDataError(f"msgpack: {len(content)} bytes end before the value does")
        is_key = maps[-1] and left[-1] % 2 == 0
        left[-1] -= 1
        items += 1
        kind, count, at = _head(content, at)
        if is_key and kind != "text":
            raise UnsupportedFormatError(f"msgpack: a key that is neither str nor bytes, before byte {at}")
        if kind in ("array", "map"):
            left.append(count)
            maps.append(kind == "map")
            if len(left) > MAX_DEPTH + 1:
                raise LimitError(f"msgpack: containers nested more than {MAX_DEPTH} deep")
        else:
            at += count
        if items + left[-1] > MAX_ITEMS:
            raise LimitError(f"msgpack: more than {MAX_ITEMS} values")
    if at != len(content):
        raise CorruptDataError(f"msgpack: a value of {at} bytes in {len(content)}")


def as_tuples(items: list[Any]) -> list[Any] | tuple[Any, ...]:
    """Return the list or tuple that a msgpack array stands for."""
    return tuple(items[1:]) if items and items[0] == TUPLE else items


def unpack(
    content: bytes, what: str = "object", list_hook: Callable[[list[Any]], Any] | None = as_tuples
) -> Any:
    """Return the object that msgpack bytes stand for.

    Parameters
    ----------
    content : bytes
        All of them.
    what : str, optional
        Where they are from, for messages.
    list_hook : callable, optional
        Makes something else of each list; by default a tuple of one that stands for it.

    Raises
    ------
    CorruptDataError
        If they are not msgpack.
    UnsupportedFormatError
        If a value of an extension type, or a key that is neither str nor bytes, is among them.
    LimitError
        If there are more than `MAX_ITEMS` values, or more than `MAX_DEPTH` containers within each other.

    Examples
    --------
    >>> unpack(pack({"a": [1, 2.5, None], "b": (b"x",)}))
    {'a': [1, 2.5, None], 'b': (b'x',)}
    """
    try:
        _check(content)
        return msgpack.unpackb(content, list_hook=list_hook)
    except CatervaError as error:
        raise type(error)(f"{what}: {error}") from None
    except ValueError as error:  # text that is not UTF-8
        raise CorruptDataError(f"{what}: msgpack: {error}") from error


def _as_plain(value: Any) -> Any:
    """Return an object that msgpack does not know as one that it does: tuples, NumPy scalars, subclasses."""
    if isinstance(value, tuple) and not isinstance(value, msgpack.ExtType):
        return [TUPLE, *value]
    if isinstance(value, np.generic):
        return value.item()
    for base in BASES:
        if isinstance(value, base):
            return base(value)
    raise TypeError(f"msgpack has no type for {type(value).__name__}")


def pack(value: Any) -> bytes:
    """Return an object as msgpack bytes, which `unpack` takes.

    Raises
    ------
    TypeError
        If msgpack has no type for an object in it, or for an integer of more than 64 bits.
    ValueError
        If it is nested too deep, or has too many values.
    """
    try:
        packed: bytes = msgpack.packb(value, strict_types=True, default=_as_plain)
        _check(packed)
    except (OverflowError, UnsupportedFormatError) as error:
        raise TypeError(f"{type(value).__name__} cannot be packed: {error}") from error
    return packed
