"""Children after fork(): they use arrays they inherit, and leave what their parent is changing alone."""

import contextlib
import multiprocessing
import operator
import os
import select
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

import caterva as cat

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")

SHAPE = (60, 45, 30)
BEGUN = b"\0"
SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")
SECONDS = 15 if SANITIZED else 60  # then a child hangs


@pytest.fixture
def data():
    return np.random.default_rng(5).integers(0, 1000, SHAPE).astype("<i4")


def make(data, home, **keywords):
    return cat.asarray(data, chunks=(17, 20, 11), blocks=(5, 6, 11), **home, **keywords)


def read_all(reader, child):
    """Return what a child writes, up to its end; a child that has not begun by SECONDS is killed."""
    message = b""
    if not select.select([reader], [], [], SECONDS)[0]:
        os.kill(child, signal.SIGKILL)
    while part := os.read(reader, 4096):
        message += part
    os.close(reader)
    return message


def fork_and_run(work):
    """Run `work` in a forked child; fail with what it raises, or if it hangs."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, on forks beside threads
        child = os.fork()
    if child == 0:
        message = "killed by nobody knows what"
        try:
            signal.alarm(SECONDS)
            os.write(writer, BEGUN)
            work()
            message = ""
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
        finally:
            os.write(writer, message.encode()[:4000])
            os._exit(message != "")
    os.close(writer)
    message = read_all(reader, child)
    status = os.waitpid(child, 0)[1]
    if SANITIZED and (not message.startswith(BEGUN) or status == signal.SIGALRM):
        return  # another thread had the lock of the sanitizer's allocator: gcc 12 leaves it locked
    message = message.removeprefix(BEGUN).decode() or "hangs, or crashed"
    assert status == 0, f"child: {message} (status {status})"


@contextlib.contextmanager
def beside(work, threads=1):
    """Have threads do `work` over and over; it is in full swing when this returns."""
    stop = threading.Event()
    rounds = [0] * threads
    failures = []

    def repeat(number):
        try:
            while not stop.is_set():
                work(number)
                rounds[number] += 1
        except BaseException as error:
            failures.append(error)
            raise

    workers = [threading.Thread(target=repeat, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    try:
        while not all(rounds) and not failures:
            time.sleep(0.001)
        yield
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert not failures


@pytest.mark.parametrize("nthreads", [1, 3])
def test_an_idle_array_is_read_and_written_by_a_child(home, nthreads, data):
    array = make(data, home, nthreads=nthreads)
    assert (np.asarray(array) == data).all()  # the pool's threads, which a child lacks, have begun

    def work():
        assert (np.asarray(array) == data).all()
        array[10:20, ::3] = -1
        assert (np.asarray(array[10:20, ::3]) == -1).all() and (np.asarray(array[20:]) == data[20:]).all()

    fork_and_run(work)
    if not array.urlpath:
        np.testing.assert_array_equal(np.asarray(array), data)  # a child has a copy of memory
        return
    with contextlib.suppress(cat.FileChangedError):
        array[0] = 0
    assert (np.asarray(cat.open(array.urlpath)[10:20, ::3]) == -1).all()


def test_children_read_while_other_threads_do(home, data):
    array = make(data, home, nthreads=2)

    def read_some(number):
        assert (np.asarray(array[number::7, 3]) == data[number::7, 3]).all()
        assert array[number, 4, 5] == data[number, 4, 5]

    def work():
        for number in range(4):
            read_some(number)
        assert (np.asarray(array) == data).all()

    with beside(read_some, threads=4):
        for _ in range(10):
            fork_and_run(work)


def test_a_file_that_another_thread_writes_is_whole_in_children(home, path):
    """A child sees the state of some commit: never half a write, nor one that was rolled back."""
    if "urlpath" not in home:
        pytest.skip("in memory such an array is lost")
    array = make(np.zeros(SHAPE, "<i4"), home, nthreads=2, cache_bytes=1 << 20)

    values = iter(range(1, 1 << 30))

    def write(number):
        array[...] = next(values)

    def work():
        opened = array[...]
        assert (np.asarray(opened) == opened.flat[0]).all(), "half a write"
        assert array.nthreads == 2 and array.cache_bytes == 1 << 20

    with beside(write):
        for _ in range(15):
            retry_while_replaced(lambda: fork_and_run(work))
    last = np.asarray(array)
    assert (last == last.flat[0]).all()
    np.testing.assert_array_equal(np.asarray(cat.open(array.urlpath)), last)


def retry_while_replaced(call):
    """A reader without a lock may meet the parent's writer, which has replaced what it wants, and says so."""
    for attempt in range(100):
        try:
            return call()
        except AssertionError as error:
            met = "chunk file is missing" in str(error) or "child: FileChangedError" in str(error)
            if not met or attempt == 99:
                raise


