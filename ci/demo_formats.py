"""Ways to keep the demo's scan in files: caterva, ``.npy``, and h5py and zarr where they are installed."""

import importlib
import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

import caterva as cat

CHUNKS = (64, 48, 24, 50)
BLOCKS = (16, 16, 8, 10)
CHUNKS_OF_PEERS = (32, 32, 12, 20)  # they decode whole chunks: smaller ones, which suit the reads best


class Format:
    """A file, or directory, that holds the scan; each call opens and closes it."""

    name: str

    def __init__(self, path: Path) -> None:
        self.path = path

    def remove(self) -> None:
        """Remove what an earlier run has left."""
        if self.path.is_dir():
            shutil.rmtree(self.path)
        self.path.unlink(missing_ok=True)


class Caterva(Format):
    """One file in the Blosc2 format."""

    name = "caterva"

    def write(self, scan: np.ndarray) -> None:
        """Write all of it, in chunks, with a thread for each processor."""
        array = cat.asarray(
            scan,
            chunks=CHUNKS,
            blocks=BLOCKS,
            codec="zstd",
            clevel=3,
            nthreads=os.cpu_count(),
            urlpath=self.path,
        )
        array.close()

    def read(self, key: Any) -> np.ndarray:
        """Read a part."""
        with cat.open(self.path, mode="r", nthreads=os.cpu_count()) as array:
            return np.asarray(array[key])

    def update(self, key: Any, values: np.ndarray) -> None:
        """Replace a part, by one commit, and bring it to the medium."""
        with cat.open(self.path) as array:
            array[key] = values


class Npy(Format):
    """NumPy's own file, without compression, mapped for reading."""

    name = ".npy"

    def write(self, scan: np.ndarray) -> None:
        """Write all of it, and bring it to the medium as the others do when they close."""
        with self.path.open("wb") as file:
            np.save(file, scan)
            file.flush()
            os.fsync(file.fileno())

    def read(self, key: Any) -> np.ndarray:
        """Read a part."""
        return np.array(np.load(self.path, mmap_mode="r")[key])

    def update(self, key: Any, values: np.ndarray) -> None:
        """Replace a part."""
        mapped = np.load(self.path, mmap_mode="r+")
        mapped[key] = values
        mapped.flush()


class H5py(Format):
    """HDF5 with its own filters."""

    name = "h5py"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.h5py = importlib.import_module("h5py")

    def write(self, scan: np.ndarray) -> None:
        """Write all of it."""
        with self.h5py.File(self.path, "w") as file:
            file.create_dataset("scan", data=scan, chunks=CHUNKS_OF_PEERS, shuffle=True, compression="gzip")

    def read(self, key: Any) -> np.ndarray:
        """Read a part."""
        with self.h5py.File(self.path, "r") as file:
            return np.asarray(file["scan"][key])

    def update(self, key: Any, values: np.ndarray) -> None:
        """Replace a part."""
        with self.h5py.File(self.path, "r+") as file:
            file["scan"][key] = values


class Zarr(Format):
    """A directory of zarr, with the compression that it chooses."""

    name = "zarr"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.zarr = importlib.import_module("zarr")

    def write(self, scan: np.ndarray) -> None:
        """Write all of it."""
        array = self.zarr.create_array(
            str(self.path), shape=scan.shape, dtype=scan.dtype, chunks=CHUNKS_OF_PEERS
        )
        array[...] = scan

    def read(self, key: Any) -> np.ndarray:
        """Read a part."""
        return np.asarray(self.zarr.open_array(str(self.path), mode="r")[key])

    def update(self, key: Any, values: np.ndarray) -> None:
        """Replace a part."""
        self.zarr.open_array(str(self.path), mode="r+")[key] = values


def installed_formats(folder: Path) -> tuple[list[Any], list[str]]:
    """Those that can be used, caterva first, and the names of the packages that are missing."""
    formats: list[Any] = [Caterva(folder / "scan.b2nd"), Npy(folder / "scan.npy")]
    absent = []
    for kind, file in [(H5py, "scan.h5"), (Zarr, "scan.zarr")]:
        if importlib.util.find_spec(kind.name):
            formats.append(kind(folder / file))
        else:
            absent.append(kind.name)
    return formats, absent
