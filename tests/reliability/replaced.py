"""G17: a file that is cut, replaced, removed or overwritten while it is open for reading."""

import os
from collections import Counter
from pathlib import Path

import numpy as np

from reliability.goal import Effort, Goal, Result, bad, measure, tally
from reliability.stores import documented, files_of, remove, sample, store, verdict_of

WAYS = ["cut to 0", "cut in the middle", "cut by a byte", "replaced", "removed", "overwritten"]


def changed(folder: Path, name: str):
    """Cases: an array is opened, read or not, its file changed, and read (again)."""
    one, values, other = store(name), sample(), sample(5)

    def case(number: int) -> str:
        path, aside = folder / f"array-{number}", folder / f"aside-{number}"
        one.create(path, values)
        array = one.open(path)
        if number % 2:
            _ = array[0, 0]
        if path.is_file():
            _change(path, WAYS[number // 2 % len(WAYS)], one, other, aside)
        else:
            for file in files_of(path)[:: 1 + number % 3]:
                os.truncate(file, 0) if number % 4 < 2 else file.unlink()
        errors = documented() if name in ("frame", "sparse", "mmap") else (Exception,)
        verdict = verdict_of(lambda: np.asarray(array[...]), [values], errors)
        remove(path)
        return verdict

    return case


def _change(path: Path, way: str, one, other: np.ndarray, aside: Path) -> None:
    size = path.stat().st_size
    if way.startswith("cut"):
        os.truncate(path, {"cut to 0": 0, "cut in the middle": size // 2, "cut by a byte": size - 1}[way])
    elif way == "removed":
        path.unlink()
    else:
        one.create(aside, other)
        if way == "replaced":
            os.replace(aside, path)
        else:
            path.write_bytes(aside.read_bytes())


def while_open(effort: Effort) -> Result:
    """All ways: an error, or the values as they were."""
    counts: Counter = Counter()
    for name in ("frame", "sparse", "mmap"):
        counts += measure(effort, "replaced:changed", 2 * len(WAYS), name=name)
    names = ("blosc2", "h5py") if effort.peers else ()
    peers = {name: tally(measure(effort, "replaced:changed", 2 * len(WAYS), name=name)) for name in names}
    return Result(tally(counts), bad(counts, "error", "same") == 0, peers)


GOALS = [
    Goal(
        "G17",
        "file cut, replaced, overwritten while open; mmap too",
        "an error or the old values",
        while_open,
    )
]
