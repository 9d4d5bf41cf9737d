"""Histories of an array that processes share: python tests/stress/histories.py [--count N] [--seed S].

In each, three processes, one of them with two handles, set, append, resize, delete, roll back, compact,
refresh and flush, and some are killed. What is committed says of itself which commit it is: within the
transaction that makes it, the number of the last one is read, and one more is stored, with a checksum of all
items. So the numbers are dense, and in the order of the commits. Before a process commits it writes down what
will be there, and after it that it was acknowledged. Then:

* what is read, by whomever, is a whole commit that somebody has made, and the same of each number;
* no handle sees one older than one that it has seen, nor than what was acknowledged before it was refreshed;
* without refresh a handle sees what it saw, whatever happens around it;
* no number is acknowledged twice, and in the end none that was acknowledged is missing.

Prints how much was done, and the seed of a history that went wrong.
"""

import argparse
import collections
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from pathlib import Path

import numpy as np

import caterva as cat

PROCESSES, STEPS, ROWS_MAX, WIDTH = 3, 9, 40, 6
WIDE = 4096  # of arrays of noise, large enough for their dead space to be used again
SHAPES = {WIDTH: {"chunks": (5, 4), "blocks": (2, 3)}, WIDE: {"chunks": (5, WIDE), "blocks": (1, 512)}}
WATCHDOG = 120  # seconds: longer than a history takes on a busy machine
OPTIONS = {"lock_timeout": WATCHDOG}


class Wrong(Exception):
    """What no history may show."""


class RolledBack(Exception):
    """Raised in a transaction that is not to be."""


Place = collections.namedtuple("Place", "path durability")


def fresh(rows, width, number, choose):
    """Return items for a commit."""
    if width == WIDTH:
        return np.full((rows, width), number, "<u4")
    return np.random.default_rng(choose.randrange(1 << 32)).integers(0, 1 << 32, (rows, width), "<u4")


class Log:
    """Lines that several processes write, each whole, and read back."""

    def __init__(self, path):
        self.path = path
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, kind, *numbers):
        os.write(self.file, " ".join([kind, *map(str, numbers)]).encode() + b"\n")

    def lines(self):
        return [line.split(" ", 3) for line in Path(self.path).read_text().splitlines()]

    def last_acknowledged(self):
        return max((int(line[1]) for line in self.lines() if line[0] == "done"), default=0)

    def close(self):
        os.close(self.file)


def checksum(items):
    return zlib.crc32(np.ascontiguousarray(items).tobytes(), items.shape[0])


def look(array):
    """Return number and items of the commit that an array is of; Wrong if it is not a whole one."""
    items = np.asarray(array[...])
    note = array.attrs["note"]
    if list(items.shape) != note["shape"] or checksum(items) != note["checksum"]:
        raise Wrong(f"not a whole commit: {note}, and there are {items.shape} items of {checksum(items)}")
    return note["number"], items


class Handle:
    """A handle, and what it has seen."""

    def __init__(self, place, log, mode, **options):
        self.log, self.mode, self.is_file = log, mode, place.path.is_file()
        least = log.last_acknowledged()
        if mode == "a":
            options["durability"] = place.durability
        self.array = cat.open(str(place.path), mode, **OPTIONS, **options)
        self.number, self.checksum = 0, None
        self.see(least)

    def see(self, least):
        """Look after it has been brought up to date; at `least` that commit had been acknowledged before."""
        number, items = look(self.array)
        if number < max(least, self.number):
            raise Wrong(f"older: {number} where {self.number} was seen and {least} was acknowledged")
        self.number, self.checksum = number, checksum(items)
        self.log.write("saw", number, self.checksum)

    def read(self):
        number, items = look(self.array)
        if (number, checksum(items)) != (self.number, self.checksum):
            raise Wrong(f"changed without refresh: {number} where {self.number} was seen")

    def refresh(self):
        least = self.log.last_acknowledged()
        self.array.refresh()
        self.see(least)

    def flush(self):
        self.array.flush()
        self.read()

    def compact(self):
        least = self.log.last_acknowledged()
        self.array.compact()
        self.see(least) if self.is_file else self.read()  # a directory needs none, and stays what it was

    def change(self, choose, ends_well, beside):
        """One transaction of a few changes; in its middle another handle of this process reads."""
        least = self.log.last_acknowledged()
        number = items = None
        with contextlib.suppress(RolledBack), self.array.transaction():
            self.see(least)
            number, (_, items) = self.number + 1, look(self.array)
            for _ in range(choose.randrange(1, 4)):
                items = edit(self.array, items, number, choose)
                if beside:
                    beside.read()
            if not ends_well:
                raise RolledBack
            note = {"number": number, "shape": list(items.shape), "checksum": checksum(items)}
            self.array.attrs["note"] = note
            self.log.write("will", number, checksum(items))
        if ends_well:
            self.log.write("done", number, checksum(items))
            self.number, self.checksum = number, checksum(items)
        self.read()


