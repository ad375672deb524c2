"""The run record: what is on disk after a run that ended well, badly, twice, or by kill -9."""

from __future__ import annotations

import errno
import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from record_one import CONFIG, IDENTITY, METRICS, NAME

from atc.errors import DataError, UsageError
from atc.tracking import durable
from atc.tracking.prelude import Prelude
from atc.tracking.record import RunIdentity, RunRecord
from atc.tracking.run_files import Manifest, read_manifest, run_folder

SCRIPT = Path(__file__).with_name("record_one.py")
PATIENCE_S = 60.0


def opened(outputs: Path, *, force: bool = False) -> RunRecord:
    return RunRecord.open(outputs, NAME, IDENTITY, CONFIG, force=force)


def fill(record: RunRecord, metrics: dict[str, object] = METRICS) -> None:
    with record.stage("fit"):
        pass
    with record.writing("model") as folder:
        folder.mkdir()
        (folder / "model.txt").write_text("tree")
    record.finish(metrics)


def make(outputs: Path, *, force: bool = False, metrics: dict[str, object] = METRICS) -> RunRecord:
    with opened(outputs, force=force) as record:
        if not record.finished:
            fill(record, metrics)
    return record


def manifest_of(folder: Path) -> Manifest:
    manifest = read_manifest(folder)
    assert manifest is not None
    return manifest


