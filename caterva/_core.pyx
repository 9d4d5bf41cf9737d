# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
# cython: freethreading_compatible=True
"""The C libraries for Python: buffers in, GIL off, one C call, status checked.

Nothing here decides anything: shapes, keys and keywords were checked by the Python modules, and are
checked again, against memory, by the C libraries. All functions may be called from any thread.
"""

import os

cimport cython

from caterva import errors

from cpython.buffer cimport (
    PyBUF_ND, PyBUF_STRIDED, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from cpython.bytearray cimport PyByteArray_AsString
from cpython.bytes cimport PyBytes_AsString, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset


# ---------------------------------------------------------------- errors

EXCEPTIONS = {
    BLOSC2_E_ARGUMENT: ValueError,
    BLOSC2_E_CORRUPT: errors.CorruptDataError,
    BLOSC2_E_UNSUPPORTED: errors.UnsupportedFormatError,
    BLOSC2_E_CODEC: errors.CodecError,
    BLOSC2_E_IO: errors.StorageError,
    BLOSC2_E_MEMORY: MemoryError,
    BLOSC2_E_EXISTS: FileExistsError,
    BLOSC2_E_NOT_FOUND: FileNotFoundError,
    BLOSC2_E_READ_ONLY: errors.StorageError,
    BLOSC2_E_CHANGED: errors.FileChangedError,
    BLOSC2_E_LIMIT: errors.LimitError,
    BLOSC2_E_LOCKED: errors.LockedError,
}

# The built-in that Python has for an errno, to ours that is one too.
STORAGE_EXCEPTIONS = {
    PermissionError: errors.StoragePermissionError,
    NotADirectoryError: errors.StorageNotADirectoryError,
    IsADirectoryError: errors.StorageIsADirectoryError,
}


cdef object exception_of(int status):
    """The Python exception of a negative status, from the message of this thread's last failure."""
    exception = EXCEPTIONS.get(status, errors.CatervaError)
    message = (<bytes>blosc2_last_error()).decode("utf-8", "replace")
    cdef int os_error = blosc2_last_os_error()
    if issubclass(exception, OSError) and os_error:
        if exception is errors.StorageError:
            exception = STORAGE_EXCEPTIONS.get(type(OSError(os_error, message)), exception)
        path = os.fsdecode(<bytes>blosc2_last_path())
        if not issubclass(exception, errors.StorageError):  # Python's own says the path besides
            message = message.removeprefix(f"{path}: ")
        return exception(os_error, message, path)
    if exception is FileNotFoundError:  # a metalayer, not a file
        return KeyError(message)
    return exception(message)


cdef int check(int status) except -1:
    """Raise the Python exception of a negative status, or of a signal that came meanwhile."""
    if interruption is not None and is_main_thread():
        raise take_interruption()
    if status < 0:
        raise exception_of(status)
    return 0


include "_signals.pxi"
check(blosc2_init())
blosc2_set_interrupt(ask_python, NULL)


# ---------------------------------------------------------------- what is built in: build.py

def compiler():
    """Name and version of the C libraries' compiler."""
    return blosc2_compiler().decode()


def codec_libraries():
    """Name of each codec to name and version of the library that does its work."""
    libraries = {BLOSC2_BLOSCLZ: "c-blosc2", BLOSC2_LZ4: "lz4", BLOSC2_LZ4HC: "lz4", BLOSC2_ZLIB: "zlib",
                 BLOSC2_ZSTD: "zstd"}
    found = {}
    for codec, library in libraries.items():
        version, _, other = blosc2_codec_version(codec).decode().partition(" ")
        found[blosc2_codec_name(codec).decode()] = f"{other.strip('()') or library} {version}"
    return found


def kernel_tables():
    """Names of the kernel tables: the one at work, those built in, those that can run here."""
    cdef const char *names[32]
    cdef size_t count = min(blosc2_kernels_list(names, 32), 32)
    return {
        "kernels": blosc2_kernels_name().decode(),
        "kernels_built": [names[i].decode() for i in range(count)],
        "kernels_runnable": [names[i].decode() for i in range(count) if blosc2_kernels_can_run(names[i])],
    }


include "_options.pxi"
include "_array.pxi"
include "_changes.pxi"
include "_items.pxi"
include "_schunk.pxi"
