"""The competitors under one setting: each with its array of the same data, and the calls that are timed."""

import dataclasses
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data
from benchmarks.floor import Floor
from benchmarks.peers import PEERS, Peer
from benchmarks.peers.hdf5 import HDF5Hot
from benchmarks.settings import Setting
from benchmarks.targets import OURS

Calls = dict[str, Callable[[], Any]]

RESIZES = 50  # there and back in one call: a few microseconds each


@dataclasses.dataclass(frozen=True)
class Work:
    """The same work by all competitors."""

    calls: Calls
    count: int = 1  # of keys in one call
    expected: np.ndarray | None = None  # what each call but the floor's returns

    def check(self, name: str, result: Any) -> None:
        """Raise AssertionError if a competitor's result is not the right one."""
        if self.expected is not None and name != Floor.name:
            np.testing.assert_array_equal(np.asarray(result), self.expected, err_msg=name)


class Made:
    """An array that was written; its file goes with it."""

    def __init__(self, peer: Peer, array: Any, path: Path | None) -> None:
        self.peer, self.array, self.path = peer, array, path

    def __del__(self) -> None:
        self.peer.remove(self.path)


class Arena:
    """All that one setting needs, made once.

    Parameters
    ----------
    setting : Setting
        The conditions.
    mib : int
        Size of the data, where the setting has none.
    without : collection of str
        Competitors that stay out.
    """

    def __init__(self, setting: Setting, mib: int, without: Collection[str] = ()) -> None:
        self.data = data.make(setting.data, setting.mib or mib)
        self.setting = setting = setting.fitted(self.data.shape)
        self._folder = tempfile.TemporaryDirectory(prefix="caterva-bench-")
        folder = Path(self._folder.name)
        kinds = [kind for kind in PEERS if kind.supports(setting) and kind.name not in without]
        self.peers: list[Peer] = [kind(setting, folder) for kind in kinds]
        self.hot = HDF5Hot(setting, folder) if HDF5Hot.supports(setting) else None
        self.arrays = {peer.name: peer.make(self.data, peer.path()) for peer in self.peers}
        self.floor = Floor(self.arrays[OURS])

    def close(self) -> None:
        for peer in self.peers:
            peer.close(self.arrays[peer.name])
        self._folder.cleanup()

    def reads(self, keys: list[Any]) -> Work:
        """Calls that read each key in turn, and return the last result. Our cache of blocks is off."""
        self.arrays[OURS].cache_bytes = 0

        def call(peer: Peer, array: Any) -> Callable[[], Any]:
            def read() -> Any:
                for key in keys:
                    result = peer.read(array, key)
                return result

            return read

        calls = {peer.name: call(peer, self.arrays[peer.name]) for peer in self.peers}
        return Work({Floor.name: self.floor.reader(keys)} | calls, len(keys), self.data[keys[-1]])

    def hot_reads(self, keys: list[Any]) -> Work:
        """The same, with our cache and HDF5's on; no floor, as nothing needs to be decoded."""
        work = self.reads(keys)
        self.arrays[OURS].cache_bytes = 4 * 2**20
        del work.calls[Floor.name]
        if self.hot is None:
            return work
        hot, array = self.hot, self.hot.make(self.data, self.hot.path())

        def read() -> Any:
            for key in keys:
                result = hot.read(array, key)
            return result

        work.calls[hot.name] = read
        return work

    def writes(self) -> Work:
        """Calls that make an array of all the data, and close it where it is a file."""

        def call(peer: Peer) -> Callable[[], Any]:
            def write() -> Made:
                path = peer.path()
                array = peer.make(self.data, path)
                if path is not None:
                    peer.close(array)
                return Made(peer, array, path)

            return write

        return Work({Floor.name: self.floor.writer()} | {peer.name: call(peer) for peer in self.peers})

    def updates(self, keys: list[Any]) -> Work:
        """Calls that write what is there already, so that sizes stay."""
        values = [np.ascontiguousarray(self.data[key]) for key in keys]

        def call(peer: Peer, array: Any) -> Callable[[], Any]:
            def update() -> None:
                for key, value in zip(keys, values, strict=True):
                    peer.write(array, key, value)

            return update

        calls = {peer.name: call(peer, self.arrays[peer.name]) for peer in self.peers}
        return Work({Floor.name: self.floor.updater(keys)} | calls, len(keys))

    def resizes(self, shape: tuple[int, ...], rows: int = 0) -> Work:
        """Calls that resize an array, write its last `rows` rows, if any, and make it as it was."""
        old, value = self.data.shape, self.data[:rows]
        count = 1 if rows else RESIZES

        def call(peer: Peer, array: Any) -> Callable[[], Any]:
            def resize() -> None:
                nonlocal array  # TensorStore makes another
                for _ in range(count):
                    array = peer.resize(array, shape)
                    if rows:
                        peer.write(array, slice(shape[0] - rows, shape[0]), value)
                    array = peer.resize(array, old)

            return resize

        peers = [peer for peer in self.peers if peer.resizes]
        calls = {peer.name: call(peer, peer.make_growing(self.data)) for peer in peers}
        return Work(calls, count)

    def opens(self, key: Any) -> Work:
        """Calls that open the file, read one key, and close it."""

        def call(peer: Peer, path: Path) -> Callable[[], Any]:
            def open_and_read() -> Any:
                array = peer.open(path)
                result = np.asarray(peer.read(array, key))
                peer.close(array)
                return result

            return open_and_read

        places = {peer: peer.path() for peer in self.peers}
        for peer, path in places.items():
            peer.close(peer.make(self.data, path))
        calls = {peer.name: call(peer, path) for peer, path in places.items()}
        return Work(calls, expected=self.data[key])
