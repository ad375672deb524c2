"""The run record after kill -9 at any point, and between two processes at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_records import SCRIPT, make, manifest_of, opened
from record_one import IDENTITY, NAME

from atc.tracking.run_files import read_manifest, run_folder

PATIENCE_S = 60.0


def start(outputs: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(outputs), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parent.parent)},
    )


def wait_for_status(folder: Path, status: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (read_manifest(folder) or {}).get("status") != status:
        assert time.monotonic() < deadline, f"{folder} never became {status}"
        time.sleep(0.01)


def test_kill_9_is_taken_over_and_the_dead_log_is_kept(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    folder = run_folder(tmp_path, NAME, IDENTITY.run_id)
    processes.append(start(tmp_path, "--hold", str(tmp_path / "never")))
    wait_for_status(folder, "running")
    processes[0].kill()
    processes[0].wait()
    manifest = manifest_of(folder)
    assert manifest["status"] == "running"
    assert manifest["pid"] == processes[0].pid

    make(tmp_path)
    assert manifest_of(folder)["status"] == "finished"
    dead = manifest_of(folder / "attempts" / "1")
    assert dead["status"] == "interrupted"
    assert isinstance(dead["error"], dict)
    assert "ended without closing it" in dead["error"]["message"]
    assert "attempt 1, begins" in (folder / "attempts" / "1" / "log.txt").read_text()


def run_to_its_end(outputs: Path, *options: str) -> int:
    """Runs the process; gives how many calls of it changed files."""
    process = start(outputs, *options)
    said, error = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, error
    return int(said.splitlines()[-1])


def check_after_kills(outputs: Path, clean: Path, *options: str) -> None:
    """Whatever says finished is whole, and the next process ends with what an undisturbed one has."""
    folder = run_folder(outputs, NAME, IDENTITY.run_id)
    for manifest in [folder / "manifest.json", *folder.glob("attempts/*/manifest.json")]:
        if manifest.exists() and manifest_of(manifest.parent)["status"] == "finished":
            assert (manifest.parent / "metrics.json").read_bytes() == (clean / "metrics.json").read_bytes()
    run_to_its_end(outputs, *options)
    assert opened(outputs).finished
    for name in ("metrics.json", "config.yaml", "model/model.txt", "predictions.parquet"):
        assert (folder / name).read_bytes() == (clean / name).read_bytes()
    for attempt in folder.glob("attempts/*/manifest.json"):
        assert manifest_of(attempt.parent)["status"] in {"interrupted", "finished"}
    assert not list(folder.parent.glob(".*.incoming"))
    assert not list(folder.glob(".*.part"))


def kill_everywhere(outputs: Path, points: int | None) -> None:
    """Kills a first attempt, and one by force, at `points` random (all, if None) calls that change files."""
    chance = random.Random(20261122)
    first = run_to_its_end(outputs / "clean")
    again = run_to_its_end(outputs / "clean", "--force")
    assert 40 < first < again
    clean = run_folder(outputs / "clean", NAME, IDENTITY.run_id)
    for total, options in ((first, []), (again, ["--force"])):
        for die_at in (
            range(1, total + 1) if points is None else sorted(chance.sample(range(1, total + 1), points))
        ):
            here = outputs / f"{die_at}{''.join(options)}"
            if options:
                make_by_process = run_to_its_end(here)
                assert make_by_process == first
            process = start(here, "--die-at", str(die_at), *options)
            process.communicate(timeout=PATIENCE_S)
            assert process.returncode == -signal.SIGKILL
            if options:  # what was finished before is finished still, or its successor is
                assert opened(here).finished or list((here / "runs").glob(".*.incoming"))
            check_after_kills(here, clean, *options)


def test_kill_9_at_random_points_ends_in_the_same_record(tmp_path: Path) -> None:
    kill_everywhere(tmp_path, points=4)


@pytest.mark.slow
def test_kill_9_at_every_point_ends_in_the_same_record(tmp_path: Path) -> None:
    kill_everywhere(tmp_path, points=None)


def test_kills_one_after_another_end_in_the_same_record(tmp_path: Path) -> None:
    chance = random.Random(7)
    total = run_to_its_end(tmp_path / "clean")
    for _ in range(6):
        start(tmp_path, "--die-at", str(chance.randint(1, total))).communicate(timeout=PATIENCE_S)
    check_after_kills(tmp_path, run_folder(tmp_path / "clean", NAME, IDENTITY.run_id))


def test_the_second_of_two_processes_waits_and_gets_the_finished_run(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    gate = tmp_path / "gate"
    folder = run_folder(tmp_path, NAME, IDENTITY.run_id)
    first = start(tmp_path, "--hold", str(gate))
    processes.append(first)
    wait_for_status(folder, "running")
    second = start(tmp_path)
    processes.append(second)
    assert second.stderr is not None
    said = second.stderr.readline()
    assert f"process {first.pid} is making run" in said
    assert second.poll() is None
    gate.touch()
    assert first.communicate(timeout=PATIENCE_S)[0].startswith("begun\n")
    assert second.communicate(timeout=PATIENCE_S)[0].startswith("finished before\n")
    assert first.returncode == second.returncode == 0
    assert manifest_of(folder)["attempt"] == 1


def test_the_second_of_two_processes_takes_over_when_the_first_is_killed(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    folder = run_folder(tmp_path, NAME, IDENTITY.run_id)
    first = start(tmp_path, "--hold", str(tmp_path / "never"))
    processes.append(first)
    wait_for_status(folder, "running")
    second = start(tmp_path)
    processes.append(second)
    assert second.stderr is not None
    assert "is making run" in second.stderr.readline()
    first.kill()
    assert second.communicate(timeout=PATIENCE_S)[0].startswith("begun\n")
    assert manifest_of(folder)["status"] == "finished"
    assert manifest_of(folder)["attempt"] == 2


def test_a_forked_worker_that_outlives_its_parent_does_not_hold_the_run(tmp_path: Path) -> None:
    record = opened(tmp_path)
    with pytest.raises(ValueError, match="stop"), record:
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(write_end)
            os.read(read_end, 1)  # until the parent closes its end
            os._exit(0)
        os.close(read_end)
        raise ValueError("stop")
    try:
        assert make(tmp_path).finished  # would wait for ever if the child had the lock
    finally:
        os.close(write_end)
        os.waitpid(child, 0)
