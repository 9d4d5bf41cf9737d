"""G12: threads that share a handle: eight readers; seven and a writer."""

import random
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np

from reliability.goal import Effort, Goal, Result, measure, tally
from reliability.stores import SHAPE, sample, store


def _run(threads: list[threading.Thread], seconds: float, stop: threading.Event) -> None:
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()


def _box(chance: random.Random) -> tuple[slice, slice]:
    starts = [chance.randrange(extent - 1) for extent in SHAPE]
    return tuple(slice(start, start + chance.randrange(1, 40)) for start in starts)


def readers(folder: Path, name: str, seconds: float):
    """Two cases: eight readers of one handle; seven, and a writer that gives all items one value."""
    one, values = store(name), sample()

    def eight(path: Path) -> str:
        one.create(path, values)
        array, stop, counts = one.open(path), threading.Event(), Counter()

        def read(seed: int) -> None:
            chance, mine = random.Random(seed), Counter()
            while not stop.is_set():
                box = _box(chance)
                try:
                    mine["right" if (np.asarray(array[box]) == values[box]).all() else "wrong"] += 1
                except Exception:
                    mine["error"] += 1
            counts.update(mine)

        _run([threading.Thread(target=read, args=(seed,)) for seed in range(8)], seconds, stop)
        return _verdict(counts)

    def with_writer(path: Path) -> str:
        one.create(path, np.zeros(SHAPE, "<i4"))
        array, stop, counts = one.open(path, "a"), threading.Event(), Counter()

        def read(seed: int) -> None:
            chance, mine = random.Random(seed), Counter()
            while not stop.is_set():
                try:
                    found = np.asarray(array[_box(chance)])
                    mine["right" if (found == found.flat[0]).all() else "torn"] += 1
                except Exception:
                    mine["error"] += 1
            counts.update(mine)

        def write() -> None:
            value = 0
            while not stop.is_set():
                value += 1
                array[...] = value

        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(7)]
        _run([*threads, threading.Thread(target=write)], seconds, stop)
        return _verdict(counts)

    def case(number: int) -> str:
        return (eight, with_writer)[number](folder / f"array-{number}")

    return case


def _verdict(counts: Counter) -> str:
    """Return the worst, or "right" with how many there were."""
    worst = next((what for what in ("error", "torn", "wrong") if counts[what]), "")
    return f"{counts[worst]} {worst} of {counts.total()}" if worst else f"right of {counts['right']}"


def shared(effort: Effort) -> Result:
    """Ours, and the peers."""
    counts: Counter = Counter()
    for name in ("frame", "sparse", "mmap"):
        cases = 1 if name == "mmap" else 2  # which cannot be written
        counts += measure(effort, "threads:readers", cases, name=name, seconds=effort.seconds / 2)
    names = ("blosc2", "h5py", "zarr") if effort.peers else ()
    peers = {name: tally(measure(effort, "threads:readers", 2, name=name, seconds=2)) for name in names}
    return Result(tally(counts), all(what.startswith("right") for what in counts), peers)


GOALS = [Goal("G12", "8 threads on one handle; 7 and a writer", "0 wrong, torn, errors", shared)]
