"""Signals during long calls: Ctrl-C, and whatever else has a handler in Python. A part of _core.pyx."""

import threading

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() noexcept nogil

cdef unsigned long main_thread = threading.main_thread().ident  # which alone runs handlers of signals
cdef bint handling = False       # it does so now, within a call of the C library
cdef object interruption = None  # what a handler raised, on its way through C
cdef int deaf = 0                # the main thread is in calls that could not tell of what a handler raises


def note_main_thread():
    """After a fork: the thread that forked is the main one."""
    global main_thread
    main_thread = PyThread_get_thread_ident()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=note_main_thread)


cdef bint is_main_thread() noexcept nogil:
    return PyThread_get_thread_ident() == main_thread


cdef int ask_python(void *context) noexcept nogil:
    """Run the handlers of pending signals, in a long call of the main thread; nonzero if one has raised."""
    global handling, interruption
    if not is_main_thread() or deaf:
        return 0
    with gil:
        if interruption is None:
            handling = True
            try:
                PyErr_CheckSignals()
            except BaseException as error:
                interruption = error
            handling = False
        return interruption is not None


cdef void stop_hearing() noexcept:
    """Before a call that cannot fail: signals wait for the interpreter, which looks soon after."""
    global deaf
    if is_main_thread():
        deaf += 1


cdef void hear() noexcept:
    global deaf
    if is_main_thread():
        deaf -= 1


cdef int keep_interruption(error) noexcept:
    """End a call whose callback was hit by a signal."""
    global interruption
    interruption = error
    return blosc2_fail(BLOSC2_E_INTERRUPTED, "interrupted")


cdef object take_interruption():
    global interruption
    error, interruption = interruption, None
    return error


cdef int refuse_in_handler() except -1:
    """A handler would wait for the call that it interrupts, and that call for the handler."""
    if is_main_thread():
        raise errors.CatervaError("a signal handler cannot use arrays while it interrupts a call of one")
    return 0


# ---------------------------------------------------------------- functions that calls wait for

cdef extern from *:
    """
    typedef struct Inside {
        void *owner; /* of the array whose call has called a function of Python's */
        struct Inside *outer;
    } Inside;
    #if defined(_MSC_VER) && !defined(__clang__)
    static __declspec(thread) Inside *innermost;
    #else
    static _Thread_local Inside *innermost;
    #endif
    """
    ctypedef struct Inside:
        void *owner
        Inside *outer
    Inside *innermost


cdef void enter_function(Inside *inside) noexcept:
    """A call has the array's lock, and calls a function of Python's in this thread."""
    global innermost
    inside.outer = innermost
    innermost = inside


cdef void leave_function(Inside *inside) noexcept:
    global innermost
    innermost = inside.outer


cdef bint is_inside(void *owner) noexcept:
    cdef Inside *inside = innermost
    while inside != NULL:
        if inside.owner == owner:
            return True
        inside = inside.outer
    return False


cdef int refuse_inside(Owner owner) except -1:
    """Whoever runs within such a function would wait for the call, and that call for the function.

    Arguments are made plain before a call begins, so that these are callbacks, and what the interpreter runs
    at any time: finalizers, handlers of signals, tracers.
    """
    if is_inside(<void *>owner):
        raise errors.CatervaError("this array cannot be used here: a call of it is at work in this thread, "
                                  "and waits for the function that runs now")
    return 0
