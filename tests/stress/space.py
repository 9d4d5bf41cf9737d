"""How long files get beside what is live in them: python tests/stress/space.py [situation...].

Each situation ends with a size that is at most bound(live, needed) of docs/design/durability.md, "Space":
three times what is live and what readers still need, and 2 MiB. tests/test_space.py runs them, too.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

import caterva

ROWS, WIDTH = 16, 16384  # chunks of 64 KiB that do not compress
STATE = ROWS * WIDTH * 4


@dataclasses.dataclass
class Measured:
    """What a situation left behind."""

    array: caterva.NDArray
    largest: int = 0  # the file at any time, in bytes; 0: as it is now
    needed: int = 0  # bytes of older states that readers held at that time


def bound(live: int, needed: int) -> int:
    return 3 * (live + needed) + (2 << 20)


def noise(seed: int, shape: int | tuple[int, ...] = WIDTH) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**32, size=shape, dtype="u4")


def make(path: Path, **keywords: object) -> caterva.NDArray:
    return caterva.asarray(
        noise(0, (ROWS, WIDTH)), chunks=(1, WIDTH), blocks=(1, 2048), urlpath=str(path), **keywords
    )


def one_transaction(path: Path) -> Measured:
    array = make(path)
    with array.transaction():
        for turn in range(200):
            array[:, turn % 64] = noise(turn, ROWS)
    return Measured(array)


def appends_in_one(path: Path) -> Measured:
    array = caterva.asarray(noise(0, (1, 200)), chunks=(1000, 200), blocks=(100, 200), urlpath=str(path))
    with array.transaction():
        for turn in range(3000):
            array.append(noise(turn, (1, 200)))
    return Measured(array)


def make_elsewhere(path: Path) -> None:
    import blosc2

    blosc2.asarray(noise(0, (ROWS, WIDTH)), chunks=(1, WIDTH), blocks=(1, 2048), urlpath=str(path), mode="w")


def in_turn(array: caterva.NDArray, path: Path, turns: int = 400) -> Measured:
    """Chunks one by one, each again and again; what is read at last is what was written."""
    largest = 0
    for turn in range(turns):
        array[turn % ROWS] = noise(turn)
        largest = max(largest, size_of(path))
    for row in range(ROWS):
        assert np.array_equal(array[row], noise(turns - ROWS + row))
    return Measured(array, largest)


def single_writes(path: Path, **keywords: object) -> Measured:
    return in_turn(make(path, **keywords), path)


def in_fsync_mode(path: Path) -> Measured:
    return single_writes(path, durability="fsync")


def without_checksums(path: Path) -> Measured:
    return single_writes(path, checksum=False)


def without_locks(path: Path) -> Measured:
    return single_writes(path, locking=False)


def reopened_without_checksums(path: Path) -> Measured:
    make(path, checksum=False).close()
    array = caterva.open(str(path), "a", checksum=False)
    return in_turn(array, path)


def opened_each_time_without_checksums(path: Path) -> Measured:
    return each_opened(path, checksum=False)


def killed_each_time_without_checksums(path: Path) -> Measured:
    return each_killed(path, checksum=False)


def transactions_without_checksums(path: Path) -> Measured:
    """Each writes chunks of two sizes anew, many of them several times."""
    shape, chunks, random = (101, 2999), (17, 700), np.random.default_rng(1)
    array = caterva.asarray(
        noise(0, shape), chunks=chunks, blocks=(5, 111), urlpath=str(path), checksum=False
    )
    largest = 0
    for turn in range(40):
        with array.transaction():
            for _ in range(1 + turn % 30):
                array[random.integers(shape[0])] = noise(turn, shape[1])
        largest = max(largest, path.stat().st_size)
    return Measured(array, largest)


def of_another_library(path: Path) -> Measured:
    """python-blosc2 has made it: it has neither checksums nor copies of its header."""
    make_elsewhere(path)
    return in_turn(caterva.open(str(path), "a"), path)


def opened_each_time_of_another_library(path: Path) -> Measured:
    make_elsewhere(path)
    for turn in range(200):
        with caterva.open(str(path), "a") as array:
            array[turn % ROWS] = noise(turn)
    return Measured(caterva.open(str(path), "a"))


def changed_by_another_library(path: Path) -> Measured:
    """In turn with ours: what was sealed is not any more, what it puts has no checksums."""
    import blosc2

    warnings.simplefilter("ignore", caterva.UnverifiedWarning)
    make(path).close()
    largest = 0
    for turn in range(60):
        other = blosc2.open(str(path), mode="a")
        other[turn % ROWS] = noise(turn)
        del other
        array = caterva.open(str(path), "a")
        for row in range(4):
            array[(turn + 3 * row) % ROWS] = noise(turn + row)
        largest = max(largest, path.stat().st_size)
        array.close()
    return Measured(caterva.open(str(path), "a"), largest)


def an_idle_reader_without_checksums(path: Path) -> Measured:
    def write(path: Path) -> Measured:
        array = caterva.open(str(path), "a", checksum=False)
        return in_turn(array, path)

    return beside_an_idle_reader(path, write, checksum=False)


def metadata(path: Path, array: caterva.NDArray, turns: int = 200) -> Measured:
    """Attributes and a variable-length metalayer, again and again; it is all in the tail."""
    largest = 0
    for turn in range(turns):
        if turn % 2:
            array.vlmeta["x"] = noise(turn, 12_000).tobytes()
        else:
            array.attrs["x"] = noise(turn, 2_000).tobytes().hex()
        largest = max(largest, size_of(path))
    last = turns - 1 - turns % 2
    assert array.vlmeta["x"] == noise(last, 12_000).tobytes()
    return Measured(array, largest, 80_000)  # stored_bytes() counts chunks alone


def metadata_of_a_sealed_file(path: Path) -> Measured:
    make(path).close()
    return metadata(path, caterva.open(str(path), "a"))


def metadata_without_checksums(path: Path) -> Measured:
    return metadata(path, make(path, checksum=False))


def metadata_reopened_without_checksums(path: Path) -> Measured:
    make(path, checksum=False).close()
    return metadata(path, caterva.open(str(path), "a", checksum=False))


def metadata_opened_each_time_without_checksums(path: Path) -> Measured:
    make(path, checksum=False).close()
    largest = 0
    for turn in range(50):
        with caterva.open(str(path), "a", checksum=False) as array:
            largest = max(largest, metadata(path, array, 2 + turn % 3).largest)
    return Measured(caterva.open(str(path), "a", checksum=False), largest, 80_000)


def metadata_of_another_library(path: Path) -> Measured:
    make_elsewhere(path)
    return metadata(path, caterva.open(str(path), "a"))


def metadata_of_a_directory(path: Path) -> Measured:
    make(path, contiguous=False).close()
    return metadata(path, caterva.open(str(path), "a"))


def metadata_in_fsync_mode(path: Path) -> Measured:
    make(path, checksum=False).close()
    return metadata(path, caterva.open(str(path), "a", checksum=False, durability="fsync"))


def all_anew_each_time(path: Path) -> Measured:
    array = caterva.asarray(noise(0, (64, WIDTH)), chunks=(1, WIDTH), blocks=(1, 2048), urlpath=str(path))
    for turn in range(20):
        array[...] = noise(turn, (64, WIDTH))
    return Measured(array)


def chunks_of_all_sizes(path: Path) -> Measured:
    array = make(path)
    random = np.random.default_rng(1)
    for turn in range(1000):
        row = np.zeros(WIDTH, "u4")
        count = int(WIDTH * random.random() ** 3)
        row[:count] = noise(turn, count)
        array[random.integers(ROWS)] = row
    return Measured(array, path.stat().st_size, STATE)  # each might be as large


def rolled_back(path: Path) -> Measured:
    array = make(path)
    for _ in range(50):
        try:
            with array.transaction():
                array[...] = noise(1, (ROWS, WIDTH))
                raise KeyError
        except KeyError:
            array[0] = noise(1)
    return Measured(array)


def each_opened(path: Path, **keywords: object) -> Measured:
    make(path, **keywords).close()
    largest = 0
    for turn in range(200):
        with caterva.open(str(path), "a", **keywords) as array:
            array[turn % ROWS] = noise(turn)
            largest = max(largest, path.stat().st_size)
    array = caterva.open(str(path), "a", **keywords)
    for row in range(8, ROWS):  # the last 200 % 16 turns began anew
        assert np.array_equal(array[row], noise(176 + row))
    return Measured(array, largest)


def opened_each_time(path: Path) -> Measured:
    return each_opened(path)


def each_killed(path: Path, **keywords: object) -> Measured:
    """Writers that neither close nor flush: what they have replaced is found by those who follow."""
    make(path, **keywords).close()
    for turn in range(40):
        child = os.fork()
        if child == 0:
            array = caterva.open(str(path), "a", **keywords)
            for row in range(8):
                array[(turn + row) % ROWS] = noise(turn)
            os._exit(0)
        os.waitpid(child, 0)
    return Measured(caterva.open(str(path), "a", **keywords))


def killed_each_time(path: Path) -> Measured:
    return each_killed(path)


def two_writers_in_turn(path: Path) -> Measured:
    make(path).close()
    array, other = caterva.open(str(path), "a"), caterva.open(str(path), "a")
    for turn in range(200):
        array[turn % ROWS] = noise(turn)
        other[(turn + 7) % ROWS] = noise(turn)
    size = path.stat().st_size
    other.close()
    array.refresh()
    return Measured(array, size, WIDTH * 4)


def beside_an_idle_reader(path: Path, situation: Callable[[Path], Measured], **keywords: object) -> Measured:
    """Nothing that it reads is written over, and all else is used again."""
    expected = noise(0, (ROWS, WIDTH))
    make(path, **keywords).close()
    with caterva.open(str(path), "r") as reader:
        measured = situation(path)
        size = path.stat().st_size if path.is_file() else size_of(path)
        assert np.array_equal(reader[...], expected), "not the reader's state any more"
    return Measured(measured.array, max(size, measured.largest), measured.needed + STATE)


def many_writes(path: Path) -> Measured:
    array = caterva.open(str(path), "a")
    for turn in range(400):
        array[turn % ROWS] = noise(turn)
    return Measured(array)


def an_idle_reader(path: Path) -> Measured:
    return beside_an_idle_reader(path, many_writes)


def an_idle_reader_of_two_writers(path: Path) -> Measured:
    def write(path: Path) -> Measured:
        array, other = caterva.open(str(path), "a"), caterva.open(str(path), "a")
        for turn in range(200):
            array[turn % ROWS] = noise(turn)
            other[(turn + 7) % ROWS] = noise(turn)
        other.close()
        array.refresh()
        return Measured(array)

    return beside_an_idle_reader(path, write)


def an_idle_reader_of_short_writers(path: Path) -> Measured:
    def write(path: Path) -> Measured:
        for turn in range(200):
            with caterva.open(str(path), "a") as array:
                array[turn % ROWS] = noise(turn)
        return Measured(caterva.open(str(path), "a"))

    return beside_an_idle_reader(path, write)


READER = """
import os, sys, time, random, caterva
end, R = time.time() + float(sys.argv[2]), random.Random(int(sys.argv[3]))
while time.time() < end:
    with caterva.open(sys.argv[1], "r", cache_bytes=0) as a:
        for _ in range(R.randint(1, 6)):
            try:
                seen = {int(a[k, 0]) for k in range(a.shape[0])}
            except caterva.FileChangedError:
                if os.path.isdir(sys.argv[1]):
                    break  # a file that is gone is noticed: docs/design/processes.md
                raise
            assert len(seen) == 1, seen
            time.sleep(R.random() * 0.05)
