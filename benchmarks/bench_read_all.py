"""Read the whole array."""

from benchmarks import keys
from benchmarks.settings import STAR, over


@over(STAR)
def bench_read_all(arena, duel):
    duel("read all", arena.setting, arena.reads(keys.everything(arena.data.shape)))
