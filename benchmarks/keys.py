"""What is asked for: lists of keys for a shape, which touch more blocks than caches hold, none twice soon."""

import random

from benchmarks.settings import BLOCKS

Key = tuple[int | slice, ...]

WIDTH = 32
BOXES = 12
PLANES = 4
ITEMS = 132  # in as many blocks
HOT_ITEMS = 50  # in one


def everything(shape: tuple[int, ...]) -> list[Key]:
    return [(slice(None),) * len(shape)]


def planes(shape: tuple[int, ...], axis: int) -> list[Key]:
    """Return planes across `axis`, spread over it."""
    whole = [slice(None)] * len(shape)
    places = [shape[axis] * (2 * i + 1) // (2 * PLANES) for i in range(PLANES)]
    return [(*whole[:axis], place, *whole[axis + 1 :]) for place in places]


def boxes(shape: tuple[int, ...]) -> list[Key]:
    """Return boxes 32 wide (less where an axis is shorter) at places of chance."""
    chance = random.Random(1)
    starts = [[chance.randint(0, max(extent - WIDTH, 0)) for extent in shape] for _ in range(BOXES)]
    return [tuple(slice(start, start + WIDTH) for start in corner) for corner in starts]


def items(shape: tuple[int, ...]) -> list[Key]:
    """Return single items, each in a block of its own, in an order of chance."""
    chance = random.Random(2)
    grid = [range(0, extent, block) for extent, block in zip(shape, BLOCKS, strict=True)]
    places: dict[tuple[int, ...], Key] = {}
    while len(places) < min(ITEMS, len(grid[0]) * len(grid[1]) * len(grid[2])):
        corner = tuple(chance.choice(axis) for axis in grid)
        inside = (chance.randrange(min(b, e - c)) for b, e, c in zip(BLOCKS, shape, corner, strict=True))
        places[corner] = tuple(start + offset for start, offset in zip(corner, inside, strict=True))
    return list(places.values())


def neighbours(shape: tuple[int, ...]) -> list[Key]:
    """Return items of one block."""
    chance = random.Random(3)
    limits = [min(block, extent) for block, extent in zip(BLOCKS, shape, strict=True)]
    return [tuple(chance.randrange(limit) for limit in limits) for _ in range(HOT_ITEMS)]


def strided(shape: tuple[int, ...]) -> list[Key]:
    """Return keys with steps: a thinned array, and a few far rows of it."""
    return [
        (slice(None, None, 4), slice(1, None, 3), slice(None, None, 5)),
        (slice(3, None, 40), slice(None), slice(None, None, 2)),
    ]
