"""The benchmarks' own logic: what is compared, and when a cell is worse. No times are measured."""

import importlib.util
from pathlib import Path

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
    measured.slow = {"b"}
    for _ in range(4):
        measured.others()
        measured.ours()
    assert [set(order[0:2]), order[2]] == [{"a", "b"}, "ours"]
    assert order[-4:] == ["a", "ours", "a", "ours"]  # the slow one has had its rounds
    assert len(measured.wall["b"]) == rounds.SLOW_ROUNDS
    assert set(measured.summary()["ratios"]) == {"a", "b"}


def test_a_wrong_first_result_stops_the_benchmark():
    def check(name, result):
        assert result == 1, name

    with pytest.raises(AssertionError, match="wrong"):
        rounds.Rounds({"right": lambda: 1, "wrong": lambda: 2}, "right", 0, check=check)
