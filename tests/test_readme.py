"""The README's examples give what it prints: they run as a doctest, in an empty folder that stays empty."""

import doctest
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).resolve().parent.parent / "README.md"  # ci/wheel copies it too


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.2.0", reason="NumPy 2.2 prints other shapes")
def test_readme_examples_print_what_they_say(capsys, monkeypatch, tmp_path):
    pytest.importorskip("PIL")
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(
        str(README), module_relative=False, optionflags=doctest.ELLIPSIS, encoding="utf-8"
    )
    assert failed == 0, capsys.readouterr().out
    assert tried >= 40
    assert list(tmp_path.iterdir()) == []


def test_readme_names_only_files_that_exist(tree):
    text = README.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([\w./-]+)\)", text)
    named = links + re.findall(r"`((?:ci|docs|tests|subprojects|caterva)/[\w./-]*)`", text)
    missing = [name for name in named if not (tree / name).exists()]
    assert links
    assert missing == []


def test_the_group_of_tests_has_what_readme_and_tests_import(tree):
    groups = tomllib.loads((tree / "pyproject.toml").read_text())["dependency-groups"]
    names = {re.match(r"[\w-]+", spec)[0] for spec in groups["test"]}
    assert {"pytest", "hypothesis", "pillow"} <= names
