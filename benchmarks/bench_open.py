"""Open a file, read one item, close."""

from benchmarks import keys
from benchmarks.settings import FILES, over


@over(FILES)
def bench_open(arena, duel):
    [item] = keys.items(arena.data.shape)[:1]
    duel("open + item", arena.setting, arena.opens(item))