@pytest.mark.parametrize("memframe", [False, True])
def test_an_array_in_memory_that_another_thread_writes_is_refused(memframe, data):
    values = np.broadcast_to(data, (500, *SHAPE))
    array = cat.zeros(values.shape, dtype="<i4", chunks=(50, *SHAPE), blocks=(1, *SHAPE), memframe=memframe)
    refused = 0

    def work():
        try:
            first = array[0, 0, 0, 0], array[499, 59, 44, 29]
        except cat.CatervaError as error:
            assert "another thread was changing this array in memory" in str(error)
            os._exit(3)
        assert first in {(0, 0), (data[0, 0, 0], data[-1, -1, -1])}

    done = threading.Event()

    def write():
        array[...] = values
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        time.sleep(0.01)
        try:
            fork_and_run(work)
        except AssertionError as error:
            assert "status 768" in str(error)  # 3
            refused += 1
    writer.join()
    assert refused > 0
    assert (np.asarray(array[::100]) == data).all()


def test_a_change_that_is_open_in_files_stays_the_parents(home, data):
    array = make(data, home)
    array._handle.begin()
    array[0] = -1

    def work():
        if array.urlpath:
            assert (np.asarray(array) == data).all(), "of the parent's change"
            with pytest.raises(ValueError, match="no change was begun"):
                array._handle.commit()
        else:  # a copy of its own, and the thread that began it
            assert (np.asarray(array[0]) == -1).all()
            array._handle.rollback()
            assert (np.asarray(array) == data).all()

    fork_and_run(work)
    array[1] = -2
    array._handle.commit()
    changed = data.copy()
    changed[:2] = [[[-1]], [[-2]]]
    reopened = cat.open(array.urlpath) if array.urlpath else array
    np.testing.assert_array_equal(np.asarray(reopened), changed)


def test_a_change_that_a_lost_thread_began_in_memory_is_rolled_back(data):
    array = make(data, {})
    begun, end = threading.Event(), threading.Event()

    def change():
        array._handle.begin()
        array[0] = -1
        begun.set()
        end.wait()
        array._handle.commit()

    thread = threading.Thread(target=change)
    thread.start()
    begun.wait()

    def work():
        assert (np.asarray(array) == data).all()
        array[3] = 5
        assert (np.asarray(array[3]) == 5).all()

    fork_and_run(work)
    end.set()
    thread.join()
    assert (np.asarray(array[0]) == -1).all()


def test_a_new_file_is_its_makers(home, path):
    """A child that lets go of it, or ends, leaves the parent's temporary file."""
    if "urlpath" not in home:
        pytest.skip("about files")
    from caterva import handles
    from caterva.dtypes import items_of
    from caterva.storage import Storage

    storage = Storage.parse({"chunks": (5,), "blocks": (5,), **home})
    handle = cat._core.ArrayHandle.create(
        **storage.describe((20,), items_of(dtype="<i4")), fill=int(handles.Fill.ZEROS), fill_value=None
    )
    handle.write((0,), (20,), (1,), np.arange(20, dtype="<i4").view("V4"))
    before = sorted(path.parent.rglob("*"))

    def work():
        with pytest.raises((OSError, ValueError), match=r"no such file|no change"):
            handle.commit()
        handle.close()

    fork_and_run(work)
    assert sorted(path.parent.rglob("*")) == before
    handle.commit()
    np.testing.assert_array_equal(np.asarray(cat.open(path)), np.arange(20))


