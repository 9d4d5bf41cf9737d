"""G23: a source that lies: answers that are too short or too long, other bytes, exceptions, and the like."""

import itertools
import sys
from pathlib import Path

import numpy as np

from reliability.goal import Effort, Goal, Result, bad, measure, tally, unavailable
from reliability.stores import documented, has_sums, sample, store, verdict_of

# Those that give bytes of the right number which are wrong: only checksums can tell.
NEED_SUMS = {"changed content", "other range", "zeros", "a flipped bit"}


def _liars(content: bytes, other: bytes) -> dict:
    """Return what a liar answers to (position, count), once the truth has been told a few times."""
    return {
        "short": lambda position, count: content[position : position + count - 1],
        "empty": lambda position, count: b"",
        "long": lambda position, count: content[position : position + count] + b"more",
        "endless": lambda position, count: itertools.repeat(0),
        "enormous": lambda position, count: bytes(1 << 28),
        "text": lambda position, count: "x" * count,
        "nothing": lambda position, count: None,
        "a number": lambda position, count: count,
        "an exception": lambda position, count: 1 // 0,
        "an exit": lambda position, count: sys.exit("no"),
        "changed content": lambda position, count: other[position : position + count].ljust(count, b"\0"),
        "other range": lambda position, count: content[max(position - 7, 0) :][:count].ljust(count, b"\0"),
        "zeros": lambda position, count: bytes(count),
        "a flipped bit": lambda position, count: (
            bytes([content[position] ^ 4]) + content[position + 1 : position + count]
        ),
    }


def lies(folder: Path):
    """Cases: each lie, told from the first, second, ... answer on."""
    import caterva

    one, values = store("frame"), sample()
    for name, items in (("a", values), ("b", sample(9))):
        one.create(folder / name, items)
    content, other = (folder / "a").read_bytes(), (folder / "b").read_bytes()
    liars = [
        (what, lie) for what, lie in _liars(content, other).items() if has_sums() or what not in NEED_SUMS
    ]

    def case(number: int) -> str:
        what, lie = liars[number % len(liars)]
        truths, asked = number // len(liars), itertools.count()

        def answer(position: int, count: int):
            told = next(asked) < truths
            return content[position : position + count] if told else lie(position, count)

        def read() -> np.ndarray:
            try:
                handle = caterva._core.ArrayHandle.open_source(answer, len(content))
                return np.asarray(caterva.NDArray(handle)[...])
            except SystemExit as error:  # it asks for the end, and gets it
                raise OSError("exit") from error

        verdict = verdict_of(read, [values], documented())
        return verdict if verdict in ("error", "same") else f"{verdict}: {what}"

    return case


def lying_source(effort: Effort) -> Result:
    """All lies at all times."""
    counts = measure(effort, "remote:lies", 14 * effort.count(20, 8, 60))
    passed = bad(counts, "error", "same") == 0
    if passed and not has_sums():
        return unavailable(f"checksums, which wrong bytes of the right number need (others: {tally(counts)})")
    return Result(tally(counts), passed)


GOALS = [Goal("G23", "a source that lies, in 14 ways", "0 wrong, 0 hangs", lying_source)]
