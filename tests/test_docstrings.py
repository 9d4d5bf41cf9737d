"""The examples in the package's docstrings give what they print."""

import doctest
import importlib
import pkgutil

import pytest

import caterva

MODULES = sorted(module.name for module in pkgutil.iter_modules(caterva.__path__, "caterva."))


def test_all_modules_are_seen():
    assert {"caterva._core", "caterva.ndarray", "caterva.constructors"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0, capsys.readouterr().out
