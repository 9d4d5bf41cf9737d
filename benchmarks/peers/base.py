"""What a competitor can do. Arrays are whatever its library has; keys are those of NumPy, steps included."""

import itertools
import shutil
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks.settings import Setting


class Peer:
    """One library, set up as near to a setting as it can be.

    Parameters
    ----------
    setting : Setting
        Codec, level, filter, chunks, blocks, threads, home.
    folder : Path
        Where it may write; files of home "memory" that cannot do without one go to a memory file system.
    """

    name: ClassVar[str]
    resizes: ClassVar[bool] = True
    _numbers = itertools.count()

    def __init__(self, setting: Setting, folder: Path) -> None:
        self.setting = setting
        self.folder = folder

    @classmethod
    def supports(cls, setting: Setting) -> bool:
        """Whether the library has the codec with the filter, and the threads."""
        return True

    def path(self) -> Path | None:
        """Return a fresh path, or None where arrays live in memory."""
        if self.setting.home == "memory":
            return None
        return self.folder / f"{self.name.replace(' ', '-')}-{next(self._numbers)}"

    def make(self, data: np.ndarray, path: Path | None) -> Any:
        """Create an array and write all of `data` to it."""
        raise NotImplementedError

    def open(self, path: Path) -> Any:
        """Open for reading what `make` has written there."""
        raise NotImplementedError

    def read(self, array: Any, key: Any) -> np.ndarray:
        return array[key]

    def write(self, array: Any, key: Any, value: np.ndarray) -> None:
        array[key] = value

    def make_growing(self, data: np.ndarray) -> Any:
        """As `make`, in memory, an array that may be resized later."""
        return self.make(data, None)

    def resize(self, array: Any, shape: tuple[int, ...]) -> Any:
        """Give it another shape, and return the array to go on with."""
        array.resize(shape)
        return array

    def close(self, array: Any) -> None:
        """Flush and let go."""

    def stored_bytes(self, array: Any) -> int:
        """Compressed bytes of all chunks, without the container's own."""
        raise NotImplementedError

    def remove(self, path: Path | None) -> None:
        if path is not None and path.is_dir():
            shutil.rmtree(path)
        elif path is not None:
            path.unlink(missing_ok=True)
