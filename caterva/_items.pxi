"""Items by key, for the keys that make nearly all requests; the general way is in Python.

A part of _core.pyx. Here are integers, slices and `...` of a typed or opaque array, read without a Python
object for each axis; `indexing.select` knows all keys, and raises for wrong ones.
"""

from numpy import empty, integer, ndarray, uint8

from cpython.exc cimport PyErr_Clear
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX
    bint PySlice_Check(object)
    int PySlice_Unpack(object, Py_ssize_t *, Py_ssize_t *, Py_ssize_t *) noexcept
    Py_ssize_t PySlice_AdjustIndices(Py_ssize_t, Py_ssize_t *, Py_ssize_t *, Py_ssize_t) noexcept


cdef struct Box:
    caterva_selection selection
    bint kept[16]  # axes that the result has
    bint is_item   # an integer on every axis


cdef bint take_index(part, int64_t extent, caterva_selection *selection, int axis) except -1:
    cdef int overflow = 0
    cdef int64_t index = PyLong_AsLongLongAndOverflow(part, &overflow)
    if index < 0:
        index += extent
    if overflow or not 0 <= index < extent:
        return False
    selection.start[axis] = index
    selection.count[axis] = 1
    selection.step[axis] = 1
    return True


cdef bint take_slice(part, int64_t extent, caterva_selection *selection, int axis) except -1:
    cdef Py_ssize_t start, stop, step, count
    if extent > PY_SSIZE_T_MAX:
        return False
    if PySlice_Unpack(part, &start, &stop, &step) < 0:
        PyErr_Clear()
        return False
    count = PySlice_AdjustIndices(<Py_ssize_t>extent, &start, &stop, step)
    selection.start[axis] = start
    selection.count[axis] = count
    selection.step[axis] = step if count > 1 else 1
    return count > 0


cdef bint take_axes(int stop, const caterva_geometry *geometry, Box *box, int *axis) noexcept:
    """Take the axes up to `stop` as a whole."""
    while axis[0] < stop:
        box.selection.start[axis[0]] = 0
        box.selection.count[axis[0]] = geometry.shape[axis[0]]
        box.selection.step[axis[0]] = 1
        box.kept[axis[0]] = True
        if geometry.shape[axis[0]] == 0:
            return False
        axis[0] += 1
    return True


cdef bint parse_key(key, const caterva_geometry *geometry, Box *box) except -1:
    """The box of a simple key, of at least one item; False if the general way must look at it."""
    cdef bint is_tuple = type(key) is tuple
    cdef Py_ssize_t n, count = len(<tuple>key) if is_tuple else 1
    cdef int axis = 0
    cdef bint taken, expanded = False, integers = True
    memset(box, 0, sizeof(Box))
    for n in range(count):
        part = (<tuple>key)[n] if is_tuple else key
        if part is Ellipsis:
            if expanded or count - 1 > geometry.ndim:
                return False
            expanded = True
            if not take_axes(axis + geometry.ndim - <int>(count - 1), geometry, box, &axis):
                return False
            continue
        if axis == geometry.ndim:
            return False
        if PySlice_Check(part):
            box.kept[axis] = True
            integers = False
            taken = take_slice(part, geometry.shape[axis], &box.selection, axis)
        elif PyLong_CheckExact(part):
            box.kept[axis] = False
            taken = take_index(part, geometry.shape[axis], &box.selection, axis)
        elif isinstance(part, integer):
            box.kept[axis] = False
            taken = take_index(int(part), geometry.shape[axis], &box.selection, axis)
        else:
            return False
        if not taken:
            return False
        axis += 1
    box.is_item = integers and not expanded and axis == geometry.ndim
    if geometry.ndim < CATERVA_MAX_NDIM:
        box.selection.step[geometry.ndim] = 0
    return take_axes(geometry.ndim, geometry, box, &axis)


cdef enum:
    LINE_BYTES = 64


cdef class ArrayBase:
    """Base of compressed arrays: `array[key]`; and no buffer, which they have no memory for.

    A subclass has `_general_item`, for the keys that are not simple.
    """

    cdef ArrayHandle handle
    cdef object dtype
    cdef bint is_opaque
    cdef object plain_type

    def __init__(self, ArrayHandle handle, dtype, bint is_opaque, plain_type):
        self.handle = handle
        self.dtype = dtype
        self.is_opaque = is_opaque
        self.plain_type = plain_type

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        raise BufferError("a compressed array has no buffer: numpy.asarray(array) or array[...] "
                          "decompresses it")

    def __getitem__(self, key):
        cdef Owner owner = self.handle.own()
        cdef caterva_geometry geometry
        cdef Box box
        while True:  # until no other thread has changed the shape in between
            caterva_array_get_geometry(owner.array, &geometry)
            if not parse_key(key, &geometry, &box):
                return self._general_item(key)
            out = new_array(kept_counts(geometry.ndim, &box), self.dtype, box_bytes(&geometry, &box))
            if read_box(owner, &geometry, &box, out):
                break
        if box.is_item and not self.is_opaque:
            return out[()]
        out = out.view(self.plain_type)
        if self.is_opaque:
            out._is_opaque = True
        return out


cdef int64_t box_bytes(const caterva_geometry *geometry, const Box *box) noexcept nogil:
    """Bytes of the result; INT64_MAX at most."""
    cdef int64_t total = geometry.item_bytes
    cdef int axis
    for axis in range(geometry.ndim):
        if box.selection.count[axis] == 0:
            return 0
        if total > INT64_MAX // box.selection.count[axis]:
            return INT64_MAX
        total *= box.selection.count[axis]
    return total


cdef object new_array(tuple shape, dtype, int64_t nbytes):
    """A new array; a large one begins with a cache line, so that it can be written past the caches."""
    if not CATERVA_LARGE_BYTES <= nbytes <= INT64_MAX - LINE_BYTES:
        return empty(shape, dtype)
    memory = empty(nbytes + LINE_BYTES, uint8)
    start = -memory.__array_interface__["data"][0] % LINE_BYTES
    return ndarray(shape, dtype, memory, start)


cdef tuple kept_counts(int ndim, const Box *box):
    """Shape of the result."""
    if box.is_item:
        return ()
    return tuple([box.selection.count[axis] for axis in range(ndim) if box.kept[axis]])


cdef bint read_box(Owner owner, const caterva_geometry *geometry, const Box *box, out) except -1:
    """Read into a new array in C order; False if the array has another shape by now."""
    cdef int64_t strides[16]
    cdef int64_t stride
    cdef int axis, status
    cdef c_bool is_other
    cdef Py_buffer view
    stride = geometry.item_bytes
    for axis in reversed(range(geometry.ndim)):
        strides[axis] = stride
        stride *= box.selection.count[axis]
    PyObject_GetBuffer(out, &view, PyBUF_WRITABLE)
    try:
        if view.len != stride:
            raise ValueError(f"buffer: {view.len} bytes (expected {stride})")
        if box.is_item and caterva_array_read_hot(owner.array, geometry, &box.selection, view.buf):
            return True
        with nogil:
            status = caterva_array_read_of(owner.array, <blosc2_use>0, geometry, &box.selection,
                                           view.buf, strides, &is_other)
        check(status)
        return not is_other
    finally:
        PyBuffer_Release(&view)
