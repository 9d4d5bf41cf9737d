"""Tables of what was measured: Markdown for the terminal and the README."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.peers import OURS
from benchmarks.record import Record
from benchmarks.targets import best_peer, misses

Cell = Mapping[str, Any]
MIB = 2**20
UNITS = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6))


def load(path: Path) -> list[dict[str, Any]]:
    """Return the cells of a file that pytest-benchmark has written."""
    benchmarks = json.loads(path.read_text())["benchmarks"]
    return [{"test": entry["fullname"], **entry["extra_info"]} for entry in benchmarks]


def name_of(cell: Cell) -> str:
    return f"{cell['behaviour']} | {cell['setting']}"


def record_of(cells: Iterable[Cell]) -> Record:
    """Return the ratios of all cells; a name tells the size and the clock, as other ones cannot be compared."""
    return {
        f"{name_of(cell)} | {cell['mib']} MiB {cell['clock']}": cell["ratios"]
        for cell in cells
        if cell["kind"] == "time"
    }


def seconds(value: float) -> str:
    """Return a time with its unit, three digits.

    Examples
    --------
    >>> seconds(0.01234), seconds(1.5e-06)
    ('12.3 ms', '1.5 us')
    """
    unit, size = next((pair for pair in UNITS if value >= pair[1]), UNITS[-1])
    return f"{value / size:.3g} {unit}"


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """Return a Markdown table, aligned."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines
    )


def times(cells: Iterable[Cell]) -> str:
    """Return the table of ratios: floor and memcpy as ours / theirs, the best peer as theirs / ours."""
    rows = []
    for cell in (cell for cell in cells if cell["kind"] == "time"):
        peer, speed = best_peer(cell)
        of_floor = f"{cell['ratios']['floor']:.2f}" if "floor" in cell["ratios"] else ""
        of_memcpy = f"{cell['ratios']['memcpy']:.2f}" if "memcpy" in cell["ratios"] else ""
        ours = seconds(cell["seconds"][OURS])
        mark = "" if not misses(cell) else "slower" if speed < 1 else "misses"
        rows.append(
            [cell["behaviour"], cell["setting"], ours, of_floor, of_memcpy, peer, f"{speed:.2f}", mark]
        )
    head = ["Work", "Setting", "Ours", "Ours / floor", "Ours / memcpy", "Best peer", "Peer / ours", ""]
    return table(head, rows)


def values(cells: Iterable[Cell], kind: str, unit: str, scale: float) -> str:
    """Return the table of sizes, of memory or of stalls: a column for each competitor."""
    chosen = [cell for cell in cells if cell["kind"] == kind]
    names = list(dict.fromkeys(name for cell in chosen for name in cell["values"]))
    rows = [
        [
            cell["behaviour"],
            cell["setting"],
            *(f"{cell['values'][name] / scale:.2f}" if name in cell["values"] else "" for name in names),
            f"{cell['limit'] / scale:.2f}" if "limit" in cell else "",
            "misses" if misses(cell) else "",
        ]
        for cell in chosen
    ]
    return table([f"{kind.capitalize()}, {unit}", "Setting", *names, "Limit", ""], rows) if rows else ""


def tables(cells: list[Cell]) -> str:
    """Return all tables there is something for."""
    parts = [
        times(cells),
        values(cells, "memory", "MiB", MIB),
        values(cells, "size", "MiB", MIB),
        values(cells, "stall", "ms", 1e-3),
    ]
    return "\n\n".join(part for part in parts if part)


def missed(cells: Iterable[Cell]) -> str:
    """Return a line for each cell that misses its aim."""
    return "\n".join(f"{name_of(cell)}: {'; '.join(misses(cell))}" for cell in cells if misses(cell))
