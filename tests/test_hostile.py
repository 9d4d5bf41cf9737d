"""Damaged files of every kind: opened, read and changed, they give data or a documented error, nothing else.

Data may be wrong where nothing in the format can tell; a crash, a hang, or another exception may not be. The
flips run in a process of their own, with limits on time and memory: `python test_hostile.py KIND FOLDER`.
"""

import ast
import contextlib
import os
import pickle
import random
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "reference")]

import support

import caterva as cat
from caterva import _core

DOCUMENTED = (
    cat.CorruptDataError,
    cat.UnsupportedFormatError,
    cat.CodecError,
    cat.LimitError,
    cat.StorageError,
)
FLIPS = (0x01, 0x80, 0xFF)
QUICK = os.environ.get("CATERVA_TEST_PROFILE") == "quick"
SHAPE, CHUNKS, BLOCKS = (9, 7), (4, 5), (2, 3)


def array_bytes(checksum=False, **kwargs) -> bytes:
    """A frame without checksums, unless said: with them most damage would go no further than to them."""
    data = np.arange(63, dtype="<i4").reshape(SHAPE) // 5
    kwargs["checksum"] = checksum
    array = cat.asarray(data, chunks=CHUNKS, blocks=BLOCKS, meta={"note": b"abc"}, **kwargs)
    array.vlmeta["layer"] = b"content " * 9
    array[0, 0] = 1_000_000  # gaps and an index out of order
    return array.to_bytes()


def golden(prefix: str) -> bytes:
    return next(support.GOLDEN.glob(prefix)).read_bytes()


FRAMES = {
    **{codec.name.lower(): lambda codec=codec: array_bytes(codec=codec) for codec in cat.Codec},
    "delta": lambda: array_bytes(filters=[3, 1]),
    "bitshuffle": lambda: array_bytes(filters=[2]),
    "zeros": lambda: cat.zeros(SHAPE, 4, chunks=CHUNKS, blocks=BLOCKS, checksum=False).to_bytes(),
    "full": lambda: cat.full(SHAPE, b"pepe", chunks=CHUNKS, blocks=BLOCKS, checksum=False).to_bytes(),
    "scalar": lambda: cat.asarray(np.array(5.5), chunks=(), blocks=(), checksum=False).to_bytes(),
    "checksums": lambda: array_bytes(checksum=True, clevel=0),
    "caterva": lambda: golden("c060_lz4_shuffle_seq*"),
    "resized": lambda: golden("N_resized_c*"),
}
CHUNK_VECTORS = [
    "A_blosclz_shuffle_c9_t4",
    "A_lz4_shuffle_c9_t4",
    "A_lz4_delta_c5_t4",
    "K_blosc1_blosclz_s2_t3_n40",
]


def exercise(array) -> None:
    """Read an array in several ways, then change it."""
    corner = (0,) * array.ndim if all(array.shape) else ...
    array[corner]
    if array.nbytes <= 2**24:
        array[...]
        array[(slice(None, None, -2),) * array.ndim]
    repr(array.info), array.cratio, dict(array.meta.items()), dict(array.vlmeta.items())
    array[corner] = array[corner]
    array.vlmeta["more"] = b"x"
    if array.nbytes <= 2**24:
        cat.from_bytes(array.to_bytes())


def survives(work, *arguments) -> None:
    with contextlib.suppress(DOCUMENTED):
        work(*arguments)


def from_bytes(frame: bytes) -> None:
    exercise(cat.from_bytes(frame))


def schunk(frame: bytes) -> None:
    handle = _core.SChunkHandle.from_bytes(frame)
    handle.layers(0), handle.layers(1)
    for number in range(min(handle.nchunks, 100)):
        handle.decode_chunk(number)


def flips(content: bytes, every: int = 1):
    """(description, damaged copy) for every byte and each way to flip it."""
    for position in range(0, len(content), every):
        for flip in FLIPS:
            damaged = bytearray(content)
            damaged[position] ^= flip
            yield f"byte {position} ^ {flip:#x}", bytes(damaged)


