"""h5py with hdf5plugin: HDF5's shuffle before LZ4 or Zstd, Bitshuffle with them, and Blosc2.

HDF5 compresses a chunk as one stream; Blosc2's blocks are its own choice there, and cannot be read alone.
Zstd takes the level that Blosc gives it for the setting's. The chunk cache is off, but for hot items: cold
ones shall be cold. It uses one thread, so it stands beside the others on one thread only.
"""

from pathlib import Path
from typing import Any, ClassVar

import h5py
import hdf5plugin
import numpy as np

from benchmarks.peers.base import Peer
from benchmarks.settings import Setting

CHUNK_CACHE = 8 * 2**20  # HDF5 2's default, when it is on


class HDF5(Peer):
    name = "h5py"
    codecs: ClassVar[tuple[str, ...]] = ("lz4", "zstd")

    @classmethod
    def supports(cls, setting: Setting) -> bool:
        return setting.threads == 1 and setting.codec in cls.codecs

    def filters(self) -> dict[str, Any]:
        setting = self.setting
        zstd_level = 2 * setting.level - 1  # docs/format/codecs.md, Levels
        if setting.filter == "bitshuffle":
            return dict(hdf5plugin.Bitshuffle(cname=setting.codec, clevel=zstd_level))
        codec = hdf5plugin.LZ4() if setting.codec == "lz4" else hdf5plugin.Zstd(clevel=zstd_level)
        return {**codec, "shuffle": True}

    def file(self, path: Path | None, mode: str, cache_bytes: int) -> h5py.File:
        if path is None:
            return h5py.File(
                f"{next(self._numbers)}", "w", driver="core", backing_store=False, rdcc_nbytes=cache_bytes
            )
        return h5py.File(path, mode, rdcc_nbytes=cache_bytes)

    def make(
        self, data: np.ndarray, path: Path | None, cache_bytes: int = 0, maxshape: Any = None
    ) -> h5py.Dataset:
        file = self.file(path, "w", cache_bytes)
        array = file.create_dataset(
            "a", data=data, chunks=self.setting.chunks, maxshape=maxshape, **self.filters()
        )
        file.flush()
        return array

    def make_growing(self, data: np.ndarray) -> h5py.Dataset:
        return self.make(data, None, maxshape=(None,) * data.ndim)

    def open(self, path: Path) -> h5py.Dataset:
        return self.file(path, "r", 0)["a"]

    def close(self, array: h5py.Dataset) -> None:
        array.file.close()

    def stored_bytes(self, array: h5py.Dataset) -> int:
        return array.id.get_storage_size()


class HDF5Blosc2(HDF5):
    name = "h5py blosc2"
    codecs = ("lz4", "zstd", "blosclz")

    def filters(self) -> dict[str, Any]:
        setting = self.setting
        filters = hdf5plugin.Blosc2.SHUFFLE if setting.filter == "shuffle" else hdf5plugin.Blosc2.BITSHUFFLE
        return dict(hdf5plugin.Blosc2(cname=setting.codec, clevel=setting.level, filters=filters))


class HDF5Hot(HDF5):
    """With the chunk cache on: for what is read again and again."""

    name = "h5py cached"

    def make(
        self, data: np.ndarray, path: Path | None, cache_bytes: int = CHUNK_CACHE, maxshape: Any = None
    ) -> h5py.Dataset:
        return super().make(data, path, cache_bytes, maxshape)
