"""A medium that has lost the last write of a sector: it has what lay there before.

What was flushed is never opened as something older, and what is read is right. The history of an array is
kept as bytes of its file after each flush. Each sector of the last state, in turn, gets what it had before.
"""

import warnings

import numpy as np
import pytest

import caterva as cat

SHAPE, CHUNKS, BLOCKS = (60, 50), (17, 13), (9, 7)


def values_of(state: int) -> np.ndarray:
    return (np.arange(SHAPE[0] * SHAPE[1], dtype="u4").reshape(SHAPE) % 251) * (state + 1)


class History:
    """Bytes and values after each flush, and after a last commit that may not be flushed."""

    def __init__(self, path, kind: str, note: int, is_flushed: bool):
        self.path, self.states = path, []
        kind_of_change = {"all": slice(None), "box": (slice(3, 41), slice(5, 44)), "item": (7, 9)}[kind]
        self.values = [values_of(0)]
        with cat.asarray(
            values_of(0), chunks=CHUNKS, blocks=BLOCKS, urlpath=path, meta={"note": b"n" * note}
        ) as array:
            array.flush()
            self.states.append(path.read_bytes())
            for state in range(1, 5):
                fresh = self.values[-1].copy()
                fresh[kind_of_change] = values_of(state)[kind_of_change]
                array[kind_of_change] = fresh[kind_of_change]
                self.values.append(fresh)
                if is_flushed or state < 4:
                    array.flush()
                self.states.append(path.read_bytes())
            self.first_lawful = 4 if is_flushed else 3

    def lose(self, start: int, stop: int, state: int) -> bytes | None:
        """The last bytes with a sector of an earlier state; None if they do not differ."""
        old, last = self.states[state], self.states[-1]
        piece = old[start:stop].ljust(min(stop, len(last)) - start, b"\0")
        found = last[:start] + piece[: len(last) - start] + last[stop:]
        return found if found != last else None

    def check(self) -> str:
        """What the file opens as: right, or an error; anything older is a failure."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", cat.RecoveredWarning)
                with cat.open(self.path) as array:
                    found = array[...]
        except cat.CorruptDataError:
            return "error"
        assert any(np.array_equal(found, values) for values in self.values[self.first_lawful :])
        return "right"


@pytest.mark.parametrize("is_flushed", [True, False], ids=["flushed", "one more commit"])
@pytest.mark.parametrize("note", [10, 700], ids=["small header", "header of two sectors"])
@pytest.mark.parametrize("kind", ["all", "box", "item"])
@pytest.mark.parametrize("sector", [512, 4096])
def test_a_lost_write_of_a_sector_never_brings_an_older_state(tmp_path, sector, kind, note, is_flushed):
    history = History(tmp_path / "a.b2nd", kind, note, is_flushed)
    outcomes = []
    for start in range(0, len(history.states[-1]), sector):
        for state in range(len(history.states) - 1):
            found = history.lose(start, start + sector, state)
            if found is None:
                continue
            history.path.write_bytes(found)
            outcomes.append((start, history.check()))
    assert len(outcomes) >= 4
    # A header is there twice: without it nothing is lost.
    assert all(what == "right" for start, what in outcomes if start == 0 and sector == 512)


def test_tails_of_two_states_in_one_place_are_told_apart(tmp_path):
    """A chunk goes round in the space of its earlier ones, and so do index and header: all but the tags is
    what it was in another state."""
    path = tmp_path / "a.b2nd"
    endings: dict[bytes, int] = {}
    with cat.asarray(
        np.zeros(1000, "u4"), chunks=(1000,), blocks=(500,), urlpath=path, durability="fsync"
    ) as array:
        for state in range(1, 30):
            array[...] = np.arange(1000, dtype="u4") * state
            stored = path.read_bytes()
            end = int.from_bytes(stored[16:24], "big")  # of the frame
            ending = stored[end - 17 : end]
            assert endings.setdefault(ending, state) == state