def scrambles(content: bytes, count: int):
    """Several bytes at once, and pieces moved: what single flips do not reach."""
    chance = random.Random(len(content))
    for turn in range(count):
        damaged = bytearray(content)
        for _ in range(chance.randint(2, 5)):
            at, size = chance.randrange(len(content)), chance.choice([1, 2, 4, 8])
            filler = chance.choice(
                [b"\xff" * size, bytes(size), b"\x7f" + b"\xff" * (size - 1), b"\x80" + bytes(size - 1)]
            )
            damaged[at : at + size] = filler[: len(content) - at]
        yield f"scramble {turn}", bytes(damaged)


def run_frame(name: str, report) -> None:
    content = FRAMES[name]()
    every = (1 + len(content) // 2000) * (2 if QUICK else 1)
    for what, damaged in [*flips(content, every), *scrambles(content, 300 if QUICK else 1500)]:
        report(what)
        survives(from_bytes, damaged)
        survives(schunk, damaged)


def run_chunk(name: str, report) -> None:
    content = golden(name + ".chunk")
    for what, damaged in [*flips(content), *scrambles(content, 500 if QUICK else 3000)]:
        report(what)
        survives(_core.decode_chunk, damaged, 0, 2**22)


def run_directory(folder: Path, report) -> None:
    """Flip bytes of each file of a sparse frame, one at a time."""
    path = folder / "sparse.b2nd"
    data = np.arange(63, dtype="<i4").reshape(SHAPE)
    cat.asarray(data, chunks=CHUNKS, blocks=BLOCKS, urlpath=str(path), contiguous=False)
    pristine = {entry: entry.read_bytes() for entry in path.iterdir()}
    for entry, content in pristine.items():
        for what, damaged in flips(content, 5 if QUICK else 2):
            report(f"{entry.name}: {what}")
            entry.write_bytes(damaged)
            survives(lambda: exercise(cat.open(str(path))))
            if {other.name for other in path.iterdir()} != {other.name for other in pristine}:
                shutil.rmtree(path)
                path.mkdir()
            for other, whole in pristine.items():
                if not other.exists() or other.read_bytes() != whole:
                    other.write_bytes(whole)


def run_file(folder: Path, report) -> None:
    """The same on a file that is opened for changes."""
    path = folder / "frame.b2nd"
    content = array_bytes()
    for what, damaged in flips(content, 5 if QUICK else 2):
        report(what)
        path.write_bytes(damaged)
        survives(lambda: exercise(cat.open(str(path))))


KINDS = [*FRAMES, *CHUNK_VECTORS, "directory", "file"]


def main(kind: str, folder: Path) -> None:
    last = os.open(folder / "last", os.O_CREAT | os.O_WRONLY)

    def report(what):  # the parent shows it if this process dies
        os.pwrite(last, f"{what:40}".encode(), 0)

    if kind in FRAMES:
        run_frame(kind, report)
    elif kind in CHUNK_VECTORS:
        run_chunk(kind, report)
    else:
        {"directory": run_directory, "file": run_file}[kind](folder, report)


def limit() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if "asan" not in os.environ.get("LD_PRELOAD", ""):  # it maps terabytes
        resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bytes_never_crash_hang_or_raise_anything_else(kind, tmp_path):
    command = [sys.executable, "-P", __file__, kind, str(tmp_path)]
    preexec = limit if sys.platform != "win32" else None
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, preexec_fn=preexec)
    last = (tmp_path / "last").read_text() if (tmp_path / "last").exists() else "nothing yet"
    assert done.returncode == 0, f"{kind}: {last}: status {done.returncode}\n{done.stderr[-3000:]}"


@pytest.mark.parametrize("kind", FRAMES)
def test_a_truncated_frame_is_corrupt_at_every_length(kind, path):
    content = FRAMES[kind]()
    for length in range(len(content)):
        with pytest.raises(cat.CorruptDataError):
            cat.from_bytes(content[:length])
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(cat.CorruptDataError, match=path.name):
            cat.open(str(path), mode="r")


