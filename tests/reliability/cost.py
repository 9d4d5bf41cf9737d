"""G25: what checksums cost: least processor time with and without, in turn."""

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
        times = [(work(False), work(True)) for _ in range(rounds)]
        least, least_with = (min(one) for one in zip(*times, strict=True))  # of the least disturbed rounds
        return (least_with / least - 1) * 100

    def case(number: int) -> str:
        return f"write {cost(write):.1f} % read {cost(read):.1f} %"

    return case


def of_checksums(effort: Effort) -> Result:
    """Reads and writes of a whole array."""
    if not has_sums():
        return unavailable("checksums")
    limit = 3.0 if effort.name == "release" else 5.0
    for _ in range(3):  # what disturbs a machine makes costs larger, not smaller
        (text,) = measure(effort, "cost:ratios", 1, rounds=effort.count(25, 15, 61))
        costs = [float(word) for word in text.split() if word[-1].isdigit()]
        if max(costs) <= limit:
            break
    return Result(text, max(costs) <= limit)


GOALS = [Goal("G25", "cost of checksums, processor time", "<= 5 % of reads and writes", of_checksums)]
