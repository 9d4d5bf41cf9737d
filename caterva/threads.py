"""The number of threads of arrays that are made or opened without a word on it."""

import os
from typing import Any

from caterva.arguments import as_int

__all__ = ["set_nthreads"]

MAX_THREADS = 1024
VARIABLE = "CATERVA_NTHREADS"


def _from_environment() -> int:
    """Return the number in the environment, 1 if there is none."""
    text = os.environ.get(VARIABLE, "").strip()
    if text and not text.isdecimal():
        raise ValueError(f"{VARIABLE} must be an integer from 1 to {MAX_THREADS}, got {text!r}")
    return as_int(int(text), VARIABLE, 1, MAX_THREADS) if text else 1


_default = _from_environment()


def default_nthreads() -> int:
    """Return the number of threads of arrays to come."""
    return _default


def as_nthreads(value: Any) -> int:
    """Return a number of threads, checked; None is the process's default."""
    return _default if value is None else as_int(value, "nthreads", 1, MAX_THREADS)


def set_nthreads(nthreads: int) -> int:
    """Set the number of threads of arrays that are made or opened from now on without `nthreads`.

    It begins as the environment's CATERVA_NTHREADS, else 1. Arrays that exist keep theirs. All of them share
    one pool of threads.

    Parameters
    ----------
    nthreads : int
        From 1 to 1024.

    Returns
    -------
    int
        The number until now.

    Examples
    --------
    >>> import caterva
    >>> before = caterva.set_nthreads(2)
    >>> caterva.zeros((4, 4), dtype="f4", chunks=(2, 2)).nthreads
    2
    >>> caterva.set_nthreads(before)
    2
    """
    global _default
    before, _default = _default, as_int(nthreads, "nthreads", 1, MAX_THREADS)
    return before
