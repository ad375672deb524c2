"""The launcher: each job once, whatever fails, dies or is killed; nothing that is finished is made again."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from in_process import done_here
from swept_runs import BREAKS, DIES, EDITS, FAILS, KEEPS, KEPT_MIB, SLOW, WAITS, run
from typer.testing import CliRunner
from waiting import waited_for

import atc
from atc.cli import application
from atc.config.compose import Composer
from atc.config.digest import code_digest
from atc.config.entry import main_with
from atc.config.launcher import Basic, Joblib, Ray
from atc.config.root import project_root
from atc.config.sweep import expand
from atc.errors import DataError, UsageError
from atc.run_sweep import resume_sweep, run_frozen, run_sweep
from atc.sweep import frozen, launch
from atc.sweep.folder import job_folder, lock_file
from atc.sweep.manifest import read_manifest
from atc.sweep.opened import OpenedSweep, open_sweep
from atc.sweep.state import JobState
from atc.sweep.workers import workers_of
from atc.tracking.lock import RunLock, is_held
from atc.tracking.record import RunIdentity, RunRecord
from atc.tracking.same_code import CodeChanged, code_demanded

WITHOUT_A_WORD = "kill -9, no memory left, or a power cut"
PROGRAM = Path(__file__).with_name("swept_runs.py")


def command(outputs: Path, *words: str) -> list[str]:
    return [sys.executable, str(PROGRAM), "-m", *words, f"paths.outputs={outputs}", "tracking=none"]


def swept(outputs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The launcher in this process; its jobs have their own."""
    return done_here(
        lambda: main_with(run, run_sweep),
        *command(outputs, *words)[2:],
        cwd=project_root().folder,
    )