@pytest.mark.parametrize("kind", CHUNK_VECTORS)
def test_a_truncated_chunk_is_corrupt_at_every_length(kind):
    content = golden(kind + ".chunk")
    for length in range(len(content)):
        with pytest.raises(cat.CorruptDataError):
            _core.decode_chunk(content[:length])


def test_a_missing_or_cut_file_of_a_directory_is_corrupt(path):
    data = np.arange(63, dtype="<i4").reshape(SHAPE)
    cat.asarray(data, chunks=CHUNKS, blocks=BLOCKS, urlpath=str(path), contiguous=False)
    for entry in sorted(path.iterdir()):
        content = entry.read_bytes()
        for damaged in (None, b"", content[:-1], content[:20]):
            entry.unlink() if damaged is None else entry.write_bytes(damaged)
            with pytest.raises(cat.CorruptDataError, match=path.name):
                cat.open(str(path), mode="r")[...]
        entry.write_bytes(content)
    np.testing.assert_array_equal(np.asarray(cat.open(str(path))[...]), data)


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links")
def test_a_directory_is_not_left_by_symbolic_links(path, tmp_path):
    data = np.arange(63, dtype="<i4").reshape(SHAPE)
    cat.asarray(data, chunks=CHUNKS, blocks=BLOCKS, urlpath=str(path), contiguous=False)
    chunk = sorted(path.glob("*.chunk"))[0]
    outside = tmp_path / "outside"
    chunk.rename(outside)
    chunk.symlink_to(outside)
    with pytest.raises((cat.CorruptDataError, cat.StorageError)):
        cat.open(str(path), mode="r")[...]


@pytest.mark.skipif(sys.platform == "win32", reason="special files")
def test_special_files_are_refused_without_waiting(tmp_path):
    for make, name in [(os.mkfifo, "fifo")]:
        target = tmp_path / name
        make(target)
        command = [
            sys.executable,
            "-c",
            "import sys, caterva; caterva.open(sys.argv[1], mode='r')",
            str(target),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert done.returncode == 1 and "Error" in done.stderr.splitlines()[-1]


# ---------------------------------------------------------------- numbers that overflow


@pytest.mark.parametrize("size", [2**31 - 1, 2**31 - 4, 2**31 - 5, -(2**31), 2**30], ids=hex)
@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "unsealed"])
def test_a_stream_of_any_size_is_corrupt_however_it_is_read(size, sealed, path):
    data = np.arange(64 * 1024, dtype="<i4").reshape(64, 1024)
    storage = {"urlpath": path, "checksum": sealed, "codec": "lz4"}
    cat.asarray(data, chunks=(64, 1024), blocks=(4, 1024), **storage).close()
    stored = bytearray(path.read_bytes())
    sizes_in_header = np.array([4 * 64 * 1024, 4 * 4 * 1024], "<i4").tobytes()
    chunk = stored.index(sizes_in_header) - 4
    first = chunk + int.from_bytes(stored[chunk + 32 : chunk + 36], "little")
    stored[first : first + 4] = size.to_bytes(4, "little", signed=True)
    path.write_bytes(stored)
    for keywords in ({}, {"mode": "r"}, {"mode": "r", "mmap": True}):
        array = cat.open(path, **keywords)
        for key in (0, 0), (..., 5), slice(1, 3), ...:
            with pytest.raises(cat.CorruptDataError):
                array[key]
        assert not array.verify().ok
        assert array[63, 5] == data[63, 5]
        array.close()
    with cat.open(path) as array, pytest.raises(cat.CorruptDataError):
        array[0, 0] = 1


# ---------------------------------------------------------------- max_bytes


def bomb(path: Path | None = None) -> bytes:
    """A frame whose metalayer "zeros" has 32 bytes, and says that they stand for nearly 2 GiB."""
    array = cat.asarray(np.arange(63, dtype="<i4"), chunks=(40,), blocks=(10,), checksum=False)
    array.vlmeta["zeros"] = bytes(77_777)
    array.vlmeta["note"] = b"abc"
    frame = bytearray(array.to_bytes())
    at = frame.index((77_777).to_bytes(4, "little"))
    assert int.from_bytes(frame[at + 8 : at + 12], "little") == 32
    frame[at : at + 4] = (2**31 - 33).to_bytes(4, "little")
    if path:
        path.write_bytes(frame)
    return bytes(frame)


