"""G15: memory and descriptors that loops leave behind, damaged files and failing calls among them."""

import contextlib
import gc
import os
from pathlib import Path

from reliability.goal import Effort, Goal, Result, measure
from reliability.stores import sample, store

PAGE = os.sysconf("SC_PAGE_SIZE")
WARM = 300  # rounds before counting: caches fill, the heap finds its size
LOOPS = ["open and read", "damaged", "update", "create", "grow", "failing calls"]


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def loops(folder: Path, name: str, rounds: int):
    """Cases: the loops; a verdict is what a round leaves behind."""
    one, path, values = store(name), folder / "array", sample()
    one.create(path, values)
    damaged = folder / "damaged"
    if path.is_file():
        content = bytearray(path.read_bytes())
        content[10:60] = bytes(50)
        damaged.write_bytes(content)

    def read() -> None:
        one.read(path)

    def read_damaged() -> None:
        with contextlib.suppress(Exception):
            one.read(damaged)

    def update() -> None:
        array = one.open(path, "a")
        array[3:9, 4:60] = 7
        one.close(array)

    def create() -> None:
        one.create(folder / "other", values)
        (folder / "other").unlink()

    def grow() -> None:
        array = one.open(path, "a")
        one.append(array, values[:4])
        one.resize(array, values.shape)
        one.close(array)

    def fail() -> None:
        array = one.open(path)
        for wrong in (lambda: array["a"], lambda: array[999], lambda: array.__setitem__(0, object())):
            with contextlib.suppress(Exception):
                wrong()
        with contextlib.suppress(Exception):
            one.open(folder / "missing")
        one.close(array)

    def case(number: int) -> str:
        work = [read, read_damaged, update, create, grow, fail][number]
        few = rounds if number in (0, 1, 5) else rounds // 10  # those that write are slower, and files grow
        for _ in range(min(WARM, few)):
            work()
        gc.collect()
        before, open_before = _resident(), _descriptors()
        for _ in range(few):
            work()
        gc.collect()
        grown, opened = _resident() - before, _descriptors() - open_before
        return f"{LOOPS[number]} {grown / few:.1f} B {opened} fds {'small' if grown < 1 << 20 else 'large'}"

    return case


def leaks(effort: Effort) -> Result:
    """All loops, ours and the peers in one file."""
    rounds = effort.count(10_000, 1000, 100_000)
    patience = max(120.0, rounds / 50)  # each case is all of its rounds
    counts = measure(effort, "leaks:loops", len(LOOPS), seconds_each=patience, name="frame", rounds=rounds)
    passed = all(what.endswith(" 0 fds small") for what in counts)
    names = ("blosc2", "h5py") if effort.peers else ()
    peers = {
        name: _text(
            measure(effort, "leaks:loops", len(LOOPS), seconds_each=patience, name=name, rounds=rounds // 10)
        )
        for name in names
    }
    return Result(_text(counts), passed, peers)


def _text(counts) -> str:
    return ", ".join(what.removesuffix(" small").replace(" 0 fds", "") for what in counts)


GOALS = [
    Goal("G15", "bytes a round that loops leave behind; descriptors", "< 1 MB in all, 0 descriptors", leaks)
]
