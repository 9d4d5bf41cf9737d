"""G26: arrays whose files are damaged, and that live on: the C program `lives`, with a model beside them."""

import re
import subprocess
from pathlib import Path

from reliability.goal import Effort, Goal, Result

PROGRAM = Path(__file__).parents[2] / "build/c/subprojects/caterva/lives"
LINE = re.compile(r"(\d+) lives, (\d+) damaged: (\d+) wrong")


def damaged_lives(effort: Effort) -> Result:
    """Lives of which every region met every operation."""
    count = effort.count(ci=20_000, quick=5_000, release=1_000_000)
    done = subprocess.run(
        [PROGRAM, "0", str(count), "--strict"], capture_output=True, text=True, timeout=7200
    )
    match = LINE.search(done.stdout)
    if not match:
        return Result(f"{PROGRAM.name} ended with {done.returncode}: {done.stderr[-800:]}", False)
    lives, hurt, wrong = map(int, match.groups())
    text = f"{lives:,} lives, {hurt:,} of them damaged: {wrong:,} wrong"
    return Result(text, done.returncode == 0 and wrong == 0)


GOALS = [
    Goal(
        "G26",
        "up to three flipped bits anywhere, or a cut file, then 25 operations",
        "an exception or the right value; nothing flushed gets older; one of two copies is enough",
        damaged_lives,
    )
]
