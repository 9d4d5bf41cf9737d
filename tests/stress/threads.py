"""Threads that share one array: python tests/stress/threads.py [--seconds N].

Items tell their place and the write that they are of, so that any wrong or torn read shows. Eight threads
read; then seven read and one writes; then the rate of two threads is compared with that of one. Prints what
was read, and fails if anything was wrong.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

import caterva as cat

SHAPE = (120, 90, 40)
CHUNKS, BLOCKS = (50, 40, 40), (13, 40, 8)
PLACES = np.arange(np.prod(SHAPE), dtype="<u8").reshape(SHAPE)


def items(version):
    """Return the items of a write."""
    return PLACES | np.uint64(version << 32)


def make(where, version=1, **keywords):
    """Return an array of the items of a write."""
    return cat.asarray(items(version), chunks=CHUNKS, blocks=BLOCKS, cache_bytes=1 << 18, **where, **keywords)


def random_key(choose):
    """Return an item, a plane, a strided box or all."""
    kind = choose.random()
    if kind < 0.4:
        return tuple(choose.randrange(extent) for extent in SHAPE)
    if kind < 0.5:
        return (slice(None), choose.randrange(SHAPE[1]))
    if kind < 0.95:
        edges = [sorted(choose.sample(range(extent + 1), 2)) for extent in SHAPE]
        return tuple(slice(*pair, choose.choice([1, 1, 2])) for pair in edges)
    return ()


def read(array, key):
    """Read; return the version of the write, having checked that all items are of it and of their places."""
    part = np.asarray(array[key])
    versions = part >> np.uint64(32)
    if not (versions == versions.flat[0]).all():
        raise AssertionError(f"torn: {key} has items of writes {np.unique(versions)}")
    if not ((part & np.uint64(0xFFFFFFFF)) == PLACES[key]).all():
        raise AssertionError(f"wrong: {key} has items of other places")
    return int(versions.flat[0])


def run(works, seconds):
    """Have a thread for each function call it over and over; return how often all did."""
    end = time.monotonic() + seconds
    counts, failures = [0] * len(works), []

    def repeat(number):
        choose = random.Random(number)
        try:
            while time.monotonic() < end and not failures:
                works[number](choose)
                counts[number] += 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=repeat, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return counts


def eight_readers(where, seconds, nthreads=2):
    """Return how many reads eight threads made of one handle."""
    array = make(where, nthreads=nthreads)
    return sum(run([lambda choose: read(array, random_key(choose))] * 8, seconds))


def seven_readers_and_a_writer(where, seconds, nthreads=2):
    """Return how many reads and writes there were; no reader sees an older state than it has seen."""
    array = make(where, nthreads=nthreads)
    newest = [1] * 7
    version = 1

    def reader(number):
        def look(choose):
            seen = read(array, random_key(choose))
            if seen < newest[number]:
                raise AssertionError(f"write {seen} was read after write {newest[number]}")
            newest[number] = seen

        return look

    def write(choose):
        nonlocal version
        version += 1
        array[...] = items(version)
        time.sleep(0.002)

    counts = run([*map(reader, range(7)), write], seconds)
    last = np.asarray(array[...])
    if not (last == items(version)).all():
        raise AssertionError("the last write is not what is there")
    return sum(counts[:7]), counts[7]


def rates(seconds):
    """Return reads a second of whole arrays by one thread, and by two."""
    array = make({}, nthreads=1)
    work = [lambda choose: array[...]]
    return [sum(run(work * threads, seconds)) / seconds for threads in (1, 2)]


def main():
    """Run all in each home."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="time of each part, over the homes")
    seconds = parser.parse_args().seconds / 3
    with tempfile.TemporaryDirectory() as folder:
        for n, where in enumerate([{}, {"urlpath": ""}, {"urlpath": "", "contiguous": False}]):
            homes = [dict(where) for _ in range(2)]
            for m, home in enumerate(homes):
                if "urlpath" in home:
                    home["urlpath"] = str(Path(folder) / f"{n}{m}")
            name = ["memory", "file", "directory"][n]
            print(name, "8 readers:", eight_readers(homes[0], seconds), "reads right")
            reads, writes = seven_readers_and_a_writer(homes[1], seconds)
            print(name, f"7 readers and a writer: {reads} reads right, {writes} writes")
    one, two = rates(min(seconds, 10))
    print(f"2 threads read {two / one:.2f} times what one does ({one:.0f} arrays a second)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
