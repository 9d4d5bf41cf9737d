"""Threads, processes and callbacks: one array in many hands."""

import contextlib
import multiprocessing
import pickle
import sys
import sysconfig
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from stress import threads as stress

import caterva as cat
from caterva import _core

SHAPE = (60, 45, 30)


@pytest.fixture
def data():
    return np.random.default_rng(5).integers(0, 1000, SHAPE).astype("<i4")


def make(data, tmp_path, home, **keywords):
    where = {"memory": {}, "file": {"urlpath": tmp_path / "array.b2nd"}}[home]
    return cat.asarray(data, chunks=(17, 20, 11), blocks=(5, 6, 11), **where, **keywords)


def boxes(count):
    random = np.random.default_rng(7)
    for _ in range(count):
        edges = [np.sort(random.integers(0, extent + 1, 2)) for extent in SHAPE]
        yield tuple(slice(int(a), int(b), int(random.choice([1, 1, 2, 3]))) for a, b in edges)


@pytest.mark.parametrize("home", ["memory", "file"])
@pytest.mark.parametrize("nthreads", [1, 3])
def test_many_threads_read_one_array(home, nthreads, data, tmp_path):
    array = make(data, tmp_path, home, nthreads=nthreads)
    with ThreadPoolExecutor(6) as pool:
        for key, part in zip(boxes(300), pool.map(array.__getitem__, boxes(300)), strict=True):
            np.testing.assert_array_equal(np.asarray(part), data[key], strict=True)


@pytest.mark.parametrize("home", ["memory", "file"])
def test_readers_see_all_of_a_write_or_nothing(home, data, tmp_path):
    array = make(np.zeros(SHAPE, "<i4"), tmp_path, home, nthreads=2)
    stop = threading.Event()

    def read():
        seen = 0
        while not stop.is_set():
            part = np.asarray(array[3:50, 7:40, 2:29])
            assert (part == part.flat[0]).all(), "half a write was seen"
            seen += 1
        return seen

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        for value in range(1, 40):
            array[...] = value
        stop.set()
        assert sum(reader.result() for reader in readers) > 0
    assert (np.asarray(array) == 39).all()


def test_writers_take_turns(data, tmp_path):
    array = make(np.zeros(SHAPE, "<i4"), tmp_path, "file")

    def write(row):
        array[row] = data[row]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(SHAPE[0])))
    np.testing.assert_array_equal(np.asarray(array), data, strict=True)
    np.testing.assert_array_equal(np.asarray(cat.open(array.urlpath)), data, strict=True)


def test_closing_waits_for_no_one_and_crashes_no_one(data, tmp_path):
    for _ in range(20):
        array = make(data, tmp_path, "memory")

        def read(array=array):
            for _ in range(50):
                try:
                    np.testing.assert_array_equal(np.asarray(array[:20]), data[:20])
                except ValueError as error:
                    assert "closed" in str(error)

        with ThreadPoolExecutor(3) as pool:
            readers = [pool.submit(read) for _ in range(3)]
            array.close()
            for reader in readers:
                reader.result()


def test_handles_are_resized_and_closed_beside_readers():
    """For interpreters without GIL: the handle's array must not go while another thread looks at it."""
    frame = cat.zeros((1, 4, 1, 6), 4, chunks=(1, 3, 1, 4), blocks=(1, 2, 1, 2)).to_bytes()
    shapes = ((1, 4, 1, 6), (1, 2, 1, 3))
    newest = [_core.ArrayHandle.from_bytes(frame)]
    stop = threading.Event()

    def look():
        seen = 0
        while not stop.is_set():
            handle = newest[0]
            with contextlib.suppress(ValueError):  # it is closed
                for _ in range(30):
                    assert handle.shape in shapes
                    assert handle.chunks == (1, 3, 1, 4)
                    assert handle.codec == 1
                    seen += 1
        return seen

    def read():
        while not stop.is_set():
            handle, out = newest[0], np.ones((1, 4, 1, 6), "<i4")
            try:
                handle.read((0,) * 4, out.shape, (1,) * 4, out)
            except ValueError as error:
                assert "closed" in str(error) or "axis 1" in str(error)  # it is shorter by now
            else:
                assert not out.any()

    with ThreadPoolExecutor(3) as pool:
        lookers = [pool.submit(look) for _ in range(2)]
        reader = pool.submit(read)
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            handle = newest[0] = _core.ArrayHandle.from_bytes(frame)
            handle.resize(shapes[1])
            handle.close()
        stop.set()
        assert all(looker.result() > 0 for looker in lookers)
        reader.result()


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this interpreter has a GIL")
def test_nothing_turned_the_gil_on():
    assert not sys._is_gil_enabled()


def test_metalayers_are_read_beside_a_writer(tmp_path, data):
    array = make(data, tmp_path, "file", meta={"unit": b"0" * 100})
    stop = threading.Event()

    def read():
        while not stop.is_set():
            assert len(set(array.meta["unit"])) == 1
            assert len(set(array.vlmeta.get("note", b"0"))) == 1
            assert array.meta.keys() == ["caterva", "unit"]

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for digit in b"0123456789" * 5:
            array.meta["unit"] = bytes([digit]) * 100
            array.vlmeta["note"] = bytes([digit]) * (100 + 50 * (digit % 7))
        stop.set()
        for reader in readers:
            reader.result()


