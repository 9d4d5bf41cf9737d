"""The floor: the bare codec on the touched blocks' streams, by subprojects/c-blosc2/bench/floor.c."""

import ctypes
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import caterva

LIBRARY = (
    Path(__file__).resolve().parent.parent / "build" / "floor" / "subprojects" / "c-blosc2" / "libfloor.so"
)
SMALL = 4096  # results below share one call into C: Python's share of a call would not be the codec's

Key = tuple[slice | int, ...]


def load() -> ctypes.CDLL:
    """Load the library, which ci/bench builds."""
    library = ctypes.CDLL(str(LIBRARY))
    pointer, size = ctypes.c_void_p, ctypes.c_int64
    for name, result, arguments in [
        ("floor_frame_open", pointer, [ctypes.c_char_p, ctypes.c_size_t]),
        ("floor_frame_free", None, [pointer]),
        ("floor_plan_create", pointer, [pointer, pointer, pointer, size]),
        ("floor_plan_free", None, [pointer]),
        ("floor_decode", ctypes.c_int, [pointer, pointer, size]),
        ("floor_encode", size, [pointer, pointer]),
    ]:
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def touched(key: Key, shape: tuple[int, ...], chunks: tuple[int, ...], blocks: tuple[int, ...]) -> np.ndarray:
    """Return the numbers (chunk, block) of what a key of integers and slices touches, in C order."""
    axes, chunk_grid, block_grid = [], [], []
    for part, extent, chunk, block in zip(key, shape, chunks, blocks, strict=True):
        indices = [part] if isinstance(part, int) else range(*part.indices(extent))
        axes.append(sorted({(i // chunk, i % chunk // block) for i in indices}))
        chunk_grid.append(-(-extent // chunk))
        block_grid.append(-(-chunk // block))
    cells = np.array(list(itertools.product(*axes)))  # cell, axis, (chunk, block)
    numbers = [
        np.ravel_multi_index(tuple(cells[..., i].T), grid) for i, grid in enumerate((chunk_grid, block_grid))
    ]
    order = np.lexsort(numbers[::-1])
    return np.stack(numbers, axis=1)[order]


class Plan:
    """The streams that some keys touch, ready to be decoded or encoded."""

    def __init__(self, library: ctypes.CDLL, frame: int, cells: np.ndarray, block_bytes: int) -> None:
        self.library = library
        chunks = np.ascontiguousarray(cells[:, 0], dtype=np.int64)
        blocks = np.ascontiguousarray(cells[:, 1], dtype=np.int32)
        self.room = len(cells) * block_bytes
        self.handle = library.floor_plan_create(frame, chunks.ctypes.data, blocks.ctypes.data, len(cells))
        if not self.handle:
            raise MemoryError("the floor could not plan")

    def __del__(self) -> None:
        self.library.floor_plan_free(self.handle)

    def decode(self, nbytes: int) -> np.ndarray:
        out = np.empty(nbytes, dtype=np.uint8)
        self.library.floor_decode(self.handle, out.ctypes.data, nbytes)
        return out

    def encode(self) -> np.ndarray:
        out = np.empty(self.room, dtype=np.uint8)
        self.library.floor_encode(self.handle, out.ctypes.data)
        return out


class Floor:
    """What reads and writes of an array cost at least; always on one thread, always in memory."""

    name = "floor"

    def __init__(self, array: caterva.NDArray) -> None:
        self.array = array
        self.library = load()
        content = array.to_bytes()
        self.frame = self.library.floor_frame_open(content, len(content))
        if not self.frame:
            raise MemoryError("the floor could not open the frame")

    def __del__(self) -> None:
        self.library.floor_frame_free(self.frame)

    def _plans(self, keys: list[Key]) -> list[tuple[Plan, int]]:
        """Return a plan for each key, and the bytes of its result; one plan for all small ones."""
        array = self.array
        block_bytes = int(np.prod(array.blocks)) * array.itemsize
        index = np.broadcast_to(np.empty(1, dtype=f"V{array.itemsize}"), array.shape)
        sizes = [index[key].nbytes for key in keys]
        cells = [touched(key, array.shape, array.chunks, array.blocks) for key in keys]
        if max(sizes) < SMALL:
            cells, sizes = [np.concatenate(cells)], [sum(sizes)]
        plans = [Plan(self.library, self.frame, cell, block_bytes) for cell in cells]
        return list(zip(plans, sizes, strict=True))

    def reader(self, keys: list[Key]) -> Callable[[], Any]:
        """Return a call that decodes what `keys` touch, and copies as many bytes as they select."""
        plans = self._plans(keys)

        def read() -> Any:
            for plan, nbytes in plans:
                result = plan.decode(nbytes)
            return result

        return read

    def writer(self) -> Callable[[], Any]:
        """Return a call that encodes all blocks, and copies what comes out."""
        [(plan, _)] = self._plans([(slice(None),) * self.array.ndim])
        return plan.encode

    def updater(self, keys: list[Key]) -> Callable[[], Any]:
        """Return a call that decodes and encodes the blocks that `keys` touch."""
        plans = self._plans(keys)

        def update() -> Any:
            for plan, nbytes in plans:
                plan.decode(nbytes)
                result = plan.encode()
            return result

        return update
