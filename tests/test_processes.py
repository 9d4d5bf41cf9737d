"""Several processes, threads and handles on one file or directory: docs/design/processes.md."""

from __future__ import annotations

import errno
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from sharing import (
    SHAPE,
    WATCHDOG,
    WORKERS,
    append_rows,
    opened,
    read_versions,
    write_columns,
    write_versions,
    write_with,
)
from support import home_arguments, neighbours, reference_array, snapshot

import caterva as cat

HOMES = ["file", "directory"]


def make(path, home="file", **keywords):
    options = {"chunks": (16, 16), "blocks": (5, 7), **home_arguments(home, path), **keywords}
    return cat.zeros(SHAPE, dtype="<i4", **options)


def lock_of(path):
    return path / ".b2lock" if path.is_dir() else path.with_name(path.name + ".b2lock")


class Workers:
    """Processes or threads that are joined, and must have ended well, when the block is left."""

    def __init__(self, kind):
        self.kind = kind
        self.workers = []
        self.failures = []

    def _run(self, function, *arguments):
        try:
            function(*arguments)
        except BaseException as failure:
            self.failures.append(failure)
            raise

    def start(self, function, *arguments):
        if self.kind == "threads":
            worker = threading.Thread(target=self._run, args=(function, *arguments), daemon=True)
        else:
            context = multiprocessing.get_context(self.kind)
            worker = context.Process(target=function, args=arguments, daemon=True)
        worker.start()
        self.workers.append(worker)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        limit = time.monotonic() + WATCHDOG
        for worker in self.workers:
            worker.join(max(limit - time.monotonic(), 0))
        late = [worker for worker in self.workers if worker.is_alive()]
        for worker in late:
            if self.kind != "threads":
                worker.kill()
        assert not late and not self.failures
        if self.kind != "threads":
            assert [worker.exitcode for worker in self.workers] == [0] * len(self.workers)


KINDS = ["spawn", "threads", *(["fork"] if hasattr(os, "fork") else [])]


@pytest.fixture(params=KINDS)
def workers(request):
    return Workers(request.param)


# -------------------------------------------------------------------- writers


@pytest.mark.parametrize("home", HOMES)
def test_writers_of_unaligned_regions_lose_nothing(workers, home, path):
    make(path, home)
    with workers:
        for worker in range(WORKERS):
            workers.start(write_columns, path, worker)
    columns = np.arange(SHAPE[1]) // (SHAPE[1] // WORKERS) + 1
    expected = (100 * np.arange(SHAPE[0])[:, None] + columns).astype("<i4")
    assert opened(path).to_buffer() == expected.tobytes()
    assert reference_array(path).tobytes() == expected.tobytes()


@pytest.mark.parametrize("home", HOMES)
def test_appends_and_attributes_of_several_writers_are_all_there(workers, home, path):
    make(path, home)
    with workers:
        for worker in range(WORKERS):
            workers.start(append_rows, path, worker)
    array = opened(path)
    rows = np.asarray(array[:])[SHAPE[0] :].reshape(-1, 3 * SHAPE[1])
    assert (rows == rows[:, :1]).all(), "an append is torn"
    assert sorted(rows[:, 0]) == [100 * worker + turn for worker in range(WORKERS) for turn in range(12)]
    assert len(array.attrs) == 12 * WORKERS


def test_threads_of_one_handle_and_another_process_lose_nothing(path):
    shared = make(path, lock_timeout=WATCHDOG)
    with Workers("spawn") as processes, Workers("threads") as threads:
        processes.start(write_columns, path, 0)
        for worker in (1, 2):
            threads.start(write_with, shared, worker)
    shared.refresh()
    assert (np.asarray(shared[:])[:, ::15] == 100 * np.arange(SHAPE[0])[:, None] + [1, 2, 3]).all()


# -------------------------------------------------------------------- readers


READERS = [{"mode": "r"}, {"mode": "a", "cache_bytes": 0}, {"mode": "r", "mmap": True, "nthreads": 2}]


@pytest.mark.parametrize("home", HOMES)
def test_readers_beside_a_writer_see_committed_states(home, path):
    make(path, home)
    with Workers("spawn") as workers:
        for options in READERS[: 2 if home == "directory" else 3]:
            workers.start(read_versions, path, 60, options)
        workers.start(write_versions, path, 60)


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("options", READERS, ids=["read", "update", "mapped"])
def test_a_handle_is_a_snapshot_until_it_is_refreshed(home, options, path):
    if home == "directory" and options.get("mmap"):
        pytest.skip("a directory cannot be mapped")
    writer = make(path, home)
    reader = opened(path, **options)
    assert reader.refresh() is False
    writer[...] = 5
    writer.append(np.full((9, SHAPE[1]), 6))
    writer.vlmeta["note"] = b"new"
    assert reader.shape == SHAPE and not np.asarray(reader[...]).any() and "note" not in reader.vlmeta
    assert reader.refresh() is True
    assert reader.shape == (49, 45) and reader.vlmeta["note"] == b"new"
    assert reader.to_buffer() == writer.to_buffer()
    assert reader.refresh() is False
    assert writer.refresh() is False


