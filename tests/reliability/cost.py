"""G25: what checksums cost: processor time with and without, in turn."""

import statistics
import time
from pathlib import Path

import numpy as np

from reliability.goal import Effort, Goal, Result, measure, unavailable
from reliability.stores import has_sums, remove

SHAPE, CHUNKS, BLOCKS = (2000, 2000), (500, 500), (50, 125)


def ratios(folder: Path, rounds: int):
    """One case: its verdict is the two costs in percent."""
    import caterva as cat

    values = np.cumsum(np.random.default_rng(0).integers(-50, 50, SHAPE), axis=1).astype("<i4")

    def write(sums: bool) -> float:
        path = folder / f"array-{sums}"
        remove(path)
        begun = time.process_time()
        cat.asarray(values, chunks=CHUNKS, blocks=BLOCKS, urlpath=str(path), checksum=sums).close()
        return time.process_time() - begun

    def read(sums: bool) -> float:
        array = cat.open(str(folder / f"array-{sums}"), mode="r", cache_bytes=0)
        begun = time.process_time()
        _ = array[...]
        return time.process_time() - begun

    def cost(work) -> float:
        for sums in (False, True):
            work(sums)
        found = [work(True) / work(False) for _ in range(rounds)]
        return (statistics.median(found) - 1) * 100

    def case(number: int) -> str:
        return f"write {cost(write):.1f} % read {cost(read):.1f} %"

    return case


def of_checksums(effort: Effort) -> Result:
    """Reads and writes of a whole array."""
    if not has_sums():
        return unavailable("checksums")
    (text,) = measure(effort, "cost:ratios", 1, rounds=effort.count(15, 7, 41))
    limit = 3.0 if effort.name == "release" else 5.0
    return Result(
        text, all(float(word) <= limit for word in text.split() if word[0].isdigit() or word[0] == "-")
    )


GOALS = [Goal("G25", "cost of checksums, processor time", "<= 5 % of reads and writes", of_checksums)]
