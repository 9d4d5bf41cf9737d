"""What a ``with`` block makes one change. A part of _core.pyx.

These are extension types, and not generators: between the beginning of a change and the block no bytecode
runs that a signal could interrupt, so that no change is left open. Where the interpreter looks for signals
right after the call (3.14), it lets go of the object without `__exit__`, which then rolls back.
"""


@cython.no_gc_clear  # `owner` is needed to roll back
cdef class Transaction:
    """All changes of an array in a ``with`` block as one; `array` is what the block gets."""

    cdef ArrayHandle handle
    cdef object array
    cdef Owner owner     # of the change that is open; None: none is
    cdef int64_t number  # of that change

    def __init__(self, ArrayHandle handle, array):
        self.handle = handle
        self.array = array

    def __enter__(self):
        cdef Owner owner = self.handle.own()
        cdef int64_t number = 0
        cdef int status
        with nogil:
            status = caterva_array_begin_change(owner.array, &number)
        if status == BLOSC2_OK:
            self.owner, self.number = owner, number
        try:
            check(status)
            self.handle.tell(owner)
            PyErr_CheckSignals()
        except BaseException:
            if status == BLOSC2_OK:
                self.drop()
            raise
        return self.array

    def __exit__(self, kind, value, traceback):
        cdef Owner owner = self.owner
        cdef int status
        if owner is None:
            raise ValueError("the transaction was not begun, or has ended already")
        if kind is not None or self.handle.owner is not owner or caterva_array_is_lost(owner.array):
            self.drop()
            if kind is None:
                self.handle.own()  # it is closed, or else:
                raise ValueError("no change was begun: the transaction is of the process that was forked")
            return False
        self.owner = None
        with nogil:
            status = caterva_array_commit_change(owner.array, self.number)
        check(status)
        return False

    def __dealloc__(self):
        if self.owner is not None:
            self.drop()

    cdef int drop(self) noexcept:
        """Roll back. Within a call of this thread that holds the array, leave that to the next call."""
        cdef Owner owner = self.owner
        self.owner = None
        if owner.array == NULL or caterva_array_is_lost(owner.array):
            return 0
        if is_inside(<void *>owner) or (handling and is_main_thread()):
            caterva_array_abandon(owner.array, self.number)
            return 0
        stop_hearing()
        with nogil:
            caterva_array_rollback_change(owner.array, self.number)
        hear()
        return 0


cdef class Creation:
    """A new array, which appears when the ``with`` block that fills it ends, or leaves nothing.

    Keywords: those of `ArrayHandle.create`, or, if there is a source, of `ArrayHandle.copy`.
    """

    cdef ArrayHandle source
    cdef dict keywords
    cdef ArrayHandle handle

    def __init__(self, ArrayHandle source, **keywords):
        self.source = source
        self.keywords = keywords

    def __enter__(self):
        if self.source is None:
            self.handle = ArrayHandle.create(**self.keywords)
        else:
            self.handle = self.source.copy(**self.keywords)
        return self.handle

    def __exit__(self, kind, value, traceback):
        cdef ArrayHandle handle = self.handle
        self.handle = None
        try:
            if kind is None:
                handle.commit()
                return False
        except BaseException:
            handle.close()
            raise
        handle.close()
        return False


cdef class Restoration:
    """Puts the items of a NumPy array back if a ``with`` block ends with an exception.

    `array` is what the block gets.
    """

    cdef object items
    cdef object before
    cdef object array

    def __init__(self, items, array):
        self.items = items
        self.array = array

    def __enter__(self):
        self.before = self.items.copy()
        return self.array

    def __exit__(self, kind, value, traceback):
        before, self.before = self.before, None
        if kind is not None:
            self.items[...] = before
        return False
