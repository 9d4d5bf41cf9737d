"""Arguments on their way to C: buffers, shapes, the keywords of an array to be made. A part of _core.pyx."""

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


cdef int parse_safety(safety, blosc2_safety *out) except -1:
    """What `Safety.for_core` gives."""
    durability, checksums, locking, timeout = safety
    out.durability = <blosc2_durability><int>durability
    out.checksums = <blosc2_checksums><int>checksums
    out.locking = <blosc2_locking><int>locking
    out.lock_timeout_ms = timeout
    return 0


cdef bytes absolute_path(path):
    """A path that stays right when the working directory changes. Links and dots are left as they are."""
    cdef bytes encoded = os.fsencode(path)
    if os.path.isabs(encoded):
        return encoded
    try:
        return os.path.join(os.getcwdb(), encoded)
    except OSError:  # it is gone
        return encoded


cdef class Options:
    """The keywords of an array that is to be made, as the C library wants them, and what keeps them alive."""

    cdef caterva_options options
    cdef blosc2_metalayer layers[16]
    cdef list kept

    def __cinit__(self, *, shape, chunks, blocks, itemsize, str dtype, int home, path, int codec, int clevel,
                  int split, filters, filtersmeta, bint use_dict, meta, int nthreads, int64_t cache_bytes,
                  safety, int fill=0, fill_value=None):
        cdef caterva_options *options = &self.options
        memset(options, 0, sizeof(caterva_options))
        parse_geometry(shape, chunks, blocks, itemsize, &options.geometry)
        self.kept = [dtype.encode(), None if path is None else os.fsencode(path)]
        options.dtype = <bytes>self.kept[0]
        if path is not None:
            options.path = <bytes>self.kept[1]
        options.home = <blosc2_home>home
        parse_safety(safety, &options.safety)
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


cdef class Layers:
    """Pairs of name and content, or None, as metalayers of the C library."""

    cdef blosc2_metalayer *items
    cdef int count
    cdef list kept

    def __cinit__(self, list layers):
        self.kept = []
        self.items = <blosc2_metalayer *>calloc(len(layers) + 1, sizeof(blosc2_metalayer))
        if self.items == NULL:
            raise MemoryError()
        for name, content in layers:
            encoded = name.encode() if content is None else layer_name(name)  # files have odd names, too
            self.kept += [encoded, content]
            if content is None:
                self.items[self.count].name = PyBytes_AsString(encoded)
            else:
                self.items[self.count] = make_layer(encoded, content)
            self.count += 1

    def __dealloc__(self):
        free(self.items)


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


cdef class Plan:
    """Plans an edit along one axis by a Python function, when the C library asks; keeps its steps and values.

    The function takes shape and chunks, and gives axis, steps, and the values that they write (a buffer, or
    None).
    """

    cdef object make
    cdef object error  # raised by the function
    cdef Inside *inside
    cdef int64_t shape[16]
    cdef int64_t strides[16]
    cdef int axis
    cdef Buffer held
    cdef bytearray room

    def __cinit__(self, make):
        self.make = make

    cdef int plan(self, const caterva_geometry *geometry, caterva_edit *out) except -1:
        cdef int axis, ndim = geometry.ndim
        for axis in range(ndim):
            self.shape[axis] = geometry.shape[axis]
        shape = tuple([geometry.shape[axis] for axis in range(ndim)])
        chunks = tuple([geometry.chunks[axis] for axis in range(ndim)])
        self.axis, steps, values = self.make(shape, chunks)
        if not 0 <= self.axis < ndim:
            raise ValueError(f"axis: {self.axis} of {ndim}")
        out.axis = self.axis
        if values is not None:
            self.take_values(values, ndim, geometry.item_bytes)
            out.values = self.held.view.buf
            out.strides = self.strides
        self.take_steps(steps)
        out.steps = <const caterva_step *>PyByteArray_AsString(self.room)
        out.step_count = len(steps)
        return 0

    cdef int take_values(self, values, int ndim, itemsize) except -1:
        """The values must be as long as the array is: the C library trusts the strides."""
        cdef int d
        self.held = Buffer(values, PyBUF_STRIDES)
        if self.held.view.ndim != ndim or self.held.view.itemsize != itemsize:
            raise ValueError(f"values: {self.held.view.ndim} axes, items of {self.held.view.itemsize} bytes")
        for d in range(ndim):
            self.strides[d] = self.held.view.strides[d]
            if d != self.axis and self.held.view.shape[d] != self.shape[d]:
                raise ValueError(f"values: {self.held.view.shape[d]} on axis {d} (expected {self.shape[d]})")
        return 0

    cdef int take_steps(self, steps) except -1:
        cdef int64_t n
        cdef caterva_step *out
        self.room = bytearray(len(steps) * sizeof(caterva_step))
        out = <caterva_step *>PyByteArray_AsString(self.room)
        for n in range(len(steps)):
            kind, out[n].start, out[n].count, out[n].source = steps[n]
            out[n].kind = <caterva_step_kind><int>kind
            if out[n].kind == CATERVA_STEP_WRITE:
                self.check_write(&out[n])
        return 0

    cdef int check_write(self, const caterva_step *step) except -1:
        cdef int64_t extent = self.held.view.shape[self.axis] if self.held is not None else 0
        if not 0 <= step.source <= extent or not 0 <= step.count <= extent - step.source:
            raise ValueError(f"values: {step.count} from {step.source} on (expected within {extent})")
        return 0


