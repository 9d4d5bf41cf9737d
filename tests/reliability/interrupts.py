"""G16: Ctrl-C in a call of several seconds: how long until it is over, and what the array is then."""

import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from reliability.goal import Effort, Goal, Result
from reliability.isolated import environment

LIMIT = 0.2  # seconds
SHAPE = (10_000, 4000)  # some seconds of work
GIVE_UP = 20.0


def long_call(kind: str, library: str, path: str) -> None:
    """Say "ready", call, and say how it ended."""
    values = np.random.default_rng(0).integers(0, 1 << 20, (500, 4000)).astype("<i4")
    source = np.broadcast_to(values, (SHAPE[0] // 500, 500, 4000)).reshape(SHAPE)
    if library == "ours":
        import caterva as cat

        def make(**options):
            return cat.asarray(
                source, chunks=(500, 1000), blocks=(50, 250), codec="zstd", clevel=9, **options
            )

        array = cat.zeros(
            SHAPE, dtype="<i4", chunks=(500, 1000), blocks=(50, 250), urlpath=path, codec="zstd", clevel=9
        )
    elif library == "blosc2":
        import blosc2

        parameters = {"codec": blosc2.Codec.ZSTD, "clevel": 9, "nthreads": 1}

        def make(**options):
            return blosc2.asarray(source, chunks=(500, 1000), blocks=(50, 250), cparams=parameters, **options)

        array = blosc2.zeros(
            SHAPE, "<i4", chunks=(500, 1000), blocks=(50, 250), urlpath=path, cparams=parameters
        )
    calls = {"create": lambda: make(urlpath=path + ".new"), "update": lambda: array.__setitem__(..., source)}
    print("ready", flush=True)
    try:
        calls[kind]()
        ended = "not interrupted"
    except KeyboardInterrupt:
        ended = "interrupted"
    print(ended, time.monotonic(), flush=True)
    if kind == "create":
        print("old" if not Path(path + ".new").exists() else "new" if ended != "interrupted" else "torn")
    else:
        found = [array[row * 500, :3000:1000] for row in range(0, 20, 2)]
        zero = [not np.asarray(part).any() for part in found]
        print("old" if all(zero) else "new" if not any(zero) else "torn")


def _interrupt(effort: Effort, kind: str, library: str, after: float) -> tuple[float, str, str]:
    path = effort.folder / f"{kind}-{library}-{after}"
    command = [sys.executable, "-P", "-m", "reliability.interrupts", kind, library, str(path)]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
    assert process.stdout
    process.stdout.readline()
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    try:
        said, _ = process.communicate(timeout=GIVE_UP)
        ended, when, state = (
            said.split()[-3:] if "not" not in said else ("no", said.split()[2], said.split()[3])
        )
        return float(when) - sent, ended, state
    except (subprocess.TimeoutExpired, ValueError):
        process.kill()
        return GIVE_UP, "lost", "unknown"


def latency(effort: Effort) -> Result:
    """Calls that make and that change an array, interrupted at several times."""
    texts, passed = {}, True
    for library in ("ours", "blosc2") if effort.peers else ("ours",):
        words = []
        for kind in ("create", "update"):
            times = [0.1 + 0.15 * i for i in range(effort.count(5, 2, 50))]
            found = []
            for after in times:
                found.append(_interrupt(effort, kind, library, after))
                if found[-1][0] > 5 * LIMIT:  # the others would be as bad
                    break
            waits, states = [one[0] for one in found], {one[2] for one in found}
            times_text = f"{statistics.median(waits):.2f} s, at most {max(waits):.2f}"
            words.append(f"{kind}: {times_text}; {'/'.join(sorted(states))}")
            if library == "ours":
                passed = passed and max(waits) <= LIMIT and states <= {"old", "new"}
        texts[library] = "; ".join(words)
    return Result(texts.pop("ours"), passed, texts)


GOALS = [
    Goal(
        "G16",
        "Ctrl-C in a call of seconds: until it is over; the array",
        "<= 200 ms; old or new",
        latency,
    )
]

if __name__ == "__main__":
    long_call(*sys.argv[1:])
