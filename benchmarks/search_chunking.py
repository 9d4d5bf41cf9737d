"""Which automatic chunk and block shapes are best: python benchmarks/search_chunking.py [--quick]

Tries a grid of sizes for `caterva.chunking`'s targets over typical arrays and codecs, under mixed access, and
prints a Markdown table: for each array, how much worse than the best point of the grid each point is. The
defaults of `chunking.py` are those that lose least; benchmarks/chunking.md keeps the table.

Mixed access is a geometric mean, so that no single kind of request decides: write all, read all, a plane
across each axis, boxes of 32 items (or as wide as the array), single items, and the bytes stored, each of
equal weight. Times are of the processor, one thread, the least of some rounds; all points take their turn in
each.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import caterva as cat
from caterva import chunking

BLOCK_BYTES = [2**13, 2**14, 2**15, 2**16, 2**17, 2**18]
CHUNK_BYTES = [2**18, 2**19, 2**20, 2**21, 2**22, 2**23]

Point = tuple[int, int]  # bytes of a block, bytes of a chunk


def arrays() -> dict[str, np.ndarray]:
    """Arrays as users have them: a series, a table of readings, an image stack, a field over time."""
    random = np.random.default_rng(11)
    walk = np.cumsum(random.normal(size=2**21)).round(3)
    x, y = np.linspace(0, 12, 2000)[:, None], np.linspace(0, 9, 1500)
    image = (1000 * (1.1 + np.sin(x) * np.cos(y)) + random.normal(size=(2000, 1500))).astype("u2")
    z = np.linspace(0, 5, 160)[:, None, None]
    volume = (np.sin(x[:180]) * np.cos(y[:200]) + z + random.integers(0, 8, (160, 180, 200)) / 2**14).astype(
        "f4"
    )
    events = random.poisson(2.5, (24, 60, 70, 90)).astype("i4")
    return {"series f8": walk, "image u2": image, "volume f4": volume, "counts i4, 4 axes": events}


def keys_of(shape: tuple[int, ...]) -> Iterator[tuple[str, list[Any]]]:
    """Name and keys of each kind of read."""
    random = np.random.default_rng(5)
    yield "all", [...]
    for axis, extent in enumerate(shape if len(shape) > 1 else ()):
        yield f"plane {axis}", [(slice(None),) * axis + (int(random.integers(extent)),) for _ in range(3)]
    starts = [[int(random.integers(max(extent - 32, 1))) for extent in shape] for _ in range(8)]
    yield "box", [tuple(slice(start, start + 32) for start in place) for place in starts]
    yield "item", [tuple(int(random.integers(extent)) for extent in shape) for _ in range(40)]


def measure(data: np.ndarray, codec: str, points: list[Point], rounds: int) -> dict[Point, float]:
    """Mixed cost of each point: the geometric mean of the kinds' least times, and of the bytes stored."""
    least: dict[tuple[Point, str], float] = {}

    def note(point: Point, kind: str, seconds: float) -> None:
        least[point, kind] = min(seconds, least.get((point, kind), math.inf))

    shapes = {}
    for block_bytes, chunk_bytes in points:
        chunks = chunking.suggest_chunks(data.shape, data.itemsize, target_bytes=chunk_bytes)
        blocks = chunking.suggest_blocks(chunks, data.itemsize, target_bytes=block_bytes)
        shapes[block_bytes, chunk_bytes] = {"chunks": chunks, "blocks": blocks}
    for _ in range(rounds):
        for point, shape in shapes.items():
            begin = time.process_time()
            array = cat.asarray(data, codec=codec, nthreads=1, cache_bytes=0, **shape)
            note(point, "write", time.process_time() - begin)
            note(point, "size", data.nbytes / array.cratio)
            for kind, keys in keys_of(data.shape):
                begin = time.process_time()
                for key in keys:
                    array[key]
                note(point, kind, time.process_time() - begin)
    kinds = {kind for _, kind in least}
    return {
        point: math.exp(sum(math.log(least[point, kind]) for kind in kinds) / len(kinds)) for point in points
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer points and rounds")
    quick = parser.parse_args().quick
    points = [
        (block, chunk)
        for block, chunk in itertools.product(BLOCK_BYTES, CHUNK_BYTES)
        if block < chunk and (not quick or block in (2**14, 2**16) or chunk == 2**21)
    ]
    loss: dict[Point, list[float]] = {point: [] for point in points}
    cases = list(itertools.product(arrays().items(), ["lz4", "zstd"]))
    for (_, data), codec in cases:
        cost = measure(data, codec, points, 2 if quick else 4)
        best = min(cost.values())
        for point in points:
            loss[point].append(cost[point] / best - 1)
    print("| block | chunk |", " | ".join(f"{name}, {codec}" for (name, _), codec in cases), "| worst |")
    print("|" + "--:|" * (len(cases) + 3))
    for (block, chunk), losses in sorted(loss.items(), key=lambda item: max(item[1])):
        cells = " | ".join(f"{100 * value:.0f} %" for value in losses)
        print(f"| {block >> 10} KiB | {chunk >> 10} KiB | {cells} | {100 * max(losses):.0f} % |")


if __name__ == "__main__":
    main()
