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
from cpython.bytes cimport PyBytes_AsString, PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, int64_t, uint8_t
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
        return exception(os_error, message, os.fsdecode(<bytes>blosc2_last_path()))
    if exception is FileNotFoundError:  # a metalayer, not a file
        return KeyError(message)
    return exception(message)


cdef int check(int status) except -1:
    """Raise the Python exception of a negative status."""
    if status < 0:
        raise exception_of(status)
    return 0


check(blosc2_init())


def build_info():
    """What this build consists of.

    Returns
    -------
    dict
        ``kernels``: the table of SIMD kernels in use; ``codecs``: name to version of the library at work.
    """
    codecs = {}
    for codec in range(6):
        if blosc2_codec_name(codec) != NULL:
            codecs[blosc2_codec_name(codec).decode()] = blosc2_codec_version(codec).decode()
    return {"kernels": blosc2_kernels_name().decode(), "codecs": codecs}


# ---------------------------------------------------------------- arguments

cdef class Buffer:
    """A buffer of Python's, exported for as long as this object lives."""

    cdef Py_buffer view
    cdef bint held

    def __cinit__(self, exporter, int flags):
        PyObject_GetBuffer(exporter, &self.view, flags)
        self.held = True

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)


cdef int parse_extents(values, int ndim, int64_t limit, int64_t *out, str what) except -1:
    """Integers of a tuple, within [0, limit]."""
    if len(values) != ndim:
        raise ValueError(f"{what}: {len(values)} axes (expected {ndim})")
    for axis in range(ndim):
        value = values[axis]
        if not 0 <= value <= limit:
            raise ValueError(f"{what}: {value} on axis {axis} (expected 0..{limit})")
        out[axis] = value
    return 0


cdef int parse_geometry(shape, chunks, blocks, itemsize, caterva_geometry *out) except -1:
    cdef int64_t extents[16]
    cdef int axis
    memset(out, 0, sizeof(caterva_geometry))
    if len(shape) > CATERVA_MAX_NDIM:
        raise ValueError(f"shape: {len(shape)} axes (expected at most {CATERVA_MAX_NDIM})")
    if not 1 <= itemsize <= 0x7FFFFFFF:
        raise ValueError(f"itemsize: {itemsize} (expected 1..{0x7FFFFFFF})")
    out.ndim = len(shape)
    out.item_bytes = itemsize
    parse_extents(shape, out.ndim, 0x7FFFFFFFFFFFFFFF, out.shape, "shape")
    parse_extents(chunks, out.ndim, 0x7FFFFFFF, extents, "chunks")
    for axis in range(out.ndim):
        out.chunks[axis] = <int32_t>extents[axis]
    parse_extents(blocks, out.ndim, 0x7FFFFFFF, extents, "blocks")
    for axis in range(out.ndim):
        out.blocks[axis] = <int32_t>extents[axis]
    return 0


