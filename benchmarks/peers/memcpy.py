"""A plain NumPy array: what the same work costs without compression."""

from pathlib import Path

import numpy as np

from benchmarks.peers.base import Peer
from benchmarks.settings import Setting


class Memcpy(Peer):
    name = "memcpy"
    resizes = False

    @classmethod
    def supports(cls, setting: Setting) -> bool:
        return setting.home == "memory"

    def make(self, data: np.ndarray, path: Path | None) -> np.ndarray:
        return data.copy()

    def read(self, array: np.ndarray, key: object) -> np.ndarray:
        return array[key].copy()

    def stored_bytes(self, array: np.ndarray) -> int:
        return array.nbytes
