"""How late a Python thread wakes up while another one is in a long call."""

import math
import threading
import time
from collections.abc import Callable
from typing import Any

Span = tuple[float, float]

TICK = 0.0005  # seconds between two wakes
SHARE = 0.999  # which of the stalls is told


def quantile(values: list[float], share: float = SHARE) -> float:
    """Return the value below which `share` of all are.

    Examples
    --------
    >>> quantile([0.5] * 999 + [7.0, 8.0])
    7.0
    """
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def lateness(ticks: list[Span], calls: list[Span]) -> list[float]:
    """Return how late the ticks (due, came) were that were due within a call (start, stop).

    A tick is late until it came or the call ended: what follows a call, as freeing its result, is not in it.

    Examples
    --------
    >>> lateness([(1, 1), (3, 7), (5.5, 9)], [(2, 5), (6, 8)])
    [2]
    """
    late, left = [], iter(calls)
    start, stop = next(left)
    for due, came in ticks:
        while due > stop:
            start, stop = next(left, (math.inf, math.inf))
        if due >= start:
            late.append(min(came, stop) - due)
    return late


def stalls(call: Callable[[], Any], seconds: float) -> list[float]:
    """Call again and again for some seconds, and return how late each tick during a call was."""
    ticks: list[Span] = []
    calls: list[Span] = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            due = time.perf_counter() + TICK
            time.sleep(TICK)
            ticks.append((due, time.perf_counter()))

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            start = time.perf_counter()
            result = call()
            calls.append((start, time.perf_counter()))
            del result
    finally:
        done.set()
        thread.join()
    return lateness(ticks, calls)
