"""Pictures of what was measured, and one page with all of it."""

import base64
import html
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from benchmarks import report
from benchmarks.peers import OURS

Cell = Mapping[str, Any]
COLOURS = {
    name: plt.get_cmap("tab10")(i)
    for i, name in enumerate(["floor", "memcpy", "python-blosc2", "zarr", "zarrs"])
}


def colour(name: str) -> Any:
    """Return one colour for each name, in all pictures."""
    if name == OURS:
        return "black"
    return COLOURS.setdefault(name, plt.get_cmap("tab20")(2 * len(COLOURS) % 20 + len(COLOURS) // 10))


def bars(setting: str, cells: list[Cell], path: Path) -> None:
    """Draw, for each behaviour, how many times longer than ours the others take."""
    names = list(dict.fromkeys(name for cell in cells for name in cell["ratios"]))
    height = 0.8 / len(names)
    figure, axes = plt.subplots(figsize=(9, 0.5 + 0.13 * len(cells) * (len(names) + 2)), layout="constrained")
    for i, name in enumerate(names):
        chosen = [(y, 1 / cell["ratios"][name]) for y, cell in enumerate(cells) if name in cell["ratios"]]
        places = [y - 0.4 + (i + 0.5) * height for y, _ in chosen]
        axes.barh(places, [value for _, value in chosen], height, label=name, color=colour(name))
    axes.axvline(1, color="black", linewidth=1)
    axes.set(xscale="log", xlabel="time / time of caterva (right of 1: slower than caterva)", title=setting)
    axes.set_yticks(range(len(cells)), [cell["behaviour"] for cell in cells])
    axes.invert_yaxis()
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def lines(behaviour: str, cells: list[Cell], path: Path) -> None:
    """Draw the time of a behaviour over the size of the array."""
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for name in dict.fromkeys(name for cell in cells for name in cell["seconds"]):
        chosen = [cell for cell in cells if name in cell["seconds"]]
        sizes = [int(cell["setting"].rpartition("-")[2].removesuffix("MiB")) for cell in chosen]
        axes.plot(sizes, [cell["seconds"][name] for cell in chosen], "o-", label=name, color=colour(name))
    axes.set(xscale="log", yscale="log", xlabel="array, MiB", ylabel="seconds", title=f"{behaviour}, by size")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw(cells: Iterable[Cell], folder: Path) -> list[Path]:
    """Draw all pictures into a folder, and return their paths."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in (cell for cell in cells if cell["kind"] == "time"):
        scaling = cell["setting"].endswith("MiB")
        groups.setdefault(
            ("scaling", cell["behaviour"]) if scaling else ("bars", cell["setting"]), []
        ).append(cell)
    paths = []
    for (shape, title), group in groups.items():
        paths.append(folder / f"{shape}-{title.replace(' ', '-')}.png")
        (lines if shape == "scaling" else bars)(title, group, paths[-1])
    return paths


def page(cells: list[Cell], pictures: Iterable[Path], path: Path) -> None:
    """Write one page of HTML that holds the tables and the pictures."""
    sources = (base64.b64encode(picture.read_bytes()).decode() for picture in pictures)
    images = (f'<img src="data:image/png;base64,{source}">' for source in sources)
    path.write_text(
        "<!doctype html><meta charset=utf-8><title>caterva: benchmarks</title>"
        "<style>body{font-family:sans-serif;max-width:70em;margin:auto}img{max-width:100%}pre{overflow:auto}</style>"
        f"<h1>caterva: benchmarks</h1>{''.join(images)}"
        f"<h2>All cells</h2><pre>{html.escape(report.tables(cells))}</pre>"
        f"<h2>Cells that miss their aim</h2><pre>{html.escape(report.missed(cells))}</pre>\n"
    )
