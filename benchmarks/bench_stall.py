"""Stalls of a Python thread beside a long read or write on one thread, above those beside a sleeping one."""

import time

import pytest

from benchmarks import keys
from benchmarks.peers import OURS
from benchmarks.settings import BASE, FILES, over
from benchmarks.stall import quantile, stalls
from benchmarks.targets import STALL_SECONDS

COMPETITORS = (OURS, "python-blosc2", "zarr", "tensorstore", "h5py")
ROUNDS = 3  # the idle one among the competitors: others may use the machine, too
NAP = 0.02


@over([BASE, FILES[0]])
@pytest.mark.parametrize("behaviour", ["read all", "write all"])
def bench_stall(benchmark, arena, request, behaviour):
    seconds = request.config.getoption("--seconds")
    work = arena.writes() if behaviour == "write all" else arena.reads(keys.everything(arena.data.shape))
    calls = {name: call for name, call in work.calls.items() if name in COMPETITORS}
    calls["idle"] = lambda: time.sleep(NAP)
    late = {name: [] for name in calls}

    def one_round():
        for name, call in calls.items():
            late[name] += stalls(call, seconds)

    benchmark.pedantic(one_round, rounds=ROUNDS)
    idle = quantile(late.pop("idle"))
    benchmark.extra_info.update(
        kind="stall",
        behaviour=f"beside {behaviour}",
        setting=str(arena.setting),
        limit=STALL_SECONDS,
        values={name: quantile(ticks) - idle for name, ticks in late.items()},
    )
