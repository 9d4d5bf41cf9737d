"""The methods of compressed arrays that say when changes last."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from typing import TypeVar

from caterva import _core
from caterva.errors import RecoveredWarning
from caterva.storage import level_of_caller

__all__ = ["Commits"]

Self = TypeVar("Self", bound="Commits")

OLDER = 2  # BLOSC2_RECOVERED_OLDER: the last flushed state was opened
COPY = 3  # BLOSC2_RECOVERED_COPY: the state is whole, by the second copy of its metadata

# In messages and reports: of a cut index it cannot be told whether it was of a later state.
WHAT_IS_LOST = (
    "what was changed after the last flush, if anything was, is lost (by a system crash, a power cut or "
    "damage); the last flushed state was opened"
)


def warn_if_recovered(handle: _core.ArrayHandle) -> None:
    """Warn that an array that was just opened is not as it was last changed."""
    if handle.recovery == OLDER:
        text = (
            f"{handle.path}: {WHAT_IS_LOST}. The next change accepts that, and so does "
            "caterva.repair(path, accept_older=True)"
        )
        warnings.warn(text, RecoveredWarning, stacklevel=level_of_caller())
    elif handle.recovery == COPY:
        text = (
            f"{handle.path}: its metadata is damaged, and was read from the second copy. Nothing is lost; "
            "verify(repair=True) mends the file"
        )
        warnings.warn(text, RecoveredWarning, stacklevel=level_of_caller())


class Commits:
    """How `NDArray` makes its changes last. Every call that changes an array is one commit."""

    _handle: _core.ArrayHandle

    def transaction(self: Self) -> AbstractContextManager[Self]:
        """Make all changes of a ``with`` block one commit: all of them last, or none.

        Inside, reads of this array see the changes; whoever opens the file sees the state before. An
        exception undoes all changes, and so does the failure of a call, even if it was caught: it may have
        done a part of its work. (A call whose arguments are refused has done none, and undoes nothing.) So
        does Ctrl-C, wherever it comes: a change is open within its ``with`` block only.

        Other threads that use this same handle meanwhile take part: they see the changes, theirs belong to
        the transaction, and go with it if it is undone. A thread that is to be independent opens the array
        itself.

        Returns
        -------
        context manager
            It gives the array.

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
        return _core.Transaction(self._handle, self)

    def flush(self) -> None:
        """Bring all changes to the medium, so that they outlast the end of the system, as by a power cut.

        `close` does it too, after changes, and with ``durability="fsync"`` every change.

        An array opened with ``mode="r"`` syncs what it shows, whoever wrote that, and writes nothing. That
        outlasts a power cut until somebody changes it: with a change that is not flushed it may be lost.
        On Windows, who only reads cannot sync: nothing is done there.

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
