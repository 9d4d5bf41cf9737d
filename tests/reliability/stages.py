"""G1, G13, G19, G20, G21, G22: goals that other commands and builds measure.

ci/sanitize and ci/cross leave a stamp, build/stamps/NAME, when they have passed: the commit, and on what.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from reliability import coverage
from reliability.goal import Effort, Goal, Result, unavailable

ROOT = Path(__file__).parents[2]


def _run(*command: object, seconds: float = 3600, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def _stamp(name: str, command: str) -> Result:
    """Return what a command's stamp says: passed if it is of this commit."""
    path = ROOT / "build/stamps" / name
    if not path.exists():
        return unavailable(f"bash ci/{command} has not passed here; .ci/run runs it")
    commit, _, what = path.read_text().strip().partition(" ")
    head = _run("git", "rev-parse", "HEAD").stdout.strip()
    if commit != head:
        return unavailable(f"bash ci/{command} has passed at another commit, {commit[:9]}")
    return Result(f"bash ci/{command} has passed at this commit: {what}", True)


def fuzzing(effort: Effort) -> Result:
    """Run the fuzz targets."""
    seconds = effort.count(ci=8, quick=0, release=7200)
    if seconds and not effort.skips_builds:
        done = _run("bash", "ci/fuzz", seconds, seconds=86400 * 2)
        if done.returncode:
            return Result(f"a finding: {done.stdout[-600:]}", False)
    counts = {
        log.stem.removeprefix("fuzz_"): int(match[1])
        for log in sorted((ROOT / "build/fuzz").glob("fuzz_*.log"))  # fuzz_hostile among them
        if (match := re.search(r"number_of_executed_units: (\d+)", log.read_text(errors="replace")))
    }
    if not counts:
        return unavailable("bash ci/fuzz has not run here")
    total = sum(counts.values())
    parts = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    enough = total >= effort.count(ci=1_000_000, quick=0, release=200_000_000)
    return Result(f"{total:,} executions, no finding ({parts})", enough)


def _builds(name: str, *options: str) -> Path:
    folder = ROOT / "build" / name
    if not (folder / "build.ninja").exists():
        done = _run("meson", "setup", folder, "-Dpython=disabled", "-Dbuildtype=debugoptimized", *options)
        if done.returncode:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return folder


def threads(effort: Effort) -> Result:
    """By ci/sanitize."""
    if effort.name == "release" and _run("bash", "ci/sanitize", "thread", "-q").returncode:
        return Result("bash ci/sanitize thread failed", False)
    return _stamp("sanitize-thread", "sanitize")


def sanitizers(effort: Effort) -> Result:
    """By ci/sanitize."""
    if effort.name == "release" and _run("bash", "ci/sanitize", "address", "-q", seconds=20_000).returncode:
        return Result("bash ci/sanitize address failed", False)
    return _stamp("sanitize-address", "sanitize")


# Those of the Python suite that reach what the C tests do not; all of it before a release.
PYTHON_TESTS = [
    "attrs",
    "vlmeta",
    "storage",
    "verify",
    "checksums",
    "growth",
    "processes",
    "locks",
    "bad_input",
    "dtypes",
    "plain",
    "small_reads",
]


def covered(effort: Effort) -> Result:
    """Lines and branches of the C core that the C tests and a part of the Python suite reach."""
    if effort.skips_builds:
        return unavailable("not with --quick")
    folder, site = (
        _builds("coverage", "-Db_coverage=true", "-Doptimization=0", "-Db_ndebug=true"),
        ROOT / "build/coverage-site",
    )
    python_build = ROOT / "build/coverage-python"
    options = [
        f"-Csetup-args={option}" for option in ("-Db_coverage=true", "-Dbuildtype=debug", "-Db_ndebug=true")
    ]
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--upgrade"]
    done = _run(*pip, "--target", site, f"-Cbuild-dir={python_build}", *options, ".")
    if done.returncode:
        return Result(f"the build fails: {done.stderr[-800:]}", False)
    for build in (folder, python_build):
        for old in build.rglob("*.gcda"):
            old.unlink()
    done = _run("meson", "test", "-C", folder, "--timeout-multiplier", 10)
    if done.returncode:
        return Result(f"the C tests fail: {done.stdout[-800:]}", False)
    tests = [path for name in PYTHON_TESTS if (path := ROOT / f"tests/test_{name}.py").exists()]
    if effort.name == "release":
        tests = [ROOT / "tests"]
    paths = f"{ROOT / 'tests'}:{site}"
    done = _run(
        sys.executable, "-P", "-m", "pytest", "-q", *tests, CATERVA_TEST_PROFILE="quick", PYTHONPATH=paths
    )
    lines, branches, worst = coverage.of_builds([folder, python_build], ROOT)
    text = f"lines {lines:.1f} %, branches {branches:.1f} %; least: {', '.join(worst)}"
    if done.returncode:
        return Result(f"{text}; tests fail: {done.stdout[-600:]}", False)
    return Result(text, lines >= 95 and branches >= 85)


def other_machines(effort: Effort) -> Result:
    """By ci/cross."""
    if effort.name == "release" and _run("bash", "ci/cross", seconds=20_000).returncode:
        return Result("bash ci/cross failed", False)
    return _stamp("cross", "cross")


def golden(effort: Effort) -> Result:
    """Our files read by python-blosc2, and its by us: the tests of that, and crash states (G5)."""
    if effort.skips_builds:
        return unavailable("not with --quick: they are tests, and G5 reads crash states")
    tests = [
        name
        for name in ("test_golden.py", "test_interop.py", "test_foreign_writes.py")
        if (ROOT / "tests" / name).exists()
    ]
    done = _run(
        sys.executable,
        "-P",
        "-m",
        "pytest",
        "-q",
        *(f"tests/{name}" for name in tests),
        CATERVA_TEST_PROFILE="quick",
    )
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "no output"
    return Result(f"{' '.join(tests)}: {last.strip('= ')}; crash states: see G5", done.returncode == 0)


GOALS = [
    Goal("G1", "fuzz executions under ASan and UBSan", ">= 1 million, 0 findings", fuzzing),
    Goal("G13", "ThreadSanitizer on the C core", "0 reports", threads),
    Goal("G19", "ASan and UBSan: C and Python suites", "0 reports", sanitizers),
    Goal("G20", "coverage of the C core", ">= 95 % lines, >= 85 % branches", covered),
    Goal("G21", "32 bits, big-endian", "C tests and golden files", other_machines),
    Goal("G22", "golden files both ways", "100 %", golden),
]