cdef class Options:
    """The keywords of an array that is to be made, as the C library wants them, and what keeps them alive."""

    cdef caterva_options options
    cdef blosc2_metalayer layers[16]
    cdef list kept

    def __cinit__(self, *, shape, chunks, blocks, itemsize, str dtype, int home, path, int codec, int clevel,
                  int split, filters, filtersmeta, bint use_dict, meta, int nthreads, int64_t cache_bytes, int fill=0,
                  fill_value=None):
        cdef caterva_options *options = &self.options
        memset(options, 0, sizeof(caterva_options))
        parse_geometry(shape, chunks, blocks, itemsize, &options.geometry)
        self.kept = [dtype.encode(), None if path is None else os.fsencode(path)]
        options.dtype = <bytes>self.kept[0]
        if path is not None:
            options.path = <bytes>self.kept[1]
        options.home = <blosc2_home>home
        options.cparams.item_bytes = itemsize
        options.cparams.codec = codec
        options.cparams.clevel = clevel
        options.cparams.split = split
        options.cparams.use_dict = use_dict
        for slot in range(BLOSC2_MAX_FILTERS):
            options.cparams.filters[slot] = filters[slot]
            options.cparams.filters_meta[slot] = filtersmeta[slot]
        options.threads = nthreads
        options.cache_bytes = cache_bytes
        self.take_fill(fill, fill_value)
        self.take_layers(meta)

    cdef int take_fill(self, int fill, fill_value) except -1:
        self.options.fill = <caterva_fill>fill
        if fill_value is not None:
            if len(fill_value) != self.options.geometry.item_bytes:
                raise ValueError(f"fill value: {len(fill_value)} bytes "
                                 f"(expected {self.options.geometry.item_bytes})")
            value = bytes(fill_value)
            self.kept.append(value)
            self.options.fill_value = PyBytes_AsString(value)
        return 0

    cdef int take_layers(self, meta) except -1:
        if len(meta) > BLOSC2_MAX_METALAYERS:
            raise ValueError(f"meta: {len(meta)} metalayers (expected at most {BLOSC2_MAX_METALAYERS})")
        for i, (name, content) in enumerate(meta):
            encoded, stored = layer_name(name), bytes(content)
            self.kept += [encoded, stored]
            self.layers[i] = make_layer(encoded, stored)
        self.options.metalayers = self.layers
        self.options.metalayer_count = len(meta)
        return 0


cdef bytes take_bytes(uint8_t *data, Py_ssize_t size):
    """A heap block of the C libraries as bytes; it is released."""
    try:
        return PyBytes_FromStringAndSize(<const char *>data, size)
    finally:
        blosc2_bytes_free(data)


cdef bytes layer_name(name):
    encoded = name.encode()
    if not 1 <= len(encoded) <= 31 or b"\0" in encoded:
        raise ValueError(f"metalayer name: {name!r} (expected 1 to 31 bytes of UTF-8, without NUL)")
    return encoded


cdef blosc2_metalayer make_layer(bytes name, bytes content) except *:
    cdef blosc2_metalayer layer
    if len(content) > 0x7FFFFFFF - 64:
        raise ValueError(f"metalayer {name.decode()!r}: {len(content)} bytes (expected less than 2 GiB)")
    layer.name = name
    layer.content = <const uint8_t *>PyBytes_AsString(content)
    layer.content_bytes = <int32_t>len(content)
    return layer


# ---------------------------------------------------------------- sources

cdef int read_source(void *context, void *out, size_t count, int64_t position) noexcept with gil:
    """Call the Python function of an array opened by `open_source`."""
    try:
        data = (<object>context)(position, count)
        if len(data) != count:
            raise EOFError(f"{len(data)} bytes at {position} (expected {count})")
        memcpy(out, PyBytes_AsString(bytes(data)), count)
        return 0
    except BaseException as error:
        message = f"{type(error).__name__}: {error}".encode()
        blosc2_fail(BLOSC2_E_IO, "source: %s", <const char *>message)
        return BLOSC2_E_IO


# ---------------------------------------------------------------- arrays

cdef class Owner:
    """Owns a C array: it is released when the last call that uses it is over, so calls hold it by name."""

    cdef caterva_array *array
    cdef object source

    def __dealloc__(self):
        cdef caterva_array *array = self.array
        self.array = NULL
        with nogil:
            caterva_array_free(array)

    cdef const blosc2_schunk *schunk(self) noexcept:
        return caterva_array_schunk(self.array)


