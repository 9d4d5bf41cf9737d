"""What is aimed at, and which cells miss it. Pure: cells in, sentences out.

A cell is the `extra_info` that a benchmark leaves. The aims: reading and writing at the floor, small requests
far above the peers, no cell below any peer, memory by the block.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.peers import NOT_PEERS, OURS

FLOOR_1_THREAD = 1.15  # ours / floor, at most
FLOOR_2_THREADS = 0.6
FLOOR_COLD_ITEM = 1.3  # where the codec is not LZ4
HOT_ITEM_SECONDS = 1.5e-6
SPARE_BYTES = 2 * 2**20  # beside the result
SPARE_BLOCKS = 3  # for each thread, if that is more
STALL_SECONDS = 0.005


@dataclasses.dataclass(frozen=True)
class Aim:
    """For a behaviour: near the floor, and how many times faster than peers with LZ4, and with others."""

    floor: bool = False
    lz4: float = 1.0
    peers: float = 1.0


AIMS = {
    "read all": Aim(floor=True, lz4=1.3),
    "write all": Aim(floor=True, lz4=1.3),
    "plane across axis": Aim(floor=True, lz4=1.3),
    "box 32 wide": Aim(floor=True, lz4=1.3),
    "item, cold": Aim(lz4=3.0),
    "update box": Aim(lz4=4.0, peers=4.0),
    "update plane": Aim(lz4=3.0, peers=3.0),
    "open + item": Aim(lz4=2.0, peers=2.0),
}


def best_peer(cell: Mapping[str, Any]) -> tuple[str, float]:
    """Return the quickest library beside ours, and how many times longer than ours it takes."""
    ratios = {name: ratio for name, ratio in cell["ratios"].items() if name not in NOT_PEERS}
    name = max(ratios, key=ratios.__getitem__)
    return name, 1 / ratios[name]


def _misses_of_time(cell: Mapping[str, Any]) -> Iterable[str]:
    setting, ratios = cell["setting"], cell["ratios"]
    aim = next((aim for name, aim in AIMS.items() if cell["behaviour"].startswith(name)), Aim())
    lz4 = "-lz4-" in setting
    name, speed = best_peer(cell)
    wanted = aim.lz4 if lz4 else aim.peers
    if speed < wanted:
        yield f"{speed:.2f} x {name} (aim: {wanted:g})"
    floor = ratios.get("floor")
    limit = FLOOR_2_THREADS if "-2t" in setting else FLOOR_1_THREAD
    if aim.floor and floor is not None and floor > limit:
        yield f"{floor:.2f} of the floor (aim: {limit:g})"
    if cell["behaviour"] == "item, cold" and not lz4 and floor is not None and floor > FLOOR_COLD_ITEM:
        yield f"{floor:.2f} of the floor (aim: {FLOOR_COLD_ITEM:g})"
    if cell["behaviour"] == "item, hot":
        seconds = cell["seconds"][OURS]
        if seconds > HOT_ITEM_SECONDS:
            yield f"{1e6 * seconds:.2f} us (aim: {1e6 * HOT_ITEM_SECONDS:g})"
        for peer, times in (("python-blosc2", 40), ("h5py cached", 2)):
            if peer in ratios and 1 / ratios[peer] < times:
                yield f"{1 / ratios[peer]:.2f} x {peer} (aim: {times})"


def misses(cell: Mapping[str, Any]) -> list[str]:
    """Return what a cell misses, in words; nothing if it is as it should be."""
    kind = cell["kind"]
    if kind == "time":
        return list(_misses_of_time(cell))
    ours = cell["values"][OURS]
    if kind == "size":
        theirs = cell["values"]["python-blosc2"]
        return [f"{ours} bytes, python-blosc2 {theirs}"] if ours > theirs else []
    if ours > cell["limit"]:
        return [f"{ours:.4g} (aim: {cell['limit']:.4g})"]
    return []
