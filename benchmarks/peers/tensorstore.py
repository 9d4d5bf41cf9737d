"""TensorStore, with its zarr v3 driver: codecs and shards as in `zarr.py`; no cache, as by default."""

import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorstore as ts

from benchmarks.peers.base import Peer


class TensorStore(Peer):
    name = "tensorstore"
    shards: ClassVar[bool] = False

    def context(self) -> ts.Context:
        limit = {"limit": self.setting.threads}
        return ts.Context({"data_copy_concurrency": limit, "file_io_concurrency": limit})

    def store(self, path: Path | None) -> dict[str, str]:
        return {"driver": "memory"} if path is None else {"driver": "file", "path": f"{path}/"}

    def make(self, data: np.ndarray, path: Path | None) -> Any:
        setting = self.setting
        blosc = {
            "name": "blosc",
            "configuration": {
                "cname": setting.codec,
                "clevel": setting.level,
                "shuffle": setting.filter,
                "typesize": data.itemsize,
                "blocksize": 0 if self.shards else math.prod(setting.blocks) * data.itemsize,
            },
        }
        codecs = [{"name": "bytes", "configuration": {"endian": "little"}}, blosc]
        if self.shards:
            shards = {"chunk_shape": setting.blocks, "codecs": codecs}
            codecs = [{"name": "sharding_indexed", "configuration": shards}]
        metadata = {
            "shape": data.shape,
            "data_type": data.dtype.name,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": setting.chunks}},
            "codecs": codecs,
        }
        spec = {"driver": "zarr3", "kvstore": self.store(path), "metadata": metadata}
        array = ts.open(spec, create=True, context=self.context()).result()
        array.write(data).result()
        return array

    def open(self, path: Path) -> Any:
        spec = {"driver": "zarr3", "kvstore": self.store(path)}
        return ts.open(spec, open=True, read=True, context=self.context()).result()

    def read(self, array: Any, key: Any) -> np.ndarray:
        return array[key].read().result()

    def write(self, array: Any, key: Any, value: np.ndarray) -> None:
        array[key].write(value).result()

    def resize(self, array: Any, shape: tuple[int, ...]) -> Any:
        return array.resize(exclusive_max=shape).result()

    def stored_bytes(self, array: Any) -> int:
        store = array.kvstore
        return sum(len(store.read(key).result().value) for key in store.list().result() if b"json" not in key)


class TensorStoreShards(TensorStore):
    name = "tensorstore shards"
    shards = True
