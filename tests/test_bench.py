"""The benchmarks' own logic: what is compared, and when a cell is worse. No times are measured."""

import doctest
import importlib.util
import time
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


def load(name):
    """Load a module of the benchmarks that needs none of the peers."""
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


record = load("record")
rounds = load("rounds")
targets = load("targets")
floor = load("floor")
stall = load("stall")


@pytest.mark.parametrize("module", [record, stall], ids=["record", "stall"])
def test_examples_in_docstrings_hold(module):
    failed, count = doctest.testmod(module)
    assert (failed, count > 0) == (0, True)


RECORDED = {
    "read": {"floor": 1.0, "zarr": 0.5, "h5py": 0.4},
    "write": {"floor": 1.2, "zarr": 0.9, "h5py": 1.0},
}


def scaled(ratios, by):
    return {name: ratio * by for name, ratio in ratios.items()}


def test_the_same_ratios_are_not_worse():
    assert record.worse(RECORDED, RECORDED) == {}


def test_a_cell_that_is_slower_than_all_by_more_than_the_limit_is_worse():
    measured = RECORDED | {"read": scaled(RECORDED["read"], 1.16)}
    assert record.worse(RECORDED, measured) == {"read": pytest.approx(1.16)}
    assert record.worse(RECORDED, RECORDED | {"read": scaled(RECORDED["read"], 1.14)}) == {}


def test_one_competitor_that_got_faster_makes_no_cell_worse():
    measured = RECORDED | {"read": RECORDED["read"] | {"zarr": 5.0}}
    assert record.worse(RECORDED, measured) == {}


def test_cells_and_competitors_without_a_record_are_not_compared():
    measured = {"new": {"floor": 9.0}, "read": {"nobody": 9.0}}
    assert record.worse(RECORDED, measured) == {}


class Measurements:
    """Answers `again` with prepared factors, one call after the other."""

    def __init__(self, *factors):
        self.factors = list(factors)
        self.asked = []

    def __call__(self, cells):
        self.asked.append(sorted(cells))
        by = self.factors.pop(0)
        return {cell: scaled(RECORDED[cell], by) for cell in self.asked[-1]}


def test_a_cell_fails_if_it_is_worse_each_time_and_tells_the_least():
    again = Measurements(1.2, 1.3)
    measured = {"read": scaled(RECORDED["read"], 1.5), "write": RECORDED["write"]}
    assert record.confirmed(RECORDED, measured, again) == {"read": pytest.approx(1.2)}
    assert again.asked == [["read"], ["read"]]


def test_a_cell_that_is_once_as_good_as_its_record_passes_and_is_not_measured_again():
    again = Measurements(1.0)
    measured = {cell: scaled(ratios, 2) for cell, ratios in RECORDED.items()}
    assert record.confirmed(RECORDED, measured, again) == {}
    assert again.asked == [["read", "write"]]


def test_nothing_is_measured_again_if_nothing_is_worse():
    again = Measurements()
    assert record.confirmed(RECORDED, RECORDED, again) == {}
    assert again.asked == []


def test_a_record_is_read_as_it_was_saved(tmp_path):
    record.save(tmp_path / "record.json", RECORDED)
    assert record.load(tmp_path / "record.json") == RECORDED
    assert record.load(tmp_path / "none.json") == {}


def test_ratios_are_of_neighbours_in_a_round():
    # The machine is four times slower in the second half: the ratio of each pair is the same.
    assert rounds.paired_ratio([1, 1, 4, 4], [2, 2, 8, 8]) == 0.5
    assert rounds.paired_ratio([1, 1, 4, 4], [2, 2]) == 0.5  # the other one ran in the first rounds only


def test_competitors_run_in_turn_and_ours_ends_a_round():
    order = []
    names = ["ours", "a", "b"]
    calls = {name: lambda name=name: order.append(name) for name in names}
    measured = rounds.Rounds(calls, "ours", 0)
    assert order == names  # the warm-up
    order.clear()
    measured.slow.clear()  # the calls are too short to tell
    for _ in range(4):
        measured.others()
        measured.ours()
    assert [set(order[i : i + 2]) for i in (0, 3, 6, 9)] == [{"a", "b"}] * 4
    assert order[2::3] == ["ours"] * 4
    assert set(measured.summary()["ratios"]) == {"a", "b"}


