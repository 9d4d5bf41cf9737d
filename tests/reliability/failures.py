"""G8, G9: calls to the system and allocations that fail; the C test fails each one in turn."""

import errno
import os
import re
import resource
import signal
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np

from reliability.goal import Effort, Goal, Result, bad, measure, tally
from reliability.stores import PEERS, copied, sample, store

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "build/c/subprojects/caterva/test_failures"
SHIM = Path(__file__).with_name("short_transfers.c")
LINE = re.compile(r"(.+): (\d+) failures, (\d+) not as they should be")


@cache
def _failures(profile: str) -> dict[str, tuple[int, int]]:
    environment = os.environ | {"CATERVA_TEST_PROFILE": profile}
    done = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, timeout=3600)
    found = {match[1]: (int(match[2]), int(match[3])) for match in LINE.finditer(done.stdout)}
    if not found:
        raise RuntimeError(f"{PROGRAM} ended with {done.returncode}: {done.stderr[-2000:]}")
    return found


def _profile(effort: Effort) -> str:
    return "quick" if effort.name == "quick" else "long"


def full_disk(folder: Path, name: str):
    """Cases: an array is updated where no file may grow beyond a size, which is another one each time."""
    one, whole, path, values = store(name), folder / "whole", folder / "array", sample()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    one.create(whole, values)
    largest = max(file.stat().st_size for file in ([whole] if whole.is_file() else whole.rglob("*")))
    fresh = np.random.default_rng(1).integers(0, 2**31, values.shape, dtype="<i4")

    def case(number: int) -> str:
        copied(whole, path)
        limit = int(largest * (0.3 if whole.is_dir() else 1.0)) + number * 397
        child = os.fork()  # some die of it, or at their end
        if child == 0:
            try:
                os._exit(_update_within(one, path, fresh, limit))
            except BaseException:
                os._exit(4)
        _, status = os.waitpid(child, 0)
        said = {0: "no error", 3: "error"}.get(os.waitstatus_to_exitcode(status), "crash")
        if said == "no error":
            return "it fits" if one.verdict(path, [fresh]) == "same" else "no error, and lost"
        return f"{said}, {'intact' if one.verdict(path, [values]) == 'same' else 'damaged'}"

    return case


def _update_within(one, path: Path, fresh: np.ndarray, limit: int) -> int:
    array = one.open(path, "a")
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        array[...] = fresh
        one.close(array)
    except Exception as error:
        is_right = (
            not one.sums or one in PEERS or getattr(error, "errno", None) in (errno.EFBIG, errno.ENOSPC)
        )
        return 3 if is_right else 4
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return 0


def short_transfers(folder: Path, name: str):
    """Cases: an array is made, changed and read while reads and writes are short, or interrupted."""
    one = store(name)

    def case(number: int) -> str:
        path, values = folder / str(number), sample(number)
        one.create(path, values)
        array = one.open(path, "a")
        values[3:70, 5:60] = array[3:70, 5:60] = number
        one.close(array)
        return one.verdict(path, [values])

    return case


def _with_short_transfers(effort: Effort, count: int) -> Counter:
    library = effort.folder / "short.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, SHIM, "-ldl"], check=True)
    os.environ["RELIABILITY_PRELOAD"] = str(library)
    try:
        counts = measure(effort, "failures:short_transfers", count, name="frame")
        counts += measure(effort, "failures:short_transfers", count, name="sparse")
    finally:
        del os.environ["RELIABILITY_PRELOAD"]
    return counts


def io_failures(effort: Effort) -> Result:
    """Each call in turn, a full disk, and transfers that are short."""
    found = _failures(_profile(effort))
    calls = {name: counts for name, counts in found.items() if name != "no memory"}
    tried, wrong = (sum(counts[i] for counts in calls.values()) for i in (0, 1))
    full = measure(effort, "failures:full_disk", effort.count(40, 10, 200), name="frame")
    full += measure(effort, "failures:full_disk", effort.count(40, 10, 200), name="sparse")
    short = _with_short_transfers(effort, effort.count(10, 3, 100))
    peers = {}
    for one in PEERS if effort.peers else []:
        counts = measure(effort, "failures:full_disk", effort.count(40, 0, 200), name=one.name)
        peers[one.name] = f"disk full: {tally(counts)}"
    ours = f"each call: {tried:,} failures, {wrong} wrong; disk full: {tally(full)}; short: {tally(short)}"
    passed = wrong == 0 and bad(full, "error, intact", "it fits") == 0 and bad(short, "same") == 0
    return Result(ours, passed, peers)


def memory_failures(effort: Effort) -> Result:
    """Each allocation in turn."""
    tried, wrong = _failures(_profile(effort))["no memory"]
    return Result(f"{tried:,} failures, {wrong} wrong", wrong == 0)


GOALS = [
    Goal(
        "G8",
        "each I/O call fails; disk full; short transfers",
        "error with errno, old data intact",
        io_failures,
    ),
    Goal("G9", "each allocation fails", "MemoryError, nothing changed", memory_failures),
]
