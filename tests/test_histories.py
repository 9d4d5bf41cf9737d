"""Processes that share an array and are killed: tests/stress/histories.py has the model."""

import collections
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from stress import histories

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and locks of open file descriptions")
COUNT = {"quick": 300, "long": 20000}.get(os.environ.get("CATERVA_TEST_PROFILE", ""), 2000)
LINES = [["will", "0", "5"], ["will", "1", "6"], ["done", "1", "6"], ["saw", "0", "5"], ["saw", "1", "6"]]


def test_every_read_is_a_whole_commit_and_nothing_acknowledged_is_missing():
    workers = len(os.sched_getaffinity(0))
    share = -(-COUNT // workers)
    running = [
        subprocess.Popen(
            [sys.executable, histories.__file__, "--count", str(share), "--seed", str(share * worker)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for worker in range(workers)
    ]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * workers, "".join(said)
    for kind in [
        "change",
        "roll",
        "compact",
        "refresh",
        "flush",
        "reopen",
        "killed",
        "file",
        "directory",
        "wide",
    ]:
        assert sum(int(n) for text in said for n in re.findall(f"'{kind}': (\\d+)", text)) > COUNT // 100, (
            kind
        )


def test_histories_without_locks_go_wrong(monkeypatch):
    monkeypatch.setattr(histories, "OPTIONS", {"locking": False})
    folder = histories.scratch()
    assert histories.run_all(range(40), folder, collections.Counter())
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ([], None),
        ([["will", "2", "7"]], None),  # and died before it committed
        ([["will", "2", "7"], ["will", "2", "8"], ["saw", "2", "8"]], None),
        (
            [["will", "2", "7"], ["done", "2", "7"], ["will", "2", "8"], ["done", "2", "8"]],
            "acknowledged twice",
        ),
        ([["will", "2", "7"], ["will", "2", "8"], ["saw", "2", "8"], ["saw", "2", "7"]], "two states"),
        ([["will", "2", "7"], ["will", "2", "8"], ["saw", "2", "8"], ["done", "2", "7"]], "another one seen"),
        ([["saw", "2", "7"]], "never made"),
        ([["will", "3", "7"], ["done", "3", "7"]], "no commit 2"),
        ([["wrong", "torn"]], "torn"),
    ],
)
def test_the_judge_finds_what_must_not_be(more, problem):
    found, last = histories.judge(LINES + more)
    assert problem in found if problem else (found is None and last == 1)


def test_an_older_state_is_found(tmp_path):
    place, log = histories.Place(Path(tmp_path, "a.b2nd"), "order"), histories.Log(str(tmp_path / "log"))
    items = histories.fresh(3, histories.WIDTH, 0, None)
    with histories.cat.asarray(items, urlpath=str(place.path), **histories.SHAPES[histories.WIDTH]) as array:
        array.attrs["note"] = {
            "number": 0,
            "shape": [3, histories.WIDTH],
            "checksum": histories.checksum(items),
        }
    handle = histories.Handle(place, log, "r")
    log.write("done", 1, 6)
    with pytest.raises(histories.Wrong, match="older: 0 where 0 was seen and 1 was acknowledged"):
        handle.refresh()
    log.close()
