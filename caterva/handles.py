"""Making and opening arrays of `_core`: a file appears whole, or not at all."""

import errno
import os
from collections.abc import Callable, Iterable
from enum import IntEnum

import numpy as np

from caterva import _core
from caterva.dtypes import Items
from caterva.indexing import whole
from caterva.meta import VARIABLE
from caterva.safety import Safety
from caterva.shapes import Shape
from caterva.slabs import Box, slabs
from caterva.storage import Storage

# Asking to write failed, but reading may be allowed.
REFUSED_WRITING = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ETXTBSY}


class Mode(IntEnum):
    """How a file is opened."""

    READ = 0
    UPDATE = 1
    READ_MAPPED = 2


class Use(IntEnum):
    """What becomes of items that are read: the first two of `blosc2_use`."""

    READ = 0
    CONTENT = 1  # they are stored again: verified by every handle


class Fill(IntEnum):
    """What the items of a new array are."""

    ZEROS = 0
    VALUE = 1


def _refuse_taken(path: str | bytes | None) -> None:
    """Raise FileExistsError early, before work is done; _core refuses again when the file takes its name."""
    if path is not None and os.path.lexists(path):
        if not os.path.exists(path):
            message = "cannot create an array: the name is that of a link, which leads nowhere"
        elif os.path.isdir(path):
            message = "cannot create an array: there is a directory of that name already"
        else:
            message = (
                "cannot create an array: there is a file of that name already, which is not replaced; "
                "caterva.remove(path) removes an array"
            )
        raise FileExistsError(errno.EEXIST, message, os.fsdecode(path))


def filled(shape: Shape, items: Items, storage: Storage, value: bytes | None = None) -> _core.ArrayHandle:
    """Make an array of one value, zeros by default; cost does not depend on the number of items."""
    _refuse_taken(storage.path)
    storage.check_items(items)
    fill = Fill.ZEROS if value is None else Fill.VALUE
    with _core.Creation(None, **storage.describe(shape, items), fill=int(fill), fill_value=value) as handle:
        return handle


def stored(
    array: np.ndarray,
    items: Items,
    storage: Storage,
    layers: Iterable[tuple[str, bytes]] = (),
    source: _core.ArrayHandle | None = None,
) -> _core.ArrayHandle:
    """Make an array of the items of a NumPy array, with variable-length metalayers.

    `source` is the array that the metalayers were taken over from.
    """
    _refuse_taken(storage.path)
    storage.check_items(items)
    with _core.Creation(
        None, **storage.describe(array.shape, items), fill=int(Fill.ZEROS), fill_value=None
    ) as handle:
        if array.size:
            box = whole(array.shape)
            handle.write(box.start, box.count, box.step, np.asarray(array).view(items.raw))
        for layer in layers:  # one by one: what another file names may be large, each of them
            handle.set_layers(VARIABLE, [layer])
        if source is not None:
            handle.inherit_doubt(source)
        return handle


def stored_in_parts(
    shape: Shape,
    items: Items,
    storage: Storage,
    parts: Callable[[Iterable[Box]], Iterable[tuple[Box, np.ndarray]]],
    layers: Iterable[tuple[str, bytes]] = (),
    source: _core.ArrayHandle | None = None,
) -> _core.ArrayHandle:
    """Make an array of what is never in memory as a whole.

    `parts` gives the items of boxes, which consist of whole chunks of the new array.
    """
    _refuse_taken(storage.path)
    storage.check_items(items)
    with _core.Creation(
        None, **storage.describe(shape, items), fill=int(Fill.ZEROS), fill_value=None
    ) as handle:
        boxes = slabs(shape, handle.chunks, items.dtype.itemsize) if 0 not in shape else ()
        for box, part in parts(boxes):
            expected = tuple(axis.stop - axis.start for axis in box)
            if part.shape != expected:
                raise ValueError(f"the source has given shape {part.shape} for {box}, not {expected}")
            handle.write([axis.start for axis in box], part.shape, (1,) * len(box), part.view(items.raw))
        for layer in layers:
            handle.set_layers(VARIABLE, [layer])
        if source is not None:
            handle.inherit_doubt(source)
        return handle


def copied(source: _core.ArrayHandle, items: Items, storage: Storage) -> _core.ArrayHandle:
    """Make a copy of an array in another storage; chunks that need no change are taken over compressed."""
    _refuse_taken(storage.path)
    storage.check_items(items, source.filters)
    # Another thread may change the shape until it is copied: it is the one that there is then.
    with _core.Creation(source, **storage.describe(source.shape, items)) as handle:
        return handle


def opened(
    path: str | bytes,
    mode: str | None,
    offset: int,
    mmap: bool,
    max_bytes: int | None,
    safety: Safety,
    prefers_copy: bool = False,
) -> _core.ArrayHandle:
    """Open a file or directory.

    Parameters
    ----------
    path : str or bytes
        Where it is.
    mode : {"r", "a", "r+", None}
        "r" to read; "a" or "r+" to read and write; None to read, and to write if that is allowed.
    offset : int
        Where in the file the array begins; one that does not begin at 0 can only be read.
    mmap : bool
        Whether the file is mapped into memory, for reading.
    max_bytes : int or None
        Most that the file may make us allocate at once; None for the default.
    safety : Safety
        Durability, checksums and locks.
    prefers_copy : bool
        Whether the copy of a header is taken where that in its place may be another library's, or damaged.
    """
    limit, kept = max_bytes or 0, safety.for_core()
    if mode not in (None, "r", "a", "r+"):
        hint = (
            "; to make an array, use zeros, full, from_buffer, asarray or copy"
            if mode in ("w", "x", "w-")
            else ""
        )
        raise ValueError(f"mode must be 'r', 'a' or 'r+', got {mode!r}{hint}")
    if offset and mode in ("a", "r+"):
        raise ValueError(f"an array at offset {offset} of a file can only be read, got mode {mode!r}")
    if mmap and mode not in (None, "r"):
        raise ValueError(f"a mapped file can only be read, got mode {mode!r}")
    if mmap:
        return _core.ArrayHandle.open(path, offset, Mode.READ_MAPPED, limit, kept, prefers_copy)
    if mode == "r" or offset:
        return _core.ArrayHandle.open(path, offset, Mode.READ, limit, kept, prefers_copy)
    try:
        return _core.ArrayHandle.open(path, offset, Mode.UPDATE, limit, kept, prefers_copy)
    except OSError as error:
        if mode is not None or error.errno not in REFUSED_WRITING:
            raise
    return _core.ArrayHandle.open(path, offset, Mode.READ, limit, kept, prefers_copy)
