"""What the test modules share: homes, sample data, and the reference decoder as a second opinion."""

from __future__ import annotations

import ast
import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import caterva as cat

if TYPE_CHECKING:
    import refdecode  # imported where it is needed: not every interpreter has wheels of its codec libraries

GOLDEN = Path(__file__).parent / "golden"
CODECS = list(cat.Codec)


def home_arguments(home: str, path: Path) -> dict:
    """Constructor arguments that put an array into `home`."""
    return {
        "memory": {},
        "memframe": {"memframe": True},
        "file": {"urlpath": str(path)},
        "directory": {"urlpath": str(path), "contiguous": False},
    }[home]


def sample(shape, dtype, seed: int = 0) -> np.ndarray:
    """An array of `dtype`, half smooth and half noise, so that codecs both win and give up."""
    dtype = np.dtype(dtype)
    count = int(np.prod(shape, dtype=object))
    raw = np.arange(count * dtype.itemsize, dtype=np.uint32) // 7 % 251
    noise = np.random.default_rng(seed).integers(0, 256, raw.size, dtype=np.uint8)
    raw = np.where(np.arange(raw.size) % 512 < 300, raw, noise).astype(np.uint8)
    if dtype.kind == "b":
        raw &= 1
    elif dtype.kind == "U":
        return (raw.view("<u4") % 0x300 + 1).view(dtype.newbyteorder("<")).astype(dtype).reshape(shape)
    elif dtype.kind in "fc":  # no NaN: they would not compare equal
        unit = np.dtype(f"{dtype.byteorder}f{dtype.itemsize // (2 if dtype.kind == 'c' else 1)}")
        return (raw.view(f"u{unit.itemsize}") % 65521).astype(unit).view(dtype).reshape(shape)
    return raw.view(dtype).reshape(shape)


def opaque(array: np.ndarray) -> np.ndarray:
    """The same items as bare bytes (V), which compare without any text rules."""
    array = np.ascontiguousarray(array).reshape(array.shape)
    return array.view(f"V{array.dtype.itemsize}")


def assert_same_bytes(got, expected: np.ndarray) -> None:
    """Same shape and the same bytes, item by item (NaN and -0.0 included)."""
    got = np.asarray(got)
    assert got.shape == expected.shape
    assert got.dtype.itemsize == expected.dtype.itemsize
    assert got.tobytes() == expected.tobytes()


def parse_frame(source) -> refdecode.Frame:
    """The reference decoder's view of a path (file or directory) or of bytes."""
    import refdecode

    if isinstance(source, (bytes, bytearray)):
        frame = refdecode.parse_frame(source)
    else:
        frame = refdecode.open_frame(source)
    return frame


def reference_array(source) -> np.ndarray:
    """What the reference decoder reads, as V items, and its opinion that both metalayers agree."""
    import refdecode

    frame = parse_frame(source)
    if "caterva" in frame.meta and "b2nd" in frame.meta:
        old, new = (refdecode.parse_array_meta(frame.meta[name]) for name in ("caterva", "b2nd"))
        assert (old.shape, old.chunkshape, old.blockshape) == (new.shape, new.chunkshape, new.blockshape)
    return refdecode.decode_array(frame)


def stored_dtype(source) -> np.dtype:
    """The dtype that "b2nd" names."""
    import refdecode

    text = refdecode.array_meta(parse_frame(source)).dtype
    return np.dtype(ast.literal_eval(text) if text[0] in "[{" else text)


def snapshot(path) -> dict[str, bytes]:
    """Every byte at `path` (file, directory or nothing), and the names of its neighbours; no lock files."""
    path = Path(path)
    files = sorted(path.rglob("*")) if path.is_dir() else [path] * path.is_file()
    files = [file for file in files if file.is_file() and not is_lock(file)]
    state = {str(file.relative_to(path.parent)): file.read_bytes() for file in files}
    state["*"] = repr(neighbours(path)).encode()
    return state


def is_lock(path: Path) -> bool:
    return path.name.endswith(".b2lock")


def neighbours(path: Path) -> list[str]:
    """Names in the folder of `path`, without those of lock files."""
    return sorted(entry.name for entry in path.parent.iterdir() if not is_lock(entry))


def copy_tree(source: Path, target: Path) -> Path:
    """Copy a file or a directory, writable."""
    if source.is_dir():
        return Path(shutil.copytree(source, target, copy_function=shutil.copyfile))
    return Path(shutil.copyfile(source, target))


def sha256(data) -> str:
    return hashlib.sha256(data).hexdigest()
