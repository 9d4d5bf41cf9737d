"""The main job on real data: a long scan, written once, read along every axis, updated, and kept in a crash.

The data is the scan that the package nibabel ships for its tests, two volumes of 128 x 96 x 24 voxels,
repeated to nearly 200 MB as a scanner would: each volume has a brightness and a noise of its own. The same is
done with ``.npy`` and, where they are installed, h5py and zarr. Files go to ``build/demo``. Run it by
``bash ci/demo``; it ends with an error if a single value differs, and never for being slow.
"""

import os
import shutil
import subprocess
import sys
import time
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import demo_picture
import nibabel
import numpy as np
from demo_formats import installed_formats

import caterva as cat

FOLDER = Path(__file__).resolve().parent.parent / "build" / "demo"
VOLUMES = 320
ROUNDS = 3
BAR = 36  # characters of the longest bar
BOX = np.s_[50:78, 40:56, 8:16, 100:140]
READS: dict[str, tuple[Any, ...]] = {
    "plane, one slice of all volumes": np.s_[:, :, 12, :],
    "plane, across the first axis": np.s_[64],
    "one volume": np.s_[:, :, :, 217],
    "series of one voxel": np.s_[60, 50, 12, :],
    "box": BOX,
}
WRITTEN = np.s_[:, :, :, 100:200]  # what the process writes that is killed


def load_scan() -> np.ndarray:
    """Load the scan as it is stored, int16, and repeat it, each volume with other brightness and noise."""
    with as_file(files("nibabel.tests") / "data" / "example4d.nii.gz") as path:
        pair = np.ascontiguousarray(nibabel.load(path).dataobj.get_unscaled())
    random = np.random.default_rng(1)
    scan = np.empty((*pair.shape[:3], VOLUMES), dtype=pair.dtype)
    for volume in range(VOLUMES):
        original = pair[..., volume % pair.shape[3]]
        brighter = original * (1 + 0.02 * np.sin(volume / 9))
        noise = random.integers(-2, 3, original.shape) * (original > 0)
        scan[..., volume] = brighter + noise
    return scan


def check(got: Any, expected: np.ndarray) -> None:
    """Compare shape, dtype and every value."""
    np.testing.assert_array_equal(np.asarray(got), expected, strict=True)


def forget(path: Path) -> None:
    """Have the system drop what it keeps of files in memory, where it lets us: reads then go to the disk."""
    if not hasattr(os, "posix_fadvise"):
        return
    for file in [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def stored_bytes(path: Path) -> int:
    """Size of a file, or of all files of a directory."""
    return (
        path.stat().st_size
        if path.is_file()
        else sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
    )


def show_bars(title: str, values: dict[str, float], unit: str) -> None:
    """Print a bar for each of the values; the longest stands for the largest."""
    print(f"\n{title}")
    for name, value in values.items():
        bar = "#" * max(1, round(BAR * value / max(values.values())))
        print(f"  {name:9} {bar:{BAR}} {value:9,.1f} {unit}", flush=True)


def write_all(scan: np.ndarray, formats: list[Any]) -> None:
    """Write the scan in each format; print times and sizes."""
    times, sizes = {}, {}
    for form in formats:
        form.remove()
        start = time.perf_counter()
        form.write(scan)
        times[form.name] = time.perf_counter() - start
        sizes[form.name] = stored_bytes(form.path) / 1e6
    show_bars("Size", sizes, "MB")
    show_bars("Write all", times, "s")


def read_all(scan: np.ndarray, formats: list[Any]) -> None:
    """Read the parts of READS from each format, from files just opened; compare them, and print times."""
    for title, key in READS.items():
        times = {}
        for form in formats:
            rounds = []
            for _ in range(ROUNDS):
                forget(form.path)
                start = time.perf_counter()
                got = form.read(key)
                rounds.append(1e3 * (time.perf_counter() - start))
            check(got, scan[key])
            times[form.name] = min(rounds)
        show_bars(f"Read: {title}, {'x'.join(map(str, scan[key].shape))}", times, "ms")


def update_all(scan: np.ndarray, formats: list[Any]) -> None:
    """Change a box in each of the files, and in `scan`; the files read again must be equal to it."""
    scan[BOX] = 1000 - scan[BOX]
    times = {}
    for form in formats:
        forget(form.path)
        start = time.perf_counter()
        form.update(BOX, scan[BOX])
        times[form.name] = 1e3 * (time.perf_counter() - start)
        check(form.read(np.s_[:, :, :, 90:150]), scan[:, :, :, 90:150])
    show_bars(f"Update: box, {'x'.join(map(str, scan[BOX].shape))}", times, "ms")


def write_for_ever(path: str) -> None:
    """What the killed process does: add 1 to a third of the array, by one call each time, and tell of it."""
    array = cat.open(path)
    values = np.asarray(array[WRITTEN])
    while True:
        print("begin", flush=True)
        values += 1
        array[WRITTEN] = values


def crash(scan: np.ndarray, path: Path) -> None:
    """Kill a process in the middle of a write, by SIGKILL, and look at what is in its file."""
    copy = path.with_name("killed.b2nd")
    shutil.copyfile(path, copy)
    command = [sys.executable, __file__, "--write-for-ever", str(copy)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for _ in range(2):  # the second write has begun: the first is committed
                if process.stdout.readline() != "begin\n":
                    raise SystemExit("the process that writes has ended by itself")
            time.sleep(0.1)
        finally:
            process.kill()
    array = cat.open(copy, mode="r")
    print(f"  reopened; {array.verify()}")
    got = np.asarray(array[...])
    added = int(got[0, 0, 0, 100]) - int(scan[0, 0, 0, 100])
    if added < 1:
        raise SystemExit(f"{copy}: a write that was committed is lost")
    expected = scan.copy()
    expected[WRITTEN] += added
    check(got, expected)
    array.close()
    cat.remove(copy)
    print(f"  all {got.size:,d} values are those after write {added}, none of a write that did not end")


def main() -> None:
    """Run the parts one after another, on files in FOLDER."""
    began = time.perf_counter()
    FOLDER.mkdir(parents=True, exist_ok=True)
    print("Making the scan ...", flush=True)
    scan = load_scan()
    print(f"caterva {cat.__version__}; scan of shape {scan.shape}, {scan.dtype}, {scan.nbytes / 1e6:,.0f} MB")
    formats, absent = installed_formats(FOLDER)
    for name in absent:
        print(f"{name} is not installed: left out (build/venv/bin/pip install {name} brings it in)")
    ours = formats[0]
    write_all(scan, formats)
    read_all(scan, formats)
    update_all(scan, formats)
    print("\nKill -9 of a process in the middle of a write:", flush=True)
    crash(scan, ours.path)
    array = cat.open(ours.path, mode="r")
    print(f"\nInfo:\n{array.info}")
    picture = FOLDER / "scan.png"
    demo_picture.draw(array, BOX, picture)
    array.close()
    for form in formats[1:]:
        form.remove()
    print(f"\nPicture of what reading the box decodes: {picture}")
    print(f"File: {ours.path}\nAll values were compared and are equal. {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write-for-ever"]:
        write_for_ever(sys.argv[2])
    else:
        main()
