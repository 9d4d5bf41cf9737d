"""Read boxes 32 wide, not aligned to blocks."""

from benchmarks import keys
from benchmarks.settings import STAR, over


@over(STAR)
def bench_box(arena, duel):
    boxes = keys.boxes(arena.data.shape)
    duel("box 32 wide", arena.setting, arena.reads(boxes))
