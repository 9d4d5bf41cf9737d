"""Read planes across each axis."""

import pytest

from benchmarks import keys
from benchmarks.settings import STAR, over


@over(STAR)
@pytest.mark.parametrize("axis", [0, 1, 2])
def bench_plane(arena, duel, axis):
    planes = keys.planes(arena.data.shape, axis)
    duel(f"plane across axis {axis}", arena.setting, arena.reads(planes))
