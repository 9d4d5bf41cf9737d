"""Lines and branches of the C core that builds made with --coverage have run, by gcov."""

import json
import subprocess
from collections import defaultdict
from pathlib import Path

# Tests have them, no user.
ONLY_FOR_TESTS = {"c-blosc2/io/failing.c", "c-blosc2/io/recording.c", "c-blosc2/io/tree.c"}
# One text that is compiled for many sizes and instruction sets: most of its branches are constants. A test
# compares all kernels with the definition.
TEMPLATES = "c-blosc2/filters/kernels/"


def of_builds(folders: list[Path], root: Path) -> tuple[float, float, list[str]]:
    """Return percent of lines, percent of branches, and the files of which the least was run.

    Parameters
    ----------
    folders : list of Path
        Build directories of Meson with the option b_coverage, in which tests were run.
    root : Path
        Where the sources are.
    """
    lines: dict[tuple[str, int], int] = defaultdict(int)
    branches: dict[tuple[str, int, int], int] = defaultdict(int)
    for folder in folders:
        for data in folder.rglob("*.gcda"):
            done = subprocess.run(
                ["gcov", "-b", "-j", "-t", data], cwd=folder, capture_output=True, text=True
            )
            for report in done.stdout.splitlines():
                files = json.loads(report)["files"]
                if "b2_have_" in str(data) and not any(
                    line["count"] for file in files for line in file["lines"]
                ):
                    continue  # kernels for another CPU
                for file in files:
                    name = _name(folder, root, file["file"])
                    if name and name not in ONLY_FOR_TESTS:
                        _add(name, file, lines, branches)
    by_file: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for (name, _), count in lines.items():
        by_file[name][0] += count > 0
        by_file[name][1] += 1
    shares = {name: 100 * run / total for name, (run, total) in by_file.items()}
    worst = [f"{name} {shares[name]:.0f} %" for name in sorted(shares, key=shares.__getitem__)[:5]]
    counted = [count for (name, *_), count in branches.items() if not name.startswith(TEMPLATES)]
    return _percent(lines.values()), _percent(counted), worst


def _name(folder: Path, root: Path, file: str) -> str | None:
    """Return the name of a source of ours, from its library on; None of others, tests and generated files."""
    path = (folder / file).resolve()
    for library in ("c-blosc2", "caterva"):
        source = root / "subprojects" / library / "src"
        if path.is_relative_to(source):
            return f"{library}/{path.relative_to(source)}"
    return None


def _add(name: str, file: dict, lines: dict, branches: dict) -> None:
    for line in file["lines"]:
        number = line["line_number"]
        lines[name, number] += line["count"]
        for position, branch in enumerate(line["branches"]):
            branches[name, number, position] += branch["count"]


def _percent(counts) -> float:
    counts = list(counts)
    return 100 * sum(count > 0 for count in counts) / max(len(counts), 1)
