"""Forks beside threads that read and write: python tests/stress/forks.py [--rounds N].

Each round forks a child that uses an inherited array in one of five situations. Prints how the children
fared, and fails if one hangs (two seconds), crashes, or sees something wrong.
"""

import argparse
import contextlib
import multiprocessing
import os
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np

import caterva as cat

SHAPE = (60, 45, 30)
SECONDS = 2.0  # a child's time
DATA = np.random.default_rng(5).integers(0, 1000, SHAPE).astype("<i4")


def is_right(array):
    """Return whether an array has the data, read by several threads."""
    return bool((np.asarray(array[...]) == DATA).all())


@contextlib.contextmanager
def busy(array):
    """Have threads read and rewrite the array, which stays as it is."""
    stop = threading.Event()

    def read():
        while not stop.is_set():
            array[3:50]

    def write():
        while not stop.is_set():
            array[...] = DATA

    threads = [threading.Thread(target=work) for work in (read, read, write)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def look(array):
    """Return what a child makes of an array: 0 if it is right, 2 if it is refused."""
    try:
        return 0 if is_right(array) else 1
    except cat.FileChangedError:  # the parent has gone on, and this reader has no lock
        return 0 if is_right(cat.open(array.urlpath, mode="r")) else 1
    except cat.CatervaError:
        return 2 if array._absolute is None else 1


def fork_and_look(array):
    """Return the exit status of a child that looks; a negative signal if it was killed."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = look(array)
        finally:
            os._exit(status)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return -9


def idle(array):
    """Fork while nobody is at work."""
    return fork_and_look(array)


def beside_threads(array):
    """Fork while threads read and write."""
    with busy(array):
        return fork_and_look(array)


def in_a_thread(array):
    """Fork in a thread, beside others."""
    statuses = []
    with busy(array):
        thread = threading.Thread(target=lambda: statuses.append(fork_and_look(array)))
        thread.start()
        thread.join()
    return statuses[0]


def in_a_pool(array):
    """Give the array to a pool of forked processes."""
    with multiprocessing.get_context("fork").Pool(2) as pool:
        answers = [pool.apply_async(is_right, (array,)) for _ in range(3)]
        return 0 if all(answer.get(SECONDS) for answer in answers) else 1


def inherited(array):
    """Fork a process that forks one."""
    process = multiprocessing.get_context("fork").Process(target=lambda: os._exit(fork_and_look(array)))
    process.start()
    process.join(SECONDS)
    return process.exitcode


SITUATIONS = [idle, beside_threads, in_a_thread, in_a_pool, inherited]


def run(rounds):
    """Return (situation, home, status) of each round."""
    statuses = []
    with tempfile.TemporaryDirectory() as folder:
        for n in range(rounds):
            situation = SITUATIONS[n % len(SITUATIONS)]
            home = ["memory", "file"][n // len(SITUATIONS) % 2]
            where = {"urlpath": str(Path(folder) / f"{n}.b2nd")} if home == "file" else {}
            array = cat.asarray(DATA, chunks=(17, 20, 11), blocks=(5, 6, 11), nthreads=2, **where)
            is_right(array)
            statuses.append((situation.__name__, home, situation(array)))
            array.close()
    return statuses


def main():
    """Print how often each situation ended how."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50)
    warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, on forks beside threads
    statuses = run(parser.parse_args().rounds)
    meanings = {0: "right", 2: "refused, as another thread was changing it"}
    for kind in sorted(set(statuses), key=str):
        print(*kind[:2], statuses.count(kind), meanings.get(kind[2], f"WRONG: status {kind[2]}"))
    return any(status not in meanings for _, _, status in statuses)


if __name__ == "__main__":
    sys.exit(main())
