"""The interpreter ends, whatever threads and arrays are doing: no crash, no hang."""

import subprocess
import sys

import pytest

PREPARE = """
import os, sys, threading, time
import numpy as np
import caterva as cat

path = sys.argv[1]

def many_items(nthreads):
    # Reading them all takes seconds; they need no memory.
    values = np.broadcast_to(np.arange(256, dtype="u1"), (1 << 22, 256))
    return cat.asarray(values, chunks=(1 << 16, 256), blocks=(128, 256), nthreads=nthreads)

def read_for_ever(array):
    target = np.lib.stride_tricks.as_strided(np.zeros(1, "u1"), array.shape, (0, 0))
    while True:
        array._handle.read((0, 0), array.shape, (1, 1), target)

def write_for_ever(array):
    while True:
        array[...] = np.broadcast_to(np.arange(1024.0), array.shape)
"""

ENDS = {
    "an idle pool": """
array = many_items(3)
assert array[:300, 0].sum() == 0
""",
    "a daemon in a read": """
threading.Thread(target=read_for_ever, args=(many_items(1),), daemon=True).start()
time.sleep(0.2)
""",
    "a daemon in a read by the pool": """
threading.Thread(target=read_for_ever, args=(many_items(3),), daemon=True).start()
time.sleep(0.2)
""",
    "daemons in writes": """
arrays = [cat.zeros((512, 64, 1024), dtype="f8", chunks=(2, 64, 1024), blocks=(1, 16, 1024),
                    nthreads=nthreads, urlpath=path + str(nthreads)) for nthreads in (1, 3)]
for array in arrays:
    threading.Thread(target=write_for_ever, args=(array,), daemon=True).start()
time.sleep(0.2)
""",
    "a daemon that waits for a writer": """
array = cat.zeros((512, 64, 1024), dtype="f8", chunks=(2, 64, 1024), blocks=(1, 16, 1024))
threading.Thread(target=write_for_ever, args=(array,), daemon=True).start()
for _ in range(3):
    threading.Thread(target=lambda: [array[0] for _ in iter(int, 1)], daemon=True).start()
time.sleep(0.2)
""",
    "open handles": """
array = cat.zeros((50, 60), dtype="f4", chunks=(20, 20), urlpath=path)
again = cat.open(path, mode="r", mmap=True)
cycle = [again]
cycle.append(cycle)
threading.kept = array  # found when modules are torn down
assert again[3, 4] == 0
""",
    "an open change": """
array = cat.zeros((50, 60), dtype="f4", chunks=(20, 20), urlpath=path)
array._handle.begin()
array[...] = 5
""",
    "a change of a thread": """
array = cat.zeros((50, 60), dtype="f4", chunks=(20, 20), urlpath=path)
def change():
    array._handle.begin()
    array[...] = 5
    begun.set()
    time.sleep(1000)
begun = threading.Event()
threading.Thread(target=change, daemon=True).start()
begun.wait()
""",
    "os._exit in a thread": """
threading.Thread(target=read_for_ever, args=(many_items(3),), daemon=True).start()
time.sleep(0.2)
sys.stdout.flush()
threading.Thread(target=os._exit, args=(0,)).start()
""",
    "a signal handler that exits": """
import signal
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
read_for_ever(many_items(3))
""",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_interpreter_ends_with(end, tmp_path):
    if sys.platform == "win32" and "SIGTERM" in end:
        pytest.skip("sends signals")
    path = tmp_path / "array.b2nd"
    done = subprocess.run(
        [sys.executable, "-P", "-c", PREPARE + end, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout == ""
    if path.exists():
        import caterva as cat

        assert not cat.open(path)[...].any(), "an open change was committed"