cdef class ArrayHandle:
    """A compressed array of the C library. A change that was begun ends with `commit` or `rollback`."""

    cdef Owner owner
    cdef object __weakref__

    @cython.critical_section  # beside close(), where there is no GIL
    cdef Owner own(self):
        cdef Owner owner = self.owner
        if owner is None:
            raise ValueError("the array is closed")
        return owner

    # ------------------------------------------------------------ making

    @staticmethod
    def create(**keywords):
        """Make an array of fill values, with a change begun. Keywords: those of `Options`."""
        cdef Options options = Options(**keywords)
        cdef Owner owner = Owner()
        cdef int status
        with nogil:
            status = caterva_array_create(&options.options, &owner.array)
        check(status)
        return wrap(owner)

    def copy(self, **keywords):
        """Copy into a new array, with a change begun there. Keywords: those of `Options` without fill."""
        cdef Options options = Options(**keywords)
        cdef Owner source = self.own(), owner = Owner()
        cdef int status
        with nogil:
            status = caterva_array_copy(source.array, &options.options, &owner.array)
        check(status)
        return wrap(owner)

    @staticmethod
    def open(path, int64_t offset, bint writable):
        """Open a file or directory."""
        cdef bytes encoded = os.fsencode(path)
        cdef const char *c_path = encoded
        cdef Owner owner = Owner()
        cdef blosc2_mode mode = <blosc2_mode>(1 if writable else 0)
        cdef int status
        if b"\0" in encoded:
            raise ValueError(f"path: {path!r} contains a NUL byte")
        with nogil:
            status = caterva_array_open(c_path, offset, mode, &owner.array)
        check(status)
        return wrap(owner)

    @staticmethod
    def from_bytes(buffer):
        """Open a contiguous frame held by a buffer; its bytes are copied."""
        cdef Buffer held = Buffer(buffer, PyBUF_ND)
        cdef Owner owner = Owner()
        cdef int status
        with nogil:
            status = caterva_array_from_bytes(held.view.buf, held.view.len, &owner.array)
        check(status)
        return wrap(owner)

    @staticmethod
    def open_source(read, int64_t size):
        """Open, for reading, a contiguous frame of `size` bytes that ``read(position, nbytes)`` gives."""
        cdef Owner owner = Owner()
        cdef void *context = <void *>read
        cdef int status
        owner.source = read
        with nogil:
            status = caterva_array_open_source(<blosc2_read_fn *>read_source, context, size, &owner.array)
        check(status)
        return wrap(owner)

    def close(self):
        """Release the array once calls in other threads are over; a change that was begun is rolled back."""
        cdef Owner owner = None
        with cython.critical_section(self):
            owner, self.owner = self.owner, owner

    # ------------------------------------------------------------ properties

    cdef int get_geometry(self, caterva_geometry *out) except -1:
        cdef Owner owner = self.own()
        caterva_array_get_geometry(owner.array, out)
        return 0

    @property
    def shape(self):
        cdef caterva_geometry geometry
        self.get_geometry(&geometry)
        return tuple([geometry.shape[axis] for axis in range(geometry.ndim)])

    @property
    def chunks(self):
        cdef caterva_geometry geometry
        self.get_geometry(&geometry)
        return tuple([geometry.chunks[axis] for axis in range(geometry.ndim)])

    @property
    def blocks(self):
        cdef caterva_geometry geometry
        self.get_geometry(&geometry)
        return tuple([geometry.blocks[axis] for axis in range(geometry.ndim)])

    @property
    def itemsize(self):
        cdef caterva_geometry geometry
        self.get_geometry(&geometry)
        return geometry.item_bytes

    @property
    def dtype(self):
        cdef Owner owner = self.own()
        return caterva_array_dtype(owner.array).decode()

    @property
    def home(self):
        cdef Owner owner = self.own()
        return <int>blosc2_schunk_home(owner.schunk())

    @property
    def path(self):
        cdef Owner owner = self.own()
        return os.fsdecode(<bytes>blosc2_schunk_path(owner.schunk()))

    @property
    def read_only(self):
        cdef Owner owner = self.own()
        return bool(blosc2_schunk_read_only(owner.schunk()))

    @property
    def codec(self):
        cdef Owner owner = self.own()
        return blosc2_schunk_cparams(owner.schunk()).codec

    @property
    def clevel(self):
        cdef Owner owner = self.own()
        return blosc2_schunk_cparams(owner.schunk()).clevel

    @property
    def split(self):
        cdef Owner owner = self.own()
        return blosc2_schunk_cparams(owner.schunk()).split

    @property
    def use_dict(self):
        cdef Owner owner = self.own()
        return bool(blosc2_schunk_cparams(owner.schunk()).use_dict)

    @property
    def filters(self):
        cdef Owner owner = self.own()
        cdef const blosc2_cparams *cparams = blosc2_schunk_cparams(owner.schunk())
        return [cparams.filters[slot] for slot in range(BLOSC2_MAX_FILTERS)]

    @property
    def filtersmeta(self):
        cdef Owner owner = self.own()
        cdef const blosc2_cparams *cparams = blosc2_schunk_cparams(owner.schunk())
        return [cparams.filters_meta[slot] for slot in range(BLOSC2_MAX_FILTERS)]

    @property
    def nchunks(self):
        cdef Owner owner = self.own()
        return blosc2_schunk_chunk_count(owner.schunk())

    @property
    def chunk_bytes(self):
        cdef Owner owner = self.own()
        return blosc2_schunk_chunk_bytes(owner.schunk())

    @property
    def block_bytes(self):
        cdef Owner owner = self.own()
        return blosc2_schunk_block_bytes(owner.schunk())

    @property
    def nthreads(self):
        cdef Owner owner = self.own()
        return caterva_array_threads(owner.array)

    @nthreads.setter
    def nthreads(self, int threads):
        cdef Owner owner = self.own()
        caterva_array_set_threads(owner.array, threads)

    @property
    def cache_bytes(self):
        cdef Owner owner = self.own()
        with nogil:
            bytes = caterva_array_cache_bytes(owner.array)
        return bytes

    @cache_bytes.setter
    def cache_bytes(self, int64_t bytes):
        cdef Owner owner = self.own()
        with nogil:
            caterva_array_set_cache_bytes(owner.array, bytes)

    def stored_bytes(self):
        """Sum of the stored chunks' own sizes."""
        cdef Owner owner = self.own()
        cdef int64_t total = 0
        cdef int status
        with nogil:
            status = caterva_array_stored_bytes(owner.array, &total)
        check(status)
        return total

    # ------------------------------------------------------------ items

    def read(self, start, count, step, out):
        """Copy items start, start + step, ... of each axis into the buffer `out`, whose shape is `count`."""
        cdef Owner owner = self.own()
        cdef Buffer held = Buffer(out, PyBUF_STRIDED)
        cdef caterva_selection selection
        cdef int64_t strides[16]
        cdef int status
        parse_selection(owner.array, start, count, step, held, &selection, strides)
        with nogil:
            status = caterva_array_read(owner.array, &selection, held.view.buf, strides)
        check(status)

    def write(self, start, count, step, values):
        """Copy the buffer `values` into the items that `read` would give: one change, or a part of one."""
        cdef Owner owner = self.own()
        cdef Buffer held = Buffer(values, PyBUF_STRIDES)
        cdef caterva_selection selection
        cdef int64_t strides[16]
        cdef int status
        parse_selection(owner.array, start, count, step, held, &selection, strides)
        with nogil:
            status = caterva_array_write(owner.array, &selection, held.view.buf, strides)
        check(status)

    # ------------------------------------------------------------ changes

    def begin(self):
        """Begin a change of several calls."""
        cdef Owner owner = self.own()
        cdef int status
        with nogil:
            status = caterva_array_begin(owner.array)
        check(status)

    def commit(self):
        """End a change: it lasts. After `create` and `copy`: the array appears at its path."""
        cdef Owner owner = self.own()
        cdef int status
        with nogil:
            status = caterva_array_commit(owner.array)
        check(status)

    def rollback(self):
        """End a change: it never was."""
        cdef Owner owner = self.own()
        with nogil:
            caterva_array_rollback(owner.array)

    def squeeze(self):
        """Drop the axes of length 1, in place."""
        cdef Owner owner = self.own()
        cdef int status
        with nogil:
            status = caterva_array_squeeze(owner.array)
        check(status)

    # ------------------------------------------------------------ bytes and metalayers

    def to_bytes(self):
        """The array as the bytes of a contiguous frame."""
        cdef Owner owner = self.own()
        cdef uint8_t *data = NULL
        cdef size_t size = 0
        cdef int status
        with nogil:
            status = caterva_array_to_bytes(owner.array, &data, &size)
        check(status)
        return take_bytes(data, size)

    def layer_names(self, int kind):
        """Names of the fixed (0) or variable-length (1) metalayers, in order."""
        cdef Owner owner = self.own()
        cdef caterva_name *names = NULL
        cdef int i, count = 0, status
        with nogil:
            status = caterva_array_layer_names(owner.array, <blosc2_layer_kind>kind, &names, &count)
        check(status)
        try:
            return [(<bytes>names[i].text).decode() for i in range(count)]
        finally:
            caterva_names_free(names)

    def layer(self, int kind, str name):
        """Content of a metalayer; KeyError if there is none of that name."""
        cdef Owner owner = self.own()
        cdef bytes encoded = name.encode()
        cdef const char *c_name = encoded
        cdef uint8_t *content = NULL
        cdef int32_t content_bytes = 0
        cdef int status
        with nogil:
            status = caterva_array_layer(owner.array, <blosc2_layer_kind>kind, c_name, &content,
                                         &content_bytes)
        check(status)
        return take_bytes(content, content_bytes)

    def set_layer(self, int kind, str name, bytes content):
        """Set a metalayer; only a variable-length one may be new."""
        cdef Owner owner = self.own()
        cdef bytes encoded = layer_name(name)
        cdef blosc2_metalayer layer = make_layer(encoded, content)
        cdef int status
        with nogil:
            status = caterva_array_set_layer(owner.array, <blosc2_layer_kind>kind, &layer)
        check(status)

    def delete_layer(self, str name):
        """Delete a variable-length metalayer."""
        cdef Owner owner = self.own()
        cdef bytes encoded = layer_name(name)
        cdef const char *c_name = encoded
        cdef int status
        with nogil:
            status = caterva_array_delete_layer(owner.array, c_name)
        check(status)


