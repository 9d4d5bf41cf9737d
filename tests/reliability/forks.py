"""G11: a process that has used arrays, in threads too, forks; both sides go on."""

import os
import signal
import threading
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from reliability.goal import Effort, Goal, Result, bad, measure, tally
from reliability.stores import Store, sample, store

SHAPE = (600, 500)  # of enough blocks for all threads
LIMIT = 2.0  # seconds, beyond what the machine's load takes


def _in_child(work) -> str:
    """Run work in a fork of this process; return how that ended."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(2)
    begun = time.monotonic()
    while time.monotonic() - begun < 5 * LIMIT:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return {0: "right", 1: "wrong", 2: "error"}.get(code, f"signal {-code}")
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hang"


def _reads(one: Store, path: Path, values: np.ndarray) -> bool:
    return bool((one.read(path) == values).all())


def _pool_task(arguments) -> bool:
    name, path, seed = arguments
    return _reads(store(name), Path(path), sample(seed, SHAPE))


def forks(folder: Path, name: str):
    """Cases, five kinds in turn: idle, busy, a pool of processes, an open handle, a fork in a thread."""
    one, path, values = store(name), folder / "array", sample(0, SHAPE)
    if name == "blosc2":
        os.environ.pop("BLOSC_NTHREADS", None)
        import blosc2

        blosc2.set_nthreads(2)
    elif name in ("frame", "sparse"):
        import caterva

        caterva.set_nthreads(2)
    one.create(path, values)
    _reads(one, path, values)  # its threads have started

    def idle() -> str:
        return _in_child(lambda: _reads(one, path, values))

    def busy() -> str:
        stop = threading.Event()
        readers = [
            threading.Thread(target=lambda: [one.read(path) for _ in iter(stop.is_set, True)])
            for _ in range(2)
        ]
        for reader in readers:
            reader.start()
        verdict = _in_child(lambda: _reads(one, path, values))
        stop.set()
        for reader in readers:
            reader.join()
        return verdict

    def pool() -> str:
        processes = get_context("fork").Pool(2)
        try:
            tasks = processes.map_async(_pool_task, [(name, str(path), 0)] * 4)
            return "right" if all(tasks.get(5 * LIMIT)) else "wrong"
        except Exception as error:
            return "hang" if "Timeout" in type(error).__name__ else "error"
        finally:
            processes.terminate()

    def handle() -> str:
        array = one.open(path)
        verdict = _in_child(lambda: bool((np.asarray(array[...]) == values).all()))
        same = bool((np.asarray(array[...]) == values).all())
        one.close(array)
        return verdict if same else "wrong"

    def threaded() -> str:
        verdicts: list[str] = []
        thread = threading.Thread(target=lambda: verdicts.append(idle()))
        thread.start()
        thread.join()
        return verdicts[0]

    def case(number: int) -> str:
        begun = time.monotonic()
        verdict = (idle, busy, pool, handle, threaded)[number % 5]()
        return verdict if verdict != "right" or time.monotonic() - begun < LIMIT * 2 else "slow"

    return case


def forked(effort: Effort) -> Result:
    """All kinds, ours and the peers that have threads."""
    counts = measure(effort, "forks:forks", effort.count(50, 10, 1000), name="frame")
    counts += measure(effort, "forks:forks", effort.count(10, 5, 200), name="sparse")
    names = ("blosc2", "h5py", "zarr") if effort.peers else ()
    peers = {name: tally(measure(effort, "forks:forks", 3, name=name)) for name in names}
    return Result(tally(counts), bad(counts, "right") == 0, peers)


GOALS = [Goal("G11", "use after fork: idle, busy, Pool, inherited handle, in a thread", "all right", forked)]
