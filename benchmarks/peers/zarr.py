"""zarr 3, by its own pipeline and by zarrs.

The codec is zarr's Blosc (version 1 of the format) with the setting's codec, level and filter, and blocks of
the same size in bytes: it has none with axes, and reads whole chunks. "Shards" puts Blosc chunks of the
block shape into shards of the chunk shape, which is the nearest to blocks that can be read alone. zarrs
reads directories only: in place of memory it gets a directory in a memory file system.
"""

import itertools
import math
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import zarr
import zarrs  # noqa: F401 # registers its pipeline
from zarr.codecs import BloscCodec
from zarr.storage import LocalStore, MemoryStore

from benchmarks.peers.base import Peer

SHARED_MEMORY = Path("/dev/shm")


class Zarr(Peer):
    name = "zarr"
    shards: ClassVar[bool] = False
    pipeline: ClassVar[str] = "zarr.core.codec_pipeline.BatchedCodecPipeline"

    def configure(self) -> None:
        """Set the process-wide settings, which arrays take over when they are made."""
        threads = self.setting.threads
        zarr.config.set(
            {
                "async.concurrency": threads,
                "threading.max_workers": threads,
                "codec_pipeline.path": self.pipeline,
                "codec_pipeline.chunk_concurrent_maximum": threads,
            }
        )

    def store(self, path: Path | None) -> Any:
        return MemoryStore() if path is None else LocalStore(path)

    def make(self, data: np.ndarray, path: Path | None) -> zarr.Array:
        self.configure()
        setting = self.setting
        codec = BloscCodec(
            typesize=data.itemsize,
            cname=setting.codec,
            clevel=setting.level,
            shuffle=setting.filter,
            blocksize=0 if self.shards else math.prod(setting.blocks) * data.itemsize,
        )
        array = zarr.create_array(
            self.store(path),
            shape=data.shape,
            dtype=data.dtype,
            chunks=setting.blocks if self.shards else setting.chunks,
            shards=setting.chunks if self.shards else None,
            compressors=codec,
        )
        array[...] = data
        return array

    def open(self, path: Path) -> zarr.Array:
        return zarr.open_array(LocalStore(path, read_only=True), mode="r")

    def stored_bytes(self, array: zarr.Array) -> int:
        return array.nbytes_stored()


class ZarrShards(Zarr):
    name = "zarr shards"
    shards = True


class Zarrs(Zarr):
    name = "zarrs"
    resizes = False  # by zarr's own code
    pipeline = "zarrs.ZarrsCodecPipeline"
    _numbers = itertools.count()

    def make(self, data: np.ndarray, path: Path | None) -> zarr.Array:
        if path is not None:
            return super().make(data, path)
        place = tempfile.mkdtemp(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else self.folder)
        array = super().make(data, Path(place))
        weakref.finalize(array, shutil.rmtree, place)
        return array
