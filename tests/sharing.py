"""What the workers of test_processes.py do: a module that spawned processes can import."""

import numpy as np

import caterva as cat

WATCHDOG = 300  # seconds: longer than anything here takes on a busy machine
WORKERS = 3
SHAPE = (40, 45)


def opened(path, **keywords):
    return cat.open(str(path), **{"lock_timeout": WATCHDOG, **keywords})


def write_columns(path, worker):
    array = opened(path)
    width = SHAPE[1] // WORKERS
    for row in range(SHAPE[0]):
        array[row, worker * width : (worker + 1) * width] = 100 * row + worker + 1


def append_rows(path, worker):
    array = opened(path)
    for turn in range(12):
        array.append(np.full((3, SHAPE[1]), 100 * worker + turn, "<i4"))
        array.attrs[f"{worker} {turn}"] = len(array)


def write_with(array, worker):
    for row in range(SHAPE[0]):
        array[row, 15 * worker : 15 * worker + 15] = 100 * row + worker + 1


def read_versions(path, last, options):
    """Each state that is seen is whole, and none is older than one seen before."""
    array, seen = opened(path, **options), 0
    while seen < last:
        array.refresh()
        items = np.asarray(array[...])
        again = np.asarray(array[...])
        assert (items == items.flat[0]).all(), "torn"
        assert (again == items).all(), "changed without refresh()"
        assert items.flat[0] >= seen, "older"
        assert items.shape == (SHAPE[0] + items.flat[0] % 5, SHAPE[1])
        seen = int(items.flat[0])


def write_versions(path, last):
    array = opened(path)
    for version in range(1, last + 1):
        array._handle.begin()
        array.resize((SHAPE[0] + version % 5, SHAPE[1]))
        array[...] = version
        array._handle.commit()
