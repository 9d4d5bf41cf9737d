"""What a path is that is no array: told by its first bytes, for the message."""

import os
import stat

__all__ = ["FRAME", "begins_as_frame", "recognize"]

HEAD_BYTES = 512
NAMES_SHOWN = 3

# First bytes of other formats, and what they are called.
MAGICS = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy file (numpy.load reads it, asarray stores it)"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"CDF\x01", "a NetCDF file"),
    (b"CDF\x02", "a NetCDF file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"\x89PNG", "a PNG picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"PAR1", "a Parquet file"),
    (b"blpk", "a file of the bloscpack format"),
)
FRAME = b"\x9e\xa8b2frame\0"  # how a frame begins: frame-format.md 1
DIRECTORIES = (
    ("zarr.json", "a Zarr array or group"),
    (".zarray", "a Zarr array"),
    (".zgroup", "a Zarr group"),
)


def begins_as_frame(head: bytes, most: int = 1) -> bool:
    """Whether the first bytes of something are those of a frame, but for `most` of them."""
    return len(head) == len(FRAME) and sum(a != b for a, b in zip(head, FRAME, strict=True)) <= most


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a character may be cut
            return False
        text = head[: error.start].decode()
    return all(character.isprintable() or character.isspace() for character in text)


def _of_directory(path: str | bytes) -> str | None:
    names = sorted(os.fsdecode(name) for name in os.listdir(path))
    if not names:
        return "it is an empty directory"
    if any(name.startswith("chunks.b2frame") or name.endswith(".chunk") for name in names):
        return None
    for name, kind in DIRECTORIES:
        if name in names:
            return f"it is the directory of {kind}"
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"it is a directory of other files ({', '.join(names[:NAMES_SHOWN])}{more})"


def _of_file(path: str | bytes, offset: int) -> str | None:
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(offset)
        head = file.read(HEAD_BYTES)
    if size == 0:
        return "it is empty"
    if not head:
        return None
    if begins_as_frame(head[: len(FRAME)], 2) or b"b2frame" in head[:16] or b"cathead" in head:
        return None
    for magic, kind in MAGICS:
        if head.startswith(magic):
            return f"it is {kind}"
    if not any(head):
        return "it begins with zeros"
    if _is_text(head):
        return "it is text"
    return f"it begins with the bytes {head[:8].hex(' ')}"


def recognize(path: str | bytes, offset: int = 0) -> str | None:
    """Return what is at a path, in words; None if it may be an array, or what is left of one.

    Examples
    --------
    >>> with open("notes.txt", "w") as file:
    ...     _ = file.write("not an array")
    >>> recognize("notes.txt")
    'it is text'
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            return _of_directory(path)
        return _of_file(path, offset) if stat.S_ISREG(mode) else None
    except OSError:
        return None
