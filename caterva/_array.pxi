"""Handles of compressed arrays. A part of _core.pyx."""

cdef int read_source(void *context, void *out, size_t count, int64_t position) noexcept with gil:
    """Call the Python function of an array opened by `open_source`."""
    cdef Owner owner = <Owner>context
    cdef Inside inside
    inside.owner = context
    enter_function(&inside)
    try:
        data = owner.source(position, count)
        if len(data) != count:
            raise EOFError(f"{len(data)} bytes at {position} (expected {count})")
        memcpy(out, PyBytes_AsString(bytes(data)), count)
        return 0
    except BaseException as error:
        if not isinstance(error, Exception) and is_main_thread():
            return keep_interruption(error)
        message = f"{type(error).__name__}: {error}".encode()
        blosc2_fail(BLOSC2_E_IO, "source: %s", <const char *>message)
        return BLOSC2_E_IO
    finally:
        leave_function(&inside)


cdef void collect_note(void *context, blosc2_note what, const char *text) noexcept with gil:
    """Append what is wrong, a number and words, to the list that is the context."""
    (<list>context).append((<int>what, text.decode("utf-8", "replace")))


cdef void collect_bad(void *context, const blosc2_bad *bad) noexcept with gil:
    """Keep a bad place of `ArrayHandle.verify`."""
    reason = (<bytes>bad.reason).decode("utf-8", "replace")
    (<list>context).append((bad.chunk, bad.block, bad.block_bytes, reason))


cdef int tell_progress(void *context, int64_t done, int64_t count) noexcept with gil:
    """Call the function of `ArrayHandle.adopt`, and keep what it raises."""
    cdef list teller = <list>context
    cdef Inside inside
    inside.owner = <void *>teller[2]
    enter_function(&inside)
    try:
        PyErr_CheckSignals()
        teller[0](done, count)
        return 0
    except BaseException as error:
        teller[1] = error
        return blosc2_fail(BLOSC2_E_IO, "progress: the caller ends it")
    finally:
        leave_function(&inside)


cdef class Owner:
    """Owns a C array: it is released when the last call that uses it is over, so calls hold it by name."""

    cdef caterva_array *array
    cdef object source
    cdef bytes place  # its path, which stays right when the working directory changes; None in memory
    cdef int64_t offset, max_bytes  # how it was opened: after a fork it may have to be opened again
    cdef bint is_mapped
    cdef int seal  # a number of `blosc2_seal`, as the caller knows it

    def __dealloc__(self):
        cdef caterva_array *array = self.array
        self.array = NULL
        stop_hearing()
        with nogil:
            caterva_array_free(array)
        hear()

    cdef const blosc2_schunk *schunk(self) noexcept:
        return caterva_array_schunk(self.array)


