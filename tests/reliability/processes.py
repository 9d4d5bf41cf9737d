"""G14: processes that read an array while another one writes it."""

import subprocess
import sys
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from reliability.goal import Effort, Goal, Result
from reliability.isolated import environment
from reliability.stores import SHAPE, store


def write(name: str, path: Path, seconds: float) -> None:
    """Give all items one value after the other."""
    one, value = store(name.removesuffix(" locking")), 0
    array, stop = _opened(name, path, "a"), time.monotonic() + seconds
    while time.monotonic() < stop:
        value += 1
        with array.holding_lock() if name == "blosc2 locking" else nullcontext():
            array[...] = value
        one.commit(array)
    print("writer", value)


def read(name: str, path: Path, seconds: float) -> None:
    """Open the array again and again: it has one value, which never goes back."""
    counts, last, stop = Counter(), 0, time.monotonic() + seconds
    while time.monotonic() < stop:
        try:
            array = _opened(name, path, "r")
            # It locks for a chunk at a time, unless it is told that more belongs together.
            with array.holding_lock() if name == "blosc2 locking" else nullcontext():
                found = np.asarray(array[...])
        except Exception as error:
            counts[type(error).__name__] += 1
            continue
        value = int(found.flat[0])
        whole = found.shape == SHAPE and (found == value).all()
        counts["right" if whole and value >= last else "backward" if whole else "torn"] += 1
        last = max(last, value)
    print("reader", *(f"{what}={count}" for what, count in counts.items()))


def _opened(name: str, path: Path, mode: str):
    if name == "blosc2 locking":
        import blosc2

        return blosc2.open(str(path), mode=mode, locking=True)
    return store(name.removesuffix(" locking")).open(path, mode)


def _together(effort: Effort, writer: str, reader: str, seconds: float) -> Counter:
    path = effort.folder / f"{writer} {reader}".replace(" ", "-")
    store(writer.removesuffix(" locking")).create(path, np.zeros(SHAPE, "<i4"))
    command = [sys.executable, "-P", "-m", "reliability.processes"]
    roles = [("write", writer), *[("read", reader)] * 3]
    running = [
        subprocess.Popen(
            [*command, role, name, str(path), str(seconds)],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for role, name in roles
    ]
    counts: Counter = Counter()
    for process in running:
        said, _ = process.communicate(timeout=seconds + 120)
        for word in said.split()[1:] if said.startswith("reader") else []:
            counts[word.partition("=")[0]] += int(word.partition("=")[2])
        if process.returncode:
            counts["crash"] += 1
    return counts


def _text(counts: Counter) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in counts.most_common())


def beside_a_writer(effort: Effort) -> Result:
    """Ours beside ours, python-blosc2 beside ours, and the peers beside themselves."""
    found = {name: _together(effort, name, name, effort.seconds) for name in ("frame", "sparse")}
    if effort.name != "quick":
        found["blosc2 locking beside frame"] = _together(effort, "frame", "blosc2 locking", effort.seconds)
    ours = "; ".join(f"{name}: {_text(counts)}" for name, counts in found.items())
    names = ("blosc2", "blosc2 locking", "h5py", "zarr") if effort.peers else ()
    peers = {name: _text(_together(effort, name, name, 3)) for name in names}
    return Result(ours, all(set(counts) == {"right"} for counts in found.values()), peers)


GOALS = [
    Goal("G14", "3 reader processes beside a writer; python-blosc2 too", "0 wrong, 0 errors", beside_a_writer)
]

if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](sys.argv[2], Path(sys.argv[3]), float(sys.argv[4]))