cdef ArrayHandle wrap(Owner owner):
    cdef ArrayHandle handle = ArrayHandle.__new__(ArrayHandle)
    handle.owner = owner
    return handle


cdef int parse_selection(caterva_array *array, start, count, step, Buffer buffer,
                         caterva_selection *selection, int64_t *strides) except -1:
    """A selection and the memory for it, which must agree: the C library trusts the strides."""
    cdef caterva_geometry geometry
    caterva_array_get_geometry(array, &geometry)
    cdef int axis, ndim = geometry.ndim
    memset(selection, 0, sizeof(caterva_selection))
    if len(start) != ndim or len(count) != ndim or len(step) != ndim or buffer.view.ndim != ndim:
        raise ValueError(f"selection: {len(count)} axes, buffer: {buffer.view.ndim} (expected {ndim})")
    if buffer.view.itemsize != geometry.item_bytes:
        raise ValueError(f"buffer: items of {buffer.view.itemsize} bytes (expected {geometry.item_bytes})")
    for axis in range(ndim):
        selection.start[axis] = start[axis]
        selection.count[axis] = count[axis]
        selection.step[axis] = step[axis]
        strides[axis] = buffer.view.strides[axis]
        if buffer.view.shape[axis] != selection.count[axis]:
            raise ValueError(f"buffer: {buffer.view.shape[axis]} items on axis {axis} "
                             f"(expected {selection.count[axis]})")
    return 0


