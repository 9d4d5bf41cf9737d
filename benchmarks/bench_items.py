"""Read single items: cold, each from another block; hot, all from one."""

from benchmarks import keys
from benchmarks.settings import STAR, over


@over(STAR)
def bench_cold_item(arena, duel):
    items = keys.items(arena.data.shape)
    duel("item, cold", arena.setting, arena.reads(items))


@over(STAR)
def bench_hot_item(arena, duel):
    items = keys.neighbours(arena.data.shape)
    duel("item, hot", arena.setting, arena.hot_reads(items))
