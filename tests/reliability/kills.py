"""G7: a writer is killed (SIGKILL) at any time; what it had committed is there, whole, and can be changed.

The writer is forked from a process that has the libraries loaded, which makes a round cost milliseconds.
"""

import contextlib
import os
import random
import select
import signal
from pathlib import Path

import numpy as np

from reliability.goal import Effort, Goal, Result, bad, measure, tally
from reliability.stores import PEERS, Store, remove, store

ROWS, COLUMNS = 30, 90


def _fill(value: int) -> np.ndarray:
    return np.full((ROWS, COLUMNS), value, "<i4")


def _update(one: Store, path: Path, array: object, value: int) -> None:
    array[...] = _fill(value)


def _append(one: Store, path: Path, array: object, value: int) -> None:
    one.append(array, _fill(value))


def _metalayer(one: Store, path: Path, array: object, value: int) -> None:
    array.vlmeta["value"] = value.to_bytes(4, "little") * (50 * (value % 9 + 1))


CHANGES = {"update": _update, "append": _append, "metalayer": _metalayer}


def _value(array: object, change: str) -> int | None:
    """Return the last change that an array has whole; None if it has a part of one."""
    if change == "metalayer":
        if "value" not in array.vlmeta:
            return 0
        content = bytes(array.vlmeta["value"])
        value = int.from_bytes(content[:4], "little")
        return value if content == content[:4] * (50 * (value % 9 + 1)) else None
    values = np.asarray(array[...]).reshape(-1, ROWS, COLUMNS)
    if change == "append":
        whole = all((part == number).all() for number, part in enumerate(values))
        return len(values) - 1 if whole else None
    return int(values[0, 0, 0]) if (values == values[0, 0, 0]).all() else None


def _write_until_killed(one: Store, path: Path, change: str, pipe: int, last: int) -> None:
    array = one.open(path, "a")
    os.write(pipe, b"\0")
    for value in range(last + 1, last + 100_000):
        CHANGES[change](one, path, array, value)
        one.commit(array)
        os.write(pipe, b".")  # committed


def rounds(folder: Path, name: str, change: str):
    """Cases: a writer is started, killed, and its file looked at."""
    one, path = store(name), folder / "array"
    chance = random.Random(name + change)
    one.create(path, _fill(0))

    def case(number: int) -> str:
        try:
            array = one.open(path)
            last = _value(array, change)
            one.close(array)
        except Exception:
            last = None
        if last is None or last > 300:
            remove(path)
            one.create(path, _fill(0))
            last = 0
        acknowledged = _kill_a_writer(one, path, change, last, chance.uniform(0.0005, 0.02))
        return _look(one, path, change, last + acknowledged)

    return case


def _kill_a_writer(one: Store, path: Path, change: str, last: int, seconds: float) -> int:
    """Return how many changes it has said to be committed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            _write_until_killed(one, path, change, writer, last)
        finally:
            os._exit(1)
    os.close(writer)
    started = os.read(reader, 1)
    select.select([], [], [], seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    count = 0
    while said := os.read(reader, 1 << 16):
        count += len(said)
    os.close(reader)
    if not started:
        raise RuntimeError("the writer could not begin")
    return count


def _look(one: Store, path: Path, change: str, acknowledged: int) -> str:
    try:
        array = one.open(path)
        value = _value(array, change)
        one.close(array)
    except Exception:
        return "unreadable"
    if value is None:
        return "torn"
    if value < acknowledged:
        return "lost"
    if value > acknowledged + 1:
        return "wrong"
    try:
        array = one.open(path, "a")
        CHANGES[change](one, path, array, value + 1)
        if _value(array, change) != value + 1:
            return "next change wrong"
        one.close(array)
    except Exception:
        return "next change refused"
    return "whole"


def killed(effort: Effort) -> Result:
    """Rounds of each kind of change."""
    parts, passed = [], True
    for label, name, change in [
        ("append", "frame", "append"),
        ("update", "frame", "update"),
        ("metalayer", "frame", "metalayer"),
        ("sparse", "sparse", "update"),
    ]:
        counts = measure(effort, "kills:rounds", effort.count(200, 25, 5000), name=name, change=change)
        parts.append(f"{label}: {tally(counts)}")
        passed = passed and bad(counts, "whole") == 0
    peers = {}
    for one in PEERS if effort.peers else []:
        texts = []
        for change in ("append", "update"):
            counts = measure(effort, "kills:rounds", effort.count(40, 0, 400), name=one.name, change=change)
            texts.append(f"{change}: {tally(counts)}")
        peers[one.name] = "; ".join(texts)
    return Result("; ".join(parts), passed, peers)


GOALS = [Goal("G7", "kill -9 amid changes, 200 rounds each", "all whole", killed)]
