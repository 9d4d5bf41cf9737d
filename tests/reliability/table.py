"""The table of goals, as text, Markdown and JSON."""

import datetime
import importlib
import platform
from types import ModuleType

from reliability.goal import Goal, Result

MODULES = [
    "damage",
    "crashes",
    "kills",
    "failures",
    "arguments",
    "forks",
    "threads",
    "processes",
    "leaks",
    "interrupts",
    "replaced",
    "hostile",
    "remote",
    "code",
    "cost",
    "stages",
    "lives",
    "metadata",
    "models",
]
WORDS = {True: "pass", False: "FAIL", None: "----"}


def modules() -> list[ModuleType]:
    """Return the modules that have goals."""
    return [importlib.import_module(f"reliability.{name}") for name in MODULES]


def lines(goal: Goal, result: Result) -> str:
    """Return what is printed of a goal."""
    head = f"{goal.name:4} {WORDS[result.passed]}  {goal.measure} [{goal.bar}] ({result.seconds:.0f} s)"
    return "\n".join(
        [
            head,
            f"       ours: {result.ours}",
            *(f"       {name}: {text}" for name, text in result.peers.items()),
        ]
    )


def markdown(done: list[tuple[Goal, Result]], effort: str) -> str:
    """Return the table as a document."""
    rows = ["| goal | measure | asked for | ours | | peers |", "|---|---|---|---|---|---|"]
    for goal, result in done:
        peers = "<br>".join(f"{name}: {text}" for name, text in result.peers.items())
        cells = [goal.name, goal.measure, goal.bar, result.ours, WORDS[result.passed], peers]
        rows.append(f"| {' | '.join(cells)} |")
    machine = f"{platform.machine()}, Python {platform.python_version()}, {datetime.date.today()}"
    return f"# Reliability\n\nBy `bash ci/reliability` ({effort}) on {machine}.\n\n" + "\n".join(rows) + "\n"


def record(done: list[tuple[Goal, Result]], effort: str) -> dict:
    """Return the same for programs."""
    return {
        "effort": effort,
        "goals": [
            {
                "goal": goal.name,
                "measure": goal.measure,
                "bar": goal.bar,
                "ours": result.ours,
                "passed": result.passed,
                "peers": dict(result.peers),
                "seconds": round(result.seconds, 1),
            }
            for goal, result in done
        ],
    }