def test_a_thread_may_fork_while_others_are_in_calls(home, data):
    array = make(data, home, nthreads=2)
    failures = []

    def read_some(number):
        assert (np.asarray(array[number::3]) == data[number::3]).all()

    def fork_some():
        try:
            for _ in range(5):
                fork_and_run(lambda: read_some(0))
        except BaseException as error:
            failures.append(error)

    with beside(read_some, threads=2):
        thread = threading.Thread(target=fork_some)
        thread.start()
        thread.join()
    assert not failures


def test_a_grandchild_works_too(home, data):
    array = make(data, home, nthreads=2)
    array._handle.begin()
    array[0] = -1
    fork_and_run(lambda: fork_and_run(lambda: np.asarray(array[1:]).sum()))
    array._handle.rollback()
    np.testing.assert_array_equal(np.asarray(array), data)


def test_ctrl_c_works_in_the_child_of_a_thread():
    """The thread that forked is the child's main one, and runs the handlers of signals."""
    random = np.random.default_rng(1)
    plane = random.integers(0, 1000, (1, 1024)) * random.random((64, 1))
    array = cat.zeros((4096, 64, 1024), dtype="f8", chunks=(2, 64, 1024), blocks=(1, 16, 1024),
                      codec=cat.Codec.ZSTD, clevel=9)  # fmt: skip

    def work():
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            array[...] = np.broadcast_to(plane, array.shape)
        assert not np.asarray(array[::512]).any()

    failures = []

    def fork():
        try:
            fork_and_run(work)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
    assert not failures


DIES_IN_A_CHANGE = """
import os, signal, sys, time
import caterva as cat
array = cat.open(sys.argv[1])
array._handle.begin()
array[0] = -1
child = os.fork()
if child == 0:
    os.read(0, 1)  # until the test lets go
    os._exit(0)
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_lock_ends_with_the_parent_that_held_it(contiguous, data, path):
    make(data, {"urlpath": path, "contiguous": contiguous})
    command = [sys.executable, "-P", "-c", DIES_IN_A_CHANGE, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        assert parent.wait() == -signal.SIGKILL
        os.kill(child, 0)  # it lives
        with cat.open(path, lock_timeout=20) as array:
            array[1] = 5
    after = data.copy()
    after[1] = 5
    np.testing.assert_array_equal(cat.open(path)[...], after)


# ---------------------------------------------------------------- multiprocessing

INHERITED = {}


def sum_of_row(row):
    return row, int(np.asarray(INHERITED["array"][row]).sum())


def test_a_forked_pool_uses_an_inherited_array(home, data):
    INHERITED["array"] = make(data, home, nthreads=2)
    assert (np.asarray(INHERITED["array"]) == data).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with multiprocessing.get_context("fork").Pool(3) as pool:
            sums = pool.map_async(sum_of_row, range(SHAPE[0])).get(timeout=SECONDS)
    assert sums == [(row, int(data[row].sum())) for row in range(SHAPE[0])]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_is_given_an_array(method, home, data):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    array = make(data, home, nthreads=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with multiprocessing.get_context(method).Pool(2) as pool:
            jobs = [(array, row) for row in range(0, SHAPE[0], 9)]
            rows = pool.starmap_async(operator.getitem, jobs).get(timeout=SECONDS)
    np.testing.assert_array_equal(rows, data[::9])


def test_a_child_that_ends_does_not_hurt_the_parent(home, data):
    array = make(data, home)
    fork_and_run(array.close)
    array[2] = 3
    assert (np.asarray(array[2]) == 3).all() and (np.asarray(array[3]) == data[3]).all()
