"""What a terminal shows of a sweep: one line a job, as many as there is room for, and how long it takes."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pytest
from rich.console import Console

from atc.report.sweep_lines import closing_lines, duration, shortened
from atc.report.sweep_watch import live_table
from atc.sweep.folder import PROGRESS, job_folder
from atc.sweep.manifest import PlannedJob, titles
from atc.sweep.rows import Launched, Progress, Row
from atc.sweep.state import JobError, JobState
from atc.sweep.timing import left_of, left_together


def progress_of(folder: Path, states: list[JobState | None]) -> Progress:
    jobs = [
        PlannedJob(number, ("tracking=none", f"seed={number}"), "0", {"name": "gbdt_36feat"})
        for number in range(1, len(states) + 1)
    ]
    called = titles(jobs)
    rows = {job.number: Row(job, called[job.number], state) for job, state in zip(jobs, states, strict=True)}
    for row in rows.values():
        if row.status == "running":
            row.began = time.monotonic() - 10
    return Progress(folder, rows)


def shown(progress: Progress, height: int, width: int = 120) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(live_table(progress, {}, width, height))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


STATES: list[JobState | None] = [
    JobState("finished", 1, seconds=40.0),
    JobState("finished", 1, seconds=1.0, reused=True),
    JobState("failed", 1, error=JobError("DataError", "no rows")),
    JobState("running", 1),
    None,
]


def test_a_line_a_job_with_its_stage_and_what_is_left(tmp_path: Path) -> None:
    progress = progress_of(tmp_path / "sweeps" / "x", STATES)
    place = job_folder(progress.folder, 4)
    place.mkdir(parents=True)
    (place / PROGRESS).write_text(json.dumps({"stage": "fit", "done": 1.0, "total": 4.0}))
    _, _, *lines, last = shown(progress, 40)
    words = [line.split() for line in lines]
    assert [word[:2] for word in words] == [
        *(["1", "finished"], ["2", "reused"], ["3", "failed"], ["4", "running"], ["5", "pending"])
    ]
    assert "fit 25 %" in lines[3] and "seed=4" in lines[3] and "tracking" not in lines[3]
    left = left_of(progress.rows[4], progress, {})
    assert left == pytest.approx(30, abs=1)  # as long as the one that was really made
    assert left_together(progress, {}) == pytest.approx(70, abs=1)
    assert last.startswith("2 of 5 finished, 1 failed after ") and last.rstrip().endswith("left")


def test_a_small_terminal_shows_what_matters(tmp_path: Path) -> None:
    states = [JobState("finished", 1, seconds=1.0)] * 100 + STATES + [None] * 95
    lines = shown(progress_of(tmp_path / "sweeps" / "x", states), 20)
    assert len(lines) < 20
    assert any("running" in line for line in lines) and any("failed" in line for line in lines)
    assert lines[-2].rstrip() == "186 more jobs not shown"


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_nothing_wraps_is_cut_or_moves_at_any_width(tmp_path: Path, width: int) -> None:
    progress = progress_of(tmp_path / "sweeps" / "x", [*STATES, JobState("interrupted", 1, seconds=723.0)])
    progress.rows[4].began = time.monotonic() - 6000
    place = job_folder(progress.folder, 4)
    place.mkdir(parents=True)
    heads = set()
    for told in ({"stage": "fit"}, {"stage": "fit volatility", "done": 4.0, "total": 4.0}):
        (place / PROGRESS).write_text(json.dumps(told))
        head, _, *lines, last = shown(progress, 30, width)
        assert len(lines) == len(progress.rows)
        assert all(len(line) <= width for line in (head, *lines, last))
        assert "12 min 3 s" in lines[5] and "1 h 40 min" in lines[3]
        assert "100 min" not in lines[3] and lines[0].rstrip().endswith("seed=1")
        assert "finished" in lines[0] and "interrupted" in lines[5]
        assert last.startswith("2 of 6 finished, 1 failed after ")
        heads.add(head.rstrip())
    assert len(heads) == 1


def test_a_search_counts_the_trials_that_are_not_yet_proposed(tmp_path: Path) -> None:
    finished, pruned = JobState("finished", 1, seconds=40.0), JobState("pruned", 1, seconds=5.0)
    progress = progress_of(tmp_path / "sweeps" / "x", [finished, pruned])
    progress.planned = 10
    assert left_together(progress, {}) == pytest.approx(320)
    assert shown(progress, 40)[-1].startswith("1 of 10 finished, 1 ended early after ")
    first, second, third, *_ = closing_lines(
        Launched(progress.folder, tuple(progress.rows.values()), interrupted=True, total=10)
    )
    assert first == "1 of 10 jobs finished, 0 of them now"
    assert second == "1 of 10 jobs were ended early by the search"
    assert third.startswith("8 of 10 jobs are left")
    assert left_together(Progress(progress.folder, {}, planned=10), {}) is None


def test_a_small_terminal_shows_trials_that_were_ended_early(tmp_path: Path) -> None:
    lines = shown(progress_of(tmp_path / "sweeps" / "x", [JobState("pruned", 1)] * 50), 20)
    assert sum("pruned" in line for line in lines) > 5


def test_durations_and_titles() -> None:
    assert [duration(seconds) for seconds in (None, 4.23, 99.94, 723, 7500)] == [
        *("–", "4.2 s", "99.9 s", "12 min 3 s", "2 h 5 min")
    ]
    jobs = [
        PlannedJob(number, (f"+experiment={name}", "seed=1", "tracking=none"), "0", {"name": name})
        for number, name in enumerate(("gbdt_36feat", "linear_13feat"), start=1)
    ]
    assert titles(jobs) == {1: "gbdt_36feat", 2: "linear_13feat"}
    assert titles(jobs[:1]) == {1: "gbdt_36feat seed=1 tracking=none"}
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdefg", 6) == "…cdefg"