cdef int call_plan(void *context, const caterva_geometry *geometry, caterva_edit *out) noexcept with gil:
    cdef Plan plan = <Plan>context
    enter_function(plan.inside)
    try:
        plan.plan(geometry, out)
        return BLOSC2_OK
    except BaseException as error:
        plan.error = error
        return blosc2_fail(BLOSC2_E_ARGUMENT, "edit: not planned")
    finally:
        leave_function(plan.inside)


cdef class BoxPlan:
    """Makes the box of a write by a Python function, and keeps its values."""

    cdef object make
    cdef object error  # raised by the function
    cdef Inside *inside
    cdef Buffer held
    cdef int64_t strides[16]

    def __cinit__(self, make):
        self.make = make

    cdef int take(self, const caterva_geometry *geometry, box, caterva_box *out) except -1:
        start, count, step, values = box
        self.held = Buffer(values, PyBUF_STRIDES)
        parse_selection(geometry, start, count, step, self.held, &out.selection, self.strides)
        out.values = self.held.view.buf
        out.strides = self.strides
        return 0


cdef int call_box_plan(void *context, const caterva_geometry *geometry, caterva_box *out) noexcept with gil:
    cdef BoxPlan plan = <BoxPlan>context
    enter_function(plan.inside)
    try:
        shape = tuple([geometry.shape[axis] for axis in range(geometry.ndim)])
        plan.take(geometry, plan.make(shape), out)
        return BLOSC2_OK
    except BaseException as error:
        plan.error = error
        return blosc2_fail(BLOSC2_E_ARGUMENT, "box: not made")
    finally:
        leave_function(plan.inside)


cdef class ContentChange:
    """Makes the new content of a metalayer from the old one by a Python function; both may be None."""

    cdef object change
    cdef object error  # raised by the function
    cdef Inside *inside
    cdef object content

    def __cinit__(self, change):
        self.change = change


cdef int call_change(void *context, const uint8_t *content, int32_t content_bytes,
                     blosc2_metalayer *out) noexcept with gil:
    cdef ContentChange change = <ContentChange>context
    enter_function(change.inside)
    try:
        before = None if content == NULL else PyBytes_FromStringAndSize(<const char *>content, content_bytes)
        change.content = change.change(before)
        if change.content is not None:
            layer = make_layer(out.name, change.content)
            out.content, out.content_bytes = layer.content, layer.content_bytes
        return BLOSC2_OK
    except BaseException as error:
        change.error = error
        return blosc2_fail(BLOSC2_E_ARGUMENT, "metalayer: not changed")
    finally:
        leave_function(change.inside)
