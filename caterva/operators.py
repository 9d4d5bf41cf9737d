"""Operators of compressed arrays: they compute with NumPy on the items, and give NumPy arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

__all__ = ["Operators"]

Method = Callable[..., Any]


def _computed(value: Any) -> Any:
    """Return a compressed array as a NumPy array, and anything else as it is."""
    return np.asarray(value) if isinstance(value, Operators) else value


def _binary(function: Method, name: str) -> Method:
    def method(self: Any, other: Any) -> Any:
        return function(np.asarray(self), _computed(other))

    method.__name__ = name
    method.__doc__ = f"Return ``self {SYMBOLS[name]} other`` as a NumPy array."
    return method


def _reflected(function: Method, name: str) -> Method:
    def method(self: Any, other: Any) -> Any:
        return function(_computed(other), np.asarray(self))

    method.__name__ = f"__r{name[2:]}"
    method.__doc__ = f"Return ``other {SYMBOLS[name]} self`` as a NumPy array."
    return method


def _in_place(name: str) -> Method:
    symbol = SYMBOLS[name]

    def method(self: Any, other: Any) -> NoReturn:
        raise TypeError(
            f"'{symbol}=' would make a NumPy array of all items: use a[...] {symbol}= value to change what "
            f"is stored, or b = a {symbol} value"
        )

    method.__name__ = f"__i{name[2:]}"
    method.__doc__ = f"Refuse ``self {symbol}= other``: ``self[...] {symbol}= other`` changes what is stored."
    return method


def _unary(function: Method, name: str) -> Method:
    def method(self: Any) -> Any:
        return function(np.asarray(self))

    method.__name__ = name
    method.__doc__ = f"Return ``{SYMBOLS[name]}`` of the items as a NumPy array."
    return method


SYMBOLS = {
    "__lt__": "<",
    "__le__": "<=",
    "__eq__": "==",
    "__ne__": "!=",
    "__gt__": ">",
    "__ge__": ">=",
    "__add__": "+",
    "__sub__": "-",
    "__mul__": "*",
    "__matmul__": "@",
    "__truediv__": "/",
    "__floordiv__": "//",
    "__mod__": "%",
    "__pow__": "**",
    "__lshift__": "<<",
    "__rshift__": ">>",
    "__and__": "&",
    "__xor__": "^",
    "__or__": "|",
    "__neg__": "-",
    "__pos__": "+",
    "__abs__": "abs()",
    "__invert__": "~",
}
_COMPARISONS = ("__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__")
_UNARY = ("__neg__", "__pos__", "__abs__", "__invert__")


class Operators:
    """What arithmetic, comparisons and conversions of an array to a Python number give: as of its items.

    All items are read for that. `hash` stays that of the object, so that arrays may be keys of a dict.
    """

    __hash__ = object.__hash__

    def __divmod__(self, other: Any) -> Any:
        """Return ``divmod(self, other)`` as NumPy arrays."""
        return divmod(np.asarray(self), _computed(other))

    def __rdivmod__(self, other: Any) -> Any:
        """Return ``divmod(other, self)`` as NumPy arrays."""
        return divmod(_computed(other), np.asarray(self))

    def __contains__(self, value: Any) -> bool:
        """Return whether an item equals a value, as NumPy tells it."""
        return _computed(value) in np.asarray(self)

    def _only_item(self: Any) -> np.ndarray:
        if self.size != 1:
            raise TypeError(
                f"only arrays of one item can be converted to a Python number, got shape {self.shape}"
            )
        return np.asarray(self)

    def __bool__(self: Any) -> bool:
        """Return the truth of the only item."""
        if self.size != 1:
            raise ValueError(f"the truth value of an array with {self.size} items is ambiguous")
        return bool(self._only_item())

    def __int__(self: Any) -> int:
        """Return the only item as an int."""
        return int(self._only_item())

    def __float__(self: Any) -> float:
        """Return the only item as a float."""
        return float(self._only_item())

    def __complex__(self: Any) -> complex:
        """Return the only item as a complex number."""
        return complex(self._only_item())

    def __index__(self: Any) -> int:
        """Return the item of an integer array without axes, as an index."""
        if self.shape:
            raise TypeError(f"only integer arrays without axes are an index, got shape {self.shape}")
        return operator.index(np.asarray(self))


def _fill() -> None:
    for name in SYMBOLS:
        function = getattr(operator, name)
        if name in _UNARY:
            setattr(Operators, name, _unary(function, name))
            continue
        setattr(Operators, name, _binary(function, name))
        if name not in _COMPARISONS:
            for method in (_reflected(function, name), _in_place(name)):
                setattr(Operators, method.__name__, method)


_fill()
