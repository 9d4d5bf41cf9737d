"""Signals during long calls: Ctrl-C, and whatever else has a handler in Python. A part of _core.pyx."""

import threading

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() noexcept nogil

cdef unsigned long main_thread = threading.main_thread().ident  # which alone runs handlers of signals
cdef bint handling = False       # it does so now, within a call of the C library
cdef object interruption = None  # what a handler raised, on its way through C


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
    if not is_main_thread():
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
