"""Write into an array: boxes 32 wide, and planes across the first and the last axis."""

import pytest

from benchmarks import keys
from benchmarks.settings import STAR, over


@over(STAR)
def bench_update_box(arena, duel):
    boxes = keys.boxes(arena.data.shape)
    duel("update box 32 wide", arena.setting, arena.updates(boxes))


@over(STAR)
@pytest.mark.parametrize("axis", [0, 2])
def bench_update_plane(arena, duel, axis):
    planes = keys.planes(arena.data.shape, axis)[1:3]
    duel(f"update plane, axis {axis}", arena.setting, arena.updates(planes))
