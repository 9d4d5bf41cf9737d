"""The C libraries keep to their layers."""

import importlib.util

import pytest


@pytest.fixture(scope="module")
def include_order(tree):
    spec = importlib.util.spec_from_file_location("include_order", tree / "ci" / "include_order.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_includes_go_downwards_only(include_order):
    assert include_order.violations() == []


@pytest.fixture
def house(include_order, tmp_path):
    """A tree of the two libraries with one correct file in each."""
    files = {
        "subprojects/c-blosc2/src/base/memory.h": "#include <stdlib.h>\n",
        "subprojects/c-blosc2/src/frame/header.h": '#include "base/memory.h"\n',
        "subprojects/c-blosc2/src/chunk/view.c": '#include "blosc2.h"\n#include "base/memory.h"\n',
        "subprojects/caterva/src/shape.c": "#include <blosc2.h>\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert include_order.violations(tmp_path) == []
    return tmp_path


@pytest.mark.parametrize(
    ("path", "line", "complaint"),
    [
        ("c-blosc2/src/chunk/view.c", '#include "frame/header.h"', "chunk must not include frame/header.h"),
        ("c-blosc2/src/base/memory.h", "# include <chunk/view.h>", "base must not include chunk/view.h"),
        ("c-blosc2/src/chunk/view.c", '#include "view.h"', "carry their folder"),
        ("c-blosc2/src/cpu/cpu.c", '#include "io/io.h"', "is not a file of src"),
        ("c-blosc2/src/chunk/view.c", "#include <caterva.h>", "must not include caterva.h"),
        ("c-blosc2/src/other/new.c", "#include <stdio.h>", "'other' has no place"),
        ("caterva/src/shape.c", '#include "base/memory.h"', "base/memory.h is private"),
        ("caterva/src/shape.c", '#include "elsewhere.h"', "not a file of src"),
    ],
)
def test_a_wrong_include_is_found(include_order, house, path, line, complaint):
    target = house / "subprojects" / path
    target.parent.mkdir(exist_ok=True)
    with target.open("a") as file:
        file.write(line + "\n")
    (found,) = include_order.violations(house)
    assert complaint in found
