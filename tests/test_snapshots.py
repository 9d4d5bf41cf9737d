"""Readers beside writers that use dead space again: each read is of the reader's state, or refused."""

import os
import random
import struct
import sys
import threading
import warnings

import numpy as np
import pytest
import refsums

import caterva as cat

ROWS, WIDTH, COMMITS = 8, 16384, 160
HOMES = {"file": True, "directory": False}
NO_HOLD = pytest.mark.skipif(sys.platform != "linux", reason="locks of open file descriptions")


def noise(seed, *shape):
    return np.random.default_rng(seed).integers(0, 1 << 32, shape, "<u4")


def make(path, home):
    items = noise(0, ROWS, WIDTH)
    place = {"urlpath": str(path), "contiguous": HOMES[home]}
    cat.asarray(items, chunks=(1, WIDTH), blocks=(1, 2048), **place).close()
    return items


def read_beside_a_writer(path, items, reader):
    """Return how many reads were right, refused and wrong, while all is written several times over."""
    right = refused = wrong = 0
    with cat.open(str(path), "a") as writer:
        for commit in range(COMMITS):
            writer[commit % ROWS] = noise(1 + commit, WIDTH)
            if commit == COMMITS // 2:
                writer.flush()  # what was flushed before is not needed any more
            row = 5 * commit % ROWS
            try:
                same = np.array_equal(reader[row], items[row])
            except cat.FileChangedError:
                refused += 1
            else:
                right, wrong = right + same, wrong + (not same)
        now = np.asarray(writer[...])
    return right, refused, wrong, now


@NO_HOLD
@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("options", [{}, {"cache_bytes": 0}, {"checksum": False}, {"mmap": True}], ids=str)
def test_a_snapshot_is_kept_for_its_reader(home, options, tmp_path):
    if home == "directory" and "mmap" in options:
        pytest.skip("directories are not mapped")
    items = make(tmp_path / "a", home)
    with cat.open(str(tmp_path / "a"), "r", **options) as reader:
        right, refused, wrong, now = read_beside_a_writer(tmp_path / "a", items, reader)
        assert (right, refused, wrong) == (COMMITS, 0, 0)
        assert reader.refresh()
        np.testing.assert_array_equal(reader[...], now)


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("options", [{"cache_bytes": 0}, {"cache_bytes": 0, "mmap": True}], ids=str)
def test_a_reader_without_locks_is_told_that_its_place_was_used_again(home, options, tmp_path):
    if home == "directory" and "mmap" in options:
        pytest.skip("directories are not mapped")
    items = make(tmp_path / "a", home)
    with cat.open(str(tmp_path / "a"), "r", locking=False, **options) as reader:
        _, refused, wrong, now = read_beside_a_writer(tmp_path / "a", items, reader)
        assert refused > 0 and wrong == 0
        assert reader.refresh()
        np.testing.assert_array_equal(reader[...], now)


@pytest.mark.parametrize("home", HOMES)
def test_a_reader_that_compares_nothing_is_warned(home, tmp_path):
    make(tmp_path / "a", home)
    with pytest.warns(cat.UnverifiedWarning, match="locking=False and checksum=False"):
        cat.open(str(tmp_path / "a"), "r", locking=False, checksum=False).close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cat.open(str(tmp_path / "a"), "r", locking=False).close()
        cat.open(str(tmp_path / "a"), "r", checksum=False).close()


@pytest.mark.parametrize("options", [{}, {"mmap": True}, {"locking": False}], ids=str)
def test_what_another_library_writes_over_chunks_is_noticed(options, tmp_path):
    """It updates chunks in place, or moves them; a snapshot does not hold against it, and says so."""
    blosc2 = pytest.importorskip("blosc2")
    path = tmp_path / "a.b2nd"
    items = make(path, "file")
    with cat.open(str(path), "r", cache_bytes=0, **options) as reader:
        theirs = blosc2.open(str(path), mode="a")
        for commit in range(30):
            theirs[commit % ROWS] = noise(1 + commit, WIDTH)
            row = 5 * commit % ROWS
            try:
                same = np.array_equal(reader[row], items[row])
            except (cat.FileChangedError, cat.CorruptDataError):
                continue
            assert same


@NO_HOLD
@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("cache_bytes", [0, 1 << 20])
def test_another_array_under_the_same_name_is_not_the_reader_s(home, cache_bytes, tmp_path):
    path = tmp_path / "a"
    items = make(path, home)
    with cat.open(str(path), "r", cache_bytes=cache_bytes) as reader:
        np.testing.assert_array_equal(reader[2], items[2])
        for _ in range(3):  # the same numbers may come again: of files, and of directories
            cat.remove(str(path))
            cat.asarray(items + 1, chunks=(1, WIDTH), blocks=(1, 2048), urlpath=str(path),
                        contiguous=HOMES[home]).close()  # fmt: skip
        for row in range(ROWS):
            try:
                np.testing.assert_array_equal(reader[row], items[row])
            except cat.FileChangedError:
                assert home == "directory"
        assert reader.refresh()
        np.testing.assert_array_equal(reader[...], items + 1)


@NO_HOLD
@pytest.mark.parametrize("durability", ["order", "fsync"])
def test_copies_of_a_header_are_not_put_where_a_reader_s_chunks_are(durability, tmp_path):
    """Another library's chunks begin where such copies are, and leave the place with the first change."""
    blosc2 = pytest.importorskip("blosc2")
    path = tmp_path / "a.b2nd"
    items = noise(3, 85, 144)
    blosc2.asarray(items, chunks=(9, 49), blocks=(2, 5), urlpath=str(path), mode="w")
    readers = []
    with cat.open(str(path), "a", durability=durability) as writer:
        now = items.copy()
        for turn in range(12):
            readers.append((cat.open(str(path), "r", cache_bytes=0), now.copy()))
            rows = slice(7 * turn % 80, 7 * turn % 80 + 27)
            writer[rows] = now[rows] = turn
            if turn % 3 == 2:
                writer.flush()
            for reader, then in readers:
                np.testing.assert_array_equal(reader[...], then)
    for reader, _ in readers:
        reader.close()