def start(outputs: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(outputs), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parent.parent)},
    )


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    """Whatever a test starts here is ended with it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def wait_for_status(folder: Path, status: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (read_manifest(folder) or {}).get("status") != status:
        assert time.monotonic() < deadline, f"{folder} never became {status}"
        time.sleep(0.01)


# A run that ends well


def test_a_finished_record_holds_what_the_contract_lists(tmp_path: Path) -> None:
    with opened(tmp_path) as record:
        with record.stage("features") as stage:
            stage.cached = True
        record.describe(spans={"train": {"from": "2024-01-01", "rows": 5}}, notes=["short"])
        fill(record)
    folder = tmp_path / "runs" / f"{NAME}-{IDENTITY.run_id[:12]}"
    assert record.run_folder == folder
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.yaml",
        "log.txt",
        "manifest.json",
        "metrics.json",
        "model",
    ]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    for key in ("run_id", "config_digest", "data_digest", "feature_schema", "label_schema", "code_digest"):
        assert manifest[key] == getattr(IDENTITY, key)
    assert set(manifest["git"]) == {"commit", "dirty", "branch"}
    assert manifest["versions"]["python"] == ".".join(str(part) for part in sys.version_info[:3])
    assert manifest["versions"]["lightgbm"]
    assert set(manifest["stages"]) == {"features", "fit"}
    assert set(manifest["stages"]["fit"]) == {"seconds", "peak_rss_mib", "cached"}
    assert manifest["stages"]["features"]["cached"] is True
    assert manifest["stages"]["fit"]["peak_rss_mib"] > 1
    assert manifest["spans"]["train"]["rows"] == 5
    assert manifest["notes"] == ["short"]
    assert "pid" not in manifest
    assert manifest["files"]["model/model.txt"] == 4
    assert (folder / "config.yaml").read_text().startswith(f"name: {NAME}\nseed: 1\n")


def test_the_manifest_says_nothing_of_the_machine(tmp_path: Path) -> None:
    folder = make(tmp_path).run_folder
    text = (folder / "manifest.json").read_text()
    assert os.uname().nodename not in text.replace(IDENTITY.run_id, "")
    assert str(tmp_path) not in text


def test_metrics_are_the_same_bytes_whatever_their_order(tmp_path: Path) -> None:
    first = make(tmp_path / "a", metrics=dict(METRICS)).run_folder
    second = make(tmp_path / "b", metrics=dict(reversed(METRICS.items()))).run_folder
    assert (first / "metrics.json").read_bytes() == (second / "metrics.json").read_bytes()
    read = json.loads((first / "metrics.json").read_text())
    assert read == METRICS
    assert list(read) == sorted(METRICS)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "'holdout/auc' is nan"),
        (float("-inf"), "'holdout/auc' is -inf"),
        ("0.6", "'holdout/auc' is a str"),
        ([0.6], "'holdout/auc' is a list"),
    ],
)
def test_a_metric_that_is_no_finite_number_fails_the_run_by_name(
    tmp_path: Path, value: object, told: str
) -> None:
    with pytest.raises(DataError, match=told), opened(tmp_path) as record:
        fill(record, {"holdout/auc": value})
    assert manifest_of(record.run_folder)["status"] == "failed"
    assert not (record.run_folder / "metrics.json").exists()


def test_numpy_numbers_and_verdicts_become_plain_numbers(tmp_path: Path) -> None:
    import numpy as np

    metrics = {"a": np.float64(0.1), "b": np.int64(3), "c": True, "d": np.bool_(False), "e": np.float32(0.5)}
    folder = make(tmp_path, metrics=dict(metrics)).run_folder
    assert json.loads((folder / "metrics.json").read_text()) == {"a": 0.1, "b": 3, "c": 1, "d": 0, "e": 0.5}


def test_a_finished_run_is_returned_without_being_made_or_touched(tmp_path: Path) -> None:
    folder = make(tmp_path).run_folder
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*")}
    record = opened(tmp_path)
    assert record.finished
    with record:
        assert record.manifest["status"] == "finished"
        with pytest.raises(RuntimeError, match="finished"):
            record.finish(METRICS)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*")} == before


def test_finding_a_finished_run_imports_nothing_heavy(tmp_path: Path) -> None:
    make(tmp_path)
    code = (
        "import sys; sys.argv[1:] = [sys.argv[1]]; import record_one; record_one.main();"
        "heavy = {'numpy', 'polars', 'pyarrow', 'lightgbm', 'wandb', 'pydantic', 'yaml', 'rich', 'sklearn'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": f"{SCRIPT.parent}{os.pathsep}{SCRIPT.parent.parent}"},
    )
    assert done.stdout.splitlines()[::2] == ["finished before", "[]"]


def test_a_finished_run_that_lost_a_file_is_said_and_can_be_made_again(tmp_path: Path) -> None:
    folder = make(tmp_path).run_folder
    (folder / "model" / "model.txt").unlink()
    with pytest.raises(DataError, match=r"model/model\.txt is missing.*force=true"):
        opened(tmp_path)
    make(tmp_path, force=True)
    assert opened(tmp_path).finished
    assert (folder / "attempts" / "1" / "metrics.json").exists()


def test_another_run_under_the_same_short_id_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    twin = RunIdentity(IDENTITY.run_id[:12] + "0" * 52, "c", "d", "f", "l", "e")
    with pytest.raises(DataError, match="share the start of their ids"):
        RunRecord.open(tmp_path, NAME, twin, CONFIG)


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "a b"])
def test_a_name_that_is_no_file_name_is_a_usage_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="run name"):
        run_folder(tmp_path, name, IDENTITY.run_id)


def test_predictions_need_their_key(tmp_path: Path) -> None:
    import polars

    frame = polars.DataFrame(
        {"symbol": ["x"], "ts_recv": [1], "ev_seq": [2], "ts_close": [3], "split": ["holdout"]}
    )
    with opened(tmp_path) as record:
        with pytest.raises(ValueError, match="predictions begin with"):
            record.write_predictions(frame.select("ts_recv", "symbol"))
        record.write_predictions(frame.with_columns(y=0.0, t0=1, t1=2, score=0.5))
        with pytest.raises(FileExistsError, match="written already"):
            record.write_predictions(frame)
        fill(record)
    assert polars.read_parquet(record.run_folder / "predictions.parquet")["score"].to_list() == [0.5]


def test_further_tables_are_files_of_the_run(tmp_path: Path) -> None:
    import polars

    frame = polars.DataFrame({"lots": [1, 2]})
    with opened(tmp_path) as record:
        record.write_table("orders", frame)
        with pytest.raises(FileExistsError, match="written already"):
            record.write_table("orders", frame)
        for name in ("../orders", "Orders", "", "a.b"):
            with pytest.raises(ValueError, match="table name"):
                record.write_table(name, frame)
        fill(record)
    assert polars.read_parquet(record.run_folder / "orders.parquet").equals(frame)
    assert "orders.parquet" in manifest_of(record.run_folder)["files"]


# force


def test_force_makes_the_run_again_and_keeps_the_earlier_attempt_whole(tmp_path: Path) -> None:
    folder = make(tmp_path).run_folder
    earlier = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    make(tmp_path, force=True)
    kept = {path.name: path.read_bytes() for path in (folder / "attempts" / "1").iterdir() if path.is_file()}
    assert kept == earlier
    manifest = manifest_of(folder)
    assert manifest["attempt"] == 2
    assert manifest["previous"] == {"attempt": 1, "metrics_equal": True, "differing": []}
    make(tmp_path, force=True)
    assert manifest_of(folder)["attempt"] == 3
    assert sorted(path.name for path in (folder / "attempts").iterdir()) == ["1", "2"]
    assert opened(tmp_path).finished


def test_force_that_gives_other_metrics_says_which(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make(tmp_path)
    folder = make(tmp_path, force=True, metrics={**METRICS, "valid/auc": 0.5}).run_folder
    previous = manifest_of(folder)["previous"]
    assert previous == {"attempt": 1, "metrics_equal": False, "differing": ["valid/auc"]}
    assert "other metrics than attempt 1: valid/auc" in caplog.text


def test_a_forced_attempt_that_fails_leaves_the_finished_run_in_its_place(tmp_path: Path) -> None:
    folder = make(tmp_path).run_folder
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(ValueError, match="no luck"), opened(tmp_path, force=True) as record:
        raise ValueError("no luck")
    assert (folder / "manifest.json").read_bytes() == before
    assert opened(tmp_path).finished
    assert record.log_path == folder / "attempts" / "2" / "log.txt"
    assert "ValueError: no luck" in record.log_path.read_text()
    assert manifest_of(folder / "attempts" / "2")["status"] == "failed"


@pytest.mark.parametrize("renames", range(4))
def test_a_process_that_dies_while_attempts_change_places_loses_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    folder = make(tmp_path).run_folder
    make(tmp_path, force=True)  # so that there are attempts to carry along
    left = renames
    rename = Path.rename

    def rename_then_die(self: Path, target: str | Path) -> Path:
        nonlocal left
        if self.suffix != durable.PART_SUFFIX:
            if left == 0:
                raise SystemError("died here")
            left -= 1
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename_then_die)
        with pytest.raises(SystemError, match="died here"):
            make(tmp_path, force=True)
    make(tmp_path)
    assert opened(tmp_path).finished
    attempts = {path.name: manifest_of(path)["attempt"] for path in (folder / "attempts").iterdir()}
    attempts["top"] = manifest_of(folder)["attempt"]
    assert set(attempts.values()) >= {1, 2, 3}
    for path in [folder, *(folder / "attempts").iterdir()]:
        assert json.loads((path / "metrics.json").read_text()) == METRICS
    assert not list(folder.parent.glob(".*.incoming"))


# Failure and interruption


def test_a_failure_keeps_its_traceback_and_the_next_call_keeps_its_log(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), opened(tmp_path) as record, record.stage("fit"):
        _ = 1 / 0
    folder = record.run_folder
    manifest = manifest_of(folder)
    assert manifest["status"] == "failed"
    assert manifest["error"] == {"type": "ZeroDivisionError", "message": "division by zero"}
    assert isinstance(manifest["stages"], dict)
    assert set(manifest["stages"]) == {"fit"}
    log = (folder / "log.txt").read_text()
    assert "stage fit: stopped by an error" in log
    assert "Traceback (most recent call last)" in log
    assert "ZeroDivisionError: division by zero" in log

    make(tmp_path)
    assert (folder / "attempts" / "1" / "log.txt").read_text() == log
    assert manifest_of(folder)["status"] == "finished"
    assert manifest_of(folder)["attempt"] == 2


def test_ctrl_c_is_recorded_as_interrupted(tmp_path: Path) -> None:
    # A shell starts what it runs in the background with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), opened(tmp_path) as record:
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert manifest_of(record.run_folder)["status"] == "interrupted"
    assert "KeyboardInterrupt" in record.log_path.read_text()


def test_sigterm_is_recorded_as_interrupted_and_its_handler_put_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"), opened(tmp_path) as record:
        signal.raise_signal(signal.SIGTERM)
    assert manifest_of(record.run_folder)["status"] == "interrupted"
    assert signal.getsignal(signal.SIGTERM) is before


def test_ctrl_c_while_the_record_is_closed_waits_until_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_folder = durable.sync_folder
    with pytest.raises(KeyboardInterrupt), opened(tmp_path) as record:

        def press_ctrl_c(folder: Path) -> None:
            if record.manifest.get("files"):
                signal.raise_signal(signal.SIGINT)
            sync_folder(folder)

        monkeypatch.setattr(durable, "sync_folder", press_ctrl_c)
        fill(record)
    assert manifest_of(record.run_folder)["status"] == "finished"


def test_a_body_that_forgets_to_finish_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"finish\(\) was not called"), opened(tmp_path) as record:
        pass
    assert manifest_of(record.run_folder)["status"] == "failed"


def test_an_error_after_the_end_does_not_unfinish_the_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="late"), opened(tmp_path) as record:
        fill(record)
        raise ValueError("late")
    assert manifest_of(record.run_folder)["status"] == "finished"
    assert "ValueError: late" in record.log_path.read_text()


def test_half_written_files_of_a_failure_are_gone(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="in the middle"),
        opened(tmp_path) as record,
        record.writing("model") as folder,
    ):
        folder.mkdir()
        (folder / "model.txt").write_text("half a tr")
        raise ValueError("in the middle")
    assert sorted(path.name for path in record.run_folder.iterdir()) == [
        "config.yaml",
        "log.txt",
        "manifest.json",
    ]


@pytest.mark.parametrize("fatal_write", ["metrics.json", "manifest.json"])
def test_a_full_disk_never_looks_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fatal_write: str
) -> None:
    write_bytes = durable.write_bytes
    full = False

    def write_until_full(path: Path, content: bytes) -> None:
        nonlocal full
        full = full or (
            path.name == fatal_write and (fatal_write == "metrics.json" or b'"finished"' in content)
        )
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write_bytes(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(durable, "write_bytes", write_until_full)
        with pytest.raises(OSError, match="No space left") as raised, opened(tmp_path) as record:
            fill(record)
    assert raised.value.errno == errno.ENOSPC
    assert manifest_of(record.run_folder)["status"] == "running"  # nothing more could be written
    assert "No space left" in record.log_path.read_text()

    make(tmp_path)
    died = manifest_of(record.run_folder / "attempts" / "1")
    assert died["status"] == "interrupted"
    assert manifest_of(record.run_folder)["status"] == "finished"


# kill -9, and two at once


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


# Stages, log, prelude


def test_stages_measure_their_own_peak_memory(tmp_path: Path) -> None:
    with opened(tmp_path) as record:
        with record.stage("large"):
            block = bytearray(96 * 2**20)
            block[:: 2**12] = b"x" * (len(block) // 2**12)
            del block
        with record.stage("small"):
            pass
        record.finish(METRICS)
    stages = record.manifest["stages"]
    assert isinstance(stages, dict)
    assert stages["large"]["peak_rss_mib"] - stages["small"]["peak_rss_mib"] > 80


def test_the_memory_of_child_processes_counts(tmp_path: Path) -> None:
    code = (
        "import sys; x = bytearray(96 * 2**20); x[:: 2**12] = b'x' * (len(x) // 2**12); "
        "print(1, flush=True); sys.stdin.read()"
    )
    with opened(tmp_path) as record:
        with record.stage("alone"):
            pass
        with (
            subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            ) as child,
            record.stage("with_child"),
        ):
            assert child.stdout is not None
            assert (
                child.stdout.readline() == b"1\n"
            )  # it has its full size now; the last sample is at the end
        record.finish(METRICS)
    stages = record.manifest["stages"]
    assert isinstance(stages, dict)
    assert stages["with_child"]["peak_rss_mib"] - stages["alone"]["peak_rss_mib"] > 90


def test_stages_neither_nest_nor_repeat(tmp_path: Path) -> None:
    with opened(tmp_path) as record:
        with record.stage("fit"), pytest.raises(ValueError, match="do not nest"), record.stage("inner"):
            pass
        with pytest.raises(ValueError, match="was there before"), record.stage("fit"):
            pass
        record.finish(METRICS)


def test_a_running_manifest_shows_the_stages_that_have_ended(tmp_path: Path) -> None:
    with opened(tmp_path) as record:
        with record.stage("data"):
            pass
        manifest = manifest_of(record.run_folder)
        assert manifest["status"] == "running"
        assert manifest["pid"] == os.getpid()
        assert isinstance(manifest["stages"], dict)
        assert list(manifest["stages"]) == ["data"]
        record.finish(METRICS)


def test_what_happened_before_the_record_was_opened_is_in_it(tmp_path: Path) -> None:
    log = logging.getLogger("atc.somewhere")
    with Prelude() as prelude:
        with prelude.stage("data"):
            log.info("before the id was known")
        with RunRecord.open(tmp_path, NAME, IDENTITY, CONFIG, prelude=prelude) as record:
            log.info("after")
            fill(record)
    text = record.log_path.read_text()
    assert text.index("before the id was known") < text.index("attempt 1, begins") < text.index("after")
    assert isinstance(record.manifest["stages"], dict)
    assert list(record.manifest["stages"]) == ["data", "fit"]


def test_warnings_are_logged_and_still_shown(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=False):
        warnings.simplefilter("always")
        shown: list[str] = []
        warnings.showwarning = lambda message, *_, **__: shown.append(str(message))
        with opened(tmp_path) as record:
            warnings.warn("the spread is odd", UserWarning, stacklevel=1)
            fill(record)
    assert shown == ["the spread is odd"]
    assert "UserWarning: the spread is odd" in record.log_path.read_text()


def test_logging_is_put_back_as_it_was(tmp_path: Path) -> None:
    handlers = list(logging.getLogger().handlers)
    level = logging.getLogger("atc").level
    shown = warnings.showwarning
    make(tmp_path)
    assert logging.getLogger().handlers == handlers
    assert logging.getLogger("atc").level == level
    assert warnings.showwarning is shown


def test_git_state_of_a_checkout_and_of_a_folder_without_git(tmp_path: Path) -> None:
    from atc.tracking.provenance import git_state

    source = tmp_path / "code.py"
    source.write_text("x = 1\n")
    assert git_state(source) == {"commit": None, "dirty": None, "branch": None}
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run([*git, "init", "-q", "-b", "trunk"], check=True)
    assert git_state(source) == {"commit": None, "dirty": None, "branch": None}  # there, but not tracked
    subprocess.run([*git, "add", "code.py"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "one"], check=True)
    clean = git_state(source)
    assert len(str(clean["commit"])) == 40
    assert (clean["dirty"], clean["branch"]) == (False, "trunk")
    source.write_text("x = 2\n")
    subprocess.run([*git, "checkout", "-q", "--detach"], check=True)
    detached = git_state(source)
    assert (detached["dirty"], detached["branch"]) == (True, None)
    assert detached["commit"] == clean["commit"]
