"""Read and write arrays of 1 MiB to 2 GiB (with `--scaling`)."""

from benchmarks import keys
from benchmarks.settings import SCALING, over


@over(SCALING)
def bench_read_all_scaling(arena, duel):
    duel("read all", arena.setting, arena.reads(keys.everything(arena.data.shape)))


@over(SCALING)
def bench_write_all_scaling(arena, duel):
    duel("write all", arena.setting, arena.writes())


@over(SCALING)
def bench_box_scaling(arena, duel):
    boxes = keys.boxes(arena.data.shape)
    duel("box 32 wide", arena.setting, arena.reads(boxes))
