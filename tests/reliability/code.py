"""G24: nothing in the package runs, imports or unpickles what a file says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from reliability.goal import Effort, Goal, Result

PACKAGE = Path(__file__).parents[2] / "caterva"
CALLS = {"eval", "exec", "compile", "__import__", "import_module", "system", "popen", "Unpickler"}
MODULES = {"pickle", "marshal", "shelve", "importlib", "runpy", "subprocess", "ctypes", "code"}
IN_CYTHON = re.compile(rf"\b({'|'.join(CALLS - {'compile'})})\s*\(|\bc?import\s+({'|'.join(MODULES)})\b")


def findings(path: Path) -> Iterator[str]:
    """Yield what a module must not have."""
    if path.suffix != ".py":
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if IN_CYTHON.search(line):
                yield f"{path.name}:{number}: {line.strip()}"
        return
    for node in ast.walk(ast.parse(path.read_text())):
        names: set[str] = set()
        if isinstance(node, ast.Call) and ast.unparse(node.func) != "re.compile":
            names = {getattr(node.func, "id", getattr(node.func, "attr", ""))} & CALLS
        elif isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            names = {(node.module or "").partition(".")[0]} & MODULES
        for name in names:
            yield f"{path.name}:{node.lineno}: {name}"


def no_code(effort: Effort) -> Result:
    """Every module of the package."""
    modules = sorted(path for path in PACKAGE.iterdir() if path.suffix in (".py", ".pyx", ".pxi", ".pxd"))
    found = [finding for path in modules for finding in findings(path)]
    policy = (PACKAGE.parent / "SECURITY.md").exists()
    return Result(f"{len(modules)} modules: {', '.join(found) or 'none'}", not found and policy)


GOALS = [Goal("G24", "pickle, eval, exec, import by name in the package", "none; SECURITY.md", no_code)]
