"""The build names every source, and makes one extension module that shows its init function only."""

import importlib.machinery
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import caterva
from caterva import _core


@pytest.mark.parametrize("library", ["c-blosc2", "caterva"])
def test_every_c_source_and_test_is_built(tree, library):
    folder = tree / "subprojects" / library
    build = (folder / "meson.build").read_text()
    kernels = set(folder.glob("src/filters/kernels/*.c"))
    for path in set(folder.glob("src/**/*.c")) - kernels:
        assert f"'{path.relative_to(folder).as_posix()}'" in build
    for path in kernels:
        assert f"['{path.stem}', [" in build
    tests = re.search(r"foreach name : \[(.*?)\]", build, re.DOTALL)[1]
    for path in folder.glob("tests/test_*.c"):
        assert f"'{path.stem.removeprefix('test_')}'" in tests or f"'tests/{path.name}'" in build


def test_every_python_module_is_installed(tree):
    build = (tree / "caterva" / "meson.build").read_text()
    for path in (tree / "caterva").glob("*.py*"):
        if path.suffix in {".py", ".pyi"} and path.name != "_build_config.py":
            assert f"'{path.name}'" in build


def test_the_version_is_that_of_the_file(tree):
    assert caterva.__version__ == (tree / "VERSION").read_text().strip()


@pytest.mark.skipif(shutil.which("nm") is None, reason="needs nm")
def test_the_extension_exports_its_init_function_only():
    command = ["nm", "-D", "--defined-only", _core.__file__]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert [line.split()[-1].partition("@")[0] for line in shown.splitlines()] == ["PyInit__core"]


def test_core_is_the_only_extension_module():
    core = Path(_core.__file__)
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    assert [path for path in core.parent.rglob("*") if path.name.endswith(suffixes)] == [core]


@pytest.mark.skipif(shutil.which("meson") is None, reason="needs meson")
def test_a_build_without_codec_libraries_names_the_packages_to_install(tree, tmp_path):
    environment = os.environ | {"PKG_CONFIG_LIBDIR": str(tmp_path), "PKG_CONFIG_PATH": ""}
    command = ["meson", "setup", str(tmp_path / "build"), str(tree), "-Dpython=disabled"]
    done = subprocess.run([*command, "-Ddeflate=libdeflate"], capture_output=True, text=True, env=environment)
    assert done.returncode != 0
    for word in ["liblz4-dev", "libzstd-dev", "libdeflate-dev", "apt-get install", "-Dcodecs=bundled"]:
        assert word in done.stdout
