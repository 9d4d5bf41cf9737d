"""What a build says of itself is true, and `python -m caterva` shows it."""

import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import caterva as cat
from caterva import __main__ as command
from caterva import _core

LIBRARIES = {
    "blosclz": {"c-blosc2"},
    "lz4": {"lz4"},
    "lz4hc": {"lz4"},
    "zlib": {"libdeflate", "zlib"},
    "zstd": {"zstd"},
}


@pytest.fixture
def info():
    return cat.build_info()


def python_m_caterva(*words, **environment):
    return subprocess.run(
        [sys.executable, "-P", "-m", "caterva", *words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def test_the_description_is_json(info):
    assert json.loads(json.dumps(info)) == info


def test_it_names_this_interpreter_and_machine(info):
    assert info["version"] == cat.__version__
    assert info["python"] == f"{platform.python_implementation()} {platform.python_version()}"
    assert info["platform"] == sysconfig.get_platform()
    assert info["pointer_bits"] == (64 if sys.maxsize > 2**32 else 32)
    assert info["byte_order"] == ("little" if np.array([1], "<u2").dtype.isnative else "big")
    # The file's name tells what the extension was built for: "cpython-313t-...", ".abi3.so", ".cp313t-win".
    name = Path(_core.__file__).name
    assert info["limited_api"] == (".abi3." in name or name == "_core.pyd")
    assert info["free_threaded"] == bool(re.search(r"(cpython-|\.cp)\d+t", name))


def test_it_names_the_compiler_and_its_version(info):
    assert re.fullmatch(r"[A-Za-z][\w ()-]* \d+(\.\d+)*.*", info["compiler"])


def test_each_codec_has_a_library_with_a_version(info):
    assert list(info["codecs"]) == [codec.name.lower() for codec in cat.Codec]
    for codec, library in info["codecs"].items():
        name, version = library.split(" ")
        assert name in LIBRARIES[codec]
        assert re.fullmatch(r"\d+\.\d+(\.\d+)*", version)
    assert info["codecs_from"] in {"system", "static", "bundled"}


def test_bundled_codecs_are_those_of_the_wraps(info, tree):
    if info["codecs_from"] != "bundled":
        pytest.skip(f"this build's codecs are the {info['codecs_from']}'s")
    wraps = tree / "subprojects"
    for name in ("lz4", "zstd", "libdeflate"):
        version = re.search(rf"directory = {name}-(.*)", (wraps / f"{name}.wrap").read_text())[1]
        assert f"{name} {version}" in info["codecs"].values()


def test_the_kernels_at_work_are_the_best_that_run(info):
    assert info["kernels_built"][-1] == "generic"
    assert set(info["kernels_runnable"]) <= set(info["kernels_built"])
    if "CATERVA_ISA" not in os.environ:
        assert info["kernels"] == info["kernels_runnable"][0]


def test_every_kernel_table_said_to_run_runs_and_no_other(info):
    for name in info["kernels_built"]:
        done = python_m_caterva("info", CATERVA_ISA=name)
        if name in info["kernels_runnable"]:
            assert re.search(rf"^kernels +: {name}$", done.stdout, re.MULTILINE), done.stderr
        else:
            assert done.returncode != 0
            assert "cannot run here" in done.stderr


def test_the_command_shows_every_fact_of_the_build(info):
    done = python_m_caterva("info")
    assert done.returncode == 0
    shown = dict(re.split(r" +: ", line, maxsplit=1) for line in done.stdout.splitlines())
    assert list(shown) == list(info)
    assert shown["version"] == info["version"]
    assert shown["codecs"].startswith("blosclz: c-blosc2 ")


def test_the_command_describes_arrays(path, capsys):
    array = cat.zeros((20, 30), 4, chunks=(10, 10), urlpath=path)
    assert command.main(["info", str(path)]) == 0
    described, *more = capsys.readouterr().out.removeprefix(f"{path}\n").split("Dtype")
    assert [line.split() for line in described.splitlines()] == [
        line.split() for line in str(array.info).splitlines()
    ]
    assert "opaque, 4 bytes" in more[0] and "600 (2,400 bytes)" in more[0]


def test_the_command_goes_on_after_what_is_no_array(path, capsys):
    cat.zeros((20, 30), 4, chunks=(10, 10), urlpath=path)
    broken = path.with_name("broken.b2nd")
    broken.write_bytes(b"no array at all" * 10)
    assert command.main(["info", str(path.with_name("missing.b2nd")), str(broken), str(path)]) == 1
    shown = capsys.readouterr()
    assert str(path) in shown.out
    missing, malformed = shown.err.splitlines()
    assert "missing.b2nd" in missing
    assert malformed.startswith(str(broken))


def test_a_command_is_needed(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main([])
    assert stopped.value.code == 2
    assert "COMMAND" in capsys.readouterr().err
