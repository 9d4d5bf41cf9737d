"""The committed record of ratios, and what counts as worse than it. Pure: dicts in, lists out.

A record maps cells ("behaviour | setting") to the ratios ours / theirs of all competitors. A cell is worse
if the median of new / recorded over the competitors of both is above the limit: a competitor that had a bad
moment, or a new version of one, moves one ratio, and a slower caterva moves all.
"""

import json
import statistics
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

LIMIT = 1.15
TRIES = 3

Record = dict[str, dict[str, float]]


def change(recorded: Mapping[str, float], measured: Mapping[str, float]) -> float:
    """Return how much slower ours has got beside those who are in both; 1 is as before.

    Examples
    --------
    >>> change({"floor": 1.0, "zarr": 0.5, "gone": 3}, {"floor": 1.5, "zarr": 0.5, "new": 7})
    1.25
    """
    both = recorded.keys() & measured.keys()
    return statistics.median(measured[name] / recorded[name] for name in both) if both else 1.0


def worse(recorded: Record, measured: Record) -> dict[str, float]:
    """Return the cells that got worse by more than the limit, and by how much."""
    changes = {cell: change(recorded[cell], ratios) for cell, ratios in measured.items() if cell in recorded}
    return {cell: by for cell, by in changes.items() if by > LIMIT}


def confirmed(
    recorded: Record, measured: Record, again: Callable[[Iterable[str]], Record], tries: int = TRIES
) -> dict[str, float]:
    """Return the cells that were worse in every one of `tries` measurements, and by how much at best.

    `again` measures the given cells once more.
    """
    failed = worse(recorded, measured)
    for _ in range(tries - 1):
        if not failed:
            break
        repeated = worse(recorded, again(failed))
        failed = {cell: min(by, repeated[cell]) for cell, by in failed.items() if cell in repeated}
    return failed


def load(path: Path) -> Record:
    return json.loads(path.read_text()) if path.exists() else {}


def save(path: Path, record: Record) -> None:
    """Write a record, three digits each, so that its diffs can be read."""
    rounded = {
        cell: {n: float(f"{r:.3g}") for n, r in sorted(ratios.items())} for cell, ratios in record.items()
    }
    path.write_text(json.dumps(rounded, indent=1, sort_keys=True) + "\n")
