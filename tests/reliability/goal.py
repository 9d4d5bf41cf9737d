"""What a goal is, what comes of one, and how much is tried."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reliability.isolated import SECONDS_A_CASE, run_cases


@dataclass(frozen=True)
class Effort:
    """How much a run tries, and where it may put files.

    Parameters
    ----------
    name : {"quick", "ci", "release"}
        Which of the counts of a goal are used.
    folder : Path
        For files of the run; in memory where there is /dev/shm.
    peers : bool
        Whether other libraries are run beside.
    seconds : float
        How long each of the goals that run for a time runs.
    """

    name: str
    folder: Path
    peers: bool
    seconds: float

    @property
    def skips_builds(self) -> bool:
        """Whether goals that need builds of their own are left out."""
        return self.name == "quick"

    def count(self, ci: int, quick: int, release: int) -> int:
        """Return how many times something is tried."""
        return {"ci": ci, "quick": quick, "release": release}[self.name]


@dataclass(frozen=True)
class Result:
    """What a goal came to: `passed` is None where it cannot be measured (yet, or here)."""

    ours: str
    passed: bool | None
    peers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Goal:
    """A line of the table: `bar` is what is asked for, `run` measures it."""

    name: str
    measure: str
    bar: str
    run: Callable[[Effort], Result]


def unavailable(why: str, peers: Mapping[str, str] | None = None) -> Result:
    """Return the result of what cannot be measured."""
    return Result(f"not available: {why}", None, peers or {})


def tally(counts: Counter) -> str:
    """Return counts as text, the most frequent first.

    Examples
    --------
    >>> tally(Counter(same=3, error=7))
    '7 error, 3 same'
    """
    return ", ".join(f"{count:,} {what}" for what, count in counts.most_common()) or "nothing"


def measure(
    effort: Effort, case: str, count: int, *, seconds_each: float = SECONDS_A_CASE, **arguments: object
) -> Counter:
    """Run numbered cases of a function "module:name" in a process of its own; return their verdicts."""
    begun = time.monotonic()
    counts = run_cases(f"reliability.{case}", arguments, count, effort.folder, seconds_each)
    counts.seconds = time.monotonic() - begun  # type: ignore[attr-defined]
    return counts


def bad(counts: Counter, *allowed: str) -> int:
    """Return how many verdicts are none of those allowed."""
    return sum(count for what, count in counts.items() if what not in allowed)
