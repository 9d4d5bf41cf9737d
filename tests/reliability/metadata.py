"""G27, G28: flushed files of which a bit or a sector outside of chunks is lost; and damage that lives on.

Where the chunks of a file are is asked of the library itself, or of a decoder that knows its format alone.
"""

import random
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from reliability.goal import Effort, Goal, Result, bad, measure, tally
from reliability.stores import PEERS, Store, copied, files_of, sample, store

SECTOR = 4096


# ------------------------------------------------------------------ where chunks are


def _hdf5_chunks(path: Path) -> list[tuple[int, int]]:
    import h5py

    with h5py.File(path, "r") as file:
        identifier = file["a"].id
        infos = [identifier.get_chunk_info(number) for number in range(identifier.get_num_chunks())]
    return [(info.byte_offset, info.byte_offset + info.size) for info in infos]


def metadata_of(one: Store, path: Path) -> list[tuple[Path, int]]:
    """Return each place, file and offset, that no chunk is at."""
    if path.is_dir():
        names = {"zarr": "zarr.json", "sparse": "chunks.b2frame*", "blosc2 sparse": "chunks.b2frame"}
        files = path.glob(names[one.name.removesuffix("+crc")])
        return [(file, at) for file in sorted(files) for at in range(file.stat().st_size)]
    import refsums

    chunks = _hdf5_chunks(path) if one.name.startswith("h5py") else refsums.chunk_ranges(path)
    free = np.ones(path.stat().st_size, bool)
    for start, stop in chunks:
        free[start:stop] = False
    return [(path, int(at)) for at in np.flatnonzero(free)]


def sectors_of(places: list[tuple[Path, int]]) -> list[tuple[Path, int]]:
    """Return sectors that have no byte of a chunk: files, and where the sectors begin."""
    counts = Counter((file, at // SECTOR * SECTOR) for file, at in places)
    return [
        (file, start)
        for (file, start), count in counts.items()
        if count == min(SECTOR, file.stat().st_size - start)
    ]


# ------------------------------------------------------------------ metadata


def lost(folder: Path, name: str, what: str):
    """Cases: a flushed array loses a "bit" or a "sector" outside of chunks, and is read."""
    one, path, values = store(name), folder / "whole", sample()
    one.create(path, values)
    target = copied(path, folder / "damaged")
    places = metadata_of(one, path)
    sectors = sectors_of(places)

    def case(number: int) -> str:
        chance = random.Random(number)
        file, at = chance.choice(sectors if what == "sector" else places)
        damaged, content = target / file.relative_to(path) if path.is_dir() else target, file.read_bytes()
        raw = bytearray(content)
        if what == "sector":
            raw[at : at + SECTOR] = bytes(len(raw[at : at + SECTOR]))
        else:
            raw[at] ^= 1 << chance.randrange(8)
        damaged.write_bytes(raw)
        verdict = one.verdict(target, [values])
        if damaged.read_bytes() != raw:
            verdict = "reading has written"
        damaged.write_bytes(content)
        return verdict

    return case


def metadata(effort: Effort) -> Result:
    """Bits and sectors of files and directories that were flushed."""
    count = effort.count(ci=1500, quick=100, release=20_000)
    parts, passed = [], True
    for name in ("frame", "sparse", "mmap"):
        counts: Counter = Counter()
        for what in ("bit", "sector"):
            counts += measure(effort, "metadata:lost", count, name=name, what=what)
        parts.append(f"{name}: {tally(counts)}")
        passed = passed and bad(counts, "same", "warned") == 0
    peers = {}
    for one in PEERS if effort.peers else []:
        few = effort.count(ci=300, quick=0, release=3000)
        peers[one.name] = tally(measure(effort, "metadata:lost", few, name=one.name, what="bit"))
    return Result("; ".join(parts), passed, peers)


# ------------------------------------------------------------------ damage that lives on


def _set_beside(one: Store, path: Path, array: object, values: np.ndarray) -> np.ndarray:
    array[0:1, 0:3] = values[0:1, 0:3] = 7
    return values


def _set_all_others(one: Store, path: Path, array: object, values: np.ndarray) -> np.ndarray:
    array[1:] = values[1:] = values[:-1].copy()
    return values


def _grow(one: Store, path: Path, array: object, values: np.ndarray) -> np.ndarray:
    one.resize(array, (values.shape[0] + 3, values.shape[1]))
    return np.pad(values, ((0, 3), (0, 0)))


def _append(one: Store, path: Path, array: object, values: np.ndarray) -> np.ndarray:
    one.append(array, values[:5])
    return np.concatenate([values, values[:5]])


def _compact(one: Store, path: Path, array: object, values: np.ndarray) -> np.ndarray:
    array.compact()
    return values


def _delete(one: Store, path: Path, array: object, values: np.ndarray) -> np.ndarray:
    array.delete(slice(0, 1), axis=0)
    return values[1:]


CHANGES: dict[str, Callable[[Store, Path, object, np.ndarray], np.ndarray]] = {
    "set": _set_beside,
    "set most": _set_all_others,
    "grow": _grow,
    "append": _append,
    "compact": _compact,
    "delete": _delete,
}
PEERS_CHANGES = ("set", "set most", "grow", "append")


def lives_on(folder: Path, name: str, changes: list[str]):
    """Cases: any bit of an array is flipped, the array is changed, closed, and read by another handle."""
    one, path = store(name), folder / "whole"
    one.create(path, sample())
    files = files_of(path)

    def case(number: int) -> str:
        chance = random.Random(number)
        target = copied(path, folder / "damaged")
        file = chance.choices(files, [file.stat().st_size for file in files])[0]
        damaged = target / file.relative_to(path) if path.is_dir() else target
        raw = bytearray(file.read_bytes())
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        damaged.write_bytes(raw)
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                array = one.open(target, "a")
                expected = CHANGES[changes[number % len(changes)]](one, target, array, sample())
                one.commit(array)
                one.close(array)
        except Exception:
            return "error"
        verdict = one.verdict(target, [expected])
        return "warned" if verdict == "silent" and caught else verdict

    return case


def laundered(effort: Effort) -> Result:
    """Damage, a change, and another handle."""
    count = effort.count(ci=1200, quick=120, release=20_000)
    parts, passed = [], True
    for name in ("frame", "sparse", "unchecked"):
        counts = measure(effort, "metadata:lives_on", count, name=name, changes=list(CHANGES))
        parts.append(f"{name}: {tally(counts)}")
        passed = passed and bad(counts, "same", "error", "warned") == 0
    peers = {}
    for one in PEERS if effort.peers else []:
        # python-blosc2 has no append, and gives its arrays no name in a directory that h5py's could share.
        changes = [name for name in PEERS_CHANGES if name != "append" or one.name.startswith("h5py")]
        few = effort.count(ci=200, quick=0, release=2000)
        peers[one.name] = tally(measure(effort, "metadata:lives_on", few, name=one.name, changes=changes))
    return Result("; ".join(parts), passed, peers)


GOALS = [
    Goal(
        "G27",
        "flushed, then one bit, or one sector of 4,096 bytes, outside of chunks is lost",
        "nothing lost; a warning where another library may have changed it",
        metadata,
    ),
    Goal(
        "G28",
        "any bit flipped, then one change, by handles with checksum=False too; read by another handle",
        "an error, a warning, or the right values",
        laundered,
    ),
]
