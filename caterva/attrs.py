"""Attributes: what users say about an array in plain words and numbers (`array.attrs`)."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, MutableMapping, ValuesView
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from caterva.errors import CorruptDataError
from caterva.meta import ATTRIBUTES, VARIABLE
from caterva.objects import MAX_DEPTH, pack, unpack

if TYPE_CHECKING:
    from caterva.ndarray import NDArray

__all__ = ["Attrs"]


def _attributes_of(content: bytes) -> dict[str, Any]:
    found = unpack(content, f"metalayer {ATTRIBUTES!r}", list_hook=None)
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise CorruptDataError(f"metalayer {ATTRIBUTES!r}: not a mapping of names")
    return found


def _as_name(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the name of an attribute must be str, got {key!r}")
    return str.__str__(key)  # a subclass may say something else


def _as_value(value: Any, name: str, depth: int = 0) -> Any:
    """Return a copy of a value of plain types, NumPy's scalars and tuples converted."""
    if depth > MAX_DEPTH:
        raise ValueError(f"attribute {name!r}: containers nested more than {MAX_DEPTH} deep")
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):  # a subclass may say something else, here and when it is stored
        return float.__float__(value)
    if isinstance(value, str):
        return _as_name(value)
    if isinstance(value, int) and -(2**63) <= int.__index__(value) < 2**64:
        return int.__index__(value)
    if isinstance(value, (list, tuple)):
        return [_as_value(item, name, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {_as_name(key): _as_value(item, name, depth + 1) for key, item in value.items()}
    hint = ": use its tolist()" if isinstance(value, np.ndarray) else ""
    raise TypeError(
        f"attribute {name!r}: {type(value).__name__} is not None, bool, int of 64 bits, float, str, list or "
        f"dict{hint}"
    )


def _copied(value: Any) -> Any:
    """Return a copy of a value whose containers a caller may change."""
    if isinstance(value, dict):
        return {name: _copied(item) for name, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


class Parsed:
    """The attributes that a handle has read last: parsed once, as long as their bytes stay the same."""

    def __init__(self) -> None:
        self._last: tuple[bytes, dict[str, Any]] | None = None

    def of(self, content: bytes) -> dict[str, Any]:
        """Return what bytes stand for; not to be changed."""
        last = self._last  # another thread may set it meanwhile
        if last is None or last[0] != content:
            last = self._last = (content, _attributes_of(content))
        return last[1]


class Attrs(MutableMapping[str, Any]):
    """The attributes of an array: a mapping of names to None, bool, int, float, str, list and dict.

    They are stored with the array, and each change is one commit, `update` too. Tuples become lists, NumPy's
    scalars Python's. What is read is a copy: change a list or dict, then assign it again.

    Examples
    --------
    >>> import caterva
    >>> array = caterva.zeros((10, 10), 4, chunks=(5, 5))
    >>> array.attrs["units"] = "kelvin"
    >>> array.attrs.update(valid_range=[0, 500], source={"station": "A7"})
    >>> array.attrs
    Attrs({'units': 'kelvin', 'valid_range': [0, 500], 'source': {'station': 'A7'}})
    >>> source = array.attrs["source"]
    >>> source["station"] = "B2"
    >>> array.attrs["source"]["station"]
    'A7'
    >>> array.attrs["source"] = source
    >>> array.attrs["source"]["station"]
    'B2'
    """

    def __init__(self, ndarray: NDArray) -> None:
        self._handle = ndarray._handle
        self._parsed = ndarray._parsed_attrs

    def _look(self) -> dict[str, Any]:
        """Return the attributes as they are stored now; not to be changed, nor given away."""
        try:
            content = self._handle.layer(VARIABLE, ATTRIBUTES)
        except KeyError:
            return {}
        return self._parsed.of(content)

    def asdict(self) -> dict[str, Any]:
        """Return all attributes as a dict of their own."""
        return cast(dict[str, Any], _copied(self._look()))

    def _change(self, change: Callable[[dict[str, Any]], None]) -> None:
        def changed(content: bytes | None) -> bytes | None:
            attributes = {} if content is None else _attributes_of(content)
            change(attributes)
            return pack(attributes) if attributes else None

        self._handle.change_layer(ATTRIBUTES, changed)

    def __getitem__(self, key: str) -> Any:
        return _copied(self._look()[key])

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        if not isinstance(key, str):
            raise KeyError(key)
        name = _as_name(key)
        self._change(lambda attributes: attributes.__delitem__(name))

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._look()))

    def __len__(self) -> int:
        return len(self._look())

    def __contains__(self, key: object) -> bool:
        return key in self._look()

    def __repr__(self) -> str:
        return f"Attrs({self.asdict()})"

    def items(self) -> ItemsView[str, Any]:
        """Return names and values, as they are now."""
        return self.asdict().items()

    def values(self) -> ValuesView[Any]:
        """Return the values, as they are now."""
        return self.asdict().values()

    def update(self, other: Any = (), /, **named: Any) -> None:
        """Set several attributes as one commit; none if one of them cannot be stored."""
        given = {_as_name(key): value for key, value in dict(other, **named).items()}
        values = {name: _as_value(value, name) for name, value in given.items()}
        if values:
            self._change(lambda attributes: attributes.update(values))

    def clear(self) -> None:
        """Remove all attributes, as one commit."""
        self._change(lambda attributes: attributes.clear())
