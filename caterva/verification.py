"""Whether what is stored is what was written: `NDArray.verify` and what it finds."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from caterva import _core
from caterva.commits import OLDER, WHAT_IS_LOST
from caterva.errors import CatervaError, UnverifiedWarning
from caterva.shapes import Shape
from caterva.storage import level_of_caller

__all__ = [
    "BadPlace",
    "Progress",
    "Seal",
    "Verification",
    "Verifying",
    "warn_if_less_verified",
    "warn_if_unverified",
    "warn_of_no_snapshot",
]

Progress = Callable[[int, int], object]

# Of a header that differs from its second copy.
TWO_CAUSES = (
    "Another library has changed it, or it is damaged; which one cannot be told, and the header is what is "
    "read. "
)
BOTH_WAYS = TWO_CAUSES + "caterva.repair(path) takes the copy, verify(adopt=True) takes the header"
ONE_WAY = TWO_CAUSES + "Chunks have no checksums that the copy goes with: verify(adopt=True) takes the header"


class Seal(IntEnum):
    """What the checksums of an array hold good for."""

    NONE = 0  # it has none
    WHOLE = 1
    LAYERS = 2  # all but the contents of fixed metalayers, and the parameters of chunks to come
    BROKEN = 3  # nothing: another library has changed chunks


class Note(IntEnum):
    """What is known of a difference between metadata and its second copy: `blosc2_note`."""

    DAMAGE = 0
    DOUBT = 1  # a whole copy says otherwise: another library's change, or damage of either
    REMARK = 2  # it may rightly be so


@dataclass(frozen=True)
class BadPlace:
    """A part of an array that is damaged.

    Attributes
    ----------
    chunk : int
        The chunk's number, in C order.
    chunk_index : tuple of int
        Its place in the grid of chunks.
    block : int or None
        The block's number in the chunk; None for all of the chunk.
    block_index : tuple of int or None
        Its place in the chunk's grid of blocks; None also where the chunk has other blocks than the array.
    box : tuple of slice
        The items that it holds: ``array[box]``.
    reason : str
        What does not fit.
    """

    chunk: int
    chunk_index: Shape
    block: int | None
    block_index: Shape | None
    box: tuple[slice, ...]
    reason: str

    def __str__(self) -> str:
        where = f"chunk {self.chunk} {self.chunk_index}"
        if self.block is not None:
            where += f", block {self.block}" + ("" if self.block_index is None else f" {self.block_index}")
        box = ", ".join(f"{part.start}:{part.stop}" for part in self.box)
        return f"{where}, items [{box}]: {self.reason}"


@dataclass(frozen=True)
class Verification:
    """What `NDArray.verify` has found.

    Attributes
    ----------
    path : str or None
        Of the file or directory; None in memory.
    chunks : int
        How many there are.
    verified, unverified, bad : int
        Blocks that match their checksums; that have none, but can be decoded; that are damaged.
    places : tuple of BadPlace
        What is damaged.
    adopted : bool
        Whether what was unverified has checksums now.
    metadata : tuple of str
        Where header, chunk index, trailer or metalayers are damaged in the file, or differ from their second
        copy.
    is_foreign : bool
        Whether another library may have changed the header, which then differs from its copy rightly.
    twice : bool
        Whether there is a second copy of this state: in files that were flushed or closed by this library.
    repaired : bool
        Whether `metadata` has been mended.
    is_damaged : bool
        Whether something in `metadata` is damage. If not, what is there may rightly be so.
    is_in_doubt : bool
        Whether a whole copy of the header says otherwise than the header: another library has changed that,
        or one of them is damaged. ``repair`` takes the copy, if it `is_vouched`; ``adopt`` the header.
    is_older : bool
        Whether what was opened is the state that was flushed last, because later ones are damaged: changes
        after that flush are lost. ``repair`` with ``accept_older`` accepts it, and so does any change.
    is_other : bool
        Whether the file is mended, and is an array now that this one cannot be: of another dtype, or with
        another number of axes. It is to be opened again.
    is_vouched : bool
        Whether checksums hold good for the array as the copy of its header has it. In a file without them, or
        whose chunks another library has changed, they do not.
    is_flushed : bool
        Whether what is committed is on the medium, as far as the file tells: False for an array of this
        library that was changed, and neither flushed nor closed since.
    """

    path: str | None
    chunks: int
    verified: int
    unverified: int
    bad: int
    places: tuple[BadPlace, ...]
    adopted: bool
    metadata: tuple[str, ...] = ()
    twice: bool = False
    repaired: bool = False
    is_foreign: bool = False
    is_damaged: bool = False
    is_in_doubt: bool = False
    is_older: bool = False
    is_other: bool = False
    is_vouched: bool = True
    is_flushed: bool = True

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged, lost or in doubt, as far as can be known, or all of it is mended."""
        is_in_doubt = self.is_in_doubt and not self.adopted
        return not self.places and (self.repaired or not (self.is_damaged or is_in_doubt or self.is_older))

    def __str__(self) -> str:
        blocks = f"{self.verified} blocks verified"
        if self.unverified:
            blocks += f", {self.unverified} without checksums" + (" until now" if self.adopted else "")
        if self.bad:
            blocks += f", {self.bad} bad"
        head = f"{self.path or 'array in memory'}: {self.chunks} chunks, {blocks}"
        notes = [f"  metadata: {note}" for note in self.metadata]
        if self.is_in_doubt and not (self.repaired or self.adopted):
            notes.append(f"  metadata: {BOTH_WAYS if self.is_vouched else ONE_WAY}")
        if self.is_older:
            notes.append(f"  state: {WHAT_IS_LOST}")
        if self.is_older and not self.repaired:
            notes.append("  state: the next change accepts that, and so does repair with accept_older=True")
        if not self.is_flushed:
            notes.append(
                "  state: not flushed; until flush() or close() a power cut may take the last changes"
            )
        if self.repaired:
            notes.append("  metadata: mended" + (", with the older state" if self.is_older else ""))
        if self.is_other:
            notes.append("  metadata: the file is an array of other items or axes now: open it again")
        return "\n".join([head, *notes, *(f"  {place}" for place in self.places)])


