"""One interface to each library's way of keeping an array in files: ours, and the peers'."""

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

SHAPE, CHUNKS, BLOCKS = (120, 90), (40, 30), (10, 15)


def sample(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Return items half smooth, half noise, so that codecs both win and give up."""
    values = np.arange(np.prod(shape), dtype="<i4").reshape(shape) // 3 + seed
    noise = np.random.default_rng(seed).integers(0, 2**31, shape, dtype="<i4")
    values[::3] = noise[::3]
    return values


class Store:
    """A library and a way of using it. `sums` says whether what it stores has checksums."""

    def __init__(self, name: str, sums: bool = False, **options: object) -> None:
        self.name, self.sums, self.options = name, sums, options

    def create(self, path: Path, values: np.ndarray) -> None:
        """Make an array at a path."""
        raise NotImplementedError

    def open(self, path: Path, mode: str = "r"):
        """Return the library's array, for reading or ("a") changing."""
        raise NotImplementedError

    def read(self, path: Path) -> np.ndarray:
        """Return all items."""
        return np.asarray(self.open(path)[...])

    def resize(self, array: object, shape: tuple[int, ...]) -> None:
        """Grow or shrink an open array."""
        array.resize(shape)

    def append(self, array: object, values: np.ndarray) -> None:
        """Add rows."""
        array.append(values)

    def commit(self, array: object) -> None:
        """Do what the library asks for so that a change outlasts the process."""

    def close(self, array: object) -> None:
        """Close what `open` returned."""

    def verdict(self, path: Path, expected: list[np.ndarray]) -> str:
        """Return `verdict_of` reading at a path."""
        return verdict_of(lambda: self.read(path), expected)


OF_READERS = ("mmap", "source", "unchecked")  # ways of opening what is made as ever


class Ours(Store):
    """caterva."""

    def create(self, path, values):
        import caterva

        options = {key: value for key, value in self.options.items() if key not in OF_READERS}
        array = caterva.asarray(values, chunks=CHUNKS, blocks=BLOCKS, urlpath=str(path), **options)
        array.vlmeta["note"] = b"some note " * 20
        array.close()

    def open(self, path, mode="r"):
        import caterva

        if self.options.get("unchecked") and mode == "a":
            return caterva.open(str(path), mode=mode, checksum=False)
        if self.options.get("source"):
            content = path.read_bytes()
            handle = caterva._core.ArrayHandle.open_source(
                lambda position, count: content[position : position + count], len(content)
            )
            return caterva.NDArray(handle)
        if self.options.get("mmap") and mode == "r":
            return caterva.open(str(path), mmap=True)
        return caterva.open(str(path), mode=mode)

    def read(self, path):
        array = self.open(path)
        assert array.vlmeta.get("note") == b"some note " * 20, "another note"
        return np.asarray(array[...])

    def close(self, array):
        array.close()

    def verdict(self, path, expected):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            verdict = verdict_of(lambda: self.read(path), expected, documented())
        return "warned" if caught and verdict == "silent" else verdict


class Blosc2(Store):
    """python-blosc2."""

    def create(self, path, values):
        import blosc2

        blosc2.asarray(
            values,
            chunks=CHUNKS,
            blocks=BLOCKS,
            urlpath=str(path),
            mode="w",
            cparams={"codec": blosc2.Codec.LZ4, "nthreads": 1},
            **self.options,
        )

    def open(self, path, mode="r"):
        import blosc2

        return blosc2.open(str(path), mode=mode)


class Hdf5(Store):
    """h5py; options are those of create_dataset."""

    def create(self, path, values):
        import h5py

        with h5py.File(path, "w", libver="latest" if self.sums else None) as file:
            file.create_dataset(
                "a",
                data=values,
                chunks=CHUNKS,
                compression="gzip",
                shuffle=True,
                maxshape=(None,) * values.ndim,
                **self.options,
            )

    def open(self, path, mode="r"):
        import h5py

        return h5py.File(path, "r" if mode == "r" else "r+")["a"]

    def read(self, path):
        import h5py

        with h5py.File(path, "r") as file:
            return file["a"][...]

    def append(self, array, values):
        rows = array.shape[0]
        array.resize((rows + len(values), *array.shape[1:]))
        array[rows:] = values

    def commit(self, array):
        array.file.flush()

    def close(self, array):
        array.file.close()


class Zarr(Store):
    """zarr 3, a directory."""

    def create(self, path, values):
        import zarr
        from zarr.codecs import BloscCodec, Crc32cCodec

        codecs = [BloscCodec(cname="lz4", clevel=5), *([Crc32cCodec()] if self.sums else [])]
        array = zarr.create_array(
            str(path),
            shape=values.shape,
            chunks=CHUNKS,
            dtype=values.dtype,
            compressors=codecs,
            overwrite=True,
        )
        array[...] = values

    def open(self, path, mode="r"):
        import zarr

        return zarr.open_array(str(path), mode="r" if mode == "r" else "r+")

    def read(self, path):
        return self.open(path)[...]


def has_sums() -> bool:
    """Return whether this caterva has checksums."""
    from caterva import storage

    return "checksum" in storage.DEFAULTS


def without_sums() -> dict:
    """Return the keywords of an array without checksums."""
    return {"checksum": False} if has_sums() else {}


PEERS = [
    Blosc2("blosc2"),
    Blosc2("blosc2 sparse", contiguous=False),
    Hdf5("h5py"),
    Hdf5("h5py+sum", sums=True, fletcher32=True),
    Zarr("zarr"),
    Zarr("zarr+crc", sums=True),
]
OURS = [
    Ours("frame", sums=True),
    Ours("sparse", sums=True, contiguous=False),
    Ours("mmap", sums=True, mmap=True),
    Ours("source", sums=True, source=True),
]


def store(name: str) -> Store:
    """Return the store of a name; "frame-" and "sparse-" are ours without checksums.

    Changes of "unchecked" are made by a handle that verifies nothing that it reads.
    """
    plain = [Ours("frame-", **without_sums()), Ours("sparse-", contiguous=False, **without_sums())]
    plain.append(Ours("unchecked", sums=True, unchecked=True))
    return next(one for one in [*OURS, *plain, *PEERS] if one.name == name)


def files_of(path: Path) -> list[Path]:
    """Return the files that an array lies in."""
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def copied(source: Path, target: Path) -> Path:
    """Copy an array's files to a path where nothing is."""
    remove(target)
    return Path(shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target))


def remove(path: Path) -> None:
    """Remove an array's files, if there are any."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def documented() -> tuple[type[Exception], ...]:
    """Return what opening and reading a file of ours may raise."""
    import caterva

    return (caterva.CatervaError, OSError)


def verdict_of(
    read: Callable[[], np.ndarray], expected: list[np.ndarray], errors: tuple = (Exception,)
) -> str:
    """Return "same" if what is read is one of the expected, else "silent", "error", or what was raised."""
    try:
        found = read()
    except MemoryError:
        return "memory"
    except AssertionError:
        return "silent"
    except errors:
        return "error"
    except Exception as error:
        return type(error).__name__
    same = any(
        found.shape == one.shape and found.dtype == one.dtype and (found == one).all() for one in expected
    )
    return "same" if same else "silent"
