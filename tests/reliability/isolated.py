"""Cases in a process of their own, so that crashes and hangs are counted and not suffered.

A function that makes cases is named "module:function". Called with the arguments, it returns
``case(number)``, which returns a verdict, a word. ``python -m reliability.isolated`` runs one after the
other, and writes each verdict down; where it dies or stands still, that is the verdict, and another process
goes on.
"""

import faulthandler
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]
SECONDS_A_CASE = 20  # on a machine that does other things as well; what hangs, hangs longer
MEMORY = 3 << 30  # more than what any case has a right to; for the data of the process


def environment() -> dict[str, str]:
    """Return the environment of a process that imports this package."""
    own = {
        "PYTHONPATH": os.environ.get("PYTHONPATH", str(TESTS)),
        "BLOSC_NTHREADS": "1",
        "HDF5_USE_FILE_LOCKING": "TRUE",
    }
    if preload := os.environ.get("RELIABILITY_PRELOAD"):
        own["LD_PRELOAD"] = preload
    return os.environ | own


def run_cases(
    function: str, arguments: dict, count: int, folder: Path, seconds: float = SECONDS_A_CASE
) -> Counter:
    """Return how often each verdict came of cases 0 to `count`."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        done = Path(home) / "verdicts"
        done.touch()
        while (number := done.read_bytes().count(b"\n")) < count:
            work = Path(home) / f"work-{number}"
            work.mkdir()
            command = [sys.executable, "-P", "-m", "reliability.isolated", function, json.dumps(arguments)]
            command += [str(number), str(count), str(done), str(work)]
            ended, text = _watch(command, done, seconds, Path(home) / "errors")
            if ended == 0 and done.read_bytes().count(b"\n") == count:
                break
            if ended not in ("hang", 0) and number == done.read_bytes().count(b"\n") and "Traceback" in text:
                raise RuntimeError(f"{function} {arguments} cannot run:\n{text[-600:]}")
            with done.open("a") as verdicts:
                verdicts.write("hang\n" if ended == "hang" else "crash\n")
        return Counter(done.read_text().split("\n")[:-1])


def _watch(command: list[str], done: Path, seconds: float, errors: Path) -> tuple[int | str, str]:
    """Run a process until it ends, or no verdict comes for so many seconds."""
    with errors.open("wb") as stream:
        process = subprocess.Popen(command, env=environment(), stdout=stream, stderr=stream)
    size, since = done.stat().st_size, time.monotonic()
    while process.poll() is None:
        time.sleep(0.02)
        if done.stat().st_size != size:
            size, since = done.stat().st_size, time.monotonic()
        elif time.monotonic() - since > seconds:
            process.kill()
            process.wait()
            return "hang", ""
    return process.returncode, errors.read_text(errors="replace")


def main(function: str, arguments: str, start: str, stop: str, done: str, work: str) -> None:
    """Run cases, appending each verdict to a file."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    module, name = function.split(":")
    case = getattr(importlib.import_module(module), name)(folder=Path(work), **json.loads(arguments))
    verdicts = os.open(done, os.O_WRONLY | os.O_APPEND)
    for number in range(int(start), int(stop)):
        os.write(verdicts, f"{case(number)}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
