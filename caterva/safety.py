"""Keywords that say how an array outside of memory is kept safe: durability, checksums, locks."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

LOCK_TIMEOUT = 10.0  # seconds: longer than a call that writes a chunk or two, shorter than a user's patience
MAX_LOCK_TIMEOUT = 2**31 / 1000 - 1  # milliseconds are 32 bits in C

# Keywords of the constructors and of `open`, with their defaults.
DEFAULTS: dict[str, Any] = {
    "checksum": True,
    "durability": "order",
    "locking": True,
    "lock_timeout": LOCK_TIMEOUT,
}


class Durability(IntEnum):
    """What a call that has changed an array has survived when it returns."""

    ORDER = 0  # the end of the process, and a full disk
    FSYNC = 1  # and the end of the system


DURABILITIES = {member.name.lower(): member for member in Durability}


class Safety(NamedTuple):
    """How an array outside of memory is kept safe."""

    durability: Durability
    checksum: bool
    locking: bool
    lock_timeout: float  # seconds

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> "Safety":
        """Return the safety that keywords ask for; all of `DEFAULTS` are there.

        Raises
        ------
        TypeError, ValueError
            If one is not what it should be.

        Examples
        --------
        >>> Safety.parse(DEFAULTS | {"durability": "fsync"}).durability
        <Durability.FSYNC: 1>
        """
        for name in ("checksum", "locking"):
            if values[name] not in (False, True):
                raise TypeError(f"{name} must be True or False, got {values[name]!r}")
        return cls(
            durability=_as_durability(values["durability"]),
            checksum=bool(values["checksum"]),
            locking=bool(values["locking"]),
            lock_timeout=_as_timeout(values["lock_timeout"]),
        )

    @classmethod
    def of_core(cls, numbers: tuple[int, int, int, int]) -> "Safety":
        """Return the safety that ``_core`` describes by numbers."""
        durability, checksums_off, locking_off, milliseconds = numbers
        return cls(Durability(durability), not checksums_off, not locking_off, milliseconds / 1000)

    def for_core(self) -> tuple[int, int, int, int]:
        """Return it as ``_core`` wants it: the fields of ``blosc2_safety``.

        Examples
        --------
        >>> Safety.parse(DEFAULTS).for_core()
        (0, 0, 0, 10000)
        """
        return (
            int(self.durability),
            int(not self.checksum),
            int(not self.locking),
            round(self.lock_timeout * 1000),
        )


def _as_durability(value: Any) -> Durability:
    if isinstance(value, Durability):
        return value
    if not isinstance(value, str):
        raise TypeError(f"durability must be one of {list(DURABILITIES)}, got {value!r}")
    if value not in DURABILITIES:
        raise ValueError(f"durability must be one of {list(DURABILITIES)}, got {value!r}")
    return DURABILITIES[value]


def _as_timeout(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"lock_timeout must be a number of seconds, got {value!r}")
    if not 0 <= value <= MAX_LOCK_TIMEOUT:
        raise ValueError(f"lock_timeout must be from 0 to {MAX_LOCK_TIMEOUT:.0f} seconds, got {value!r}")
    return float(value)
