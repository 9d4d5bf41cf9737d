"""G18: headers that ask for much memory: how much more than the file's size does opening it take?"""

import random
import re
import struct
from pathlib import Path

from reliability.goal import Effort, Goal, Result, measure
from reliability.stores import sample, store

LIMIT = 16 << 20
NUMBERS = [0, 1, 255, 2**15, 2**20, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1]


def _memory(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) << 10


def headers(folder: Path, name: str):
    """Cases: large or odd numbers where sizes and shapes stand; a verdict tells how much memory was taken."""
    one, path = store(name), folder / "array"
    one.create(path, sample())
    content, damaged = path.read_bytes(), folder / "damaged"

    def case(number: int) -> str:
        chance = random.Random(number)
        frame = bytearray(content)
        places = range(300) if number % 3 else range(len(frame) - 400, len(frame) - 8)
        for _ in range(chance.randint(1, 3)):
            at, value = chance.choice(places), chance.choice(NUMBERS)
            packed = struct.pack(">Q", value) if chance.random() < 0.7 else struct.pack("<Q", value)
            size = chance.choice([1, 2, 4, 8])
            frame[at : at + size] = packed[8 - size :] if chance.random() < 0.5 else packed[:size]
        damaged.write_bytes(frame)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _memory("VmRSS")
        try:
            one.open(damaged)
        except MemoryError:
            return "MemoryError"
        except Exception:
            pass
        return "small" if _memory("VmHWM") - before - len(frame) <= LIMIT else "large"

    return case


def hostile_sizes(effort: Effort) -> Result:
    """Ours and python-blosc2."""
    counts = measure(effort, "hostile:headers", effort.count(1000, 200, 100_000), name="frame")
    peers = {}
    if effort.peers:
        found = measure(effort, "hostile:headers", 1000, name="blosc2")
        peers["blosc2"] = ", ".join(f"{count:,} {what}" for what, count in found.most_common())
    ours = ", ".join(f"{count:,} {what}" for what, count in counts.most_common())
    return Result(ours, set(counts) == {"small"}, peers)


GOALS = [
    Goal(
        "G18", "hostile sizes in a header: memory of open()", "<= 16 MiB above the file's size", hostile_sizes
    )
]
