"""What a cell of the table is measured under: data, codec, filter, home and threads."""

import dataclasses
from collections.abc import Iterable

import pytest

CHUNKS = (64, 64, 64)  # what caterva chooses for these shapes: 1 or 2 MiB
BLOCKS = (16, 16, 32)  # 32 or 64 KiB


@dataclasses.dataclass(frozen=True)
class Setting:
    """One column of conditions, the same for all competitors."""

    data: str = "smooth"
    codec: str = "lz4"
    filter: str = "shuffle"
    home: str = "memory"
    threads: int = 1
    mib: int | None = None  # None: the size of the run
    level: int = 5
    chunks: tuple[int, ...] = CHUNKS
    blocks: tuple[int, ...] = BLOCKS

    def fitted(self, shape: tuple[int, ...]) -> "Setting":
        """Return the setting with chunks and blocks that do not exceed a shape."""
        chunks = tuple(map(min, self.chunks, shape))
        return dataclasses.replace(self, chunks=chunks, blocks=tuple(map(min, self.blocks, chunks)))

    def __str__(self) -> str:
        words = [self.data, self.codec, self.filter, self.home, f"{self.threads}t"]
        return "-".join(words if self.mib is None else [*words, f"{self.mib}MiB"])


BASE = Setting()

# A star around the base: one condition changes at a time.
STAR = [
    BASE,
    Setting(threads=2),
    Setting(codec="zstd"),
    Setting(codec="blosclz"),
    Setting(filter="bitshuffle"),
    Setting(home="file"),
    Setting(data="counts"),
    Setting(data="noise"),
    Setting(data="real"),
]
FILES = [Setting(home="file"), Setting(home="file", codec="zstd"), Setting(home="file", data="real")]
SCALING = [Setting(mib=mib) for mib in (1, 4, 16, 64, 256, 1024, 2048)]
QUICK = {str(setting) for setting in (BASE, STAR[1], STAR[2], FILES[0])}


def over(settings: Iterable[Setting]) -> pytest.MarkDecorator:
    """Measure a behaviour under each of the settings; pytest groups the items by them."""
    return pytest.mark.parametrize("arena", list(settings), indirect=True, ids=str, scope="session")
