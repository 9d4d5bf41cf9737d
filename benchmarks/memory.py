"""Peak memory of each operation of a competitor, in a process of its own.

`python -m benchmarks.memory COMPETITOR MIB SETTING` prints, for each operation, the bytes by which the
process grew at most beside what it held before: the array, and the source of a write. The kernel counts it
(VmHWM, which /proc/self/clear_refs resets).
"""

import ctypes
import dataclasses
import functools
import gc
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data, keys
from benchmarks.keys import Key
from benchmarks.peers import PEERS, Peer
from benchmarks.settings import Setting


@dataclasses.dataclass(frozen=True)
class Operation:
    """What is done: a competitor, its array and the data in it, and a key for the shape."""

    work: Callable[[Peer, Any, np.ndarray, Key], Any]
    key: Callable[[tuple[int, ...]], Key]


def read(peer: Peer, array: Any, source: np.ndarray, key: Key) -> np.ndarray:
    return peer.read(array, key)


def update(peer: Peer, array: Any, source: np.ndarray, key: Key) -> None:
    peer.write(array, key, np.ascontiguousarray(source[key]))  # python-blosc2 takes no other


def write(peer: Peer, array: Any, source: np.ndarray, key: Key) -> Any:
    return peer.make(source, peer.path())


def everything(shape: tuple[int, ...]) -> Key:
    return keys.everything(shape)[0]


def box(shape: tuple[int, ...]) -> Key:
    return keys.boxes(shape)[0]


def item(shape: tuple[int, ...]) -> Key:
    return keys.items(shape)[0]


def plane(axis: int, shape: tuple[int, ...]) -> Key:
    return keys.planes(shape, axis)[1]


OPERATIONS = {
    "read all": Operation(read, everything),
    "plane across axis 0": Operation(read, functools.partial(plane, 0)),
    "plane across axis 2": Operation(read, functools.partial(plane, 2)),
    "box 32 wide": Operation(read, box),
    "item, cold": Operation(read, item),
    "write all": Operation(write, everything),
    "update box 32 wide": Operation(update, box),
    "update plane, axis 2": Operation(update, functools.partial(plane, 2)),
}


def status_bytes(name: str) -> int:
    """Return a size of this process, as the kernel tells it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    [kib] = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(kib) * 1024


def growth(call: Callable[[], Any]) -> int:
    """Return by how many bytes the process grows at most during a call, its result included."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what is free already would hide what is taken
    Path("/proc/self/clear_refs").write_text("5")
    before = status_bytes("VmRSS")
    result = call()
    peak = status_bytes("VmHWM")
    del result
    return peak - before


@functools.cache
def peaks(competitor: str, mib: int, setting: Setting) -> dict[str, int]:
    """Measure in a child process, once."""
    values = json.dumps(dataclasses.asdict(setting))
    command = [sys.executable, "-m", "benchmarks.memory", competitor, str(mib), values]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main(competitor: str, mib: str, values: str) -> None:
    setting = Setting(**json.loads(values))
    source = data.make(setting.data, int(mib))
    [kind] = [kind for kind in PEERS if kind.name == competitor]
    with tempfile.TemporaryDirectory() as folder:
        peer = kind(setting.fitted(source.shape), Path(folder))
        small = peer.make(source[:64].copy(), peer.path())  # what a library sets up once is not counted
        peer.read(small, item(source[:64].shape))
        grown = {}
        for name, operation in OPERATIONS.items():
            array = None if operation.work is write else peer.make(source, peer.path())
            key = operation.key(source.shape)
            grown[name] = growth(functools.partial(operation.work, peer, array, source, key))
        print(json.dumps(grown))


if __name__ == "__main__":
    main(*sys.argv[1:])
