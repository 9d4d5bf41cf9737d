"""Options, and the fixtures that a benchmark takes: `arena`, and `duel`, which times calls in it."""

import pytest

from benchmarks.arena import Arena, Work
from benchmarks.peers import OURS
from benchmarks.rounds import Rounds
from benchmarks.settings import QUICK, Setting


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mib", type=int, default=32, help="size of the arrays, in MiB")
    parser.addoption("--seconds", type=float, default=1.5, help="time for the rounds of one cell")
    parser.addoption("--clock", choices=["wall", "cpu"], default="wall", help="what ratios are of")
    parser.addoption("--quick", action="store_true", help="few settings, without the slowest peer")
    parser.addoption("--scaling", action="store_true", help="sizes from 1 MiB to 2 GiB, and nothing else")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what the options ask for."""

    def wanted(item: pytest.Item) -> bool:
        if item.path.stem == "bench_scaling" or config.getoption("--scaling"):
            return item.path.stem == "bench_scaling" and config.getoption("--scaling")
        setting = item.callspec.params.get("arena") or item.callspec.params.get("setting")
        return str(setting) in QUICK or not config.getoption("--quick")

    kept = [item for item in items if wanted(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture(scope="session")
def arena(request: pytest.FixtureRequest):
    """The competitors under the setting that is this fixture's parameter."""
    setting: Setting = request.param
    slowest = ("zarr shards",) if request.config.getoption("--quick") else ()
    arena = Arena(setting, request.config.getoption("--mib"), without=slowest)
    yield arena
    arena.close()


@pytest.fixture
def duel(benchmark, request: pytest.FixtureRequest):
    """Time calls in turn; pytest-benchmark's own figure is ours, the others' are in its extra_info."""

    def run(behaviour: str, setting: Setting, work: Work) -> None:
        seconds, clock = (request.config.getoption(name) for name in ("--seconds", "--clock"))
        rounds = Rounds(work.calls, OURS, seconds, clock, work.check)
        benchmark.pedantic(rounds.ours, setup=rounds.others, rounds=rounds.count)
        cell = {"kind": "time", "behaviour": behaviour, "setting": str(setting), "clock": clock}
        cell["mib"] = setting.mib or request.config.getoption("--mib")
        benchmark.extra_info.update(cell | rounds.summary(work.count))

    return run
