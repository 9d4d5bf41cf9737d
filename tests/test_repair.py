"""Random lives that end in damaged metadata: `repair` mends what was committed last, or says why not."""

import os
import random
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
import refdecode
import refsums

import caterva as cat

INDEX, COPY = "chunks.b2frame", "chunks.b2frame.copy"


class Life:
    """An array, with all that it has held: the model is copies of its items and attributes."""

    def __init__(self, path, contiguous, draw):
        self.draw, self.contiguous, self.path = draw, contiguous, path
        rows = draw.choice([6, 40, 200])
        self.items = (
            np.random.default_rng(draw.randrange(1 << 30)).integers(0, 1 << 30, (rows, 9)).astype("i4")
        )
        self.array = cat.asarray(
            self.items, chunks=(5, 9), blocks=(2, 9), urlpath=path, contiguous=contiguous, clevel=0
        )
        self.history, self.flushed, self.kept = [], 0, []
        self.note()
        self.flush()

    def note(self):
        self.history.append((self.array[...].copy(), dict(self.array.attrs)))

    def flush(self):
        self.array.flush()
        self.flushed = len(self.history) - 1
        self.kept = refsums.chunk_ranges(self.path) if self.contiguous else []

    def step(self):
        what = self.draw.randrange(5)
        if what == 0:
            self.array.append(self.items[: self.draw.randrange(1, 6)])
        elif what == 1:
            self.array.attrs["n"] = self.draw.randrange(10)
        elif what == 2 and self.array.shape[0] > 6:
            self.array.resize((self.array.shape[0] - self.draw.randrange(1, 4), 9))
        else:
            row = self.draw.randrange(self.array.shape[0])
            self.array[row] = self.draw.randrange(1 << 30)
        self.note()
        if self.draw.random() < 0.3:
            self.flush()


def spoil(raw, places, draw):
    """Flip bits, or lose bytes, of some of the places."""
    at = draw.choice(places)
    if draw.random() < 0.5:
        raw[at] ^= 1 << draw.randrange(8)
        return
    stop = at + draw.choice([4, 60, 500])
    for place in places:
        if at <= place < stop:
            raw[place] = 0


def spoil_file(life, path, draw):
    raw = bytearray(path.read_bytes())
    is_free = bytearray(b"\1" * len(raw))
    for start, stop in (*life.kept, *refsums.chunk_ranges(path)):
        is_free[start:stop] = bytes(stop - start)
    places = [at for at in range(len(raw)) if is_free[at]]
    header = refdecode.open_frame(os.fspath(path)).header_len
    end = int.from_bytes(raw[16:24], "big")
    for _ in range(draw.choice([1, 1, 2])):
        near = draw.choice([places, range(header), range(header, 2 * header), range(end - 150, end)])
        spoil(raw, [at for at in near if at < len(raw) and is_free[at]], draw)
    path.write_bytes(raw)


def spoil_directory(path, draw):
    for name in draw.choice([[INDEX], [INDEX], [COPY], [INDEX, COPY]]):
        raw = bytearray((path / name).read_bytes())
        how = draw.randrange(4)
        if how == 0:
            (path / name).unlink()
        elif how == 1:
            os.truncate(path / name, draw.randrange(len(raw)))
        else:
            spoil(raw, range(len(raw)), draw)
            with open(path / name, "r+b") as file:
                file.write(raw)


def content(path):
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return {file.name: file.read_bytes() for file in files if file.suffix != ".b2lock"}


def look(path):
    """Open an array: what it holds, and the names of warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with cat.open(path, mode="r") as array:
            return (array[...].copy(), dict(array.attrs)), [warning.category.__name__ for warning in caught]


def same(one, other):
    return one[0].shape == other[0].shape and np.array_equal(one[0], other[0]) and one[1] == other[1]


def repair(path, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cat.repair(path, **keywords)


def check(life, path):
    """Repair without leave, then with it. Return what has happened."""
    last, before = life.history[-1], content(path)
    try:
        found = repair(path)
    except cat.CatervaError as error:
        assert content(path) == before, "what is refused is not written to"
        refusal = str(error)
    else:
        seen, told = look(path)
        if not found.repaired:
            assert content(path) == before
            assert same(seen, last) or told
            return "fine"
        assert not found.is_older and found.ok
        assert same(seen, last) and "RecoveredWarning" not in told
        return "mended"
    try:
        found = repair(path, accept_older=True)
    except cat.CatervaError:
        assert content(path) == before
        return "lost"
    assert "accept_older" in refusal and found.is_older and found.repaired and found.ok
    seen, told = look(path)
    assert "RecoveredWarning" not in told and any(same(seen, state) for state in life.history[life.flushed :])
    with cat.open(path, mode="r") as array:
        report = array.verify()
        assert report.ok and not report.metadata
    return "accepted"


@pytest.mark.parametrize("contiguous", [True, False], ids=["file", "directory"])
def test_repair_never_loses_in_silence_what_was_committed(tmp_path, contiguous):
    outcomes = dict.fromkeys(["fine", "mended", "accepted", "lost"], 0)
    for seed in range(400):
        draw = random.Random(seed)
        life = Life(tmp_path / f"{seed}.b2nd", contiguous, draw)
        for _ in range(draw.randrange(1, 6)):
            life.step()
        path = tmp_path / f"{seed}-left.b2nd"
        if contiguous:
            shutil.copy(life.path, path)
            spoil_file(life, path, draw)
        else:
            shutil.copytree(life.path, path)
            spoil_directory(path, draw)
        life.array.close()
        try:
            outcomes[check(life, path)] += 1
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        for made in (life.path, path):
            shutil.rmtree(made) if made.is_dir() else made.unlink()
    assert min(outcomes[name] for name in ("mended", "accepted")) > 10, outcomes


GROW_AND_DIE = """
import os, sys, numpy as np, caterva as cat
array = cat.zeros((4,), dtype="i4", chunks=(2,), urlpath=sys.argv[1], contiguous=sys.argv[2] == "True")
array[...] = 1
array.flush()
array.resize((4000,))
array[...] = np.arange(4000)
os._exit(0)
"""


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_limit_brings_no_older_state(tmp_path, contiguous):
    """The index of the last state is larger than allowed, and that of the flushed one is not."""
    path = tmp_path / "a.b2nd"
    subprocess.run([sys.executable, "-P", "-c", GROW_AND_DIE, path, str(contiguous)], check=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(cat.LimitError):
            cat.open(path, max_bytes=1500)
        with cat.open(path) as array:
            np.testing.assert_array_equal(array, np.arange(4000))
