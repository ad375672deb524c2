"""joblib's processes: one that dies takes no other job along, and what is dead or has grown is replaced."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from atc.executors import Work
from atc.executors.joblib_processes import JoblibProcesses

pytest.importorskip("joblib")

Jobs = JoblibProcesses[tuple[Path, str], str]
WORK: Work[tuple[Path, str], str] = Work("pool_jobs:do", lambda how: f"lost: {how}", lambda trace: trace)


def waited_for(found: Callable[[], object]) -> None:
    until = time.monotonic() + 30
    while not found():
        assert time.monotonic() < until
        time.sleep(0.02)


def written(path: Path) -> bool:
    return path.exists() and bool(path.read_text())


def test_one_that_is_interrupted_ends_itself_beside_an_idle_one(tmp_path: Path) -> None:
    pool: Jobs
    with JoblibProcesses(WORK, 2, ends_within_s=20.0) as pool:
        pool.submit(1, (tmp_path, "wait"))
        waited_for(lambda: written(tmp_path / "wait"))
        pool.submit(2, (tmp_path, "idle"))
        assert pool.wait(30) == [(2, "idle")]
    assert (tmp_path / "whole").exists()


def test_a_pool_that_broke_while_nobody_looked_is_replaced(tmp_path: Path) -> None:
    pool: Jobs
    with JoblibProcesses(WORK, 1, ends_within_s=20.0) as pool:
        pool.submit(1, (tmp_path, "first"))
        assert pool.wait(30) == [(1, "first")]
        os.kill(int((tmp_path / "first").read_text()), signal.SIGKILL)
        waited_for(lambda: pool._slots[0].pool._flags.broken)
        pool.submit(2, (tmp_path, "second"))
        assert pool.wait(30) == [(2, "second")]


def test_one_that_dies_takes_no_other_job_with_it(tmp_path: Path) -> None:
    pool: Jobs
    with JoblibProcesses(WORK, 2, ends_within_s=20.0) as pool:
        pool.submit(1, (tmp_path, "until"))
        waited_for(lambda: written(tmp_path / "until"))
        pool.submit(2, (tmp_path, "die"))
        ((number, outcome),) = pool.wait(30)
        assert (number, outcome[:5]) == (2, "lost:")
        (tmp_path / "now").touch()
        assert pool.wait(30) == [(1, "until")]


def test_one_that_has_grown_leaves_and_the_next_job_has_another(tmp_path: Path) -> None:
    pool: Jobs
    with JoblibProcesses(WORK, 1, ends_within_s=20.0) as pool:
        for number, what in enumerate(("one", "leave", "other"), start=1):
            pool.submit(number, (tmp_path, what))
            assert pool.wait(30) == [(number, what)]
    one, grown, other = ((tmp_path / name).read_text() for name in ("one", "leave", "other"))
    assert one == grown != other
