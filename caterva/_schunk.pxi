"""Super-chunks that need not be arrays, and single chunks, for tests and tools. A part of _core.pyx."""

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


def remove_beside(path):
    """Remove the lock file of an array's file, and what processes that died have left beside it."""
    cdef bytes encoded = os.fsencode(path)
    cdef const char *given = encoded
    with nogil:
        blosc2_schunk_remove_beside(given)


def find_second(path):
    """Where another frame begins in a file, behind that which the file begins with; 0: there is none."""
    cdef bytes encoded = os.fsencode(path)
    cdef const char *given = encoded
    cdef int64_t position = 0
    cdef int status
    with nogil:
        status = blosc2_find_second(given, &position)
    check(status)
    return position
