"""python-blosc2, on C-Blosc2: the same format, so all settings are the same."""

from pathlib import Path

import blosc2
import numpy as np

from benchmarks.peers.base import Peer


class PyBlosc2(Peer):
    name = "python-blosc2"

    def make(self, data: np.ndarray, path: Path | None) -> blosc2.NDArray:
        setting = self.setting
        return blosc2.asarray(
            data,
            chunks=setting.chunks,
            blocks=setting.blocks,
            urlpath=None if path is None else str(path),
            cparams=blosc2.CParams(
                codec=blosc2.Codec[setting.codec.upper()],
                clevel=setting.level,
                filters=[blosc2.Filter[setting.filter.upper()]],
                nthreads=setting.threads,
            ),
            dparams=blosc2.DParams(nthreads=setting.threads),
        )

    def open(self, path: Path) -> blosc2.NDArray:
        return blosc2.open(str(path), mode="r", dparams=blosc2.DParams(nthreads=self.setting.threads))

    def stored_bytes(self, array: blosc2.NDArray) -> int:
        return array.schunk.cbytes
