"""Check that C files include downwards only: the layers of the two C libraries.

A private include carries its folder (``#include "chunk/header.h"``), so the layer shows on the line. Run from
anywhere: ``python ci/include_order.py``. It prints what breaks the order, and exits with 1 if something does.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)

#: Folders of c-blosc2/src, top first: each may include from those in later lines, and from itself.
LAYERS = [
    {"schunk"},
    {"frame"},
    {"chunk"},
    {"codecs", "filters", "checksum"},
    {"cpu", "threads", "io"},
    {"base"},
]
RANK = {folder: rank for rank, folders in enumerate(LAYERS) for folder in folders}


def includes(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (``"`` or ``<``, name) of each include of a file."""
    for match in INCLUDE.finditer(path.read_text(encoding="utf-8")):
        yield match[1], match[2]


def sources(folder: Path) -> list[Path]:
    """All C files and headers below a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix in {".c", ".h"})


def check_blosc2(library: Path) -> Iterator[str]:
    """Yield what is wrong in c-blosc2: includes of a layer above, includes without a folder, unknown folders.

    Examples
    --------
    A file of `chunk` may include ``"codecs/codecs.h"`` and ``<blosc2.h>``, and not ``"frame/header.h"``.
    """
    own = {path.relative_to(library / "src").as_posix() for path in sources(library / "src")}
    for path in sources(library / "src"):
        layer = path.relative_to(library / "src").parts[0]
        if layer not in RANK:
            yield f"{path}: the folder {layer!r} has no place in the order of layers"
            continue
        for quote, name in includes(path):
            folder = Path(name).parts[0]
            if quote == '"' and name != "blosc2.h" and name not in own:
                yield f'{path}: "{name}" is not a file of src; private includes carry their folder'
            elif folder != layer and folder in RANK and RANK[folder] <= RANK[layer]:
                yield f"{path}: {layer} must not include {name}, which is not below it"
            elif name == "caterva.h":
                yield f"{path}: c-blosc2 must not include {name}, which is above it"


def check_caterva(library: Path, blosc2: Path) -> Iterator[str]:
    """Yield what is wrong in the library caterva: it sees c-blosc2's public header and nothing else of it."""
    own = {path.relative_to(library / "src").as_posix() for path in sources(library / "src")}
    private = {path.relative_to(blosc2 / "src").as_posix() for path in sources(blosc2 / "src")}
    for path in sources(library / "src") + sources(library / "include"):
        for quote, name in includes(path):
            if name in private - own:
                yield f"{path}: {name} is private to c-blosc2"
            elif quote == '"' and name not in own | {"caterva.h", "blosc2.h"}:
                yield f'{path}: "{name}" is not a file of src'


def violations(root: Path = ROOT) -> list[str]:
    """All includes that break the order, one line each, with paths relative to `root`."""
    blosc2, caterva = root / "subprojects" / "c-blosc2", root / "subprojects" / "caterva"
    found = [*check_blosc2(blosc2), *check_caterva(caterva, blosc2)]
    return [line.removeprefix(f"{root}/") for line in found]


if __name__ == "__main__":
    for line in violations():
        print(line)
    sys.exit(1 if violations() else 0)
