"""Resize: along an axis by a chunk and back, and by a chunk that is written, as an append is, and back."""

import pytest

from benchmarks.settings import BASE, CHUNKS, over


@over([BASE])
@pytest.mark.parametrize("axis", [0, 2])
def bench_resize(arena, duel, axis):
    shape = list(arena.data.shape)
    shape[axis] += CHUNKS[axis]
    duel(f"resize, axis {axis}, and back", arena.setting, arena.resizes(tuple(shape)))


@over([BASE])
def bench_append(arena, duel):
    rows = CHUNKS[0]
    shape = (arena.data.shape[0] + rows, *arena.data.shape[1:])
    duel("append a chunk, and back", arena.setting, arena.resizes(shape, rows))
