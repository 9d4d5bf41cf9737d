"""Removing arrays, and nothing else: told by magic bytes and by what lies in a directory, not by opening."""

import os
import re
import stat
import struct
from typing import BinaryIO

from caterva import _core
from caterva.recognize import FRAME, begins_as_frame
from caterva.storage import without_separators

__all__ = ["remove_array"]

COPY = struct.Struct("<8sIIQQQq")  # how a second copy of its header begins: durability.md, "Twice"
COPY_MAGIC, COPY_KIND, COPY_HEADER = b"cathead\x1a", 3, 56
NEAR_BYTES, FAR_BYTES, SECTOR = 2**16, 2**23, 4096  # where copies are looked for
TRAILER_END = 23  # bytes from a marker in a trailer to its end: frame-format.md 4

# What is in the directory of an array: frame-format.md 7 and 9, and names that were not finished.
OWN_NAME = re.compile(r"[0-9A-F]{8}\.chunk|chunks\.b2frame(\.copy)?(\.tmp-\d+-[0-9a-f]+)?|\.b2lock")
LOCK_NAME, LOCK_BYTES = ".b2lock", 128  # what is longer is no lock file
FRAME_NAME = re.compile(r"[0-9A-F]{8}\.chunk|chunks\.b2frame(\.copy)?")
SHOWN_NAMES = 3


def _read(file: BinaryIO, count: int, position: int) -> bytes:
    if position < 0:
        return b""
    file.seek(position)
    return file.read(count)


def _is_copy(file: BinaryIO, position: int) -> bool:
    """Whether the copy of a header of this file lies at `position`: what it says of the file's tail is there.

    So an array inside of an archive does not make an array of the archive.
    """
    record = _read(file, COPY_HEADER + len(FRAME), position)
    if len(record) < COPY_HEADER + len(FRAME):
        return False
    magic, kind, header_bytes, _, start, count, mirror = COPY.unpack_from(record)
    if magic != COPY_MAGIC or kind != COPY_KIND or record[COPY_HEADER:] != FRAME:
        return False
    ends = [header_bytes + place + count for place in (start, mirror) if 0 <= place < 2**62 and count < 2**62]
    tails = (_read(file, TRAILER_END, end - TRAILER_END) for end in ends)
    return any(len(tail) == TRAILER_END and (tail[0], tail[5]) == (0xCE, 0xD8) for tail in tails)


def _is_frame(file: BinaryIO) -> bool:
    """Whether a file is a contiguous frame, even if its first sectors are lost."""
    near = _read(file, NEAR_BYTES, 0)
    if begins_as_frame(near[: len(FRAME)]):
        return True
    places = [match.start() for match in re.finditer(re.escape(COPY_MAGIC), near)]
    far = range(NEAR_BYTES, min(FAR_BYTES, os.fstat(file.fileno()).st_size), SECTOR)
    return any(_is_copy(file, at) for at in (*places, *far))


def _names_in(path: str) -> list[str]:
    """Return the names in the directory of an array, or raise ValueError."""
    names = sorted(os.listdir(path))
    if not any(FRAME_NAME.fullmatch(name) for name in names):
        raise ValueError(f"{path} is a directory without chunks.b2frame, not an array: it is not removed")
    others = [name for name in names if not OWN_NAME.fullmatch(name) or not _may_be_own(path, name)]
    if others:
        shown = ", ".join(repr(name) for name in others[:SHOWN_NAMES])
        more = f" and {len(others) - SHOWN_NAMES} more" if len(others) > SHOWN_NAMES else ""
        raise ValueError(f"{path} has files that are not an array's ({shown}{more}): it is not removed")
    return names


def _may_be_own(path: str, name: str) -> bool:
    info = os.lstat(os.path.join(path, name))
    is_lock = name == LOCK_NAME and stat.S_ISREG(info.st_mode)
    return not stat.S_ISDIR(info.st_mode) and not (is_lock and info.st_size > LOCK_BYTES)


def _check(path: str, mode: int) -> None:
    """Raise ValueError unless `path`, followed if it is a link, is an array."""
    if stat.S_ISDIR(mode):
        _names_in(path)
        return
    if stat.S_ISREG(mode):
        with open(path, "rb") as file:
            if _is_frame(file):
                return
    raise ValueError(f"{path} is not an array, or is damaged beyond recognition: it is not removed")


def _check_alone(path: str) -> None:
    """Raise ValueError if the file has another array behind the first, as changes of the first do."""
    second = _core.find_second(path)
    if second:
        raise ValueError(
            f"{path}: another array begins at byte {second} of the file, behind the first one: it is not "
            "removed. If you want neither, delete the file (os.remove)"
        )


def remove_array(path: str) -> None:
    """Remove what `caterva.remove` is asked to."""
    name = os.fsdecode(without_separators(path))
    if os.path.isdir(name):  # "NAME/" of a link would be what it leads to
        path = name
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        _core.remove_beside(path)
        return
    if stat.S_ISLNK(mode):
        if not os.path.exists(path):
            raise ValueError(f"{path} is a link that leads nowhere, not an array: it is not removed")
        _check(path, os.stat(path).st_mode)
        os.unlink(path)
        return
    _check(path, mode)
    if stat.S_ISDIR(mode):
        # The index first: what is left after a failure is not taken for a whole array.
        for name in sorted(_names_in(path), key=lambda name: not name.startswith("chunks.")):
            os.unlink(os.path.join(path, name))
        os.rmdir(path)
    else:
        _check_alone(path)
        os.unlink(path)
    _core.remove_beside(path)
