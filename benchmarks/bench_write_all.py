"""Make an array of data that is in memory."""

from benchmarks.settings import STAR, over


@over(STAR)
def bench_write_all(arena, duel):
    duel("write all", arena.setting, arena.writes())
