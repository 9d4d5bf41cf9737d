"""The methods of compressed arrays that say when changes last."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from caterva import _core
from caterva.errors import RecoveredWarning
from caterva.storage import level_of_caller

__all__ = ["Commits"]

Self = TypeVar("Self", bound="Commits")

OLDER = 2  # BLOSC2_RECOVERED_OLDER: the last flushed state was opened


def warn_if_recovered(handle: _core.ArrayHandle) -> None:
    """Warn that an array that was just opened is not as it was last changed."""
    if handle.recovery == OLDER:
        text = (
            f"{handle.path}: the end of the system has taken its last changes; opened as it was last flushed"
        )
        warnings.warn(text, RecoveredWarning, stacklevel=level_of_caller())


class Commits:
    """How `NDArray` makes its changes last. Every call that changes an array is one commit."""

    _handle: _core.ArrayHandle

    @contextmanager
    def transaction(self: Self) -> Iterator[Self]:
        """Make all changes of a ``with`` block one commit: all of them last, or none.

        Inside, reads of this array see the changes, those of other threads included; whoever opens the file
        sees the state before. An exception undoes all changes, and so does the failure of a call, even if it
        was caught: a call that fails may have done a part of its work.

        Yields
        ------
        NDArray
            The array.

        Raises
        ------
        ValueError
            If a transaction of this array is open already, or a call in the block has failed.

        Examples
        --------
        >>> import caterva
        >>> array = caterva.zeros((2, 2), dtype="i4", chunks=(2, 2))
        >>> with array.transaction():
        ...     array[0] = 1
        ...     array.resize((2, 3))
        >>> array[...]
        PlainArray([[1, 1, 0],
                    [0, 0, 0]], dtype=int32)
        """
        handle = self._handle
        handle.begin()
        try:
            yield self
        except BaseException:
            handle.rollback()
            raise
        handle.commit()

    def flush(self) -> None:
        """Bring all changes to the medium, so that they outlast the end of the system, as by a power cut.

        `close` does it too, and with ``durability="fsync"`` every change.

        Raises
        ------
        ValueError
            In a transaction.
        StorageError
            If the system cannot say that all is there. The array changes nothing from then on: open it again.
        """
        self._handle.flush()

    def compact(self) -> None:
        """Replace the array's file by one without dead space, in one step. The content stays.

        Bytes that changes have replaced stay in the file until later changes use their place, or, in files
        without checksums, for good. It takes as much room beside the old file as the new one has. Chunks of a
        file that another library changed get their checksums again. Directories have no dead space.

        Raises
        ------
        ValueError
            In a transaction.
        CorruptDataError
            If a chunk is damaged; the file is as it was.
        """
        self._handle.compact()