# ---------------------------------------------------------------- beside others, after a power cut


def hold_all(path):
    """Say of a file what a process says that is just opening it; return what is to be closed."""
    fcntl = pytest.importorskip("fcntl")
    if not hasattr(fcntl, "F_OFD_SETLK"):
        pytest.skip("locks of open file descriptions")
    descriptor = os.open(path, os.O_RDONLY)
    region = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 1 << 62, (1 << 61) - 1, 0)
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, region)
    return descriptor


def part_lost(path):
    """Make a file of which a power cut has left a state in part; return the items flushed before."""
    items = np.random.default_rng(3).integers(0, 1 << 30, (20, 30)).astype("i4")
    with cat.asarray(items, chunks=(5, 30), blocks=(5, 30), urlpath=str(path)) as array:
        array.flush()
        before = set(refsums.chunk_ranges(path))
        array[5:10] = items[5:10] + 1
        raw = bytearray(path.read_bytes())
        start, stop = next(iter(set(refsums.chunk_ranges(path)) - before))
        raw[start:stop] = bytes(stop - start)
    path.write_bytes(raw)
    path.with_name(path.name + ".b2lock").unlink(missing_ok=True)
    return items


def test_who_is_just_opening_a_file_does_not_vouch_for_it(tmp_path):
    path = tmp_path / "array.b2nd"
    items = part_lost(path)
    opener = hold_all(path)
    with pytest.warns(cat.RecoveredWarning, match="the last flushed state was opened"):
        array = cat.open(str(path), mode="r")
    os.close(opener)
    with array:
        np.testing.assert_array_equal(array[...], items)


@pytest.mark.filterwarnings("ignore::caterva.RecoveredWarning")
def test_many_that_open_at_once_after_a_power_cut_step_back_alike(tmp_path):
    path = tmp_path / "array.b2nd"
    items = part_lost(path)
    for _ in range(10):
        start, found = threading.Barrier(4), []

        def look():
            start.wait()  # noqa: B023
            with cat.open(str(path), mode="r") as array:
                found.append(np.array_equal(array[...], items))  # noqa: B023

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [True] * 4


# ---------------------------------------------------------------- files that other libraries made


class Beside:
    """A writer, fresh ones, and readers that keep what they opened: the model is a copy for each reader."""

    def __init__(self, path, origin, seed):
        self.draw, self.path = random.Random(seed), str(path)
        self.shape, chunks = (60, 150), (self.draw.randrange(4, 12), self.draw.randrange(20, 60))
        self.items, self.readers = noise(seed, *self.shape), []
        keywords = {"chunks": chunks, "blocks": (2, 5), "urlpath": self.path}
        if origin == "foreign":
            blosc2 = pytest.importorskip("blosc2")
            blosc2.asarray(self.items, mode="w", **keywords)
        else:
            cat.asarray(self.items, filters=[], **keywords).close()
        if origin == "mixed":
            blosc2 = pytest.importorskip("blosc2")
            blosc2.open(self.path, mode="a")[0:5] = 3
            self.items[0:5] = 3
        self.open()

    def open(self):
        durability = self.draw.choice(["order", "fsync"])
        self.writer = cat.open(self.path, "a", durability=durability)

    def read(self):
        """Open one more reader, in place of the oldest if there are many."""
        if len(self.readers) > 3:
            self.readers.pop(0)[0].close()
        reader = cat.open(self.path, "r", cache_bytes=0, mmap=self.draw.random() < 0.5)
        self.readers.append((reader, self.items.copy()))

    def write(self, array):
        rows, columns = self.draw.randrange(60), self.draw.randrange(150)
        box = (slice(rows, rows + 9), slice(columns, columns + 50))
        array[box] = self.items[box] = noise(self.draw.randrange(1 << 30), *self.items[box].shape)

    def step(self):
        what = self.draw.choice(["write", "write", "all", "layer", "flush", "reopen", "other", "adopt"])
        if what == "write":
            self.write(self.writer)
        elif what == "all":
            self.writer[...] = self.items = noise(self.draw.randrange(1 << 30), *self.shape)
        elif what == "layer":
            self.writer.vlmeta["layer"] = self.draw.randbytes(self.draw.randrange(1, 20000))
        elif what == "flush":
            self.writer.flush()
        elif what == "adopt":
            self.writer.verify(adopt=True)
        elif what == "reopen":
            self.writer.close()
            self.open()
        else:
            with cat.open(self.path, "a") as other:
                self.write(other)
            self.writer.refresh()
        return what


@NO_HOLD
@pytest.mark.filterwarnings("ignore::caterva.UnverifiedWarning")
@pytest.mark.parametrize("origin", ["ours", "foreign", "mixed"])
def test_copies_of_metadata_are_never_put_over_what_a_reader_has(origin, tmp_path):
    for seed in range(12):
        life = Beside(tmp_path / f"{seed}.b2nd", origin, seed)
        for step in range(24):
            if step % 3 == 0:
                life.read()
            what = life.step()
            for reader, items in life.readers:
                np.testing.assert_array_equal(reader[...], items, err_msg=f"life {seed}: {what}")
        np.testing.assert_array_equal(life.writer[...], life.items)
        for array, _ in [*life.readers, (life.writer, None)]:
            array.close()
        with cat.open(life.path) as array:
            np.testing.assert_array_equal(array[...], life.items)
            assert array.verify().ok
