"""The metalayers of an array: fixed ones (`Meta`) and those that can grow and go (`VLMeta`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

import msgpack  # type: ignore[import-untyped]

from caterva import objects

if TYPE_CHECKING:
    from caterva.ndarray import NDArray

__all__ = ["Meta", "VLMeta"]

FIXED, VARIABLE = 0, 1
GEOMETRY = ("caterva", "b2nd")  # fixed layers that describe the array itself
FILL, ATTRIBUTES = "caterva_fill", "caterva_attrs"  # variable layers that have a meaning here
OURS = (FILL, ATTRIBUTES)
MAX_LAYERS = 16
MAX_NAME_BYTES = 31


def as_name(key: Any) -> str:
    """Return the name of a metalayer given as str or bytes."""
    if not isinstance(key, (str, bytes)):
        raise TypeError(f"the name of a metalayer must be str or bytes, got {key!r}")
    return key.decode(errors="surrogateescape") if isinstance(key, bytes) else key


def as_new_name(key: Any, reserved: tuple[str, ...]) -> str:
    """Return the name for a metalayer that is to be made, checked."""
    name = as_name(key)
    if not 1 <= len(name.encode()) <= MAX_NAME_BYTES or "\0" in name:
        raise ValueError(
            f"the name of a metalayer takes 1 to {MAX_NAME_BYTES} bytes and no NUL, got {name!r}"
        )
    if name in reserved:
        raise ValueError(f"metalayer {name!r} is kept by the array itself")
    return name


def as_content(value: Any) -> bytes:
    """Return the content of a metalayer: bytes as they are, other objects packed by msgpack."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    packed: bytes = msgpack.packb(value)
    return packed


def as_layers(meta: Mapping[Any, Any] | None, room: int) -> tuple[tuple[str, bytes], ...]:
    """Return the fixed metalayers for a new array, checked.

    Parameters
    ----------
    meta : mapping of str or bytes to object, or None
        Names and contents.
    room : int
        How many of the format's 16 the array does not need itself.
    """
    if meta is None:
        return ()
    if not isinstance(meta, Mapping):
        raise TypeError(f"meta must be a dict of names and contents, got {meta!r}")
    layers = {as_new_name(key, GEOMETRY): as_content(value) for key, value in meta.items()}
    if len(layers) < len(meta):
        raise ValueError(f"meta names a metalayer twice: {list(meta)}")
    if len(layers) > room:
        raise ValueError(
            f"meta has {len(layers)} metalayers: of the format's {MAX_LAYERS}, {room} are left for the user"
        )
    return tuple(layers.items())


class _Layers:
    """Reading the metalayers of one kind, in the order they are stored."""

    _kind: int
    _hidden: tuple[str, ...]

    def __init__(self, ndarray: NDArray) -> None:
        self._ndarray = ndarray
        self._handle = ndarray._handle

    def _names(self) -> list[str]:
        return [name for name in self._handle.layer_names(self._kind) if name not in self._hidden]

    def __getitem__(self, key: str | bytes) -> bytes:
        """Return the content of a metalayer; KeyError if there is none of that name."""
        name = as_name(key)
        if name not in self._names():
            raise KeyError(name)
        return self._handle.layer(self._kind, name)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, (str, bytes)) and as_name(key) in self._names()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({ {name: self[name] for name in self} })"