def test_who_takes_many_times_as_long_is_measured_once(monkeypatch):
    monkeypatch.setattr(rounds, "SLOW_SECONDS", 0.01)
    calls = {"ours": lambda: None, "slow": lambda: time.sleep(0.02)}
    measured = rounds.Rounds(calls, "ours", 0)
    for _ in range(3):
        measured.others()
        measured.ours()
    assert (len(measured.wall["slow"]), len(measured.wall["ours"])) == (1, 3)
    assert 0 < measured.summary()["ratios"]["slow"] < 1


def test_a_wrong_first_result_stops_the_benchmark():
    def check(name, result):
        assert result == 1, name

    with pytest.raises(AssertionError, match="wrong"):
        rounds.Rounds({"right": lambda: 1, "wrong": lambda: 2}, "right", 0, check=check)


@pytest.mark.parametrize(
    "key", [np.s_[:, :], np.s_[3, :], np.s_[:, 5], np.s_[2:9:3, 1:4], np.s_[6, 10]], ids=str
)
def test_touched_blocks_are_those_that_hold_the_items_of_a_key(key):
    shape, chunks, blocks = (7, 11), (4, 6), (3, 4)  # nothing divides evenly
    rows, columns = np.indices(shape)
    chunk = rows // 4 * 2 + columns // 6  # 2 chunks in a row of the array, 2 blocks in a row of a chunk
    block = rows % 4 // 3 * 2 + columns % 6 // 4
    expected = sorted({(int(c), int(b)) for c, b in zip(np.ravel(chunk[key]), np.ravel(block[key]))})
    assert [tuple(map(int, cell)) for cell in floor.touched(key, shape, chunks, blocks)] == expected


def cell(behaviour="read all", setting="smooth-lz4-shuffle-memory-1t", seconds=1.0, **ratios):
    return {
        "kind": "time",
        "behaviour": behaviour,
        "setting": setting,
        "seconds": {"caterva": seconds},
        "ratios": {name.replace("_", "-"): ratio for name, ratio in ratios.items()},
    }


def test_the_best_peer_is_neither_the_floor_nor_a_memcpy():
    assert targets.best_peer(cell(floor=2, memcpy=9, zarr=0.25, h5py=0.5)) == ("h5py", 2.0)


@pytest.mark.parametrize(
    ("measured", "count"),
    [
        (cell(floor=1.1, zarr=0.7), 0),
        (cell(floor=1.2, zarr=0.7), 1),  # the floor
        (cell(floor=1.2, zarr=0.8), 2),  # and 1.3 times a peer
        (cell(floor=1.1, zarr=0.8, setting="smooth-zstd-shuffle-memory-1t"), 0),
        (cell(floor=1.1, zarr=1.1, setting="smooth-zstd-shuffle-memory-1t"), 1),  # slower than a peer
        (cell(floor=0.7, zarr=0.1, setting="smooth-lz4-shuffle-memory-2t"), 1),  # two threads
        (cell("item, cold", floor=9, zarr=0.3), 0),
        (cell("item, cold", floor=9, zarr=0.3, setting="smooth-zstd-shuffle-memory-1t"), 1),
        (cell("item, hot", seconds=1e-6, python_blosc2=0.02), 0),
        (cell("item, hot", seconds=2e-6, python_blosc2=0.03), 2),
        (cell("update box 32 wide", zarr=0.3), 1),
        ({"kind": "size", "values": {"caterva": 3, "python-blosc2": 3}}, 0),
        ({"kind": "size", "values": {"caterva": 4, "python-blosc2": 3}}, 1),
        ({"kind": "memory", "values": {"caterva": 4}, "limit": 3}, 1),
    ],
)
def test_a_cell_is_judged_by_the_aims_of_its_behaviour(measured, count):
    assert len(targets.misses(measured)) == count


def test_a_tick_is_late_until_it_came_or_the_call_ended():
    calls = [(2, 5), (6, 8)]
    assert stall.lateness([(2, 2.5), (6, 7)], calls) == [0.5, 1]
    assert stall.lateness([(3, 7)], calls) == [2]  # freeing the result held it up from 5 on
    assert stall.lateness([(1, 4), (5.5, 9), (8.5, 9)], calls) == []  # due in no call
