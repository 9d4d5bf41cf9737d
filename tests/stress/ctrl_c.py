"""Ctrl-C at random instants of small calls: python tests/stress/ctrl_c.py [--rounds N] [--seed N].

Each round interrupts a loop of short changes by a signal whose handler raises KeyboardInterrupt, and looks
whether it came out, whether a change is left open, whether the array is the old or the new one, here and in
the file, and whether a later write lasts.
"""

import argparse
import collections
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

import caterva as cat

SHAPE = (40, 6)
STORAGE = {"chunks": (16, 4), "blocks": (5, 3)}
LOST = 5.0  # seconds after which a Ctrl-C that has not come out is lost
LATEST = (0.0005, 0.002, 0.02)  # seconds until the signal: within the first change, or some later one


class Life:
    """An array whose items and attribute are all of one number, and what may change it to the next."""

    def __init__(self, path, storage):
        self.path = path
        self.storage = storage
        self.array = cat.full(SHAPE, 0, dtype="i4", urlpath=path, **STORAGE, **storage)
        self.array.attrs["n"] = 0

    def reopen(self):
        """Close the array, and open it again."""
        self.array.close()
        self.array = cat.open(self.path)

    def number(self, array):
        """Return the number of an array; fail if it is a mix."""
        items, n = np.asarray(array), array.attrs["n"]
        assert items.shape == SHAPE, f"shape {items.shape}"
        assert (items == n).all(), f"items of {np.unique(items)}, attribute of {n}"
        return n

    # Each goes from a number to the next.

    def rows(self, n):
        """Set parts, in a transaction."""
        with self.array.transaction() as array:
            array[:16] = n
            array[16:, 3:] = np.full((24, 3), n)
            array.attrs["n"] = n
            array[-24:, :3] = array[0, 0]

    def held(self, n):
        """Hold the transaction by a name."""
        transaction = self.array.transaction()
        with transaction:
            self.array[...] = n
            self.array.attrs.update(n=n)

    def shape(self, n):
        """Move all items."""
        with self.array.transaction():
            self.array.insert(1, np.full((3, 6), n, "i8"))
            self.array.append(np.full((40, 6), n, "i4"))
            self.array.delete(slice(None, -40))
            self.array.resize((40, 2))
            self.array.resize((40, 6))
            self.array[:, 2:] = [n] * 4
            self.array.attrs["n"] = np.int64(n)

    def returned(self, n):
        """Leave the block in its midst."""
        for _ in range(3):
            with self.array.transaction():
                self.array[...] = n
                self.array.attrs["n"] = n
                if n % 3:
                    return
                continue

    def undone(self, n):
        """Undo one change, then make another."""
        try:
            with self.array.transaction():
                self.array[3:5] = -1
                raise LookupError
        except LookupError:
            pass
        self.rows(n)

    def new(self, n):
        """Make other arrays, and read this one, beside."""
        other = cat.asarray(self.array[...], chunks=(7, 7), memframe=True)
        plain = other[:3]
        with plain.transaction():
            plain[0] = 1
        assert cat.from_bytes(other.to_bytes())[2, 1] == plain[2, 1]
        cat.zeros((4,), 3, chunks=(2,)).close()
        self.rows(n)

    def made(self, n):
        """Make a file and a directory, which are whole or not there, and rewrite this one's."""
        for name, contiguous in (("file", True), ("directory", False)):
            place = f"{self.path}-{name}-{n}"
            with self.array.copy(urlpath=place, contiguous=contiguous) as other:
                other.refresh()
            cat.asarray(np.full(SHAPE, n), urlpath=f"{place}-new", contiguous=contiguous, **STORAGE).close()
        if "contiguous" not in self.storage:
            self.array.compact()
        assert self.array.verify().ok
        self.rows(n)


KINDS = [Life.rows, Life.held, Life.shape, Life.returned, Life.undone, Life.new, Life.made]


def interrupted_by_timer(loop, seconds):
    """Have the handler run after some time, whatever is at work then. Return whether it came out."""
    raised = []

    def handler(number, frame):
        raised.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        loop(lambda: raised)
    except KeyboardInterrupt:
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return False


def interrupted_by_ctrl_c(loop, seconds):
    """Have another thread send the signal of Ctrl-C."""
    sent = []

    def send():
        time.sleep(seconds)
        sent.append(1)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    sender = threading.Thread(target=send)
    came = False
    try:
        try:
            sender.start()
            loop(lambda: sent)
        finally:
            sender.join()
    except KeyboardInterrupt:
        came = True
    finally:
        signal.signal(signal.SIGINT, before)
    return came


def interrupt(life, kind, seconds, interrupted):
    """Make changes until a signal comes out. Return the number that the first one began with."""
    numbers = [life.number(life.array)]

    def loop(sent):
        since = None
        while True:
            kind(life, numbers[-1] + 1)
            numbers.append(numbers[-1] + 1)
            if sent():
                since = since or time.monotonic()
                if time.monotonic() > since + LOST:
                    return

    assert interrupted(loop, seconds), "a Ctrl-C was lost"
    return numbers[-1]


def check(life, before):
    """No change is open, and the array is the old or the new one, everywhere."""
    life.array.flush()  # a ValueError in a change
    n = life.number(life.array)
    assert n in (before, before + 1), f"{n} after {before}"
    with cat.open(life.path, mode="r") as other:
        assert life.number(other) == n
    return n


def check_others(folder):
    """What else was made is whole, and no unfinished file is left. Remove it."""
    for path in list(folder.iterdir()):
        if not path.name.startswith("array-") or ".b2" in path.name:
            continue
        with cat.open(str(path), mode="r") as other:
            assert other.shape == SHAPE and len(np.unique(other[...])) == 1, path.name
        cat.remove(str(path))
    left = {path.name for path in folder.iterdir()} - {"array", "array.b2lock"}
    assert not left, left


def run(folder, rounds, seed, storage):
    """Interrupt so many times; return how often in each kind of change."""
    picks = random.Random(seed)
    life = Life(str(folder / "array"), storage)
    counts = collections.Counter()
    for n in range(rounds):
        kind = picks.choice(KINDS)
        interrupted = interrupted_by_ctrl_c if n % 10 == 0 else interrupted_by_timer
        try:
            last = interrupt(life, kind, picks.uniform(0.00002, picks.choice(LATEST)), interrupted)
            last = check(life, last)
            check_others(folder)
            if n % 25 == 0:  # what a user does next lasts
                life.rows(last + 1)
                life.reopen()
                assert check(life, last) == last + 1
        except BaseException as error:
            raise AssertionError(f"seed {seed}, round {n}, {kind.__name__}: {error!r}") from error
        counts[kind.__name__] += 1
    life.array.close()
    return counts


def main():
    """Print how often what was interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3000, help="interrupts")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    arguments = parser.parse_args()
    for storage in ({}, {"contiguous": False}):
        with tempfile.TemporaryDirectory() as folder:
            start = time.monotonic()
            counts = run(Path(folder), arguments.rounds, arguments.seed, storage)
        print(
            storage, f"seed {arguments.seed}:", dict(counts), f"{time.monotonic() - start:.0f} s, none lost"
        )


if __name__ == "__main__":
    sys.exit(main())