def edit(array, items, number, choose):
    """Change an array and the items that it should hold alike; return those."""
    rows, width = items.shape
    what = choose.choice(["set", "set", "set", "append", "resize", "delete"])
    if what == "append" and rows < ROWS_MAX:
        more = fresh(choose.randrange(1, 7), width, number, choose)
        array.append(more)
        return np.concatenate([items, more])
    if what == "resize":
        rows_after = choose.randrange(ROWS_MAX)
        array.resize((rows_after, width))
        grown = np.zeros((rows_after, width), "<u4")
        grown[:rows] = items[:rows_after]
        return grown
    if what == "delete" and rows > 1:
        first = choose.randrange(rows)
        key = slice(first, choose.randrange(first, rows) + 1)
        array.delete(key)
        return np.delete(items, key, axis=0)
    first, column = choose.randrange(rows + 1), choose.randrange(width)
    box = (slice(first, first + choose.choice([1, 3, ROWS_MAX])), slice(column, width))
    items = items.copy()
    array[box] = items[box] = fresh(items[box].shape[0], width, number, choose)[:, column:]
    return items


def work(place, log, seed, has_two):
    """What one process does."""
    warnings.simplefilter("error")
    choose = random.Random(seed)
    kinds = [{"mode": "a"}, {"mode": "r"}, {"mode": "r", "cache_bytes": 0}, {"mode": "a", "cache_bytes": 0}]
    if place.path.is_file():
        kinds.append({"mode": "r", "mmap": True})
    handles = [Handle(place, log, "a")]
    if has_two:
        handles.append(Handle(place, log, **choose.choice(kinds)))
    for _ in range(STEPS):
        at = choose.randrange(len(handles))
        handle = handles[at]
        what = choose.choice(
            ["change"] * 5 + ["roll back", "read", "read", "refresh", "flush", "compact", "reopen"]
        )
        if what == "reopen":
            handle.array.close()
            handles[at] = Handle(place, log, handle.mode)
        elif what in ("read", "refresh") or handle.mode == "r":
            handle.refresh() if what == "refresh" else handle.read()
        elif what in ("change", "roll back"):
            beside = handles[1 - at] if has_two else None
            handle.change(choose, what == "change", beside)
        else:
            getattr(handle, what)()
        log.write("step", what)
    for handle in handles:
        handle.read()
        handle.array.close()


