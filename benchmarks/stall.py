"""How late a Python thread wakes up while another one is in a long call."""

import threading
import time
from collections.abc import Callable
from typing import Any

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


def stalls(call: Callable[[], Any], seconds: float) -> list[float]:
    """Call again and again for some seconds, and return how late each tick during a call was.

    A tick counts if it was due within a call, and is late until it came or the call ended: freeing the
    result is not in it.
    """
    ticks: list[tuple[float, float]] = []
    windows: list[tuple[float, float]] = []
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
            windows.append((start, time.perf_counter()))
            del result
    finally:
        done.set()
        thread.join()
    late, calls = [], iter(windows)
    start, stop = next(calls)
    for due, came in ticks:
        while due > stop:
            start, stop = next(calls, (float("inf"), float("inf")))
        if due >= start:
            late.append(min(came, stop) - due)
    return late