# ---------------------------------------------------------------- super-chunks and chunks, for tests, tools

cdef class SChunkHandle:
    """A frame that need not be an array, for reading whole chunks."""

    cdef blosc2_schunk *owned

    def __dealloc__(self):
        blosc2_schunk_free(self.owned)

    cdef blosc2_schunk *schunk(self) except NULL:
        if self.owned == NULL:
            raise ValueError("no frame is open: SChunkHandle.open() and from_bytes() open one")
        return self.owned

    @staticmethod
    def open(path, int64_t offset=0):
        """Open a file or directory for reading."""
        cdef SChunkHandle handle = SChunkHandle()
        cdef bytes encoded = os.fsencode(path)
        check(blosc2_schunk_open(encoded, offset, <blosc2_mode>0, &handle.owned))
        return handle

    @staticmethod
    def from_bytes(buffer):
        """Open a contiguous frame held by a buffer."""
        cdef SChunkHandle handle = SChunkHandle()
        cdef Buffer held = Buffer(buffer, PyBUF_ND)
        check(blosc2_schunk_from_bytes(held.view.buf, held.view.len, &handle.owned))
        return handle

    @property
    def nchunks(self):
        return blosc2_schunk_chunk_count(self.schunk())

    @property
    def itemsize(self):
        return blosc2_schunk_cparams(self.schunk()).item_bytes

    def decode_chunk(self, int64_t index):
        """The content of one chunk."""
        cdef Workspace workspace = Workspace()
        cdef blosc2_view view
        check(blosc2_schunk_view(self.schunk(), index, NULL, 0, workspace.owned, &view))
        return decode_view(&view, workspace)

    def layers(self, int kind):
        """Names and contents of the fixed (0) or variable-length (1) metalayers, in order."""
        cdef const blosc2_schunk *schunk = self.schunk()
        cdef uint8_t *content = NULL
        cdef int32_t content_bytes = 0
        layers = []
        for i in range(blosc2_schunk_layer_count(schunk, <blosc2_layer_kind>kind)):
            name = (<bytes>blosc2_schunk_layer_name(schunk, <blosc2_layer_kind>kind, i)).decode()
            check(blosc2_schunk_layer_content(schunk, <blosc2_layer_kind>kind, i, &content, &content_bytes))
            layers.append((name, take_bytes(content, content_bytes)))
        return layers