cdef class ArrayHandle:
    """A compressed array of the C library. A change that was begun ends with `commit` or `rollback`."""

    cdef Owner owner
    cdef object given  # the path as the caller gave it, or None
    cdef object __weakref__

    cdef Owner own(self):
        """What a call works with that may wait for others."""
        cdef Owner owner = self.look()
        if innermost != NULL:
            refuse_inside(owner)
        return owner

    @property
    def is_closed(self):
        """Whether `close` was called."""
        return self.owner is None

    @property
    def is_changing(self):
        """Whether a change is open: what is written now is a part of it."""
        cdef Owner owner = self.look()
        return bool(blosc2_schunk_changing(owner.schunk()))

    @cython.critical_section  # beside close(), where there is no GIL
    cdef Owner look(self):
        """What a call works with that waits for nobody."""
        cdef Owner owner = self.owner
        if owner is None:
            raise ValueError("the array is closed")
        if handling:
            refuse_in_handler()
        if caterva_array_is_lost(owner.array):
            owner = self.owner = reopen(owner)
        return owner

    cdef int tell(self, Owner owner) except -1:
        """After a change, which begins by catching up with others: warn if less is verified than before."""
        cdef int before = owner.seal
        owner.seal = <int>blosc2_schunk_seal(owner.schunk())
        if before != owner.seal:
            from caterva import verification  # which imports this module

            verification.warn_if_less_verified(self, before)
        return 0

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
        return wrap(owner, keywords["path"])

    def copy(self, **keywords):
        """Copy into a new array, with a change begun there. Keywords: those of `Options` without fill."""
        cdef Options options = Options(**keywords)
        cdef Owner source = self.own(), owner = Owner()
        cdef int status
        with nogil:
            status = caterva_array_copy(source.array, &options.options, &owner.array)
        check(status)
        return wrap(owner, keywords["path"])

    @staticmethod
    def open(path, int64_t offset, int mode, int64_t max_bytes=0, safety=(0, 0, 0, 0),
             bint prefers_copy=False):
        """Open a file or directory. Mode: 0 to read, 1 to write too, 2 to read a file that is mapped."""
        cdef bytes encoded = os.fsencode(path)
        cdef blosc2_origin origin
        if b"\0" in encoded:
            raise ValueError(f"path: {path!r} contains a NUL byte")
        memset(&origin, 0, sizeof(origin))
        origin.path = PyBytes_AsString(encoded)
        origin.offset = offset
        origin.mode = <blosc2_mode>mode
        origin.max_bytes = max_bytes
        origin.prefers_copy = prefers_copy
        parse_safety(safety, &origin.safety)
        return wrap(open_owner(&origin, None), path)

    @staticmethod
    def from_bytes(buffer, int64_t max_bytes=0):
        """Open a contiguous frame held by a buffer; its bytes are copied."""
        cdef Buffer held = Buffer(buffer, PyBUF_ND)
        cdef blosc2_origin origin
        memset(&origin, 0, sizeof(origin))
        origin.bytes = held.view.buf
        origin.size = held.view.len
        origin.max_bytes = max_bytes
        return wrap(open_owner(&origin, None), None)

    @staticmethod
    def open_source(read, int64_t size, int64_t max_bytes=0):
        """Open, for reading, a contiguous frame of `size` bytes that ``read(position, nbytes)`` gives."""
        cdef blosc2_origin origin
        memset(&origin, 0, sizeof(origin))
        origin.read = <blosc2_read_fn *>read_source
        origin.size = size
        origin.max_bytes = max_bytes
        return wrap(open_owner(&origin, read), None)

    def close(self):
        """Release the array once calls in other threads are over, and bring what is committed to the medium.

        A change that was begun is rolled back.
        """
        cdef Owner owner = None
        cdef int status
        if handling:
            refuse_in_handler()
        if innermost != NULL and self.owner is not None:
            refuse_inside(self.owner)
        with cython.critical_section(self):
            owner, self.owner = self.owner, owner
        if owner is None or blosc2_schunk_read_only(owner.schunk()) or caterva_array_is_lost(owner.array):
            return
        with nogil:
            status = caterva_array_finish(owner.array)
        if status == BLOSC2_E_ARGUMENT:  # a change is open
            roll_back(owner)
            status = BLOSC2_OK
        check(status)

    # ------------------------------------------------------------ properties

    cdef int get_geometry(self, caterva_geometry *out) except -1:
        cdef Owner owner = self.look()
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
        cdef Owner owner = self.look()
        return caterva_array_dtype(owner.array).decode()

    @property
    def home(self):
        cdef Owner owner = self.look()
        return <int>blosc2_schunk_home(owner.schunk())

    @property
    def path(self):
        """As it was given; None in memory."""
        self.look()
        return self.given

    @property
    def absolute_path(self):
        """What it was when the array was made or opened, whatever the working directory is now; or None."""
        cdef Owner owner = self.look()
        return None if owner.place is None else os.fsdecode(owner.place)

    @property
    def read_only(self):
        cdef Owner owner = self.look()
        return bool(blosc2_schunk_read_only(owner.schunk()))

    @property
    def recovery(self):
        """1: the header was damaged, and completed; 2: an older state was opened instead; else 0."""
        cdef Owner owner = self.look()
        return <int>blosc2_schunk_recovery(owner.schunk())

    @property
    def safety(self):
        cdef Owner owner = self.look()
        cdef const blosc2_safety *safety = blosc2_schunk_safety(owner.schunk())
        return (<int>safety.durability, <int>safety.checksums, <int>safety.locking, safety.lock_timeout_ms)

    @property
    def codec(self):
        cdef Owner owner = self.look()
        return blosc2_schunk_cparams(owner.schunk()).codec

    @property
    def clevel(self):
        cdef Owner owner = self.look()
        return blosc2_schunk_cparams(owner.schunk()).clevel

    @property
    def split(self):
        cdef Owner owner = self.look()
        return blosc2_schunk_cparams(owner.schunk()).split

    @property
    def use_dict(self):
        cdef Owner owner = self.look()
        return bool(blosc2_schunk_cparams(owner.schunk()).use_dict)

    @property
    def filters(self):
        cdef Owner owner = self.look()
        cdef const blosc2_cparams *cparams = blosc2_schunk_cparams(owner.schunk())
        return [cparams.filters[slot] for slot in range(BLOSC2_MAX_FILTERS)]

    @property
    def filtersmeta(self):
        cdef Owner owner = self.look()
        cdef const blosc2_cparams *cparams = blosc2_schunk_cparams(owner.schunk())
        return [cparams.filters_meta[slot] for slot in range(BLOSC2_MAX_FILTERS)]

    @property
    def nchunks(self):
        cdef Owner owner = self.look()
        return blosc2_schunk_chunk_count(owner.schunk())

    @property
    def chunk_bytes(self):
        cdef Owner owner = self.look()
        return blosc2_schunk_chunk_bytes(owner.schunk())

    @property
    def block_bytes(self):
        cdef Owner owner = self.look()
        return blosc2_schunk_block_bytes(owner.schunk())

    @property
    def nthreads(self):
        cdef Owner owner = self.look()
        return caterva_array_threads(owner.array)

    @nthreads.setter
    def nthreads(self, int threads):
        cdef Owner owner = self.look()
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

    def read(self, start, count, step, out, shape=None, int use=0):
        """Copy items start, start + step, ... of each axis into the buffer `out`, whose shape is `count`.

        Returns False, and has read nothing, if the array's shape is not `shape`, for which the box was made.
        `use` is a number of `blosc2_use`, with a `shape`; 1: items are stored again, so that every handle
        verifies them.
        """
        cdef Owner owner = self.own()
        cdef Buffer held = Buffer(out, PyBUF_STRIDED)
        cdef caterva_geometry geometry
        cdef caterva_selection selection
        cdef int64_t strides[16]
        cdef c_bool is_other = False
        cdef bint checks_shape = shape is not None
        cdef int status
        caterva_array_get_geometry(owner.array, &geometry)
        if checks_shape:
            take_shape(shape, &geometry)
        parse_selection(&geometry, start, count, step, held, &selection, strides)
        with nogil:
            if checks_shape:
                status = caterva_array_read_of(owner.array, <blosc2_use>use, &geometry, &selection,
                                               held.view.buf, strides, &is_other)
            else:
                status = caterva_array_read(owner.array, &selection, held.view.buf, strides)
        check(status)
        return not is_other

    def write(self, start, count, step, values):
        """Copy the buffer `values` into the items that `read` would give: one change, or a part of one."""
        cdef Owner owner = self.own()
        cdef Buffer held = Buffer(values, PyBUF_STRIDES)
        cdef caterva_geometry geometry
        cdef caterva_selection selection
        cdef int64_t strides[16]
        cdef int status
        caterva_array_get_geometry(owner.array, &geometry)
        parse_selection(&geometry, start, count, step, held, &selection, strides)
        with nogil:
            status = caterva_array_write(owner.array, &selection, held.view.buf, strides)
        check(status)
        self.tell(owner)

    def write_box(self, make, shape, box):
        """Write the box that ``make(shape)`` gives, (start, count, step, values): one change, or part of one.

        `box` is what it gave for `shape`, which is None where it has failed. It is called again if the array
        has another shape by now, when nobody else can change it, and must not use it.
        """
        cdef Owner owner = self.own()
        cdef BoxPlan plan = BoxPlan(make)
        cdef caterva_geometry geometry
        cdef const caterva_geometry *made_for = NULL
        cdef caterva_box first
        cdef Inside inside
        cdef int status
        plan.inside = &inside
        caterva_array_get_geometry(owner.array, &geometry)
        if shape is not None:
            take_shape(shape, &geometry)
            plan.take(&geometry, box, &first)
            made_for = &geometry
        inside.owner = <void *>owner
        with nogil:
            status = caterva_array_plan_write(owner.array, made_for, &first, call_box_plan, <void *>plan)
        if plan.error is not None:
            raise plan.error
        check(status)
        self.tell(owner)

    # ------------------------------------------------------------ changes

    def begin(self):
        """Begin a change of several calls."""
        cdef Owner owner = self.own()
        cdef int status
        with nogil:
            status = caterva_array_begin(owner.array)
        check(status)
        self.tell(owner)

    def commit(self):
        """End a change: it lasts. After `create` and `copy`: the array appears at its path."""
        cdef Owner owner = self.own()
        cdef int status
        with nogil:
            status = caterva_array_commit(owner.array)
        check(status)

    def rollback(self):
        """End a change: it never was."""
        roll_back(self.own())

    def flush(self):
        """Bring what is committed to the medium."""
        cdef Owner owner = self.own()
        cdef int status
        with nogil:
            status = caterva_array_flush(owner.array)
        check(status)

    def compact(self):
        """Rewrite the file without its dead space."""
        cdef Owner owner = self.own()
        cdef int status
        with nogil:
            status = caterva_array_compact(owner.array)
        check(status)
        self.tell(owner)

    # ------------------------------------------------------------ checksums

    @property
    def seal(self):
        """What checksums hold good for: a number of `blosc2_seal`."""
        cdef Owner owner = self.look()
        return <int>blosc2_schunk_seal(owner.schunk())

    def verify(self, int64_t start):
        """Check chunks from `start` on, for a moment.

        Returns the chunk to go on with, how many blocks were verified, unverified and bad, and what is bad:
        (chunk, block or -1, block's bytes or 0, reason).
        """
        cdef Owner owner = self.own()
        cdef list places = []
        cdef void *context = <void *>places
        cdef blosc2_verdict verdict
        cdef int status
        memset(&verdict, 0, sizeof(verdict))
        with nogil:
            status = caterva_array_verify(owner.array, &start, <blosc2_bad_fn *>collect_bad, context,
                                          &verdict)
        check(status)
        return start, verdict.verified, verdict.unverified, verdict.bad, places

    def inherit_doubt(self, ArrayHandle source):
        """Metalayers were taken over from `source`: if they are in doubt there, they are here."""
        cdef Owner owner = self.own(), given = source.own()
        with nogil:
            caterva_array_inherit_doubt(owner.array, given.array)
        owner.seal = <int>blosc2_schunk_seal(owner.schunk())

    def check_copies(self):
        """Look at metadata in the file, and compare it with its second copy.

        What is wrong: a number of `blosc2_note` and words each; and whether there is such a copy.
        """
        cdef Owner owner = self.own()
        cdef list notes = []
        cdef void *context = <void *>notes
        cdef c_bool twice = False
        cdef int status = BLOSC2_E_CHANGED, tries = 20  # against who commits all the time
        while status == BLOSC2_E_CHANGED and tries > 0:
            tries -= 1
            notes.clear()
            with nogil:
                status = caterva_array_check_copies(owner.array, <blosc2_note_fn *>collect_note, context,
                                                    &twice)
        if status == BLOSC2_E_CHANGED:
            check(BLOSC2_OK)
            return [], False
        check(status)
        return notes, twice

    def repair(self, bint accepts_older=False):
        """Write all metadata anew, twice; of an older state only if that is accepted.

        Return whether the file is an array now that this one cannot be.
        """
        cdef Owner owner = self.own()
        cdef blosc2_mend accepted = <blosc2_mend>(1 if accepts_older else 0)
        cdef c_bool is_other = False
        cdef int status
        with nogil:
            status = caterva_array_repair(owner.array, accepted, &is_other)
        check(status)
        return is_other

    def adopt(self, progress):
        """Give checksums to all that has none: one change. ``progress(done, count)`` is told of chunks."""
        cdef Owner owner = self.own()
        cdef list teller = [progress, None, owner]
        cdef void *context = <void *>teller
        cdef int status
        with nogil:
            status = caterva_array_adopt(owner.array, <blosc2_progress_fn *>tell_progress, context)
        if teller[1] is not None:
            raise teller[1]
        check(status)
        self.tell(owner)

    # ------------------------------------------------------------ shape

    def resize(self, shape):
        """Grow and shrink axes at their ends: one change, or a part of one."""
        cdef Owner owner = self.own()
        cdef int64_t extents[16]
        cdef int status
        parse_extents(shape, len(self.shape), 0x7FFFFFFFFFFFFFFF, extents, "shape")
        with nogil:
            status = caterva_array_resize(owner.array, extents)
        check(status)
        self.tell(owner)

    def edit(self, plan):
        """Make the steps (kind, start, count, source) of an edit along an axis: one change, or a part of one.

        ``plan(shape, chunks)`` gives axis, steps, and values (a buffer, or None) that are as long as the
        array on the other axes. It is called when nobody else can change the array, and must not use it.
        """
        cdef Owner owner = self.own()
        cdef Plan planner = Plan(plan)
        cdef Inside inside
        cdef int status
        inside.owner = <void *>owner
        planner.inside = &inside
        with nogil:
            status = caterva_array_plan_edit(owner.array, call_plan, <void *>planner)
        if planner.error is not None:
            raise planner.error
        check(status)
        self.tell(owner)

    def refresh(self):
        """Have what others have committed; whether anything was written."""
        cdef Owner owner = self.own()
        cdef c_bool changed = False
        cdef int status
        with nogil:
            status = caterva_array_refresh(owner.array, &changed)
        check(status)
        owner.seal = <int>blosc2_schunk_seal(owner.schunk())
        return bool(changed)

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

    def set_layers(self, int kind, list layers):
        """Set metalayers, pairs of name and content, as one change; None for a content deletes.

        Only variable-length ones may be new, or be deleted.
        """
        cdef Owner owner = self.own()
        cdef Layers given = Layers(layers)
        cdef int status
        with nogil:
            status = caterva_array_set_layers(owner.array, <blosc2_layer_kind>kind, given.items, given.count)
        check(status)
        self.tell(owner)

    def clear_layers(self, kept):
        """Delete the variable-length metalayers but those of the names `kept`, as one change."""
        cdef Owner owner = self.own()
        cdef Layers given = Layers([(name, None) for name in kept])
        cdef int status
        with nogil:
            status = caterva_array_clear_layers(owner.array, given.items, given.count)
        check(status)
        self.tell(owner)

    def change_layer(self, str name, change):
        """Replace the content of a variable-length metalayer by ``change(content)``; None if there is none.

        It is called when nobody else can change the array, and must not use it.
        """
        cdef Owner owner = self.own()
        cdef bytes encoded = layer_name(name)
        cdef const char *c_name = encoded
        cdef ContentChange changer = ContentChange(change)
        cdef Inside inside
        cdef int status
        inside.owner = <void *>owner
        changer.inside = &inside
        with nogil:
            status = caterva_array_change_layer(owner.array, c_name, call_change, <void *>changer)
        if changer.error is not None:
            raise changer.error
        check(status)
        self.tell(owner)


