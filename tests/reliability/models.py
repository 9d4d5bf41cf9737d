"""G29 to G33: what scripts and tests of their own measure: sizes, names, histories, flushes, Ctrl-C."""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from reliability.goal import Effort, Goal, Result, measure, tally
from reliability.isolated import environment
from reliability.stores import PEERS, files_of, store

TESTS = Path(__file__).parents[1]
BUILD = TESTS.parent / "build/c/subprojects/c-blosc2"
SECONDS = 7200


def _python(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-P", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment(), cwd=TESTS, timeout=SECONDS
    )


# ------------------------------------------------------------------ space


def growth(folder: Path, name: str):
    """Cases: how large files get, beside what an array of noise has, when 400 chunks are replaced."""
    one, rows = store(name), np.random.default_rng(3)

    def case(number: int) -> str:
        path, values = folder / str(number), rows.integers(0, 1 << 31, (1200, 900), dtype="<i4")
        one.create(path, values)
        size = sum(file.stat().st_size for file in files_of(path))
        array = one.open(path, "a")
        for turn in range(400):
            row, column = 40 * (turn % 30), 30 * (turn * 7 % 30)
            array[row : row + 40, column : column + 30] = rows.integers(0, 1 << 31, (40, 30), dtype="<i4")
            one.commit(array)
        one.close(array)
        return f"{sum(file.stat().st_size for file in files_of(path)) / size:.1f} times"

    return case


def space(effort: Effort) -> Result:
    """Every situation of tests/stress/space.py."""
    names = ["one_transaction", "single_writes", "directory"] if effort.name == "quick" else []
    done = _python("stress/space.py", *names)
    ratios = [float(found) for found in re.findall(r"= +([\d.]+)  closed", done.stdout)]
    too_large = done.stdout.count("TOO LARGE")
    if done.returncode or not ratios:
        return Result(f"the script fails: {done.stderr[-600:]}", False)
    text = f"{len(ratios)} situations, at most {max(ratios)} times; {too_large} above"
    names = ["frame", "sparse"]
    ours = {name: tally(measure(effort, "models:growth", 1, name=name)) for name in names}
    text += "; 400 chunks replaced: " + ", ".join(f"{name} {ours[name]}" for name in names)
    peers = {}
    for one in PEERS if effort.peers else []:
        peers[one.name] = tally(measure(effort, "models:growth", 1, name=one.name))
    return Result(text, too_large == 0, peers)


# ------------------------------------------------------------------ tests


def names(effort: Effort) -> Result:
    """By tests/test_names.py."""
    done = _python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_names.py")
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-300:]
    return Result(f"test_names.py: {last.strip('= ')}", done.returncode == 0)


def flushed(effort: Effort) -> Result:
    """By the C test of recorded traces."""
    done = subprocess.run([BUILD / "test_flush"], capture_output=True, text=True, timeout=SECONDS)
    return Result(f"test_flush: {done.stdout.strip().splitlines()[-1]}", done.returncode == 0)


# ------------------------------------------------------------------ histories


def histories(effort: Effort) -> Result:
    """Run tests/stress/histories.py on each core."""
    workers = len(os.sched_getaffinity(0))
    share = effort.count(ci=4000, quick=100, release=100_000) // workers
    command = [sys.executable, "-P", "stress/histories.py", "--count", str(share), "--seed"]
    seed = time.time_ns() % 10**9 if effort.name == "release" else 0
    running = [
        subprocess.Popen(
            [*command, str(seed + share * worker)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
            cwd=TESTS,
        )
        for worker in range(workers)
    ]
    said = "".join(process.communicate()[0] for process in running)
    totals: Counter = Counter()
    for what, count in re.findall(r"'(\w+)': (\d+)", said):
        totals[what] += int(count)
    wrong = sum(map(int, re.findall(r"histories, (\d+) wrong", said)))
    text = (
        f"{share * workers:,} histories, {totals['done']:,} commits, {totals['killed']:,} processes killed,"
    )
    text += f" {totals['saw']:,} states looked at: {wrong} wrong"
    return Result(text, wrong == 0 and not any(process.returncode for process in running))


def interrupts(effort: Effort) -> Result:
    """Run tests/stress/ctrl_c.py."""
    rounds = effort.count(ci=1500, quick=150, release=20_000)
    done = _python("stress/ctrl_c.py", "--rounds", rounds)
    if done.returncode:
        return Result(f"goes wrong: {done.stderr[-600:]}", False)
    return Result(f"{2 * rounds:,} interrupts of files and directories: none lost, no change left open", True)


GOALS = [
    Goal(
        "G29",
        "sizes of files, whatever is done to them",
        "<= 3 times (what is live, and what readers need) and 2 MiB",
        space,
    ),
    Goal("G30", "links, long names, modes, owners, what a killed process left", "as they were", names),
    Goal("G31", "what a flush returned of, in recorded traces", "all of it synced before", flushed),
    Goal(
        "G32",
        "three processes that change one array and are killed, beside a model",
        "every read a whole commit, none older than seen; nothing acknowledged is missing",
        histories,
    ),
    Goal(
        "G33",
        "Ctrl-C at any instant of short changes",
        "it comes out; old or new; no change open",
        interrupts,
    ),
]