def test_a_metalayer_of_32_bytes_cannot_ask_for_gigabytes(path):
    bomb(path)
    for array, limit in [
        (cat.open(str(path)), 2**28),
        (cat.open(str(path), mode="r", max_bytes=5000), 5000),
        (cat.open(str(path), mmap=True, max_bytes=2**30), 2**30),
        (cat.from_bytes(bomb()), 2**28),
        (cat.from_bytes(bomb(), max_bytes=10_000), 10_000),
    ]:
        for read in (lambda a: a.vlmeta["zeros"], lambda a: dict(a.vlmeta), lambda a: a.copy()):
            with pytest.raises(cat.LimitError, match=f'"zeros": content: 2147483615 bytes.* {limit}'):
                read(array)
        assert array.vlmeta["note"] == b"abc"
        assert array[62] == 62
    with pytest.raises(cat.LimitError, match=path.name):
        cat.open(str(path)).vlmeta["zeros"]


STORAGES = [{}, {"mode": "r"}, {"mmap": True}]


@pytest.mark.parametrize("keywords", STORAGES, ids=str)
@pytest.mark.parametrize("contiguous", [True, False])
def test_chunks_larger_than_max_bytes_are_not_read(contiguous, keywords, path):
    if not contiguous and "mmap" in keywords:
        pytest.skip("a directory cannot be mapped")
    data = np.arange(20_000, dtype="<i4").reshape(100, 200)
    cat.asarray(data, chunks=(50, 100), blocks=(25, 50), urlpath=str(path), contiguous=contiguous)
    array = cat.open(str(path), max_bytes=20_000, **keywords)
    assert array.max_bytes == 20_000
    np.testing.assert_array_equal(np.asarray(array), data)
    for array in [
        cat.open(str(path), max_bytes=19_999, **keywords),
        pickle.loads(pickle.dumps(cat.open(str(path), max_bytes=19_999, **keywords))),
    ]:
        assert array.shape == (100, 200)
        for use in (lambda a: a[0, 0], lambda a: a[...], lambda a: a.copy(), lambda a: a.copy(chunks=(9, 9))):
            with pytest.raises(cat.LimitError, match=r"20000 bytes \(max_bytes allows 19999"):
                use(array)
        with pytest.raises(cat.LimitError, match=path.name):
            array[0, 0]


