"""Peak memory of each operation, beside what was there before. Limit: what it makes, and a few blocks."""

import math

import numpy as np
import pytest

from benchmarks import data
from benchmarks.floor import touched
from benchmarks.memory import OPERATIONS, peaks
from benchmarks.peers import OURS, PEERS
from benchmarks.settings import BASE, FILES, STAR
from benchmarks.targets import SPARE_BLOCKS, SPARE_BYTES

COMPETITORS = (OURS, "python-blosc2", "zarr", "tensorstore", "h5py")


def made_bytes(key, behaviour, array, setting):
    """Bytes that an operation must make: its result, or the chunks that it writes, compressed."""
    if not behaviour.startswith(("write", "update")):
        return array[key].nbytes
    [ours] = [kind for kind in PEERS if kind.name == OURS]
    fitted = setting.fitted(array.shape)
    peer = ours(fitted, None)
    stored = peer.stored_bytes(peer.make(array, None))
    chunks = np.unique(touched(key, array.shape, fitted.chunks, fitted.blocks)[:, 0])
    grid = [-(-extent // chunk) for extent, chunk in zip(array.shape, fitted.chunks, strict=True)]
    return stored * len(chunks) // math.prod(grid)


@pytest.mark.parametrize("setting", [BASE, STAR[1], FILES[0]], ids=str)
@pytest.mark.parametrize("behaviour", OPERATIONS)
def bench_memory(benchmark, request, behaviour, setting):
    mib = request.config.getoption("--mib")
    quick = request.config.getoption("--quick")
    kinds = [kind for kind in PEERS if kind.supports(setting) and kind.name in COMPETITORS]
    others = [] if quick else [kind.name for kind in kinds if kind.name != OURS]
    array = data.make(setting.data, mib)
    key = OPERATIONS[behaviour].key(array.shape)
    block_bytes = math.prod(setting.blocks) * array.itemsize
    spare = max(SPARE_BYTES, SPARE_BLOCKS * block_bytes * setting.threads)
    ours = benchmark.pedantic(peaks, (OURS, mib, setting))[behaviour]
    benchmark.extra_info.update(
        kind="memory",
        behaviour=behaviour,
        setting=str(setting),
        limit=made_bytes(key, behaviour, array, setting) + spare,
        values={OURS: ours} | {name: peaks(name, mib, setting)[behaviour] for name in others},
    )