def start(place, log, seed, has_two):
    """Have a forked process work; return its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work(place, log, seed, has_two)
        status = 0
    except BaseException:
        log.write("wrong", traceback.format_exc().replace("\n", " | "))
    finally:
        os._exit(status)


def wait(children, log):
    """Until all have ended."""
    until = time.monotonic() + WATCHDOG
    while children:
        child, _ = os.waitpid(-1, os.WNOHANG) if len(children) > 1 else os.waitpid(children[0], os.WNOHANG)
        if child in children:
            children.remove(child)
        elif time.monotonic() > until:
            for child in children:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            log.write("wrong", "a process hangs")
            return
        else:
            time.sleep(0.0005)


def run_processes(place, log, choose):
    children = [start(place, log, choose.random(), worker == 0) for worker in range(PROCESSES)]
    for _ in range(choose.choice([0, 1, 1, 2])):
        time.sleep(choose.random() ** 2 * 0.02)
        victim = choose.choice(children)
        os.kill(victim, signal.SIGKILL)  # it may have ended: nobody has waited for it yet
        os.waitpid(victim, 0)
        children.remove(victim)
        log.write("killed", 1)
        children.append(start(place, log, choose.random(), False))
    wait(children, log)


def judge(lines):
    """Return what the lines of a log show that must not be, and the last acknowledged number."""
    said, done, seen = collections.defaultdict(set), {}, {}
    for kind, *rest in lines:
        if kind == "wrong":
            return " ".join(rest), 0
        if kind in ("step", "killed"):
            continue
        number, value = map(int, rest)
        if kind == "will":
            said[number].add(value)
        elif kind == "done":
            if number in done:
                return f"commit {number} was acknowledged twice: one is lost", 0
            done[number] = value
        elif seen.setdefault(number, value) != value:
            return f"two states of commit {number} were seen", 0
    for number, value in [*seen.items(), *done.items()]:
        if value not in said[number]:
            return f"commit {number} as seen was never made", 0
        if seen.get(number, value) != value:
            return f"commit {number} was acknowledged, and another one seen in its place", 0
    for number in range(1, max(done, default=0)):
        if not said[number]:
            return f"there is no commit {number}, but later ones", 0
    return None, max(done, default=0)


def run(seed, folder):
    """One history; return what went wrong, or None, and how often each kind of line was written."""
    choose = random.Random(seed)
    path = Path(folder, f"{seed}.b2nd")
    is_file = choose.random() < 0.6
    place = Place(path, choose.choice(["order", "fsync"]))
    width = WIDE if choose.random() < 0.04 else WIDTH
    items = fresh(choose.randrange(1, 20), width, 0, choose)
    log = Log(str(path) + ".log")
    with cat.asarray(items, urlpath=str(path), contiguous=is_file, **SHAPES[width]) as array:
        array.attrs["note"] = {"number": 0, "shape": list(items.shape), "checksum": checksum(items)}
    log.write("will", 0, checksum(items))
    run_processes(place, log, choose)
    lines = log.lines()
    problem, last = judge(lines)
    try:
        if not problem:
            finish(place, log, choose, last)
            problem, _ = judge(log.lines())
    except Exception:
        problem = traceback.format_exc()
    counts = collections.Counter(line[1] if line[0] == "step" else line[0] for line in lines)
    counts["file" if is_file else "directory"] += 1
    counts["wide"] += width == WIDE
    log.close()
    if not problem:
        for name in [path, Path(f"{path}.b2lock"), Path(log.path)]:
            shutil.rmtree(name) if name.is_dir() else name.unlink(missing_ok=True)
    return problem, counts


def finish(place, log, choose, last):
    """All that was acknowledged is there, undamaged, and goes on."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        handle = Handle(place, log, "a")
        if handle.number < last:
            raise Wrong(f"commit {last} was acknowledged, and {handle.number} is there")
        if not handle.array.verify().ok:
            raise Wrong(f"damaged: {handle.array.verify()}")
        handle.change(choose, True, None)
        handle.array.close()
        Handle(place, log, "r").array.close()


def run_all(seeds, folder, counts):
    """Return the problems of some histories."""
    problems = []
    for seed in seeds:
        problem, more = run(seed, folder)
        counts.update(more)
        if problem:
            problems.append(f"history {seed}: {problem}")
    return problems


def scratch():
    """Return a new folder in memory, where there is such a place: syncs are no matter here."""
    return tempfile.mkdtemp(prefix="histories-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder, counts = scratch(), collections.Counter()
    problems = run_all(range(options.seed, options.seed + options.count), folder, counts)
    print(*problems, sep="\n")
    print(f"{options.count} histories, {len(problems)} wrong:", dict(counts.most_common()))
    if not problems:
        shutil.rmtree(folder)
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