@pytest.mark.parametrize("contiguous", [True, False], ids=["file", "directory"])
def test_properties_reads_and_refreshes_go_beside_each_other(contiguous, tmp_path):
    """Items are all of the number of rows, and so is the attribute; each glance is at one commit."""
    path, rows = tmp_path / "array", range(4, 40, 2)
    writer = cat.full((rows[0], 6), rows[0], dtype="<i4", chunks=(4, 3), blocks=(2, 3), urlpath=path,
                      contiguous=contiguous, meta={"unit": b"0000"})  # fmt: skip
    writer.attrs["rows"] = rows[0]
    writer.flush()
    array = cat.open(path, mode="r", nthreads=2)
    stop = threading.Event()

    def glance():
        shape, attribute = array.shape, array.attrs["rows"]
        assert shape[1:] == (6,) and shape[0] in rows and attribute in rows and len(array) in rows
        assert array.size % 6 == 0 and array.nbytes % 24 == 0 and 2 <= array.nchunks <= 20
        assert (array.chunks, array.blocks, array.ndim, array.dtype.str) == ((4, 3), (2, 3), 2, "<i4")
        assert (array.codec, array.clevel, array.chunksize, array.blocksize) == (cat.Codec.LZ4, 5, 48, 24)
        assert array.filters[-1] is cat.Filter.SHUFFLE and array.filtersmeta == [0] * 6
        assert array.cratio > 0 and "Shape" in repr(array.info) and str(path) in repr(array)
        assert array.urlpath == str(path) and array.sframe is not contiguous
        assert set(array.meta["unit"]) <= set(b"0123456789") and "caterva" in array.meta
        assert pickle.loads(pickle.dumps(array)).shape[0] in rows
        assert array.verify().ok

    def read():
        whole = np.asarray(array)
        assert (whole == len(whole)).all() and array[-1, -1] in rows
        assert all((row == row[0]).all() for row in array)
        assert array.copy()[0, 0] in rows

    def refresh():
        array.refresh()

    def repeat(call):
        count = 0
        while not stop.is_set():
            call()
            count += 1
        return count

    with ThreadPoolExecutor(4) as pool:
        threads = [pool.submit(repeat, call) for call in (glance, glance, read, refresh)]
        try:
            for count in rows:
                with writer.transaction():
                    writer.resize((count, 6))
                    writer[...] = count
                    writer.attrs["rows"] = count
                    writer.meta["unit"] = b"%04d" % count
                time.sleep(0.02)
        finally:
            stop.set()
        assert all(thread.result() > 0 for thread in threads)


def child(open_array, expected, answer):
    answer.put((np.asarray(open_array()) == expected).all().item())


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize("inherited", [False, True], ids=["opened", "inherited"])
def test_a_forked_child_reads_what_the_parent_wrote(inherited, data, tmp_path):
    array = make(data, tmp_path, "file", nthreads=2)
    assert (np.asarray(array) == data).all()  # the parent's threads are at work before the fork
    path = array.urlpath
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    opener = (lambda: array) if inherited else (lambda: cat.open(path, mode="r", nthreads=2))
    process = context.Process(target=child, args=(opener, data, answer))
    process.start()
    assert answer.get(timeout=60)
    process.join(timeout=60)
    assert process.exitcode == 0


def test_a_source_is_read_by_ranges(data, tmp_path):
    frame = make(data, tmp_path, "memory").to_bytes()
    asked = []

    def read(position, nbytes):
        asked.append((position, nbytes))
        return frame[position : position + nbytes]

    handle = _core.ArrayHandle.open_source(read, len(frame))
    out = np.empty((1, 1, 1), "<i4")
    asked.clear()
    handle.read((30, 20, 10), (1, 1, 1), (1, 1, 1), out)
    assert out[0, 0, 0] == data[30, 20, 10]
    assert sum(nbytes for _, nbytes in asked) < len(frame) / 8
    handle.nthreads = 3
    whole = np.empty(SHAPE, "<i4")
    handle.read((0, 0, 0), SHAPE, (1, 1, 1), whole)
    np.testing.assert_array_equal(whole, data)
    with pytest.raises(OSError, match=r"reading only|can only be read"):
        handle.write((0, 0, 0), (1, 1, 1), (1, 1, 1), out)


@pytest.mark.parametrize("nthreads", [1, 3])
def test_a_source_that_fails_says_why(nthreads, data, tmp_path):
    frame = make(data, tmp_path, "memory").to_bytes()
    broken = threading.Event()

    def read(position, nbytes):
        if broken.is_set():
            raise ConnectionError("the line is dead")
        return frame[position : position + nbytes]

    handle = _core.ArrayHandle.open_source(read, len(frame))
    handle.nthreads = nthreads
    broken.set()
    with pytest.raises(cat.StorageError, match="the line is dead"):
        handle.read((0, 0, 0), SHAPE, (1, 1, 1), np.empty(SHAPE, "<i4"))
    broken.clear()
    with pytest.raises(cat.StorageError, match="EOFError"):
        _core.ArrayHandle.open_source(lambda position, nbytes: b"", len(frame))
    with pytest.raises(cat.CorruptDataError):
        _core.ArrayHandle.open_source(lambda position, nbytes: bytes(nbytes), len(frame))


def test_eight_threads_read_one_handle_right(home):
    assert stress.eight_readers(home, seconds=0.5) >= 8


def test_seven_readers_see_whole_writes_in_their_order(home):
    reads, writes = stress.seven_readers_and_a_writer(home, seconds=1)
    assert reads >= 7 and writes >= 1


def test_copies_and_verify_beside_a_thread_that_resizes():
    array = cat.full((400, 7), 5, dtype="i2", chunks=(4, 3), blocks=(2, 3))
    done = threading.Event()

    def resize():
        while not done.is_set():
            for rows in (8, 400):
                array.resize((rows, 7))

    thread = threading.Thread(target=resize)
    thread.start()
    try:
        for _ in range(300):
            assert array.verify().ok
            copy = array.copy(chunks=(7, 7), blocks=(3, 2))
            assert copy.shape in ((8, 7), (400, 7))
            assert np.isin(copy[...], (0, 5)).all()
    finally:
        done.set()
        thread.join()