def _box(start: list[int], extent: Shape, shape: Shape) -> tuple[slice, ...]:
    """Return the items of a chunk or block that lie in the array."""
    return tuple(
        slice(min(first, length), min(first + count, length))
        for first, count, length in zip(start, extent, shape, strict=True)
    )


def _indices(number: int, grid: Shape) -> Shape:
    return tuple(int(index) for index in np.unravel_index(number, grid)) if grid else ()


def locate(
    handle: _core.ArrayHandle, chunk: int, block: int | None, block_bytes: int, reason: str
) -> BadPlace:
    """Return the place of a chunk, or of a block of it that has `block_bytes` bytes."""
    shape, chunks, blocks = handle.shape, handle.chunks, handle.blocks
    grid = tuple(-(-length // extent) for length, extent in zip(shape, chunks, strict=True))
    chunk_index = _indices(chunk, grid)
    start = [index * extent for index, extent in zip(chunk_index, chunks, strict=True)]
    if block is None or block_bytes != math.prod(blocks) * handle.itemsize:
        return BadPlace(chunk, chunk_index, block, None, _box(start, chunks, shape), reason)
    block_grid = tuple(-(-extent // part) for extent, part in zip(chunks, blocks, strict=True))
    block_index = _indices(block, block_grid)
    start = [first + index * part for first, index, part in zip(start, block_index, blocks, strict=True)]
    return BadPlace(chunk, chunk_index, block, block_index, _box(start, blocks, shape), reason)


def warn_of_no_snapshot(handle: _core.ArrayHandle) -> None:
    """Warn that nothing keeps what an opened array reads, and nothing tells when it is something else."""
    text = (
        f"{handle.path}: with locking=False and checksum=False, what another process writes meanwhile may be "
        "read in the place of this state, unnoticed; with one of them it is kept, or a FileChangedError"
    )
    warnings.warn(text, UnverifiedWarning, stacklevel=level_of_caller())


def _is_in_doubt(handle: _core.ArrayHandle) -> bool:
    """Whether there is a whole copy of the header that says otherwise."""
    try:
        notes, _ = handle.check_copies()
    except (OSError, CatervaError):  # it can be opened all the same
        return False
    return any(what == Note.DOUBT for what, _ in notes)


def warn_if_unverified(handle: _core.ArrayHandle) -> None:
    """Warn that checksums do not cover an array that was just opened, as they once did."""
    if handle.seal in (Seal.NONE, Seal.WHOLE):
        return
    _warn_of(handle, Seal(handle.seal))


def warn_if_less_verified(handle: _core.ArrayHandle, before: int) -> None:
    """Warn that checksums do not cover any more what they did `before`: others have changed an open array."""
    now = Seal(handle.seal)
    if now not in (before, Seal.WHOLE) and before in (Seal.WHOLE, Seal.LAYERS):
        _warn_of(handle, now)


def _warn_of(handle: _core.ArrayHandle, seal: Seal) -> None:
    place = handle.path or "the array"
    hint = "verify(adopt=True) checks that it can be read, and writes new ones"
    if seal == Seal.LAYERS and _is_in_doubt(handle):
        text = (
            f"{place}: metalayers, shape or parameters: the header differs from its second copy. {BOTH_WAYS}"
        )
    elif seal == Seal.LAYERS:
        text = (
            f"{place}: another library has changed metalayers or parameters, which are not verified; {hint}"
        )
    else:
        text = f"{place}: another library has changed it, so what is read is not verified; {hint}"
    warnings.warn(text, UnverifiedWarning, stacklevel=level_of_caller())


def _ignore(done: int, total: int) -> None:
    """Report progress to nobody."""


class Verifying:
    """The method of compressed arrays that checks them."""

    _handle: _core.ArrayHandle

    def verify(
        self,
        adopt: bool = False,
        progress: Progress | None = None,
        *,
        repair: bool = False,
        accept_older: bool = False,
    ) -> Verification:
        """Check all chunks, block by block, and go on where one is damaged.

        Blocks with checksums are compared with them; those without are decoded. Header, chunk index, trailer
        and metalayers are looked at as they are in the file, flushed or not, and compared with their second
        copies.

        Parameters
        ----------
        adopt : bool, optional
            If True and nothing is damaged, checksums are written for all that has none, such as the chunks of
            another library, and from then on everything is verified when it is read. One change of the file.
        progress : callable, optional
            Called as ``progress(done, total)`` with numbers of chunks, once for checking and, where there is
            something to adopt, once more for that; then it cannot use the array. What it raises ends the
            call.
        repair : bool, optional
            If True, metadata that differs from its second copy is written anew, twice. What another library
            has changed in the header alone (metalayers, parameters of chunks to come) goes back to what the
            copy has, as damage there cannot be told from that. Damaged chunks stay as they are.
        accept_older : bool, optional
            Of use with `repair`: if True, and the array was opened as it was flushed last, because its last
            state is damaged, that older state is made the last one for good. If False, that is refused.

        Returns
        -------
        Verification
            Its `ok` says whether all is well, its `places` where it is not; ``print()`` shows both.

        Raises
        ------
        OSError
            If the file cannot be read; `StorageError` if `adopt` or `repair` finds it open for reading only.
        CorruptDataError
            If `repair` would make an older state the last one, and `accept_older` is not set. The file is as
            it was.
        ValueError
            If `adopt` is asked for an array in memory, or `accept_older` without `repair`.

        Examples
        --------
        >>> import caterva
        >>> array = caterva.from_bytes(caterva.full((4, 6), 7, dtype="i4", chunks=(2, 6)).to_bytes())
        >>> print(array.verify())
        array in memory: 2 chunks, 2 blocks verified
        """
        if accept_older and not repair:
            raise ValueError("accept_older=True is of use with repair=True only")
        handle, tell = self._handle, progress or _ignore
        found: list[BadPlace] = []
        counts = np.zeros(3, dtype=np.int64)
        done = 0
        while done < (total := handle.nchunks):  # other threads may change it meanwhile
            done, *more, places = handle.verify(done)
            counts += more
            found.extend(
                locate(handle, chunk, None if block < 0 else block, size, reason)
                for chunk, block, size, reason in places
            )
            tell(done, total)
        notes, twice = handle.check_copies()
        kinds = {what for what, _ in notes}
        is_vouched = handle.seal in (Seal.WHOLE, Seal.LAYERS)
        is_foreign, is_older = handle.seal in (Seal.LAYERS, Seal.BROKEN), handle.recovery == OLDER
        repairs = repair and (bool(notes) or is_older or handle.seal == Seal.LAYERS)
        is_other = repairs and handle.repair(accept_older)
        adopts = adopt and not found and handle.seal != Seal.WHOLE
        if adopts:
            handle.adopt(tell)
        verified, unverified, bad = counts.tolist()
        return Verification(
            handle.path or None,
            total,
            verified,
            unverified,
            bad,
            tuple(found),
            adopts,
            tuple(text for _, text in notes),
            twice,
            repairs,
            is_foreign,
            Note.DAMAGE in kinds,
            Note.DOUBT in kinds,
            is_older,
            is_other,
            is_vouched,
            twice or total == 0 or handle.seal != Seal.WHOLE or not handle.path,
        )