def test_a_stream_that_points_at_nothing_does_not_show_what_was_read_before(path):
    """LZ4 matches of offset 0 leave what is in the output already, where only the first part is decoded."""
    length, secret = 4096, 0x5A
    content = np.random.default_rng(1).integers(0, 256, length).astype("u1")
    content[length // 2 :] = 7
    keywords = {"chunks": (length,), "blocks": (length,), "codec": "lz4", "filters": [], "cache_bytes": 0}
    cat.asarray(content, urlpath=str(path), checksum=False, **keywords).close()
    frame = bytearray(path.read_bytes())
    at = frame.index(content[:256].tobytes()) - 10  # the stream begins with a token and lengths before that
    at = next(start for start in range(at, at + 10) if frame[start] & 0xF0 == 0xF0)
    # 15 literals, and a match of 200 bytes of offset 0; then 1,000 literals, and so on.
    sequence = b"\x1f" + b"a" + b"\0\0" + b"\xb9"
    frame[at : at + 64 * len(sequence)] = sequence * 64
    path.write_bytes(frame)
    secrets = cat.asarray(np.full(length, secret, "u1") ^ (np.arange(length) % 3).astype("u1"), **keywords)
    with cat.open(str(path), checksum=False, cache_bytes=0) as array:
        for item in (1, 20, 300, 1500):
            secrets[item]
            secrets[...]
            try:
                value = array[item]
            except cat.CorruptDataError:
                continue
            assert value in (0, ord("a"))


def test_repair_asks_for_no_more_than_max_bytes(path):
    bomb(path)
    with pytest.raises(cat.LimitError, match="max_bytes allows 100"):
        cat.repair(str(path), max_bytes=100)
    assert cat.repair(str(path), max_bytes=10**6).ok


@pytest.mark.parametrize(("at", "value", "said"), [(27, 0x0D, "codec 13"), (71, 121, "filter 121")])
def test_a_copy_of_what_cannot_be_asked_for_says_what_to_give(at, value, said, path):
    cat.asarray(np.arange(600, dtype="<i4"), chunks=(100,), blocks=(50,), urlpath=str(path)).close()
    frame = bytearray(path.read_bytes())
    frame[at] = value
    path.write_bytes(frame)
    with warnings.catch_warnings(action="ignore"), cat.open(str(path)) as array:
        with pytest.raises(cat.UnsupportedFormatError, match=rf"{path.name}: .*{said}.*codec= and filters="):
            array.copy()
        with pytest.raises(ValueError, match="clevel"):
            array.copy(codec="zstd", filters=[], clevel=77)
        copy = array.copy(codec="zstd", filters=["shuffle"])
        np.testing.assert_array_equal(copy[...], np.arange(600))


def test_changes_of_chunks_larger_than_max_bytes_leave_the_array(path):
    data = np.arange(20_000, dtype="<i4").reshape(100, 1, 200)
    cat.asarray(data, chunks=(50, 1, 100), blocks=(25, 1, 50), urlpath=str(path))
    before = support.snapshot(path)
    array = cat.open(str(path), max_bytes=19_999)
    for change in (lambda: array.__setitem__(0, 1), lambda: array.__setitem__(..., 1)):
        with pytest.raises(cat.LimitError, match="20000"):
            change()
    assert support.snapshot(path) == before


def test_an_index_larger_than_max_bytes_is_not_opened(path):
    array = cat.zeros((100_000,), 1, chunks=(1,), blocks=(1,), urlpath=str(path))
    array[5] = b"x"
    cat.open(str(path), max_bytes=800_000)
    for opening in (
        lambda: cat.open(str(path), max_bytes=799_999),
        lambda: cat.from_bytes(array.to_bytes(), max_bytes=799_999),
    ):
        with pytest.raises(cat.LimitError, match="chunk index: entries: 800000 bytes"):
            opening()
    with pytest.raises(cat.LimitError, match=f"{path.name}.*frame header"):
        cat.open(str(path), max_bytes=10)


@pytest.mark.parametrize("value", [0, -1, 2**63])
def test_max_bytes_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match="max_bytes"):
        cat.from_bytes(array_bytes(), max_bytes=value)
    with pytest.raises(TypeError, match="max_bytes"):
        cat.from_bytes(array_bytes(), max_bytes=float(value))


# ---------------------------------------------------------------- code


FORBIDDEN = {"eval", "exec", "compile", "__import__", "import_module", "system", "popen", "Unpickler"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "importlib", "runpy", "subprocess", "ctypes", "code"}


@pytest.mark.parametrize("path", sorted(Path(cat.__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_no_module_can_run_what_is_stored(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            is_regex = ast.unparse(node.func) == "re.compile"
            assert name not in FORBIDDEN or is_regex, f"{path.name}:{node.lineno}: {name}"
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            assert not FORBIDDEN_MODULES & {name.partition(".")[0] for name in names}, f"{path.name}: {names}"


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))


CORPUS = sorted(Path(__file__).parent.joinpath("corpus").iterdir())


@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="sanitizers need more memory than the limit")
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_what_a_fuzzer_found_is_refused_without_taking_memory(path):
    """Each file once made `open` take gigabytes."""
    script = """
import resource, sys
import caterva as cat
resource.setrlimit(resource.RLIMIT_DATA, (2**29, 2**29))
try:
    cat._core.SChunkHandle.open(sys.argv[1])
except cat.CorruptDataError:
    sys.exit(42)
"""
    command = [sys.executable, "-P", "-c", script, path]
    assert subprocess.run(command, timeout=60).returncode == 42
