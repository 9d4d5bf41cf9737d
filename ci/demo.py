"""The main job on real data: a four-dimensional scan, from ``.npy`` to one compressed file and back.

The data is the scan that the package nibabel ships for its tests: two volumes of 128 x 96 x 24 voxels.
Files go to ``build/demo``. Run it by ``bash ci/demo``; it ends with an error if a single value differs.
"""

import time
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image, ImageDraw

import caterva as cat

FOLDER = Path(__file__).resolve().parent.parent / "build" / "demo"
CHUNKS = (64, 48, 12, 2)
BLOCKS = (32, 16, 4, 1)
ROUNDS = 5


def load_scan() -> np.ndarray:
    """Load the scan as it is stored: int16, without the scaling that would make floats of it."""
    with as_file(files("nibabel.tests") / "data" / "example4d.nii.gz") as path:
        return np.ascontiguousarray(nibabel.load(path).dataobj.get_unscaled())


def milliseconds(work: Callable[[], object]) -> float:
    """Time of the quickest of some rounds of `work`."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def check(got: np.ndarray, expected: np.ndarray) -> str:
    """Compare shape, dtype and every value; the word to print if they are equal."""
    np.testing.assert_array_equal(np.asarray(got), expected, strict=True)
    return "equal"


def write(scan: np.ndarray, npy: Path, b2nd: Path) -> None:
    """Write both files and print what they cost."""

    def compress() -> None:
        cat.remove(str(b2nd))
        cat.asarray(scan, chunks=CHUNKS, blocks=BLOCKS, urlpath=str(b2nd), codec=cat.Codec.ZSTD)

    npy_time, b2nd_time = milliseconds(lambda: np.save(npy, scan)), milliseconds(compress)
    npy_bytes, b2nd_bytes = npy.stat().st_size, b2nd.stat().st_size
    print(f"  {npy.name:10} {npy_bytes:9,d} bytes, written in {npy_time:6.2f} ms")
    print(f"  {b2nd.name:10} {b2nd_bytes:9,d} bytes, written in {b2nd_time:6.2f} ms", end="")
    print(f": {npy_bytes / b2nd_bytes:.2f} times smaller")


def read(scan: np.ndarray, array: cat.NDArray) -> None:
    """Read the middle plane across each axis, a box with steps, an item and everything; compare each."""
    keys: dict[str, tuple] = {
        f"plane across axis {axis}": (*[slice(None)] * axis, length // 2)
        for axis, length in enumerate(scan.shape)
    }
    keys["box, each second item"] = np.s_[40:90:2, 30:70:2, 5:20:2, :]
    keys["one item"] = (60, 50, 12, 1)
    keys["everything"] = np.s_[:, :, :, :]
    for name, key in keys.items():
        took = milliseconds(lambda key=key: array[key])
        print(f"  {name:22} shape {scan[key].shape!s:17} {took:7.3f} ms, {check(array[key], scan[key])}")


def update(scan: np.ndarray, b2nd: Path) -> None:
    """Change a box in the file, and compare the file with the original changed likewise."""
    box = np.s_[50:78, 40:56, 8:16, 0]
    expected = scan.copy()
    expected[box] = 1000 - expected[box]
    array = cat.open(str(b2nd))
    start = time.perf_counter()
    array[box] = 1000 - array[box]
    took = 1e3 * (time.perf_counter() - start)
    verdict = check(cat.open(str(b2nd))[...], expected)
    print(f"  box of shape {expected[box].shape}: {took:.2f} ms, the file reopened is {verdict}")


def draw(array: cat.NDArray, png: Path, *, zoom: int = 6) -> None:
    """Save the plane [:, :, middle, 0] as a picture, with chunk borders in red and block borders in blue."""
    plane = np.asarray(array[:, :, array.shape[2] // 2, 0], dtype="f4")
    gray = (255 * np.clip(plane / np.percentile(plane, 99.5), 0, 1)).astype("u1")
    enlarged = gray.repeat(zoom, axis=0).repeat(zoom, axis=1)
    image = Image.fromarray(enlarged).convert("RGB")
    pen = ImageDraw.Draw(image)
    for steps, color, width in [(BLOCKS, "dodgerblue", 1), (CHUNKS, "red", 3)]:
        for row in range(0, plane.shape[0] + 1, steps[0]):
            pen.line([(0, row * zoom), (image.width, row * zoom)], fill=color, width=width)
        for column in range(0, plane.shape[1] + 1, steps[1]):
            pen.line([(column * zoom, 0), (column * zoom, image.height)], fill=color, width=width)
    image.save(png)


def main() -> None:
    """Run the parts one after another, on files in FOLDER."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    npy, b2nd, png = FOLDER / "scan.npy", FOLDER / "scan.b2nd", FOLDER / "scan.png"
    scan = load_scan()
    print(f"caterva {cat.__version__}; scan of shape {scan.shape}, {scan.dtype}, {scan.nbytes:,d} bytes")
    print(f"Write, in chunks of {CHUNKS} and blocks of {BLOCKS}:")
    write(scan, npy, b2nd)
    print("Reopen and read:")
    read(scan, cat.open(str(b2nd)))
    print("Update in place:")
    update(scan, b2nd)
    print("Info:")
    print(cat.open(str(b2nd)).info)
    draw(cat.open(str(b2nd)), png)
    print(f"Picture with the grid of chunks (red) and blocks (blue): {png.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
