"""G2, G3, G4: bytes that are not what was written, and bytes that are not there."""

import random
from collections import Counter
from pathlib import Path

from reliability.goal import Effort, Goal, Result, bad, measure, tally, unavailable
from reliability.stores import OURS, PEERS, copied, documented, files_of, has_sums, sample, store, verdict_of

WAYS = ("bit", "byte", "zeros", "swap")  # a flipped bit, another byte, a run of zeros, two pieces exchanged


def damage(content: bytes, number: int) -> bytes:
    """Return a copy that differs."""
    chance = random.Random(number)
    while True:
        out = bytearray(content)
        at = chance.randrange(len(out))
        way = WAYS[number % 8] if number % 8 < len(WAYS) else "bit"
        if way == "bit":
            out[at] ^= 1 << chance.randrange(8)
        elif way == "byte":
            out[at] = chance.randrange(256)
        elif way == "zeros":
            out[at : at + 16] = bytes(len(out[at : at + 16]))
        else:
            other, size = chance.randrange(len(out)), 8
            if other + size <= len(out) and at + size <= len(out):
                out[at : at + size], out[other : other + size] = (
                    out[other : other + size],
                    out[at : at + size],
                )
        if out != content:
            return bytes(out)


def flips(folder: Path, name: str):
    """Cases: one of an array's files is damaged, and read."""
    one, path, values = store(name), folder / "whole", sample()
    one.create(path, values)
    target = copied(path, folder / "damaged")
    files = [(file, target / file.relative_to(path) if path.is_dir() else target) for file in files_of(path)]
    contents = [file.read_bytes() for file, _ in files]
    sizes = [len(content) for content in contents]

    def case(number: int) -> str:
        # Half of the damage where sizes and offsets are: the first file of a directory, ends of a file.
        which = random.Random(-number - 1).choices(range(len(files)), sizes)[0]
        (_, damaged), content = files[which], contents[which]
        damaged.write_bytes(damage(content, number))
        verdict = one.verdict(target, [values])
        damaged.write_bytes(content)
        return verdict

    return case


def cuts(folder: Path, name: str, every: int):
    """Cases: an array's file is cut at a length, or, in a directory, cut or missing."""
    one, path, values = store(name), folder / "whole", sample()
    one.create(path, values)
    target = copied(path, folder / "damaged")
    places = []
    for file in files_of(path):
        damaged = target / file.relative_to(path) if path.is_dir() else target
        size = file.stat().st_size
        lengths = range(0, size, every) if not path.is_dir() else {None, 0, 20, size // 2, size - 1}
        places += [(damaged, file, length) for length in lengths if length is None or 0 <= length < size]

    def case(number: int) -> str:
        damaged, file, length = places[number % len(places)]
        if length is None:
            damaged.unlink()
        else:
            damaged.write_bytes(file.read_bytes()[:length])
        verdict = one.verdict(target, [values])
        if verdict == "error" and one in OURS:
            verdict = _kind_of_error(one, target)
        damaged.write_bytes(file.read_bytes())
        return verdict

    case.count = len(places)
    return case


def _kind_of_error(one, target: Path) -> str:
    import caterva

    try:
        one.read(target)
    except caterva.CorruptDataError:
        return "CorruptDataError"
    except Exception as error:
        return type(error).__name__
    return "nothing"


def _peers(effort: Effort, count: int, case: str, **arguments: object) -> dict[str, str]:
    if not effort.peers:
        return {}
    return {one.name: tally(measure(effort, case, count, name=one.name, **arguments)) for one in PEERS}


def with_sums(effort: Effort) -> Result:
    """Damage with checksums: an error, or the values as they were."""
    count = effort.count(ci=3000, quick=300, release=20_000)
    counts: Counter = Counter()
    for one in OURS:
        counts += measure(effort, "damage:flips", count // len(OURS), name=one.name)
    peers = _peers(effort, effort.count(ci=400, quick=0, release=3000), "damage:flips")
    if not has_sums():
        return unavailable(f"checksums ({tally(counts)})", peers)
    return Result(tally(counts), bad(counts, "error", "same", "warned") == 0, peers)


def without_sums(effort: Effort) -> Result:
    """Damage without checksums, in files of ours and of python-blosc2: wrong values are allowed."""
    count = effort.count(ci=3000, quick=300, release=20_000)
    counts: Counter = Counter()
    for case, name in [
        ("flips", "frame-"),
        ("flips", "sparse-"),
        ("foreign", "blosc2"),
        ("foreign", "blosc2 sparse"),
    ]:
        counts += measure(effort, f"damage:{case}", count // 4, name=name)
    return Result(tally(counts), bad(counts, "error", "same", "silent", "warned") == 0)


def foreign(folder: Path, name: str):
    """Cases: a damaged file of python-blosc2, read by us."""
    import numpy as np

    import caterva

    one, path, values = store(name), folder / "whole", sample()
    one.create(path, values)
    target = copied(path, folder / "damaged")
    files = [(file, target / file.relative_to(path) if path.is_dir() else target) for file in files_of(path)]

    def case(number: int) -> str:
        whole, damaged = files[number % len(files)]
        damaged.write_bytes(damage(whole.read_bytes(), number))
        verdict = verdict_of(
            lambda: np.asarray(caterva.open(str(target), mode="r")[...]), [values], documented()
        )
        damaged.write_bytes(whole.read_bytes())
        return verdict

    return case


def truncated(effort: Effort) -> Result:
    """Cut and missing files."""
    counts: Counter = Counter()
    for one in OURS:
        count = effort.count(ci=700, quick=80, release=5000) if one.name != "sparse" else 45
        every = 1 if effort.name == "release" else 29
        counts += measure(effort, "damage:cuts", count, name=one.name, every=every)
    peers = _peers(effort, effort.count(ci=120, quick=0, release=700), "damage:cuts", every=97)
    # The same: nothing is cut but a redo record, which stands behind the frame and is of no use any more.
    return Result(tally(counts), bad(counts, "CorruptDataError", "same") == 0, peers)


GOALS = [
    Goal("G2", "damaged bytes, with sums: crash, hang, silent", "0 of 3,000", with_sums),
    Goal(
        "G3",
        "damaged bytes, without sums, and foreign files: crash, hang, memory",
        "0 of 3,000",
        without_sums,
    ),
    Goal("G4", "cut at any length, files missing", "all CorruptDataError", truncated),
]
