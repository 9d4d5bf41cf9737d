"""What type checkers and `help` know of the package: the keywords, and what a call gives."""

import ast
import inspect
import pathlib

import pytest

import caterva as cat
from caterva.storage import ALIASES, DEFAULTS

CONSTRUCTORS = [cat.empty, cat.zeros, cat.full, cat.from_buffer, cat.asarray]

RIGHT = """
import pathlib
import numpy as np
import caterva as cat

compressed: cat.NDArray = cat.zeros((2, 3), dtype="i4", chunks=(1, 2))
compressed = cat.zeros(np.array([2, 3]), 4, chunks="auto", codec="zstd", filters=[cat.Filter.SHUFFLE])
compressed = cat.full(3, 7, blocks=2)
compressed = cat.asarray([1, 2], urlpath=pathlib.Path("a.b2nd"), contiguous=False)
compressed = cat.from_buffer(b"1234", (4,), 1, filename="b.b2nd")
plain: cat.PlainArray = cat.zeros((2, 3), dtype="i4")
plain = cat.empty((2,), 4)
opened: cat.NDArray = cat.open("a.b2nd", "r", mmap=True)
sizes: int = opened.cbytes + opened.nbytes
squeezed: cat.NDArray = opened.squeeze(0)
"""

WRONG = {
    'cat.zeros((2,), dtype="i4", chunk=(1,))': "call-overload",
    'cat.zeros((2,), dtype="i4", chunks=(1,), clevel="high")': "call-overload",
    'cat.zeros((2,), dtype="i4", chunks=(1,), durability="always")': "call-overload",
    'cat.open("a.b2nd", "w")': "arg-type",
    'cat.open("a.b2nd", modus="r")': "call-arg",
    'x: cat.PlainArray = cat.zeros((2,), dtype="i4", chunks=(1,))': "assignment",
    'x: cat.NDArray = cat.zeros((2,), dtype="i4")': "assignment",
}


def check(tmp_path: pathlib.Path, text: str) -> str:
    api = pytest.importorskip("mypy.api")
    script = tmp_path / "script.py"
    script.write_text(text)
    cache = str(tmp_path / "cache")
    shown, errors, _ = api.run(["--strict", "--no-error-summary", "--cache-dir", cache, str(script)])
    assert not errors
    return "\n".join(line for line in shown.splitlines() if "script.py" in line)


def test_types_of_a_user_s_script(tmp_path, monkeypatch):
    monkeypatch.setenv("MYPYPATH", str(pathlib.Path(cat.__file__).parents[1]))
    assert check(tmp_path, RIGHT) == ""
    lines = ["import caterva as cat", *WRONG]
    found = check(tmp_path, "\n".join(lines).replace("x:", "x{}:").format(*range(2)) + "\n")
    for number, (line, code) in enumerate(WRONG.items(), 2):
        assert any(f"script.py:{number}:" in one and f"[{code}]" in one for one in found.splitlines()), line


@pytest.mark.parametrize("function", CONSTRUCTORS, ids=lambda function: function.__name__)
def test_help_lists_the_keywords(function):
    parameters = inspect.signature(function).parameters
    for name, default in DEFAULTS.items():
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[name].default == default
    assert not any(part.kind is part.VAR_KEYWORD for part in parameters.values())


def test_dir_has_what_users_need():
    assert dir(cat) == sorted(cat.__all__)
    assert not any(inspect.ismodule(getattr(cat, name)) for name in cat.__all__)


def test_the_stub_says_what_there_is():
    """Its names are those of the package, and its keywords those of the constructors."""
    stub = ast.parse(pathlib.Path(cat.__file__).with_suffix(".pyi").read_text())
    names = {
        alias.asname or alias.name
        for node in stub.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("caterva")
        for alias in node.names
    }
    functions = {node.name: node for node in stub.body if isinstance(node, ast.FunctionDef)}
    assert names | {*functions, "__version__"} >= set(cat.__all__)
    classes = {node.name: node for node in stub.body if isinstance(node, ast.ClassDef)}

    def keywords(name):
        own = {part.target.id for part in classes[name].body if isinstance(part, ast.AnnAssign)}
        bases = [base.id for base in classes[name].bases if base.id in classes]
        return own.union(*map(keywords, bases))

    assert keywords("_Anything") == {*DEFAULTS, *ALIASES}
    for name in ("open", "from_bytes", "repair", "remove"):
        expected = list(inspect.signature(getattr(cat, name)).parameters)
        node = functions[name].args
        assert [part.arg for part in (*node.args, *node.kwonlyargs)] == expected
