"""Whether what is stored is what was written: `NDArray.verify` and what it finds."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from caterva import _core
from caterva.errors import UnverifiedWarning
from caterva.shapes import Shape
from caterva.storage import level_of_caller

__all__ = ["BadPlace", "Progress", "Seal", "Verification", "Verifying", "warn_if_unverified"]

Progress = Callable[[int, int], object]


class Seal(IntEnum):
    """What the checksums of an array hold good for."""

    NONE = 0  # it has none
    WHOLE = 1
    LAYERS = 2  # all but the contents of fixed metalayers, and the parameters of chunks to come
    BROKEN = 3  # nothing: another library has changed chunks


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
    """

    path: str | None
    chunks: int
    verified: int
    unverified: int
    bad: int
    places: tuple[BadPlace, ...]
    adopted: bool

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged, as far as that can be known."""
        return not self.places

    def __str__(self) -> str:
        blocks = f"{self.verified} blocks verified"
        if self.unverified:
            blocks += f", {self.unverified} without checksums" + (" until now" if self.adopted else "")
        if self.bad:
            blocks += f", {self.bad} bad"
        head = f"{self.path or 'array in memory'}: {self.chunks} chunks, {blocks}"
        return "\n".join([head, *(f"  {place}" for place in self.places)])


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


def warn_if_unverified(handle: _core.ArrayHandle) -> None:
    """Warn that checksums do not cover an array that was just opened, as they once did."""
    if handle.seal in (Seal.NONE, Seal.WHOLE):
        return
    place = handle.path or "the array"
    hint = "verify(adopt=True) checks that it can be read, and writes new ones"
    if handle.seal == Seal.LAYERS:
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

    def verify(self, adopt: bool = False, progress: Progress | None = None) -> Verification:
        """Check all chunks, block by block, and go on where one is damaged.

        Blocks with checksums are compared with them; those without are decoded.

        Parameters
        ----------
        adopt : bool, optional
            If True and nothing is damaged, checksums are written for all that has none, such as the chunks of
            another library, and from then on everything is verified when it is read. One change of the file.
        progress : callable, optional
            Called as ``progress(done, total)`` with numbers of chunks, once for checking and, where there is
            something to adopt, once more for that. What it raises ends the call.

        Returns
        -------
        Verification
            Its `ok` says whether all is well, its `places` where it is not; ``print()`` shows both.

        Raises
        ------
        OSError
            If the file cannot be read; `StorageError` if `adopt` finds it open for reading only.
        ValueError
            If `adopt` is asked for an array in memory.

        Examples
        --------
        >>> import caterva
        >>> array = caterva.from_bytes(caterva.full((4, 6), 7, dtype="i4", chunks=(2, 6)).to_bytes())
        >>> print(array.verify())
        array in memory: 2 chunks, 2 blocks verified
        """
        handle, tell = self._handle, progress or _ignore
        found: list[BadPlace] = []
        counts = np.zeros(3, dtype=np.int64)
        done, total = 0, handle.nchunks
        while done < total:
            done, *more, places = handle.verify(done)
            counts += more
            found.extend(
                locate(handle, chunk, None if block < 0 else block, size, reason)
                for chunk, block, size, reason in places
            )
            tell(done, total)
        adopts = adopt and not found and handle.seal != Seal.WHOLE
        if adopts:
            handle.adopt(tell)
        verified, unverified, bad = counts.tolist()
        return Verification(handle.path or None, total, verified, unverified, bad, tuple(found), adopts)
