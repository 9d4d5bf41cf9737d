"""Transactions whose blocks end in unusual ways leave no change open. test_commits.py has the usual ones."""

import gc
import os
import sys
import threading

import numpy as np
import pytest
from stress import ctrl_c

import caterva as cat

DATA = np.arange(20, dtype="i4")


@pytest.fixture(params=["memory", "file", "directory"])
def array(request, path):
    where = {
        "memory": {},
        "file": {"urlpath": path},
        "directory": {"urlpath": path, "contiguous": False},
    }[request.param]
    return cat.asarray(DATA, chunks=(6,), blocks=(2,), **where)


def assert_old_and_closed(array):
    """The array is as it was, no change is open, and others can change it."""
    array.flush()  # a ValueError in a change
    np.testing.assert_array_equal(array[...], DATA)
    if array.urlpath:
        with cat.open(array.urlpath, lock_timeout=0) as other:
            np.testing.assert_array_equal(other[...], DATA)
            other[0] = 0
    array[1] = 1


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("contiguous", [True, False])
@pytest.mark.parametrize("seed", [1, 2])
def test_ctrl_c_at_any_instant_comes_out_and_leaves_no_change_open(seed, contiguous, tmp_path):
    counts = ctrl_c.run(tmp_path, 300, seed, {} if contiguous else {"contiguous": False})
    assert sum(counts.values()) == 300 and len(counts) == len(ctrl_c.KINDS)


def test_a_change_goes_with_its_transaction(array):
    """So it is where an exception comes between its beginning and the block, which Python 3.14 allows."""

    def begin():
        transaction = array.transaction()
        transaction.__enter__()
        array[3:9] = -1

    begin()
    assert_old_and_closed(array)


def test_a_change_goes_with_a_transaction_that_only_the_collector_finds(array):
    cycle = [array.transaction()]
    cycle.append(cycle)
    cycle[0].__enter__()
    array[3:9] = -1
    assert array[4] == -1
    del cycle
    gc.collect()
    assert_old_and_closed(array)


def test_a_change_goes_with_a_transaction_in_another_thread(array):
    held = [array.transaction()]
    held[0].__enter__()
    array[...] = 5
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()
    assert_old_and_closed(array)


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
def test_a_change_goes_with_a_transaction_that_goes_within_a_call_of_its_thread(array):
    """It cannot be rolled back there, where the call has the array: the next one does it."""
    held = [array.transaction()]

    def drop(content):
        held.clear()
        return content

    held[0].__enter__()
    array[3:9] = -1
    array._handle.change_layer("note", drop)
    assert_old_and_closed(array)


def test_a_transaction_ends_its_own_change_only(array):
    first, second = array.transaction(), array.transaction()
    first.__enter__()
    array._handle.rollback()
    with pytest.raises(ValueError, match="ended already"), second:
        array[0] = 1
        first.__exit__(None, None, None)
    assert_old_and_closed(array)
    first.__enter__()
    array._handle.rollback()
    with second:
        array[0] = 7
        del first
        gc.collect()
        assert array[0] == 7, "the change of another transaction was rolled back"
    assert array[0] == 7


def test_a_transaction_may_be_used_again_but_not_within_itself(array):
    transaction = array.transaction()
    for value in (3, 4):
        with transaction as same:
            assert same is array
            array[0] = value
            with pytest.raises(ValueError, match="open already"), transaction:
                pass
        array.flush()
        assert array[0] == value
    with pytest.raises(ValueError, match="not begun, or has ended"):
        transaction.__exit__(None, None, None)


def test_an_array_that_is_closed_within_a_transaction_is_rolled_back_at_once(array):
    path = array.urlpath
    if path is None:
        pytest.skip("needs a file")
    with pytest.raises(ValueError, match="closed"), array.transaction():
        array[...] = 5
        array.close()
        with cat.open(path, lock_timeout=0) as other:
            other[0] = 0
    np.testing.assert_array_equal(cat.open(path)[...], DATA)


class Stop(Exception):
    """Ends a block."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("ending", ["normal", "exception", "another"])
def test_the_block_of_a_child_ends_no_change_of_its_parent(ending, path):
    array = cat.asarray(DATA, chunks=(6,), urlpath=path, lock_timeout=0.5)
    child = -1
    try:
        with array.transaction():
            array[...] = 5
            child = os.fork()
            if child == 0 and ending == "exception":
                raise Stop
            if child == 0 and ending == "another":
                with array.transaction():
                    pass
            if child != 0:
                _, status = os.waitpid(child, 0)
    except Stop:
        os._exit(0 if ending == "exception" else 1)
    except ValueError as error:
        os._exit(0 if ending == "normal" and "process that was forked" in str(error) else 2)
    except cat.LockedError:  # the parent has the file
        os._exit(0 if ending == "another" else 3)
    finally:
        if child == 0:
            os._exit(4)
    assert status == 0
    np.testing.assert_array_equal(cat.open(path)[...], np.full(20, 5))


def test_plain_arrays_have_their_items_back_too():
    array = cat.asarray(DATA.copy())
    with pytest.raises(LookupError), array.transaction() as same:
        assert same is array
        array[...] = 5
        raise LookupError
    np.testing.assert_array_equal(array, DATA)
    with array.transaction():
        array[0] = 5
    assert array[0] == 5
