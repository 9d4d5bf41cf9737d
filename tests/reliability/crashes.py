"""G5, G6: every state in which a crash may leave an array, made from a record of the calls.

`test_crash` opens each by our own reader; the states in order are written to files for python-blosc2.
"""

import os
import re
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import refdecode

from reliability.goal import Effort, Goal, Result, bad, measure, tally

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "build/c/subprojects/caterva/test_crash"
PROFILES = {"quick": "quick", "ci": "default", "release": "long"}
LINE = re.compile(r"([a-z ]+): (\d+) states: (\d+) old, (\d+) new, (\d+) errors, (\d+) wrong, (\d+) lost")


@cache
def _states(profile: str) -> dict[str, dict[str, int]]:
    """Run the C test: for each kind of state, how many there were, and what they were."""
    environment = os.environ | {"CATERVA_TEST_PROFILE": profile}
    done = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, timeout=3600)
    found = {}
    for line in done.stdout.splitlines():
        if match := LINE.fullmatch(line):
            counts = dict(
                zip(
                    ("states", "old", "new", "error", "wrong", "lost"),
                    map(int, match.groups()[1:]),
                    strict=True,
                )
            )
            found[match[1]] = counts
    if not found:
        raise RuntimeError(f"{PROGRAM} ended with {done.returncode}: {done.stderr[-2000:]}")
    return found


def _words(counts: dict[str, int]) -> str:
    kinds = ", ".join(f"{counts[kind]:,} {kind}" for kind in ("old", "new", "error", "wrong"))
    return f"{counts['states']:,} states: {kinds}"


def _is_between(path: Path) -> bool:
    """Whether a frame without chunks has its trailer not yet where C-Blosc2 looks for it, and is whole."""
    if path.is_dir():
        return False
    try:
        frame = refdecode.open_frame(path)
    except refdecode.FormatError:
        return False
    return frame.nbytes == 0 and frame.cbytes > 0


def written(folder: Path, program: str):
    """Cases: a state, read by python-blosc2."""
    import blosc2

    subprocess.run([program, "write", str(folder)], check=True, capture_output=True)
    models, states = {}, []
    for line in (folder / "list.txt").read_text().splitlines():
        kind, *rest = line.split("\t")
        if kind == "model":
            name, exists, shape = rest
            items = np.fromfile(folder / f"{name}.raw", dtype="<u4")
            extents = tuple(map(int, shape.split(",")))
            models[name] = items.reshape(extents) if exists == "1" else None
        else:
            states.append(rest)

    def case(number: int) -> str:
        which, what, is_over, old, new = states[number * STEP % len(states)]
        path = folder / which / "a.b2nd"
        allowed = [models[new]] + ([] if is_over == "1" else [models[old]])
        if not path.exists():
            return "old" if any(one is None for one in allowed) else "missing"
        try:
            found = blosc2.open(str(path), mode="r")[...]
        except Exception:
            if what == "torn header":
                return "error (torn header)"
            return "error (between two commits)" if _is_between(path) else "error"
        for name, one in (("new", models[new]), ("old", models[old])):
            if one is not None and found.shape == one.shape and (found == one).all():
                return name
        return "wrong (torn header)" if what == "torn header" else "wrong"

    return case


# Our headers are one sector, which disks write whole; so this is what would be if they did not. A frame that
# has just lost its chunks may need two commits until python-blosc2 finds its trailer: docs/design/growth.md.
TORN = ("error (torn header)", "wrong (torn header)", "error (between two commits)")
STEP = 7919  # a prime: any number of cases samples all scenarios


def _by_blosc2(effort: Effort) -> Counter:
    return measure(effort, "crashes:written", effort.count(1500, 200, 5000), program=str(PROGRAM))


def in_order(effort: Effort) -> Result:
    """Crash points in order, ours and read by python-blosc2."""
    found = _states(PROFILES[effort.name])
    theirs = _by_blosc2(effort)
    kinds = ("in order", "torn headers", "crashed again")
    ours = "; ".join(f"{kind}: {_words(found[kind])}" for kind in kinds)
    ours += f"; read by python-blosc2: {tally(theirs)}"
    passed = not any(found[kind][what] for kind in kinds for what in ("error", "wrong"))
    return Result(ours, passed and bad(theirs, "old", "new", *TORN) == 0)


def unsynced(effort: Effort) -> Result:
    """Writes that were not synced, lost in any combination."""
    found = _states(PROFILES[effort.name])
    counts, cuts = found["unsynced"], found["power cuts"]
    passed = counts["states"] >= 500 and not counts["error"] and not counts["wrong"] and not cuts["wrong"]
    text = (
        f"{_words(counts)}; without fsync: {_words(cuts)}, {cuts['lost']:,} unreadable until the next flush"
    )
    return Result(text, passed)


GOALS = [
    Goal(
        "G5",
        "crash points in order, file and directory",
        "every state old or new, in python-blosc2 too",
        in_order,
    ),
    Goal("G6", 'unsynced writes lost or torn, durability="fsync"', "every state old or new", unsynced),
]
