"""W&B in a process of its own: the same words and files, and no end of that process costs a run."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import cast

import pytest
from quiet_sink import QuietSink
from record_example import CONFIG, IDENTITY, METRICS
from test_tracking import CURVES, EQUITY, IMPORTANCE, sink_for, tracking_of
from waiting import waited_for
from wandb_files import read_offline

from atc.tracking import memory
from atc.tracking.record import RunRecord
from atc.tracking.run_files import read_manifest
from atc.tracking.wandb_beside import WandbBeside
from atc.tracking.wandb_session import Mode
from atc.tracking.wandb_sink import WandbSink

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f00"
    "050001ff89993d1d0000000049454e44ae426082"
)


def beside(outputs: Path, mode: Mode = "offline") -> WandbBeside:
    return WandbBeside(sink_for(outputs, mode))


def run_with(outputs: Path, sink: WandbBeside, ends: BaseException | None = None) -> Path:
    with RunRecord.open(outputs, "gbdt_36feat", IDENTITY, CONFIG) as record:
        record.attach(sink)
        with record.writing("model") as folder:
            folder.mkdir()
            (folder / "model.txt").write_text("tree\n")
        sink.curves("model", CURVES)
        sink.series("backtest_curve", "day", [0.0, 0.5, 1.0], EQUITY)
        sink.importance(("feature", "gain", "splits"), iter(IMPORTANCE))
        with record.writing("why.png") as file:
            file.write_bytes(PNG)
        sink.picture("explain/why", record.folder / "why.png")
        if ends is not None:
            raise ends
        record.finish(METRICS)
    return record.run_folder


def test_it_writes_what_the_sink_would_and_this_process_imports_no_wandb(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import test_wandb_beside as t;"
        "outputs = Path(sys.argv[1]); folder = t.run_with(outputs, t.beside(outputs));"
        "print(folder, 'wandb' in sys.modules)"
    )
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here.parent}"},
    )
    folder, imported = done.stdout.split()
    assert imported == "False"
    assert done.stderr == ""
    tracking = tracking_of(Path(folder))
    assert (tracking["status"], tracking["error"]) == ("recorded", None)
    assert tmp_path / tracking["directory"] == read_offline(tmp_path).folder
    found = read_offline(tmp_path)
    assert found.run["run_id"] == IDENTITY.run_id[:16]
    assert [line["model/train/auc"] for line in found.history if "model/iteration" in line] == CURVES[
        "train/auc"
    ]
    drawn = [line for line in found.history if "backtest_curve/day" in line]
    assert [line["backtest_curve/strategy"] for line in drawn] == EQUITY["strategy"]
    (picture,) = tmp_path.glob("wandb/offline-run-*/files/media/images/explain/why*.png")
    assert picture.read_bytes() == PNG
    assert set(found.artifacts) >= {"gbdt_36feat-record", "gbdt_36feat-model"}
    assert found.exit_codes == [0]


@pytest.mark.parametrize(("ends", "code"), [(ValueError("asked to"), 1), (KeyboardInterrupt(), 130)])
def test_a_run_that_fails_is_finished_as_failed(tmp_path: Path, ends: BaseException, code: int) -> None:
    with pytest.raises(type(ends)):
        run_with(tmp_path, beside(tmp_path), ends)
    assert read_offline(tmp_path).exit_codes == [code]
    (folder,) = (tmp_path / "runs").glob("gbdt*")
    assert tracking_of(folder)["status"] == "recorded"


def test_what_it_logs_is_in_the_log_of_the_run_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "wandb").write_text("in the way")
    folder = run_with(tmp_path, beside(tmp_path))
    tracking = tracking_of(folder)
    assert tracking["status"] == "failed"
    assert tracking["error"].startswith("start: FileExistsError")
    (told,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert told.name == "atc.tracking.wandb_sink"
    assert "the local record is whole without it" in told.message
    assert told.message in (folder / "log.txt").read_text()


def test_a_process_that_is_killed_costs_nothing_but_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = beside(tmp_path)
    start = sink.start

    def start_and_kill() -> None:
        before = memory.descendants()
        start()
        (pid,) = memory.descendants() - before
        os.kill(pid, signal.SIGKILL)

    sink.start = start_and_kill  # type: ignore[method-assign]
    folder = run_with(tmp_path, sink)
    manifest = read_manifest(folder)
    assert manifest is not None
    assert manifest["status"] == "finished"
    tracking = tracking_of(folder)
    assert tracking["status"] == "failed"
    assert "its process ended with exit code -9" in tracking["error"]
    told = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == 1
    assert "the local record is whole without it" in told[0].message


def test_a_process_that_is_behind_holds_nobody_up_and_gets_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits to be read can be interrupted in the middle of a message, whose rest never comes."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    sink = WandbBeside(cast(WandbSink, QuietSink()))
    before = memory.descendants()
    sink.start()
    (pid,) = memory.descendants() - before
    os.kill(pid, signal.SIGSTOP)
    goes_on = threading.Timer(30, os.kill, (pid, signal.SIGCONT))
    goes_on.start()
    try:
        for _ in range(8):
            sink.curves("much", {"auc": [0.5] * 50_000})  # more than any pipe holds
        assert not goes_on.finished.is_set()
    finally:
        goes_on.cancel()
        os.kill(pid, signal.SIGCONT)
        sink.close(tmp_path, None, 130)
    assert sink.report() == {"status": "quiet", "curves": 8}


def test_a_process_that_cannot_be_started_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    folder = run_with(tmp_path, beside(tmp_path))
    assert tracking_of(folder)["status"] == "failed"
    assert "start (FileNotFoundError" in tracking_of(folder)["error"]
    assert "the local record is whole without it" in caplog.text


def test_a_run_that_dies_leaves_no_process_and_no_finished_run(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; import test_wandb_beside as t;"
        "outputs = Path(sys.argv[1]); sink = t.beside(outputs); sink.start();"
        "sink.curves('model', t.CURVES);"
        "print(*t.memory.descendants(), flush=True); time.sleep(60)"
    )
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here.parent}"}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        (pid,) = map(int, process.stdout.readline().split())
        waited_for(lambda: [*tmp_path.glob("wandb/offline-run-*/*.wandb")])
        process.kill()
    waited_for(lambda: not Path(f"/proc/{pid}").exists())
    assert read_offline(tmp_path).exit_codes == []


def test_none_starts_nothing(tmp_path: Path) -> None:
    before = memory.descendants()
    sink = beside(tmp_path, "none")
    with RunRecord.open(tmp_path, "gbdt_36feat", IDENTITY, CONFIG) as record:
        record.attach(sink)
        assert memory.descendants() == before
        sink.curves("model", CURVES)
        record.finish(METRICS)
    assert tracking_of(record.run_folder) == {"mode": "none", "status": "off"}


def test_what_it_starts_is_no_part_of_a_stage(tmp_path: Path) -> None:
    with RunRecord.open(tmp_path, "gbdt_36feat", IDENTITY, CONFIG) as record:
        before = memory.descendants()
        record.attach(beside(tmp_path))
        (own,) = memory.descendants() - before
        waited_for(lambda: len(memory.descendants() - before) > 1)  # W&B's service is there as well
        assert memory.descendants({own}) == before
        record.finish(METRICS)
