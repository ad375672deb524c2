"""Sweeps of real runs, each command a process of its own: nothing stands in for the runner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import waited_for

from atc.config.root import project_root
from atc.sweep.folder import job_folder
from atc.sweep.opened import OpenedSweep, open_sweep

# Six simulated days, much quieter than the demo's.
MARKET = (
    *("data.days=6", "data.rate=0.1", "window.train_days=4", "window.holdout_days=2"),
    *("evaluation.resamples=50", "backtest=none", "explain=none", "evaluation.adversarial.enabled=false"),
)
FILES = ("leaderboard.md", "leaderboard.csv", "leaderboard.parquet")


def command(outputs: Path, *words: str) -> list[str]:
    settings = (f"paths.outputs={outputs}", "tracking=none", "runtime.progress=off")
    return [sys.executable, "-m", "atc.run", "-m", *words, *settings]


def swept(outputs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(outputs, *words),
        cwd=project_root().folder,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def the_sweep(outputs: Path) -> OpenedSweep:
    (folder,) = (outputs / "sweeps").glob("*-*")
    return open_sweep(folder)


def results(outputs: Path) -> dict[str, bytes]:
    """What the sweep found, by name: metrics of each run, and its leaderboard."""
    sweep = the_sweep(outputs)
    found = {run.folder.name: (run.folder / "metrics.json").read_bytes() for run in sweep.finished_runs()}
    return found | {name: (sweep.folder / name).read_bytes() for name in FILES}


def finished(outputs: Path) -> dict[Path, int]:
    """When each finished run was closed, ns."""
    sweeps = [open_sweep(path) for path in (outputs / "sweeps").glob("*-*")]
    runs = (run for sweep in sweeps for run in sweep.finished_runs())
    return {run.folder: (run.folder / "manifest.json").stat().st_mtime_ns for run in runs}


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes, each the first of a group that is gone at the end."""
    found: list[subprocess.Popen[bytes]] = []
    yield found
    for process in found:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_basic_joblib_and_ray_give_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("joblib")
    pytest.importorskip("ray")
    words = ("+experiment=gbdt_36feat,logistic_36feat", *MARKET)
    ways = {
        "basic": (),
        "joblib": ("launcher=joblib", "launcher.workers=2"),
        "ray": ("launcher=ray", "launcher.workers=2"),
    }
    for name, how in ways.items():
        done = swept(tmp_path / name, *words, *how)
        assert done.returncode == 0, done.stderr
    first = results(tmp_path / "basic")
    assert len(first) == 2 + len(FILES)
    assert results(tmp_path / "joblib") == first
    assert results(tmp_path / "ray") == first


@pytest.mark.slow
def test_one_of_twenty_fails_and_is_made_alone_when_its_cause_is_gone(tmp_path: Path) -> None:
    words = ("+experiment=logistic_13feat", *MARKET)
    # A file that lies where a run's folder is to be; its name is the same in any folder of outputs.
    assert swept(tmp_path / "other", *words, "seed=13,99").returncode == 0
    name = the_sweep(tmp_path / "other").finished_runs()[0].folder.name
    outputs = tmp_path / "outputs"
    blocked = outputs / "runs" / name
    blocked.parent.mkdir(parents=True)
    blocked.write_text("in the way")

    done = swept(outputs, *words, "seed=range(1,21)")
    assert done.returncode == 1
    said = done.stderr + done.stdout
    assert "19 of 20 jobs finished" in said
    assert "1 of 20 jobs failed" in said
    assert "[13/20] seed=13" in said
    sweep = the_sweep(outputs)
    assert [job.number for job in sweep.jobs if job.status != "finished"] == [13]
    assert sweep.jobs[12].status == "failed"
    assert "Traceback" in (job_folder(sweep.folder, 13) / "log.txt").read_text(encoding="utf-8")
    assert "#13" in (sweep.folder / FILES[0]).read_text(encoding="utf-8")
    before = finished(outputs)
    assert len(before) == 19

    blocked.unlink()
    again = swept(outputs, *words, "seed=range(1,21)")
    assert again.returncode == 0, again.stderr
    after = finished(outputs)
    assert before.items() <= after.items()
    assert {path.name for path in after.keys() - before.keys()} == {name}
    attempts = [job.state.attempts for job in the_sweep(outputs).jobs if job.state is not None]
    assert attempts == [2 if number == 13 else 1 for number in range(1, 21)]


@pytest.mark.slow
def test_top3_killed_three_times_ends_in_the_same_leaderboard(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    words = ("+sweep=top3", *MARKET)
    outputs = tmp_path / "killed"
    for kill in range(3):
        process = subprocess.Popen(
            command(outputs, *words),
            cwd=project_root().folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        started.append(process)
        before = finished(outputs)
        # In the middle of the first job, of the second, and of the third.
        waited_for(lambda enough=kill: len(finished(outputs)) >= enough and is_running(outputs), 300.0)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert len(finished(outputs)) < 3
        assert before.items() <= finished(outputs).items()
    before = finished(outputs)
    assert len(before) == 2
    done = swept(outputs, *words)
    assert done.returncode == 0, done.stderr
    assert before.items() <= finished(outputs).items()
    whole = swept(tmp_path / "whole", *words)
    assert whole.returncode == 0, whole.stderr
    assert results(outputs) == results(tmp_path / "whole")


def is_running(outputs: Path) -> bool:
    """Whether a job has begun and not ended."""
    sweeps = [open_sweep(path) for path in (outputs / "sweeps").glob("*-*")]
    return any(job.status == "running" for sweep in sweeps for job in sweep.jobs)
