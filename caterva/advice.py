"""What can still be had of an array that is too damaged to be opened, and how: that is tried, and told."""

import os
from collections.abc import Callable
from typing import Protocol

from caterva.commits import OLDER
from caterva.errors import CatervaError
from caterva.recognize import FRAME, begins_as_frame
from caterva.safety import Safety

__all__ = ["advice"]


class _Opened(Protocol):
    @property
    def _handle(self) -> "_Handle": ...
    def close(self) -> None: ...


class _Handle(Protocol):
    @property
    def recovery(self) -> int: ...


# Open the same for reading, with this safety, and by the second copies of metadata if they are better.
Attempt = Callable[[Safety, bool], _Opened]


def _recovery(attempt: Attempt, safety: Safety, prefers_copy: bool) -> int | None:
    """Return what became of an array that can be opened so; None if it cannot."""
    try:
        array = attempt(safety, prefers_copy)
    except (CatervaError, OSError):
        return None
    recovery = array._handle.recovery
    array.close()
    return recovery


def _is_frame(path: str | bytes, offset: int) -> bool:
    """Whether a file begins as a frame does, but for one byte: what is none is not damaged."""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            return begins_as_frame(file.read(len(FRAME)))
    except OSError:  # a directory, too
        return False


def advice(path: str | bytes, offset: int, safety: Safety, prefers_copy: bool, attempt: Attempt) -> str:
    """Return what to add to the message of a `CorruptDataError` at opening; nothing for what is no array."""
    if offset == 0 and not prefers_copy:
        recovery = _recovery(attempt, safety, True)
        if recovery == OLDER:
            return (
                ". Its second copies have an older state, the last flushed one: "
                "caterva.repair(path, accept_older=True) goes back to that"
            )
        if recovery is not None:
            return ". Its second copies have what is missing: caterva.repair(path) mends it"
    if safety.checksum and _recovery(attempt, safety._replace(checksum=False), False) is not None:
        return (
            ". No second copies can mend it: caterva.open(path, checksum=False) reads what is left, unchecked"
        )
    is_array = _is_frame(path, offset) or os.path.exists(os.path.join(os.fsdecode(path), "chunks.b2frame"))
    return ". No second copies can mend it" if is_array else ""
