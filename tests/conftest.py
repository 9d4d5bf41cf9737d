"""Hypothesis profiles, and the fixtures that more than one test module uses.

CATERVA_TEST_PROFILE in the environment chooses how much is tried: `default`, `quick`, `long` (for a release).
"""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS / "reference")]  # support; refdecode, written from docs/format alone

COMMON = {
    "deadline": None,
    "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
}
settings.register_profile("default", max_examples=400, stateful_step_count=30, **COMMON)
settings.register_profile("quick", max_examples=80, stateful_step_count=15, **COMMON)
settings.register_profile("long", max_examples=5000, stateful_step_count=60, **COMMON)
settings.load_profile(os.environ.get("CATERVA_TEST_PROFILE", "default"))


# A shell has what it starts in the background ignore Ctrl-C, and children inherit that. Tests send it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Modules about the repository; where a wheel is tested there is none.
IN_TREE = (TESTS.parent / "meson.build").exists()
collect_ignore = [] if IN_TREE else ["test_bench.py", "test_packaging.py"]


@pytest.fixture(scope="session")
def tree():
    """The root of the repository; outside it, where a wheel is tested, what reads the root is skipped."""
    if not IN_TREE:
        pytest.skip("needs the source tree")
    return TESTS.parent


@pytest.fixture
def path(tmp_path):
    """A path where nothing is yet, alone in its folder."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder / "array.b2nd"


@pytest.fixture(params=["memory", "memframe", "file", "directory"])
def home(request, path):
    """Keyword arguments for each of the four homes of an array."""
    from support import home_arguments

    return home_arguments(request.param, path)