def test_a_change_sees_what_others_have_committed(home, path):
    """In memory there is nobody else: the same calls, one handle."""
    first = cat.zeros((6,), dtype="<i4", chunks=(4,), **home)
    second = opened(first.urlpath) if first.urlpath else first
    assert second.append([1, 2]) == 8
    first[0] = 3
    assert first.shape == (8,)
    assert first.insert(0, [9]) == 9
    second.resize((9,))  # as it is already
    assert second.shape == (9,)
    assert second.delete(0) == 8
    first.meta.get("nothing")
    first.refresh()
    assert first[:].tolist() == second[:].tolist() == [3, 0, 0, 0, 0, 0, 1, 2]


def test_what_no_longer_fits_is_refused_and_changes_nothing(path):
    first, second = make(path), opened(path)
    first.resize((10, 10))
    before = snapshot(path)
    with pytest.raises(IndexError, match="size 10"):
        second[20, 20] = 1
    assert second.shape == (10, 10)
    with pytest.raises(ValueError):
        second.append(np.zeros((1, SHAPE[1]), "<i4"))
    with pytest.raises(IndexError):
        second.delete(20)
    assert snapshot(path) == before
    second[9, 9] = 1
    assert first.refresh() and first[9, 9] == 1


@pytest.mark.parametrize("home", HOMES)
def test_another_array_in_its_place_is_noticed(home, path):
    array = make(path, home)
    for other in (cat.zeros(SHAPE, dtype="<f4"), cat.zeros((3,), dtype="<i4"), cat.zeros(SHAPE, dtype="<i8")):
        cat.remove(str(path))
        with pytest.raises(cat.FileChangedError):
            array.refresh()
        cat.copy(other, chunks="auto", **home_arguments(home, path))
        with pytest.raises(cat.FileChangedError, match=path.name):
            array.refresh()
        with pytest.raises(cat.FileChangedError, match=path.name):
            array[0, 0] = 1
        assert array.shape == SHAPE and array.dtype == "<i4"
    cat.remove(str(path))
    make(path, home)[1, 1] = 7  # of the same kind
    assert array.refresh()
    assert array[1, 1] == 7


def test_a_reader_whose_bytes_are_gone_is_told_so(path):
    writer = make(path, "directory")
    writer[...] = np.arange(45)
    reader = opened(path, mode="r", locking=False)  # so that its files are not kept
    writer[...] = 2
    writer[...] = 3
    with pytest.raises(cat.FileChangedError, match="refresh"):
        reader[...]
    reader.refresh()
    assert (np.asarray(reader[...]) == 3).all()


def test_files_that_a_reader_needs_stay_until_it_has_gone(path):
    writer = make(path, "directory")
    count = len(list(path.glob("*.chunk")))
    assert count == 0
    writer[...] = 1
    reader = opened(path, mode="r")
    for version in (2, 3):
        writer[...] = version
    opened(path)[...] = 4
    assert (np.asarray(reader[...]) == 1).all()
    chunks = set(path.glob("*.chunk"))
    assert len(chunks) > 9
    reader.close()
    opened(path)[0, 0] = 5  # another handle sweeps
    writer[...] = 6
    writer.flush()  # until then there are those of the last flushed state
    assert len(set(path.glob("*.chunk"))) == 9
    assert (np.asarray(opened(path)[...]) == 6).all()


def test_what_a_change_left_that_never_ended_is_swept(path):
    make(path, "directory")[...] = 1
    (path / "000000AA.chunk").write_bytes(b"x")
    (path / "chunks.b2frame.tmp-1-00000001").write_bytes(b"x")
    (path / "mine.chunk").write_bytes(b"x")
    (path / "000000bb.chunk").write_bytes(b"x")
    (path / "chunks.b2frame.copy.tmp-1-00000001").write_bytes(b"x")
    array = opened(path)
    array[0, 0] = 2
    names = {entry.name for entry in path.iterdir()}
    kept = {"mine.chunk", "000000bb.chunk", ".b2lock", "chunks.b2frame", "chunks.b2frame.copy"}
    assert kept <= names
    assert len(names) == len(kept) + 9 + 1  # the replaced chunk is of the state that was flushed last
    array.flush()
    assert {entry.name for entry in path.iterdir()} < names
    assert len(list(path.iterdir())) == len(kept) + 9


