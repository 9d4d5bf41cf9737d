"""Read with steps."""

from benchmarks import keys
from benchmarks.settings import STAR, over


@over(STAR)
def bench_strided(arena, duel):
    strided = keys.strided(arena.data.shape)
    duel("strided", arena.setting, arena.reads(strided))
