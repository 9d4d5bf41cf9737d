"""Compressed bytes of the chunks, by data, codec and filter."""

import dataclasses

import pytest

from benchmarks import data
from benchmarks.peers import OURS, PEERS
from benchmarks.settings import BASE

SETTINGS = [
    dataclasses.replace(BASE, data=kind, codec=codec, filter=filter_)
    for kind in ("smooth", "counts", "noise", "real")
    for codec in ("lz4", "zstd", "blosclz")
    for filter_ in ("shuffle", "bitshuffle")
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def bench_size(benchmark, request, tmp_path, setting):
    array = data.make(setting.data, request.config.getoption("--mib") // 4)

    def stored_bytes(kind):
        peer = kind(setting.fitted(array.shape), tmp_path)
        return peer.stored_bytes(peer.make(array, None))

    kinds = {kind.name: kind for kind in PEERS if kind.supports(setting) and kind.name != "memcpy"}
    ours = benchmark.pedantic(stored_bytes, [kinds.pop(OURS)])
    values = {OURS: ours} | {name: stored_bytes(kind) for name, kind in kinds.items()}
    benchmark.extra_info.update(kind="size", behaviour="chunks", setting=str(setting), values=values)