# -------------------------------------------------------------------- the lock


HOLD = """
import sys, caterva as cat
array = cat.open(sys.argv[1])
array._handle.begin()
array[0, 0] = 1
print("held", flush=True)
sys.stdin.read()
array._handle.rollback()
"""


class Holder:
    """Another process that has a change open."""

    def __enter__(self):
        return self

    def __init__(self, path):
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdout.readline().strip() == b"held"

    def __exit__(self, *exception):
        self.process.communicate(timeout=WATCHDOG)
        assert self.process.returncode == 0


@pytest.mark.parametrize("home", HOMES)
def test_waiting_ends_with_an_error_that_names_the_holder(home, path):
    array = make(path, home, lock_timeout=0.2)
    before = snapshot(path)
    with Holder(path) as holder:
        for change in (
            lambda: array.__setitem__(..., 1),
            lambda: array.append(np.zeros((1, 45), "<i4")),
            lambda: array.resize((1, 1)),
            lambda: array.attrs.update(a=1),
            lambda: array.vlmeta.update(a=b"1"),
            lambda: array._handle.begin(),
        ):
            with pytest.raises(cat.LockedError, match=f"process {holder.process.pid}, for ") as caught:
                change()
            assert isinstance(caught.value, OSError) and caught.value.errno == errno.EAGAIN
            assert caught.value.filename == str(path)
        assert not np.asarray(array[...]).any(), "readers do not wait"
        assert array.refresh() is not None
    assert opened(path).to_buffer() == array.to_buffer()
    assert snapshot(path) == before
    array[0, 0] = 2  # the lock is free
    assert opened(path)[0, 0] == 2


def test_a_change_waits_for_the_others(path):
    array = make(path, lock_timeout=WATCHDOG)
    with Holder(path) as holder:
        threading.Timer(0.3, holder.process.stdin.close).start()
        array[5, 5] = 7
        holder.process.stdin = None
    assert opened(path)[5, 5] == 7


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("home", HOMES)
def test_the_lock_ends_with_its_holder(home, path):
    array = make(path, home, lock_timeout=WATCHDOG)
    array[1, 1] = 3
    holder = Holder(path)
    holder.process.kill()
    holder.process.communicate(timeout=WATCHDOG)
    array[0, 0] = 2
    assert opened(path)[:2, :2].tolist() == [[2, 0], [0, 3]]


def test_a_thread_does_not_wait_for_itself(path):
    first, second = make(path, lock_timeout=WATCHDOG), opened(path)
    first._handle.begin()
    with pytest.raises(cat.LockedError, match="same thread") as caught:
        second[0, 0] = 1
    assert caught.value.errno == errno.EDEADLK
    first[0, 0] = 5
    first._handle.commit()
    second[0, 1] = 6
    assert opened(path)[0, :2].tolist() == [5, 6]


@pytest.mark.parametrize("home", HOMES)
def test_only_changes_make_a_lock_file_and_removing_ends_it(home, path):
    make(path, home)
    for mode in ("r", "a"):
        array = opened(path, mode=mode)
        _ = array[3:5], array.refresh(), array.info, array.copy()
    opened(path, locking=False)[0, 0] = 1
    assert not lock_of(path).exists()
    opened(path)[0, 0] = 2
    assert lock_of(path).exists()
    cat.remove(str(path))
    assert os.listdir(path.parent) == []


def test_without_locks_nobody_is_waited_for(path):
    fcntl = pytest.importorskip("fcntl")
    array = make(path, lock_timeout=0)
    with open(lock_of(path), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)  # as a reader of C-Blosc2
        with pytest.raises(cat.LockedError, match="another process"):
            array[3, 3] = 4
        opened(path, locking=False)[3, 3] = 4
    array.refresh()
    assert array[3, 3] == 4


@pytest.mark.parametrize("home", HOMES)
def test_a_lock_file_that_cannot_be_made_is_named_with_a_way_out(home, path):
    array = make(path, home)
    (lock_of(path) if home == "file" else path / ".b2lock").mkdir()
    with pytest.raises(cat.StorageError, match=r"b2lock.*locking=False") as caught:
        array[0, 0] = 1
    assert caught.value.errno == errno.EISDIR
    assert not np.asarray(array[...]).any()
    opened(path, locking=False)[0, 0] = 1
    assert opened(path, mode="r")[0, 0] == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do anything")