cdef void roll_back(Owner owner) noexcept:
    stop_hearing()
    with nogil:
        caterva_array_rollback(owner.array)
    hear()


cdef Owner open_owner(blosc2_origin *origin, source):
    cdef Owner owner = Owner()
    cdef int status
    owner.source = source
    owner.offset = origin.offset
    owner.max_bytes = origin.max_bytes
    owner.is_mapped = origin.mode == BLOSC2_READ_MAPPED
    origin.context = <void *>owner  # of read_source()
    with nogil:
        status = caterva_array_open_origin(origin, &owner.array)
    check(status)
    return owner


cdef Owner reopen(Owner lost):
    """A child has inherited an array that a thread of its parent was changing: as its file has it."""
    cdef blosc2_origin origin
    cdef const blosc2_schunk *schunk = lost.schunk()
    if lost.place is None:
        raise errors.CatervaError("another thread was changing this array in memory when this process was "
                                  "forked: its state is unknown here")
    memset(&origin, 0, sizeof(origin))
    origin.path = lost.place
    origin.offset = lost.offset
    origin.max_bytes = lost.max_bytes
    origin.safety = blosc2_schunk_safety(schunk)[0]
    if lost.is_mapped:
        origin.mode = BLOSC2_READ_MAPPED
    else:
        origin.mode = BLOSC2_READ if blosc2_schunk_read_only(schunk) else BLOSC2_UPDATE
    cdef Owner owner = open_owner(&origin, None)
    owner.seal = lost.seal
    owner.place = lost.place
    caterva_array_set_threads(owner.array, caterva_array_threads(lost.array))
    caterva_array_set_cache_bytes(owner.array, caterva_array_cache_bytes(lost.array))
    return owner


cdef ArrayHandle wrap(Owner owner, path):
    cdef ArrayHandle handle = ArrayHandle.__new__(ArrayHandle)
    handle.owner = owner
    owner.seal = <int>blosc2_schunk_seal(owner.schunk())
    handle.given = None if path is None else os.fsdecode(path)
    owner.place = None if path is None else absolute_path(path)
    return handle


cdef int take_shape(shape, caterva_geometry *geometry) except -1:
    """The shape that a box was made for."""
    if len(shape) > CATERVA_MAX_NDIM:
        raise ValueError(f"shape: {len(shape)} axes (expected at most {CATERVA_MAX_NDIM})")
    geometry.ndim = len(shape)
    return parse_extents(shape, geometry.ndim, INT64_MAX, geometry.shape, "shape")


cdef int parse_selection(const caterva_geometry *geometry, start, count, step, Buffer buffer,
                         caterva_selection *selection, int64_t *strides) except -1:
    """A selection and the memory for it, which must agree: the C library trusts the strides."""
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