class Meta(_Layers):
    """The fixed metalayers of an array: made with it, replaced by contents of the same length.

    The array's own geometry comes first, as "caterva"; it cannot be replaced.

    Examples
    --------
    >>> import caterva
    >>> array = caterva.zeros((10, 10), 4, chunks=(5, 5), meta={"unit": b"kelvin"})
    >>> array.meta.keys()
    ['caterva', 'unit']
    >>> array.meta["unit"] = b"newton"
    >>> array.meta["unit"]
    b'newton'
    """

    _kind = FIXED
    _hidden = ("b2nd",)

    def _names(self) -> list[str]:
        return sorted(super()._names(), key=lambda name: name != "caterva")

    def __setitem__(self, key: str | bytes, value: Any) -> None:
        """Replace the content of a metalayer by one of the same length."""
        name = as_name(key)
        old = self[name]
        if name in GEOMETRY:
            raise ValueError(f"metalayer {name!r} is kept by the array itself")
        content = as_content(value)
        if len(content) != len(old):
            raise ValueError("The length of the content in a metalayer cannot change.")
        self._handle.set_layers(FIXED, [(name, content)])

    def __delitem__(self, key: str | bytes) -> None:
        """Refuse: fixed metalayers stay as long as the array."""
        raise TypeError(
            f"metalayer {as_name(key)!r} is fixed and cannot be deleted: vlmeta has those that can"
        )

    def get(self, key: str | bytes, default: Any = None) -> Any:
        """Return the content of a metalayer, or `default` if there is none of that name."""
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self) -> list[str]:
        """Return the names of the metalayers."""
        return self._names()

    def values(self) -> list[bytes]:
        """Return the contents of the metalayers."""
        return [self[name] for name in self]

    def items(self) -> list[tuple[str, bytes]]:
        """Return names and contents of the metalayers."""
        return [(name, self[name]) for name in self]

    def users(self) -> dict[str, bytes]:
        """Return the metalayers that a user made: all but the geometry's."""
        return {name: content for name, content in self.items() if name not in GEOMETRY}


class VLMeta(_Layers, MutableMapping[str, bytes]):
    """The variable-length metalayers of an array: set, grow, shrink and delete them at any time.

    There are 16 at most, one or two of which the array may need itself: for `NDArray.attrs`, and for a fill
    value. Each change is one commit, `update` and `clear` too.

    Examples
    --------
    >>> import caterva
    >>> array = caterva.zeros((10, 10), 4, chunks=(5, 5))
    >>> array.vlmeta["note"] = b"first light"
    >>> dict(array.vlmeta)
    {'note': b'first light'}
    >>> del array.vlmeta["note"]
    """

    _kind = VARIABLE
    _hidden = OURS
    _encode = staticmethod(as_content)

    @property
    def objects(self) -> ObjectLayers:
        """The same metalayers as the objects that python-blosc2 sees in them."""
        return ObjectLayers(self._ndarray)

    def __setitem__(self, key: str | bytes, value: Any) -> None:
        """Set a metalayer, which is made if it is new."""
        self.update({key: value})

    def __delitem__(self, key: str | bytes) -> None:
        name = as_name(key)
        if name in self._hidden:
            raise KeyError(name)
        try:
            self._handle.set_layers(VARIABLE, [(name, None)])
        except (KeyError, UnicodeEncodeError):
            raise KeyError(name) from None

    def update(self, other: Any = (), /, **named: Any) -> None:
        """Set several metalayers as one commit; none if one of them cannot be stored."""
        given = dict(other, **named).items()
        layers = {as_new_name(key, OURS): self._encode(value) for key, value in given}
        self._handle.set_layers(VARIABLE, list(layers.items()))

    def clear(self) -> None:
        """Delete all metalayers that are the user's, as one commit."""
        self._handle.clear_layers(self._hidden)


class ObjectLayers(VLMeta):
    """The variable-length metalayers of an array as objects: `array.vlmeta.objects`.

    python-blosc2 packs the values of its `vlmeta` by msgpack; these are the same ones: None, bool, int,
    float, str, bytes, list, tuple and dict (with keys of str or bytes), within each other. NumPy's scalars
    become Python's. Nothing that is stored can run code: other types of msgpack are refused.

    Examples
    --------
    >>> import caterva
    >>> array = caterva.zeros((10, 10), 4, chunks=(5, 5))
    >>> array.vlmeta.objects["peak"] = {"at": (3, 4), "height": 2.5}
    >>> array.vlmeta.objects["peak"]
    {'at': (3, 4), 'height': 2.5}
    >>> len(array.vlmeta["peak"])
    33
    """

    _encode = staticmethod(objects.pack)

    def __getitem__(self, key: str | bytes) -> Any:
        """Return the object in a metalayer; CorruptDataError or UnsupportedFormatError if there is none."""
        return objects.unpack(super().__getitem__(key), f"metalayer {as_name(key)!r}")