def swept_alone(outputs: Path, *words: str, package: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The launcher in a process of its own; `package`: the folder in which the package lies, if not the
    checkout's.
    """
    return subprocess.run(
        command(outputs, *words),
        cwd=project_root().folder,
        env=os.environ | {"PYTHONPATH": str(package or project_root().folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def the_sweep(outputs: Path) -> OpenedSweep:
    (folder,) = (outputs / "sweeps").glob("*-*")
    return open_sweep(folder)


def made(outputs: Path) -> list[str]:
    """The seeds of runs that were really made, in order."""
    return (outputs / "made.txt").read_text().split()


def statuses(sweep: OpenedSweep) -> list[str]:
    return [job.status for job in sweep.jobs]


def test_every_job_is_frozen_run_and_found_again(tmp_path: Path) -> None:
    done = swept_alone(tmp_path, "+experiment=gbdt_36feat", "seed=3,1,2")
    assert done.returncode == 0, done.stderr
    sweep = the_sweep(tmp_path)
    assert sweep.folder.name == f"gbdt_36feat-multirun-{sweep.header.sweep_id[:12]}"
    assert sweep.header.command[:2] == ("+experiment=gbdt_36feat", "seed=3,1,2")
    assert not sweep.header.sealed
    assert [job.config["seed"] for job in sweep.jobs] == [3, 1, 2]
    assert {job.config["tracking"]["group"] for job in sweep.jobs} == {sweep.folder.name}
    assert statuses(sweep) == ["finished"] * 3
    runs = sweep.finished_runs()
    assert [run.metrics["valid/auc"] for run in runs] == [0.003, 0.001, 0.002]
    assert [run.manifest["config_digest"] for run in runs] == [j.planned.config_digest for j in sweep.jobs]
    *said, last = done.stdout.splitlines()
    assert said[0] == f"leaderboard of {sweep.folder.name}: 0 runs on it, 3 apart"  # they have no lift
    assert said[-3:] == [f"run: {run.folder}" for run in runs]
    assert last == f"sweep: {sweep.folder}"
    assert "fitting 3" in sweep.jobs[0].log.read_text()
    assert "stage fit: done" in sweep.jobs[0].log.read_text()

    before = {path: path.stat().st_mtime_ns for path in sweep.folder.rglob("*") if path.is_file()}
    again = swept(tmp_path, "+experiment=gbdt_36feat", "seed=3,1,2")
    assert again.returncode == 0, again.stderr
    assert again.stdout == done.stdout
    assert "3 of 3 jobs finished, 0 of them now" in again.stderr
    assert before == {path: path.stat().st_mtime_ns for path in sweep.folder.rglob("*") if path.is_file()}
    assert made(tmp_path) == ["3", "1", "2"]


def test_a_job_of_another_sweep_is_used_again(tmp_path: Path) -> None:
    assert swept(tmp_path, "seed=1,2").returncode == 0
    assert swept(tmp_path, "seed=2,3").returncode == 0
    assert made(tmp_path) == ["1", "2", "3"]
    second = next(
        open_sweep(folder)
        for folder in (tmp_path / "sweeps").glob("*-*")
        if open_sweep(folder).jobs[0].config["seed"] == 2
    )
    assert [job.state.reused for job in second.jobs if job.state] == [True, False]


def test_one_failure_among_twenty(tmp_path: Path) -> None:
    seeds = ",".join(map(str, [*range(1, 12), FAILS, *range(12, 20)]))
    done = swept(tmp_path, f"seed={seeds}")
    assert done.returncode == 1
    sweep = the_sweep(tmp_path)
    assert statuses(sweep) == ["finished"] * 11 + ["failed"] + ["finished"] * 8
    failed = sweep.jobs[11]
    assert failed.error is not None and failed.error.type == "DataError"
    log = failed.log.read_text()
    assert "Traceback" in log and "no such rows; give it others" in log
    said = done.stderr.partition("1 of 20 jobs failed:\n")[2]
    assert said.split("\n")[:3] == [
        f"  [12/20] seed={FAILS}",
        "      no such rows; give it others",
        f"      {failed.log}",
    ]

    (tmp_path / "healed").touch()
    again = swept(tmp_path, f"seed={seeds}")
    assert again.returncode == 0
    assert made(tmp_path) == [*map(str, range(1, 20)), str(FAILS)]
    assert [job.state.attempts for job in the_sweep(tmp_path).jobs if job.state] == [1] * 11 + [2] + [1] * 8
    assert "attempt 1" in failed.log.read_text() and "attempt 2" in failed.log.read_text()


def test_a_job_that_kills_its_process_takes_no_other_with_it(tmp_path: Path) -> None:
    done = swept(tmp_path, f"seed=1,{DIES},{BREAKS},2")
    assert done.returncode == 1
    sweep = the_sweep(tmp_path)
    assert statuses(sweep) == ["finished", "failed", "failed", "finished"]
    errors = [job.error.message for job in sweep.jobs if job.error]
    assert errors[0] == "its process was ended by SIGKILL"
    assert errors[1].startswith("ZeroDivisionError")
    assert made(tmp_path) == ["1", "2"]


def test_on_error_stop_starts_no_other(tmp_path: Path) -> None:
    done = swept(tmp_path, f"seed=1,{FAILS},2,3", "launcher.on_error=stop")
    assert done.returncode == 1
    assert statuses(the_sweep(tmp_path)) == ["finished", "failed", "pending", "pending"]
    assert "2 of 4 jobs are left" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_what_a_killed_launcher_left_goes_on(
    tmp_path: Path, number: signal.Signals, processes: list[subprocess.Popen[str]]
) -> None:
    words = (f"seed=1,{WAITS},2",)
    process = subprocess.Popen(
        command(tmp_path, *words),
        cwd=project_root().folder,
        env=os.environ | {"PYTHONPATH": str(project_root().folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    processes.append(process)
    (mark,) = waited_for(lambda: list(tmp_path.glob("waiting-*")))
    assert statuses(the_sweep(tmp_path)) == ["finished", "running", "pending"]
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == (-9 if number == signal.SIGKILL else 130)
    waited_for(lambda: not Path(f"/proc/{mark.name.partition('-')[2]}").exists())
    left = the_sweep(tmp_path)
    assert statuses(left) == ["finished", "interrupted", "pending"]
    why = {
        signal.SIGINT: "Ctrl-C (SIGINT) reached the launcher",
        signal.SIGTERM: "SIGTERM reached the launcher",
        signal.SIGHUP: "a closed terminal (SIGHUP) reached the launcher",
        signal.SIGKILL: f"its launcher ended without a word: {WITHOUT_A_WORD}",
    }[number]
    today = datetime.now(UTC).date().isoformat()
    assert re.fullmatch(rf"at {today} \d\d:\d\d:\d\d UTC: {re.escape(why)}", left.jobs[1].why)
    shown = status_of(left.folder)
    assert f"job 2, interrupted: {left.jobs[1].why}" in shown
    assert f"2 of 3 jobs are left; the same command, or atc sweep resume {left.folder}, runs them" in shown

    (tmp_path / "healed").touch()
    assert swept(tmp_path, *words).returncode == 0
    assert statuses(the_sweep(tmp_path)) == ["finished"] * 3
    assert made(tmp_path) == ["1", str(WAITS), "2"]


def test_damage_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    assert swept(tmp_path, "seed=1,2,3,4").returncode == 0
    sweep = the_sweep(tmp_path)
    runs = [run.folder for run in sweep.finished_runs()]
    state = job_folder(sweep.folder, 1) / "state.json"
    state.write_text(state.read_text()[:40])
    (runs[1] / "metrics.json").write_text('{"valid/auc": 0.0')
    runs[2].rename(tmp_path / "elsewhere")
    damaged = the_sweep(tmp_path)
    assert statuses(damaged) == ["unusable", "unusable", "unusable", "finished"]
    assert "no whole state" in damaged.jobs[0].why
    assert "metrics.json" in damaged.jobs[1].why
    assert "there is no run" in damaged.jobs[2].why
    assert [run.folder for run in damaged.finished_runs()] == [runs[3]]

    again = swept(tmp_path, "seed=1,2,3,4")
    assert again.returncode == 1  # half a metrics file is the run's to tell
    assert "metrics.json has" in again.stderr
    assert statuses(the_sweep(tmp_path)) == ["finished", "failed", "finished", "finished"]
    assert made(tmp_path) == ["1", "2", "3", "4", "3"]


def test_a_second_launcher_waits_for_the_first(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    assert swept(tmp_path, "seed=1,2").returncode == 0
    folder = the_sweep(tmp_path).folder
    (job_folder(folder, 2) / "state.json").unlink()
    lock = RunLock(lock_file(folder))
    lock.acquire()
    process = subprocess.Popen(
        command(tmp_path, "seed=1,2"),
        cwd=project_root().folder,
        env=os.environ | {"PYTHONPATH": str(project_root().folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    processes.append(process)
    assert process.stderr is not None
    assert "is making sweep" in process.stderr.readline()
    assert process.poll() is None
    lock.release()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert made(tmp_path) == ["1", "2"]


def test_an_edited_or_cut_manifest_is_refused(tmp_path: Path) -> None:
    assert swept(tmp_path, "seed=1,2").returncode == 0
    sweep = the_sweep(tmp_path)
    path = sweep.folder / "manifest.jsonl"
    whole = path.read_text()
    header = json.loads(whole.splitlines()[0])
    assert (header["format"], header["kind"], header["jobs"]) == (1, "atc sweep", 2)
    for content, says in (
        (whole[:-20], "line 3 is not whole JSON"),
        ("\n".join(whole.splitlines()[:2]), "found 1 lines of jobs"),
        ("{}\n", "not the header of a sweep"),
        ("", "not the header of a sweep"),
        (whole.replace('"format": 1', '"format": 2'), "format 2, this ATC reads 1"),
    ):
        path.write_text(content)
        with pytest.raises(Exception, match=says):
            read_manifest(sweep.folder)
    with pytest.raises(Exception, match="there is no sweep"):
        read_manifest(tmp_path / "sweeps" / "x-0")
    with pytest.raises(Exception, match="not a sweep but a folder of 1"):
        read_manifest(tmp_path / "sweeps")


def test_killed_three_times_and_no_job_is_made_twice(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    words = (f"seed=range({SLOW},{SLOW + 12})",)
    finished: dict[Path, int] = {}
    for kill in range(1, 4):
        process = subprocess.Popen(
            command(tmp_path, *words),
            cwd=project_root().folder,
            env=os.environ | {"PYTHONPATH": str(project_root().folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        waited_for(lambda at_least=3 * kill - 1: len(records(tmp_path)) >= at_least)
        os.killpg(process.pid, signal.SIGKILL)  # its worker too
        process.wait()
        assert all(records(tmp_path)[path] == time for path, time in finished.items())
        finished = records(tmp_path)
        assert len(finished) < 12
    assert swept(tmp_path, *words).returncode == 0
    sweep = the_sweep(tmp_path)
    assert statuses(sweep) == ["finished"] * 12
    assert all(records(tmp_path)[path] == time for path, time in finished.items())
    assert [run.metrics["valid/auc"] for run in sweep.finished_runs()] == [
        seed / 1000 for seed in range(SLOW, SLOW + 12)
    ]
    assert len(records(tmp_path)) == 12


def records(outputs: Path) -> dict[Path, int]:
    """When each finished run was closed, ns."""
    return {
        path: path.stat().st_mtime_ns
        for path in outputs.glob("runs/*/manifest.json")
        if json.loads(path.read_bytes())["status"] == "finished"
    }


def test_a_resumed_sweep_needs_no_file_and_no_word(tmp_path: Path) -> None:
    assert swept(tmp_path, f"seed=1,{FAILS},2", "launcher.on_error=stop").returncode == 1
    sweep = the_sweep(tmp_path)
    assert statuses(sweep) == ["finished", "failed", "pending"]
    (tmp_path / "healed").touch()
    # Elsewhere: the folder of outputs was moved as a whole, and the configs are those of the manifest.
    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    tmp_path.rename(moved)
    assert resume_sweep(moved / "sweeps" / sweep.folder.name, run) == 0
    assert statuses(the_sweep(moved)) == ["finished"] * 3
    assert made(moved) == ["1", str(FAILS), "2"]


def test_a_sweep_of_other_code_is_not_resumed(tmp_path: Path) -> None:
    assert swept(tmp_path, "seed=1,2").returncode == 0
    path = the_sweep(tmp_path).folder / "manifest.jsonl"
    path.write_text(path.read_text().replace('"code_digest": "', '"code_digest": "f', 1))
    with pytest.raises(UsageError, match="made with other code"):
        resume_sweep(path.parent, run)


def test_code_that_changes_during_a_sweep_records_nothing_and_stops_it(tmp_path: Path) -> None:
    package = Path(atc.__file__).parent
    shutil.copytree(package, tmp_path / "atc", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    (extension,) = package.glob("_rust*.so")
    (tmp_path / "atc" / extension.name).symlink_to(extension)
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    done = swept_alone(outputs, f"seed=1,{EDITS},2", package=tmp_path)
    assert done.returncode == 1, done.stderr
    sweep = the_sweep(outputs)
    assert statuses(sweep) == ["finished", "failed", "pending"]
    assert sweep.jobs[1].error is not None
    assert sweep.jobs[1].error.message.startswith("code changed during the sweep: it was frozen with")
    assert len(records(outputs)) == 1


def test_a_job_of_other_code_is_not_begun(tmp_path: Path) -> None:
    ready = {"config_digest": "c", "run_id": "a" * 64, "data_digest": "d", "feature_schema": "f"}
    identity = RunIdentity(**ready, label_schema="l", code_digest=code_digest())
    with pytest.raises(CodeChanged, match="code changed"), code_demanded("0" * 64):
        pytest.fail("began")
    with code_demanded(code_digest()), RunRecord.open(tmp_path, "one", identity, {}) as record:
        record.finish({"valid/auc": 0.5})
    assert record.finished


def test_a_disk_that_is_full_ends_a_sweep_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = launch.write_state

    def full(folder: Path, state: JobState) -> None:
        if state.status == "finished":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder / "state.json"))
        whole(folder, state)

    sweep = expand(Composer(), ["seed=1,2", f"paths.outputs={tmp_path}", "tracking=none"])
    monkeypatch.setattr(launch, "write_state", full)
    with pytest.raises(DataError, match="No space left on device; free some space"):
        run_frozen(frozen.freeze(sweep, ["seed=1,2"]), run)
    said = capsys.readouterr().err
    assert "0 of 2 jobs finished" in said
    assert "2 of 2 jobs are left" in said
    monkeypatch.undo()
    assert resume_sweep(the_sweep(tmp_path).folder, run) == 0
    assert made(tmp_path) == ["1", "2"]


def test_two_launchers_that_begin_at_once_write_one_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = expand(Composer(), ["seed=1,2", f"paths.outputs={tmp_path}", "tracking=none"])
    whole = frozen.write_manifest
    held = []

    def looked_at(folder: Path, *parts: Any) -> None:
        held.append(is_held(lock_file(folder)))
        whole(folder, *parts)

    monkeypatch.setattr(frozen, "write_manifest", looked_at)
    first = frozen.freeze(sweep, ["seed=1,2"])
    assert frozen.freeze(sweep, ["seed=1,2"]).header == first.header
    assert held == [True]
    assert not is_held(lock_file(first.folder))


def status_of(folder: Path) -> str:
    return CliRunner().invoke(application(), ["sweep", "status", str(folder)], catch_exceptions=False).output


def test_status_tells_of_every_job(tmp_path: Path) -> None:
    assert swept(tmp_path, f"seed=1,{FAILS},2", "launcher.on_error=stop").returncode == 1
    folder = the_sweep(tmp_path).folder
    shown = status_of(folder)
    assert "3 jobs: 1 finished, 1 pending, 1 failed" in shown
    assert "job 2, failed: no such rows; give it others" in shown
    assert f"seed={FAILS}" in shown


@pytest.mark.parametrize("launcher", ["joblib", "ray"])
def test_side_by_side_gives_the_same(tmp_path: Path, launcher: str) -> None:
    if find_spec(launcher) is None:
        pytest.skip(f"no {launcher}")
    words = f"seed=1,{FAILS},2,{DIES},3"
    done = swept_alone(tmp_path, words, f"launcher={launcher}", "launcher.workers=2")
    assert done.returncode == 1, done.stderr
    sweep = the_sweep(tmp_path)
    assert statuses(sweep) == ["finished", "failed", "finished", "failed", "finished"]
    assert sorted(made(tmp_path)) == ["1", "2", "3"]
    assert "Traceback" in sweep.jobs[1].log.read_text()
    assert sweep.jobs[3].state is not None and sweep.jobs[3].state.attempts == 2
    again = swept(tmp_path, words, "launcher=basic")
    assert again.returncode == 1
    assert sorted(made(tmp_path)) == ["1", "2", "3"]


@pytest.mark.parametrize("launcher", ["basic", "joblib", pytest.param("ray", marks=pytest.mark.slow)])
def test_what_a_job_keeps_is_not_counted_to_the_next(tmp_path: Path, launcher: str) -> None:
    if launcher != "basic" and find_spec(launcher) is None:
        pytest.skip(f"no {launcher}")
    one = [] if launcher == "basic" else ["launcher.workers=1"]
    done = swept(tmp_path, f"seed=1,{KEEPS},2", f"launcher={launcher}", *one)
    assert done.returncode == 0, done.stderr
    first, grown, last = (job.state.peak_rss_mib or 0.0 for job in the_sweep(tmp_path).jobs if job.state)
    assert grown > first + KEPT_MIB / 2
    assert last < first + KEPT_MIB / 2


def test_one_run_that_two_jobs_ask_for_is_made_once(tmp_path: Path) -> None:
    if find_spec("joblib") is None:
        pytest.skip("no joblib")
    done = swept_alone(tmp_path, f"seed={SLOW},{SLOW},1", "launcher=joblib", "launcher.workers=2")
    assert done.returncode == 0, done.stderr
    assert sorted(made(tmp_path)) == ["1", str(SLOW)]
    assert [job.state.reused for job in the_sweep(tmp_path).jobs if job.state] == [False, True, False]


def test_threads_are_said_to_workers_that_share_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    alone = workers_of(Basic(kind="basic"), 20)
    assert (alone.count, alone.environment) == (1, {})
    side_by_side = workers_of(Joblib(kind="joblib", workers=2, threads=3), 20)
    assert side_by_side.count == 2
    assert side_by_side.environment["OMP_NUM_THREADS"] == "3"
    assert side_by_side.environment["OPENBLAS_NUM_THREADS"] == "1"  # as in a run alone
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert "OPENBLAS_NUM_THREADS" not in side_by_side.environment
    assert workers_of(Joblib(kind="joblib", workers=8), 3).count == 3
    assert workers_of(Ray(kind="ray", address="head:6379"), 3).environment["OMP_NUM_THREADS"] == "1"
