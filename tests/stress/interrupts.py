"""How long a call goes on after Ctrl-C: python tests/stress/interrupts.py [--rounds N].

Each round interrupts one call that would take several seconds, at a random moment, and looks whether the
array is the old one. Prints the times, and beside them the processor's time, which is what counts on a busy
machine; fails if one is above the goal.
"""

import argparse
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

GOAL = 0.2  # seconds
SHAPE = (4096, 64, 1024)
STORAGE = {"chunks": (2, 64, 1024), "blocks": (1, 16, 1024), "codec": cat.Codec.ZSTD, "clevel": 9}


def values():
    """Return values that are slow to compress and take no memory."""
    numbers = np.random.default_rng(1)
    plane = numbers.integers(0, 1000, (1, 1024)) * numbers.random((64, 1))
    return np.broadcast_to(plane, SHAPE)


def read(array):
    """Read all into one plane, which needs no memory."""
    target = np.lib.stride_tricks.as_strided(np.zeros(SHAPE[1:]), SHAPE, (0, 8 * SHAPE[2], 8))
    for _ in range(20):
        array._handle.read((0, 0, 0), SHAPE, (1, 1, 1), target)


def write(array):
    """Write all."""
    array[...] = values()


def copy(array):
    """Copy into other chunks."""
    array.copy(chunks=(3, 64, 1024), blocks=(1, 8, 512))


def delete(array):
    """Move all items."""
    array.delete(1, axis=2)


CALLS = {"read": read, "write": write, "copy": copy, "delete": delete}


def seconds_after_signal(call, array):
    """Interrupt a call; return for how long it went on, and for how much of the processor's time."""
    sent = []

    def send():
        time.sleep(random.uniform(0.2, 0.5))
        sent.extend([time.perf_counter(), time.process_time()])
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        call(array)
    except KeyboardInterrupt:
        return time.perf_counter() - sent[0], time.process_time() - sent[1]
    finally:
        sender.join()
    raise AssertionError("the call ended before the signal")


def run(rounds):
    """Return seconds of each round, passed and worked, by call, home and threads."""
    times = {}
    for n in range(rounds):
        for name, call in CALLS.items():
            home = ["memory", "file"][n % 2]
            nthreads = 1 + n // 2 % 2
            with tempfile.TemporaryDirectory() as folder:
                where = {"urlpath": str(Path(folder) / "a.b2nd")} if home == "file" else {}
                array = cat.full(SHAPE, 7.0, dtype="f8", nthreads=nthreads, **STORAGE, **where)
                if name == "read":
                    array[:2] = values()[:2]
                seconds = seconds_after_signal(call, array)
                times.setdefault((name, home, nthreads), []).append(seconds)
                assert array.shape == SHAPE
                assert (np.asarray(array[2::500, ::9, ::9]) == 7).all(), "neither old nor new"
                array.close()
    return times


def main():
    """Print a line for each kind of call."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4, help="interrupts of each call")
    times = run(parser.parse_args().rounds)
    for kind, seconds in times.items():
        passed, worked = (max(column) * 1000 for column in zip(*seconds, strict=True))
        print(*kind, f"{len(seconds)} times, worst {passed:.0f} ms, {worked:.0f} of them at work")
    worst = max(max(seconds)[0] for seconds in times.values())
    print(f"worst {worst * 1000:.0f} ms (goal {GOAL * 1000:.0f})")
    return worst > GOAL


if __name__ == "__main__":
    sys.exit(main())
