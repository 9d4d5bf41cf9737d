"""Ours."""

from pathlib import Path

import numpy as np

import caterva
from benchmarks.peers.base import Peer


class Caterva(Peer):
    name = "caterva"

    def make(self, data: np.ndarray, path: Path | None) -> caterva.NDArray:
        setting = self.setting
        return caterva.asarray(
            data,
            chunks=setting.chunks,
            blocks=setting.blocks,
            urlpath=path,
            codec=setting.codec,
            clevel=setting.level,
            filters=[setting.filter],
            nthreads=setting.threads,
        )

    def open(self, path: Path) -> caterva.NDArray:
        return caterva.open(path, "r", nthreads=self.setting.threads)

    def close(self, array: caterva.NDArray) -> None:
        array.close()

    def stored_bytes(self, array: caterva.NDArray) -> int:
        return round(array.nbytes / array.cratio)