cdef class Workspace:
    """Scratch of one call."""

    cdef blosc2_workspace *owned

    def __cinit__(self):
        check(blosc2_workspace_create(&self.owned))

    def __dealloc__(self):
        blosc2_workspace_free(self.owned)


cdef bytes decode_view(const blosc2_view *view, Workspace workspace):
    cdef bytes out = PyBytes_FromStringAndSize(NULL, view.nbytes)
    cdef char *target = PyBytes_AsString(out)
    cdef int status
    with nogil:
        status = blosc2_view_decode(view, target, workspace.owned)
    check(status)
    return out


def decode_chunk(buffer, int32_t itemsize=0, int64_t max_nbytes=BLOSC2_MAX_CHUNK_BYTES):
    """The content of a chunk.

    Parameters
    ----------
    buffer : bytes-like
        The chunk; bytes after it are ignored.
    itemsize : int, optional
        Item size of the frame that it comes from, for the bytedelta filter; 0 if there is none.
    max_nbytes : int, optional
        Largest content to accept, in bytes.

    Returns
    -------
    bytes

    Raises
    ------
    CorruptDataError, UnsupportedFormatError
        If the bytes do not follow the format, or use a part of it that is not built in.
    """
    cdef Buffer held = Buffer(buffer, PyBUF_ND)
    cdef blosc2_view view
    check(blosc2_view_init(&view, held.view.buf, held.view.len, itemsize, max_nbytes))
    return decode_view(&view, Workspace())


include "_items.pxi"