"""


def readers_that_come_and_go(path: Path, **keywords: object) -> Measured:
    """Each keeps a state for a moment; each of its reads must be of that state."""

    def mark(seed: int) -> None:
        with array.transaction():
            for row in range(ROWS):
                chunk = noise(seed + row)
                chunk[0] = seed
                array[row] = chunk

    seconds, readers = 3, 4
    array = make(path, **keywords)
    mark(1)
    processes = [
        subprocess.Popen([sys.executable, "-P", "-c", READER, str(path), str(seconds), str(n)])
        for n in range(readers)
    ]
    commits, largest = 1, 0
    while any(process.poll() is None for process in processes):
        commits += 1
        mark(commits)
        size = size_of(path)
        for tries in range(20):  # who is just opening it, as long as the machine lets him, needs all there is
            if size <= bound(STATE, readers * STATE):
                break
            time.sleep(0.05 * tries)
            commits += 1
            mark(commits)
            size = size_of(path)
        largest = max(largest, size)
    assert all(process.wait() == 0 for process in processes), "a reader has seen two states at once"
    assert commits > 5
    return Measured(array, largest, readers * STATE)


def grown_by_rows(path: Path) -> Measured:
    array = caterva.asarray(noise(0, (1, 2000)), chunks=(100, 2000), blocks=(10, 2000), urlpath=str(path))
    for turn in range(1000):
        array.append(noise(turn, (1, 2000)))
    return Measured(array)


def shrunk(path: Path) -> Measured:
    """A file gives back what is free at its end when it is closed."""
    array = caterva.asarray(noise(0, (128, WIDTH)), chunks=(1, WIDTH), blocks=(1, 2048), urlpath=str(path))
    array.resize((2, WIDTH))
    array.close()
    return Measured(caterva.open(str(path), "a"))


def shrunk_without_checksums(path: Path) -> Measured:
    caterva.asarray(
        noise(0, (128, WIDTH)), chunks=(1, WIDTH), blocks=(1, 2048), urlpath=str(path), checksum=False
    ).close()
    with caterva.open(str(path), "a", checksum=False) as array:
        array.resize((2, WIDTH))
    return Measured(caterva.open(str(path), "a", checksum=False))


def directory(path: Path) -> Measured:
    return single_writes(path, contiguous=False)


def a_directory_beside_an_idle_reader(path: Path) -> Measured:
    def write(path: Path) -> Measured:
        array = caterva.open(str(path), "a")
        with caterva.open(str(path), "r") as other:  # of the same state
            for turn in range(400):
                array[turn % ROWS] = noise(turn)
            assert np.array_equal(other[...], noise(0, (ROWS, WIDTH)))
        return Measured(array)

    return beside_an_idle_reader(path, write, contiguous=False)


def a_directory_of_readers_that_come_and_go(path: Path) -> Measured:
    return readers_that_come_and_go(path, contiguous=False)


SITUATIONS: list[Callable[[Path], Measured]] = [
    one_transaction, appends_in_one, single_writes, in_fsync_mode, without_checksums, without_locks,
    reopened_without_checksums, opened_each_time_without_checksums, killed_each_time_without_checksums,
    transactions_without_checksums, an_idle_reader_without_checksums,
    of_another_library, opened_each_time_of_another_library, changed_by_another_library,
    metadata_of_a_sealed_file, metadata_without_checksums, metadata_reopened_without_checksums,
    metadata_opened_each_time_without_checksums, metadata_of_another_library, metadata_of_a_directory,
    metadata_in_fsync_mode, all_anew_each_time, chunks_of_all_sizes, rolled_back, opened_each_time,
    killed_each_time,
    two_writers_in_turn, an_idle_reader, an_idle_reader_of_two_writers, an_idle_reader_of_short_writers,
    readers_that_come_and_go, grown_by_rows, shrunk, shrunk_without_checksums, directory,
    a_directory_beside_an_idle_reader, a_directory_of_readers_that_come_and_go,
]  # fmt: skip


def size_of(path: Path) -> int:
    return sum(f.stat().st_size for f in path.iterdir()) if path.is_dir() else path.stat().st_size


def run(situation: Callable[[Path], Measured], path: Path) -> tuple[int, int, int, int]:
    """Bytes that are live, that readers need besides, of the file at its largest, and when it is closed."""
    measured = situation(path)
    live = measured.array._handle.stored_bytes()
    largest = max(measured.largest, size_of(path))
    measured.array.close()
    return live, measured.needed, largest, size_of(path)


def main(names: list[str]) -> None:
    for situation in SITUATIONS:
        if names and situation.__name__ not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            live, needed, largest, closed = run(situation, Path(folder, "a.b2nd"))
        print(
            f"{situation.__name__:44} live {live:>10,}  needed {needed:>10,}  file {largest:>11,}"
            f" = {largest / (live + needed):5.2f}  closed {closed:>11,}"
            + ("" if largest <= bound(live, needed) else "  TOO LARGE"),
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
