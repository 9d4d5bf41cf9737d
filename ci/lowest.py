"""Print the lowest versions that pyproject.toml allows, one requirement a line, as pip takes them."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def lowest(requirements: list[str]) -> list[str]:
    """Pin each requirement to its lower bound.

    Parameters
    ----------
    requirements : list of str
        As in pyproject.toml, each with a lower bound: ``name>=1.2``, or ``name>=1.2,<3``.

    Returns
    -------
    list of str
        ``name==1.2`` for each.

    Raises
    ------
    ValueError
        If one has no lower bound, so that nobody can say what is the oldest version that works.
    """
    pinned = []
    for requirement in requirements:
        found = re.fullmatch(r"([\w.-]+)>=([\w.]+)(,.*)?", requirement)
        if not found:
            raise ValueError(f"{requirement!r} in pyproject.toml has no lower bound: write name>=version")
        pinned.append(f"{found[1]}=={found[2]}")
    return pinned


def main() -> None:
    """Print those of the build, of the package and of its tests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = project["build-system"]["requires"] + project["project"]["dependencies"]
    print("\n".join(lowest(needed + project["dependency-groups"]["test"])))


if __name__ == "__main__":
    main()
