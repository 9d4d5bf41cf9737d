"""A terabyte of zeros costs kilobytes of disk and little memory: cost follows the request.

Each test runs in a process of its own, whose peak memory tells. Times are not asserted.
"""

import os
import subprocess
import sys
import textwrap

import pytest

SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")

PRELUDE = """
import os, resource, sys, tracemalloc
import numpy as np
import caterva as cat

def peak():  # bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def disk(path):
    names = [os.path.join(path, name) for name in os.listdir(path)] if os.path.isdir(path) else [path]
    return sum(os.path.getsize(name) for name in names)

cat.zeros((4, 4), 1, chunks=(2, 2), blocks=(1, 1))[...]  # what the first call costs is not counted
path, contiguous = sys.argv[1], sys.argv[2] == "file"
where = {"urlpath": path, "contiguous": contiguous} if path else {}
shape, chunks, blocks = (2**20, 2**20), (2**12, 2**12), (2**8, 2**8)
before = peak()
tracemalloc.start()
"""


def run(script: str, *arguments: str) -> None:
    code = PRELUDE + textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-4000:]


def homes():
    return pytest.mark.parametrize("home", ["memory", "file", "directory"])


def arguments(home, path):
    return ("", "memory") if home == "memory" else (str(path), home)


@homes()
def test_a_terabyte_of_zeros_is_made_written_and_read(home, path):
    run(
        """
        a = cat.zeros(shape, 1, chunks=chunks, blocks=blocks, **where)
        assert (a.nbytes, a.size) == (2**40, 2**40)
        if path: assert disk(path) < 4096, disk(path)
        assert len(a.to_bytes()) < 4096
        assert a[2**19, 2**18].tobytes() == b"\\0"
        assert not np.asarray(a[12345, 1000:5000]).any(), "a part of a row"
        a[2**20 - 1, 2**20 - 2] = b"\\x05"
        if path: a = cat.open(path)
        assert a[-1, -2].tobytes() == b"\\x05"
        assert a[-3:, -3:].tobytes() == b"\\0" * 7 + b"\\x05\\0"
        assert a[0, 0].tobytes() == b"\\0"
        if path: assert disk(path) < 64 * 1024, disk(path)
        """
        + ("" if SANITIZED else "assert peak() - before < 64 * 2**20, (peak() - before) / 2**20\n        ")
        + "assert tracemalloc.get_traced_memory()[1] < 4 * 2**20\n",
        *arguments(home, path),
    )


@pytest.mark.parametrize("home", ["memory", "file"])  # a directory has a file for each of 65,536 chunks
def test_a_terabyte_of_one_value_is_small_too(home, path):
    run(
        """
        a = cat.full(shape, b"pepe", chunks=chunks, blocks=blocks, **where)
        assert a.nbytes == 4 * 2**40
        if path: assert disk(path) < 6 * 2**20, disk(path)  # 36 bytes a chunk, 28 of checksums, 8 of tags
        assert a[2**19, 2**18].tobytes() == b"pepe"
        a[7, 8] = b"sole"
        assert a[7, 7:10].tobytes() == b"pepesolepepe"
        """,
        *arguments(home, path),
    )


def test_automatic_chunks_make_a_terabyte_cheap(path):
    run(
        """
        a = cat.zeros((2**37,), dtype="f8", chunks="auto", **where)
        if path: assert disk(path) < 64 * 1024, disk(path)
        a[2**36 + 5] = 2.5
        assert a[2**36 + 4 : 2**36 + 7].tolist() == [0, 2.5, 0]
        """,
        *arguments("file", path),
    )


def test_petabytes_that_are_asked_for_are_a_memory_error():
    run(
        """
        a = cat.zeros((2**26, 2**26), 8, chunks=(2**13, 2**13), blocks=blocks)
        try:
            a[...]
        except MemoryError:
            pass
        else:
            raise AssertionError("32 petabytes fit?")
        assert a[0, 0].tobytes() == bytes(8)
        """,
        "",
        "memory",
    )


def test_a_copy_of_a_terabyte_of_zeros_stays_small(path):
    run(
        """
        a = cat.zeros(shape, 1, chunks=chunks, blocks=blocks)
        b = a.copy(**where)
        assert disk(path) < 4096, disk(path)
        assert b[5, 5].tobytes() == b"\\0"
        """,
        *arguments("file", path),
    )


@pytest.mark.skipif(os.environ.get("CATERVA_TEST_PROFILE") != "long", reason="takes 6 GB of memory")
def test_the_largest_chunk_of_noise_is_stored():
    """Its streams would take more than the 31 bits that a chunk has for its size: it is stored as it is."""
    run(
        """
        block, count = 2**20 - 1, 2048
        rng = np.random.default_rng(1)
        noise = rng.integers(0, 256, block, "u1")
        data = np.concatenate([np.roll(noise, n) for n in range(count)])
        a = cat.asarray(data, chunks=data.shape, blocks=(block,), codec="lz4", clevel=1, filters=[])
        for start in (0, 17 * block - 5, data.size - 100):
            np.testing.assert_array_equal(a[start : start + 100], data[start : start + 100])
        """,
        "",
        "memory",
    )
