"""Competitors timed in turn: a, b, c, a, b, c...; and the medians of the ratios of neighbours.

A busy or throttled machine slows all that runs at the same moment, so that a ratio of two calls of one round
tells more than one of two medians.
"""

import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

Call = Callable[[], Any]

FEWEST, MOST = 5, 40  # rounds
SLOW = 8.0  # times ours: who takes that long is measured in few rounds
SLOW_ROUNDS = 2


def paired_ratio(ours: list[float], other: list[float]) -> float:
    """Return the median of ours / other over the rounds in which both ran, which are the first ones."""
    return statistics.median(a / b for a, b in zip(ours, other, strict=False))


class Rounds:
    """Rounds of some calls.

    Parameters
    ----------
    calls : mapping of str to callable
        Each competitor's work. What it returns is freed outside of the measured time.
    ours : str
        The one that all others are compared with; it is the last of each round.
    seconds : float
        About how long all rounds together may take, if that allows the fewest.
    clock : {"wall", "cpu"}
        What ratios are of. On a busy machine the processor time of one thread's work tells more.
    check : callable, optional
        Gets each competitor's name and first result, to raise if that is wrong.
    """

    def __init__(
        self,
        calls: Mapping[str, Call],
        ours: str,
        seconds: float,
        clock: str = "wall",
        check: Callable[[str, Any], None] = lambda name, result: None,
    ) -> None:
        self.calls = dict(calls)
        self.name = ours
        self.wall: dict[str, list[float]] = {name: [] for name in calls}
        self.cpu: dict[str, list[float]] = {name: [] for name in calls}
        self.clock = self.wall if clock == "wall" else self.cpu
        self.result: Any = None
        self._shuffled = random.Random(0)
        warm = {}
        for name in self.calls:
            warm[name] = self._time(name)[0]
            check(name, self.result)
        self.slow = {name for name in warm if warm[name] > SLOW * warm[ours]}
        quick = sum(warm[name] for name in warm if name not in self.slow)
        self.count = min(max(int(seconds / quick), FEWEST), MOST)

    def _time(self, name: str) -> tuple[float, float]:
        call = self.calls[name]
        self.result = None
        gc.disable()
        try:
            cpu, wall = time.process_time(), time.perf_counter()
            self.result = call()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        finally:
            gc.enable()
        return wall, cpu

    def _measure(self, name: str) -> None:
        wall, cpu = self._time(name)
        self.wall[name].append(wall)
        self.cpu[name].append(cpu)

    def others(self) -> None:
        """Run everyone but ours, in an order of chance."""
        names = [name for name in self.calls if name != self.name]
        self._shuffled.shuffle(names)
        for name in names:
            if name not in self.slow or len(self.wall[name]) < SLOW_ROUNDS:
                self._measure(name)
        self.result = None

    def ours(self) -> None:
        """Run ours, which ends the round."""
        self._measure(self.name)

    def summary(self, calls: int = 1) -> dict[str, Any]:
        """Return medians: seconds for each of the `calls` in a round, ratios ours / theirs, and CPUs used."""
        ours = self.clock[self.name]
        others = [name for name in self.calls if name != self.name]
        return {
            "rounds": len(ours),
            "seconds": {name: statistics.median(self.clock[name]) / calls for name in self.calls},
            "ratios": {name: paired_ratio(ours, self.clock[name]) for name in others},
            "cpus": {name: sum(self.cpu[name]) / sum(self.wall[name]) for name in self.calls},
        }
