"""Ctrl-C in long calls: they end between two blocks, and the array is the old one, and can be used."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import caterva as cat
from caterva import _core

HOMES = ["memory", "file", "directory"]
DELAY = 0.2  # seconds: by then a call is at work that takes twenty times as long, and more

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")


@pytest.fixture(params=HOMES)
def where(request, path):
    return {
        "memory": {},
        "file": {"urlpath": str(path)},
        "directory": {"urlpath": str(path), "contiguous": False},
    }[request.param]


@pytest.fixture(params=[1, 2], ids="{} threads".format)
def nthreads(request):
    return request.param


@contextlib.contextmanager
def signalled(number=signal.SIGINT, begun=None):
    """Have the process get a signal once `begun` is true, or else after a while."""
    done = threading.Event()

    def send():
        if begun is None:
            done.wait(DELAY)
        while begun is not None and not begun() and not done.is_set():
            time.sleep(0.005)
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        done.set()
        sender.join()


@contextlib.contextmanager
def handled(number, handler):
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def slow_values(planes=4096):
    """Values that take long to compress at level 9, 512 KiB a plane, and no memory."""
    random = np.random.default_rng(1)
    plane = random.integers(0, 1000, (1, 1024)) * random.random((64, 1))
    return np.broadcast_to(plane, (planes, 64, 1024))


def full_of_sevens(where, nthreads, planes=4096):
    storage = {"chunks": (2, 64, 1024), "blocks": (1, 16, 1024), "codec": cat.Codec.ZSTD, "clevel": 9}
    return cat.full((planes, 64, 1024), 7.0, dtype="f8", nthreads=nthreads, **storage, **where)


def assert_old_and_usable(array, path, planes=4096):
    handles = [array] + ([cat.open(path, mode="r")] if array.urlpath else [])
    for handle in handles:
        assert handle.shape == (planes, 64, 1024)
        assert (np.asarray(handle[::512, ::7, ::9]) == 7).all()
    array[1:4, 3] = 5.0
    for handle in [array] + ([cat.open(path, mode="r")] if array.urlpath else []):
        assert (np.asarray(handle[:5, 3, 0]) == [7, 5, 5, 5, 7]).all()


def fast_rows(where, nthreads, rows=1 << 23):
    """An array of 2 GiB that takes little room: rows of the bytes 0 to 255."""
    values = np.broadcast_to(np.arange(256, dtype="u1"), (rows, 256))
    return cat.asarray(values, chunks=(1 << 16, 256), blocks=(128, 256), nthreads=nthreads, **where)


def rows_and_target(count):
    """A byte for each row, and a buffer of rows of 256 in the same memory: the last item stays."""
    rows = np.zeros(count, "u1")
    return rows, np.lib.stride_tricks.as_strided(rows[:, None], (count, 256), (1, 0))


def test_a_read(where, nthreads):
    array = fast_rows(where, nthreads)
    rows, target = rows_and_target(len(array))
    with pytest.raises(KeyboardInterrupt), signalled(begun=rows.any):
        array._handle.read((0, 0), array.shape, (1, 1), target)
    assert not rows.all(), "it went on to the end"
    assert (np.asarray(array[-1]) == np.arange(256)).all()


def test_a_write_is_rolled_back(where, nthreads, path):
    array = full_of_sevens(where, nthreads)
    with pytest.raises(KeyboardInterrupt), signalled():
        array[...] = slow_values()
    assert_old_and_usable(array, path)


def test_a_write_to_one_chunk_that_threads_share_is_rolled_back(nthreads):
    array = cat.full((1024, 64, 1024), 7.0, dtype="f8", chunks=(1024, 64, 1024), blocks=(1, 16, 1024),
                     codec=cat.Codec.ZSTD, clevel=9, nthreads=nthreads)  # fmt: skip
    with pytest.raises(KeyboardInterrupt), signalled():
        array[...] = slow_values(1024)
    assert (np.asarray(array[::128, ::7, ::9]) == 7).all()


def test_a_deletion_that_moves_all_items_is_rolled_back(where, nthreads, path):
    array = full_of_sevens(where, nthreads, planes=1 << 15)
    array[3] = slow_values(1)[0]  # another value: what has moved can be told from what has not
    with pytest.raises(KeyboardInterrupt), signalled():
        array.delete(1, axis=2)
    array[3] = 7.0
    assert_old_and_usable(array, path, planes=1 << 15)


def test_an_array_that_is_being_made_leaves_nothing(where, nthreads, path):
    with pytest.raises(KeyboardInterrupt), signalled():
        cat.asarray(slow_values(), chunks=(2, 64, 1024), blocks=(1, 16, 1024), codec=cat.Codec.ZSTD,
                    clevel=9, nthreads=nthreads, **where)  # fmt: skip
    assert not list(path.parent.iterdir())


def test_a_copy_leaves_nothing(where, nthreads, path):
    source = full_of_sevens({}, nthreads, planes=1 << 20)  # takes a quiet machine ten seconds and more
    with pytest.raises(KeyboardInterrupt), signalled():
        source.copy(chunks=(3, 64, 1024), blocks=(1, 8, 512), **where)
    assert not list(path.parent.iterdir())
    assert (np.asarray(source[:: 1 << 18, ::7, ::9]) == 7).all()


def test_within_a_change_it_can_only_be_rolled_back(where, nthreads, path):
    array = full_of_sevens(where, nthreads)
    array._handle.begin()
    array[0] = 1.0
    with pytest.raises(KeyboardInterrupt), signalled():
        array[...] = slow_values()
    with pytest.raises(ValueError, match="rolled back, as a call inside of it had failed"):
        array._handle.commit()
    assert_old_and_usable(array, path)


def test_waiting_for_a_file_that_another_handle_has_locked(path):
    cat.zeros((20,), dtype="i4", chunks=(5,), urlpath=path)
    array = cat.open(path, lock_timeout=100)
    begun, end = threading.Event(), threading.Event()

    def change():
        with cat.open(path).transaction():
            begun.set()
            end.wait()

    changer = threading.Thread(target=change)
    changer.start()
    begun.wait()
    with pytest.raises(KeyboardInterrupt), signalled():
        array[3] = 1
    end.set()
    changer.join()
    assert not array[...].any()
    array[3] = 2
    assert cat.open(path)[3] == 2


def test_a_handler_that_returns_lets_the_call_go_on(nthreads):
    array = fast_rows({}, nthreads, 1 << 22)
    rows, target = rows_and_target(len(array))
    seen, messages = [], []

    def note(number, frame):
        seen.append(bool(rows.all()))
        try:
            array[0]
        except cat.CatervaError as error:
            messages.append(str(error))

    with handled(signal.SIGUSR1, note), signalled(signal.SIGUSR1, begun=rows.any):
        array._handle.read((0, 0), array.shape, (1, 1), target)
    assert rows.all()
    assert seen == [False], "the handler ran within the call"
    assert messages == ["a signal handler cannot use arrays while it interrupts a call of one"]


def test_what_a_handler_raises_is_what_comes_out(nthreads):
    class Late(Exception):
        pass

    def raise_late(number, frame):
        raise Late("after a while")

    array = full_of_sevens({}, nthreads)
    late = pytest.raises(Late, match="after a while")
    with handled(signal.SIGUSR1, raise_late), late, signalled(signal.SIGUSR1):
        array[...] = slow_values()
    assert (np.asarray(array[::512, ::7, ::9]) == 7).all()


def test_calls_of_other_threads_go_on(nthreads):
    array = fast_rows({}, nthreads, 1 << 22)
    rows, target = rows_and_target(len(array))
    done = threading.Event()

    def read():
        array._handle.read((0, 0), array.shape, (1, 1), target)
        done.set()

    threading.Thread(target=read).start()
    with pytest.raises(KeyboardInterrupt), signalled(begun=rows.any):
        done.wait()
    done.wait()
    assert rows.all()


def test_a_callback_that_reads_ends_the_call_with_the_interrupt(nthreads):
    frame = full_of_sevens({}, 1, planes=64).to_bytes()
    counts = []

    def read(position, nbytes):
        counts.append(nbytes)
        if len(counts) == 20:
            os.kill(os.getpid(), signal.SIGINT)
        return frame[position : position + nbytes]

    handle = _core.ArrayHandle.open_source(read, len(frame))
    out = np.empty((64, 64, 1024))
    with pytest.raises(KeyboardInterrupt):
        for _ in range(100):
            handle.read((0, 0, 0), out.shape, (1, 1, 1), out)


def test_these_tests_pass_where_a_script_has_put_them_in_the_background(tmp_path):
    claim = f"{__file__}::test_waiting_for_a_file_that_another_handle_has_locked"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", claim]
    ignoring = "trap '' INT; exec \"$@\""  # so a shell without job control starts what ends with &
    done = subprocess.run(
        ["sh", "-c", ignoring, "sh", *command], capture_output=True, text=True, timeout=600, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout
