"""Arguments of callers that are plain numbers, checked."""

import operator
from typing import Any


def as_int(value: Any, what: str, low: int, high: int) -> int:
    """Return an integer argument, checked.

    Parameters
    ----------
    value : object
        Anything with ``__index__`` but a bool, which is more likely a slip than a number.
    what : str
        Name of the argument, for the message.
    low, high : int
        Smallest and largest value allowed.

    Raises
    ------
    TypeError
        If `value` is not an integer.
    ValueError
        If it is out of range.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{what} must be an integer, got {value!r}")
    number = operator.index(value)
    if not low <= number <= high:
        raise ValueError(f"{what} must be from {low} to {high}, got {number}")
    return number