def test_an_array_in_a_folder_that_cannot_be_written_can_be_read(path):
    make(path)
    path.parent.chmod(0o555)
    try:
        array = opened(path)
        assert not np.asarray(array[...]).any() and array.refresh() is False
        with pytest.raises(cat.StoragePermissionError, match=r"b2lock.*locking=False"):
            array[0, 0] = 1
    finally:
        path.parent.chmod(0o755)


def test_a_lock_file_that_is_a_link_is_refused(path, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"of somebody else")
    array = make(path)
    lock_of(path).symlink_to(victim)
    with pytest.raises(cat.StorageError, match="b2lock"):
        array[0, 0] = 1
    assert victim.read_bytes() == b"of somebody else"


# -------------------------------------------------------------------- python-blosc2

BLOSC2_WRITER = """
import sys, blosc2
array = blosc2.open(sys.argv[1], mode="a", locking=True)
for row in range(40):
    array[row, 3:11] = 100 * row + 7
"""

BLOSC2_READER = """
import sys, blosc2
array = blosc2.open(sys.argv[1], mode="r", locking=True)
last = 0
while last < 40:
    seen = int(array[0, 0])
    assert seen >= last, (seen, last)
    chunk = array[:16, :16]
    assert (chunk == chunk.flat[0]).all() and chunk.flat[0] >= seen, chunk
    last = seen
"""


def run_blosc2(script, path):
    pytest.importorskip("blosc2", minversion="4.14")
    return subprocess.Popen([sys.executable, "-P", "-W", "error", "-c", script, str(path)])


@pytest.mark.parametrize("home", HOMES)
def test_python_blosc2_and_this_library_take_turns(home, path):
    blosc2 = pytest.importorskip("blosc2", minversion="4.14")
    ours = make(path, home)
    theirs = blosc2.open(str(path), mode="a", locking=True)
    ours[3, 3] = 7
    assert theirs[3, 3] == 7
    theirs[4, 4] = 8
    assert ours.refresh()
    assert ours[4, 4] == 8
    theirs[5, 5] = 9
    ours[6, 6] = 10  # reloads by itself
    assert [theirs[i, i] for i in (3, 4, 5, 6)] == [ours[i, i] for i in (3, 4, 5, 6)] == [7, 8, 9, 10]
    theirs.resize((50, 45))
    assert ours.append(np.full((1, 45), 4, "<i4")) == 51
    assert theirs.shape == (51, 45) or blosc2.open(str(path)).shape == (51, 45)
    assert blosc2.open(str(path))[50, 0] == ours[50, 0] == 4
    assert reference_array(path).shape == (51, 45)


@pytest.mark.parametrize("home", HOMES)
def test_python_blosc2_writes_beside_this_library_and_nothing_is_lost(home, path):
    make(path, home)
    ours = opened(path)
    process = run_blosc2(BLOSC2_WRITER, path)
    for row in range(40):
        ours[row, 11:20] = 100 * row + 8
    assert process.wait(timeout=WATCHDOG) == 0
    items = np.asarray(opened(path)[...])
    assert (items[:, 3:11] == 100 * np.arange(40)[:, None] + 7).all()
    assert (items[:, 11:20] == 100 * np.arange(40)[:, None] + 8).all()
    assert neighbours(path) == [path.name]


def test_python_blosc2_reads_whole_states_beside_a_writer(path):
    make(path)[...] = 1
    process = run_blosc2(BLOSC2_READER, path)
    writer = opened(path)
    for version in range(1, 41):
        writer[...] = version
    assert process.wait(timeout=WATCHDOG) == 0


WRITE_ON = """
import sys, caterva as cat
array = cat.open(sys.argv[1], "a")
print("ready", flush=True)
for value in range(10**9):
    array[value % 60] = value
    if value % 7 == 0:
        array.flush()
"""


@pytest.mark.parametrize("checksum", [True, False])
def test_verify_beside_a_writer_accuses_nobody(tmp_path, checksum):
    """A commit that is under way is no damage; what opens meanwhile is one commit, also without checksums."""
    path = tmp_path / "a.b2nd"
    cat.asarray(np.zeros((60, 50), "i4"), chunks=(17, 13), urlpath=path, checksum=checksum).close()
    writer = subprocess.Popen([sys.executable, "-P", "-c", WRITE_ON, path], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(40):
                with cat.open(path, checksum=checksum) as array:
                    assert array.shape == (60, 50)
                    found = array.verify()
                    assert not found.is_damaged, found
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
