"""The exceptions of caterva, each also the built-in that a caller would catch."""

__all__ = [
    "CatervaError",
    "CodecError",
    "CorruptDataError",
    "FileChangedError",
    "LimitError",
    "LockedError",
    "NotAnArrayError",
    "RecoveredWarning",
    "StorageError",
    "StorageIsADirectoryError",
    "StorageNotADirectoryError",
    "StoragePermissionError",
    "UnsupportedFormatError",
    "UnverifiedWarning",
]


class CatervaError(Exception):
    """Base of all exceptions that are caterva's own."""


class CorruptDataError(CatervaError, ValueError):
    """Stored bytes do not follow the format, or fail a checksum."""


class NotAnArrayError(CorruptDataError):
    """There is something else than an array: another kind of file, an empty one, other files."""


class UnsupportedFormatError(CatervaError, ValueError):
    """Stored bytes follow the format, but use a part of it that this build cannot read."""


class LimitError(CatervaError, ValueError):
    """Stored bytes ask for more memory than `max_bytes` allows them."""


class CodecError(CatervaError, RuntimeError):
    """A compression library refused to work."""


class StorageError(CatervaError, OSError):
    """The system refused to read or write; `errno` and `filename` say what and where."""

    def __str__(self) -> str:
        if self.strerror and isinstance(self.filename, str) and self.filename in self.strerror:
            return f"[Errno {self.errno}] {self.strerror}"  # which says the path already
        return super().__str__()


class StoragePermissionError(StorageError, PermissionError):
    """The system denies access."""


class StorageNotADirectoryError(StorageError, NotADirectoryError):
    """A part of the path is a file."""


class StorageIsADirectoryError(StorageError, IsADirectoryError):
    """The path is a directory, where a file is needed."""


class LockedError(StorageError):
    """Another process, thread or handle has the lock of the array, and kept it for all of `lock_timeout`."""


class FileChangedError(StorageError):
    """The file was changed by somebody else: `refresh` the array, or open it again where that fails too."""


class UnverifiedWarning(UserWarning):
    """What is read is not verified: another library or damage has changed it, or the handle asks for none."""


class RecoveredWarning(UserWarning):
    """A file is damaged, as by a power cut; it was read by copies, or as flushed last: the text says."""
