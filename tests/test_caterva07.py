"""Old Caterva (0.7.3, the last release) opens our files and changes them, and we do the same to its files.

It needs NumPy 1, so it lives in an environment of its own: the interpreter that CATERVA07_PYTHON names, or
one that is made once below pytest's cache. Where neither is possible these tests are skipped; tests/golden
holds frozen files of 0.6.0 and 0.7.3 in any case.
"""

import itertools
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
from support import CODECS, home_arguments, parse_frame, sample

import caterva as cat

# Each library changes what the other wrote, and that is said each time.
pytestmark = pytest.mark.filterwarnings("ignore::caterva.UnverifiedWarning")

PACKAGES = ["caterva==0.7.3", "numpy<2", "msgpack"]
PIPELINES = {
    "none": [],
    "shuffle": [cat.Filter.SHUFFLE],
    "bitshuffle": [cat.Filter.BITSHUFFLE],
    "delta_shuffle": [cat.Filter.DELTA, cat.Filter.SHUFFLE],
}
SHAPE, CHUNKS, BLOCKS = (20, 13, 7), (7, 6, 5), (3, 3, 2)

READ = """
import json, sys
import caterva, numpy
for path, key in json.loads(sys.argv[1]):
    array = caterva.open(path)
    numpy.save(path + ".npy", numpy.ascontiguousarray(array[...]).view("u1"))
    print(json.dumps([array.shape, array.chunks, array.blocks, array.itemsize, array.meta.keys()]))
    if key is not None:
        start, stop = key
        box = tuple(slice(a, b) for a, b in zip(start, stop))
        shape = [b - a for a, b in zip(start, stop)]
        array[box] = numpy.full(shape, b"\\x07" * array.itemsize, "S%d" % array.itemsize)
"""
WRITE = """
import json, sys
import caterva, numpy
for path, itemsize, codec, filters, contiguous in json.loads(sys.argv[1]):
    items = numpy.load(sys.argv[2] + "/%d.npy" % itemsize)
    caterva.from_buffer(items.tobytes(), (20, 13, 7), itemsize, chunks=(7, 6, 5), blocks=(3, 3, 2),
                        urlpath=path, contiguous=contiguous, codec=caterva.Codec(codec),
                        filters=[caterva.Filter(f) for f in filters], filtersmeta=[0] * len(filters),
                        meta={"note": b"a\\0b"})
"""


def bare() -> dict[str, str]:
    """The environment without what instruments this process: the old library would not survive it."""
    return {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "PYTHONMALLOC")}


@pytest.fixture(scope="session")
def old_python(request, tmp_path_factory):
    """An interpreter that imports caterva 0.7.3."""
    if named := os.environ.get("CATERVA07_PYTHON"):
        return named
    cache = getattr(request.config, "cache", None)  # absent under -p no:cacheprovider
    base = Path(cache.mkdir("caterva07")) if cache else tmp_path_factory.mktemp("caterva07")
    home = base / f"{sys.version_info.major}.{sys.version_info.minor}"
    python = home / "bin" / "python"
    if (
        subprocess.run([python, "-I", "-c", "import caterva"], env=bare(), capture_output=True).returncode
        if python.exists()
        else True
    ):
        try:
            venv.create(home, with_pip=True, clear=True)
            install = [
                python,
                "-m",
                "pip",
                "install",
                "-q",
                "--only-binary=:all:",
                "--retries=0",
                "--timeout=10",
            ]
            subprocess.run(install + PACKAGES, check=True, capture_output=True, timeout=300)
        except (OSError, subprocess.SubprocessError) as reason:
            pytest.skip(f"caterva 0.7.3 does not install here: {reason}")
    return python


def run(python, script, *arguments) -> list:
    command = [python, "-I", "-c", script, *arguments]
    done = subprocess.run(command, env=bare(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def cases():
    return itertools.product(CODECS, PIPELINES, (1, 3, 4, 8), ("file", "directory"))


def name(codec, pipeline, itemsize, home) -> str:
    return f"{codec.name}-{pipeline}-{itemsize}-{home}.caterva"


def test_old_caterva_reads_and_changes_our_files(old_python, tmp_path):
    todo, box = [], ((2, 0, 3), (15, 9, 7))
    for codec, pipeline, itemsize, home in cases():
        path = tmp_path / name(codec, pipeline, itemsize, home)
        cat.asarray(
            sample(SHAPE, f"V{itemsize}"),
            chunks=CHUNKS,
            blocks=BLOCKS,
            codec=codec,
            filters=PIPELINES[pipeline],
            filtersmeta=[0] * len(PIPELINES[pipeline]),
            meta={"note": b"a\0b"},
            **home_arguments(home, path),
        )
        todo.append((str(path), box))
    answers = run(old_python, READ, json.dumps(todo))
    for (path, _), (_, _, itemsize, _), answer in zip(todo, cases(), answers, strict=True):
        data = sample(SHAPE, f"V{itemsize}")
        assert answer[:4] == [list(SHAPE), list(CHUNKS), list(BLOCKS), itemsize], path
        assert {"caterva", "note"} <= set(answer[4])
        assert np.load(path + ".npy").tobytes() == data.tobytes(), path
        data[2:15, 0:9, 3:7] = np.void(b"\x07" * itemsize)
        array = cat.open(path)
        assert array[...].tobytes() == data.tobytes(), path
        assert array.meta["note"] == b"a\0b"


def test_we_read_and_change_files_of_old_caterva_and_it_reads_again(old_python, tmp_path):
    todo = []
    for itemsize in (1, 3, 4, 8):
        np.save(tmp_path / f"{itemsize}.npy", sample(SHAPE, f"V{itemsize}").view(f"S{itemsize}"))
    for codec, pipeline, itemsize, home in cases():
        path = tmp_path / name(codec, pipeline, itemsize, home)
        filters = [code.value for code in PIPELINES[pipeline]]
        todo.append((str(path), itemsize, codec.value, filters, home == "file"))
    run(old_python, WRITE, json.dumps(todo), str(tmp_path))
    expected = {}
    for path, itemsize, *_ in todo:
        data = sample(SHAPE, f"V{itemsize}")
        array = cat.open(path)
        assert (array.shape, array.chunks, array.blocks, array.itemsize) == (SHAPE, CHUNKS, BLOCKS, itemsize)
        assert array[...].tobytes() == data.tobytes(), path
        assert array.meta["note"] == b"a\0b"
        array[::3, 5, ::-2] = data[::3, 6, ::-2]
        data[::3, 5, ::-2] = data[::3, 6, ::-2]
        assert "b2nd" not in parse_frame(path).meta  # their header stays as long as it is
        expected[path] = data.tobytes()
    run(old_python, READ, json.dumps([(path, None) for path in expected]))
    for path, content in expected.items():
        assert np.load(path + ".npy").tobytes() == content, path
        assert cat.open(path)[...].tobytes() == content, path
