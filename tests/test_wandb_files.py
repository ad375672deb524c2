"""Attempts that died leave W&B files of the same id; they do not get in the way of the next one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from record_example import CONFIG, IDENTITY, METRICS
from test_tracking import run_with, sink_for, tracking_of
from wandb_files import Offline, offline_runs, read_offline

from atc.tracking.record import RunRecord
from atc.tracking.run_files import run_folder, write_manifest

KILLED = """
import sys, time
from pathlib import Path
import test_tracking as t

outputs = Path(sys.argv[1])
with t.RunRecord.open(outputs, "gbdt_36feat", t.IDENTITY, t.CONFIG) as record:
    sink = t.sink_for(outputs)
    record.attach(sink)
    sink.curves("model", t.CURVES)
    print("fitting", flush=True)
    time.sleep(60)
"""


def kill_one(outputs: Path) -> None:
    """Begins the run of `IDENTITY` and ends its process with `kill -9` in the middle of it."""
    here = Path(__file__).parent
    # W&B's service of its own: this process's would keep the run open.
    environment = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(outputs)],
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, "PYTHONPATH": f"{here}{os.pathsep}{here.parent}"},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "fitting\n"
        process.kill()


def test_a_killed_run_has_no_end_and_the_next_attempt_takes_its_place(tmp_path: Path) -> None:
    kill_one(tmp_path)
    dead = read_offline(tmp_path)
    assert dead.exit_codes == []  # nothing says that it finished
    time.sleep(1.1)  # W&B names folders by the second
    folder = run_with(tmp_path, sink_for(tmp_path))
    now = read_offline(tmp_path)
    assert now.run["run_id"] == IDENTITY.run_id[:16]
    assert now.exit_codes == [0]
    assert tmp_path / tracking_of(folder)["directory"] == now.folder
    aside = tmp_path / "wandb" / "earlier" / dead.folder.name
    assert Offline(aside).exit_codes == []
    assert f"W&B files of an earlier attempt: {aside}" in (folder / "log.txt").read_text()


def made(outputs: Path, name: str, sent: bool = False) -> Path:
    folder = outputs / "wandb" / f"offline-run-{name}-{IDENTITY.run_id[:16]}"
    folder.mkdir(parents=True)
    if sent:
        (folder / "run.wandb.synced").touch()
    return folder


def test_what_was_sent_and_what_the_finished_run_names_stays(tmp_path: Path) -> None:
    dead, sent, finished = (
        made(tmp_path, "20260101_000000"),
        made(tmp_path, "20260101_000001", sent=True),
        made(tmp_path, "20260101_000002"),
    )
    folder = run_folder(tmp_path, "gbdt_36feat", IDENTITY.run_id)
    folder.mkdir(parents=True)
    tracking = {"effective_mode": "offline", "directory": str(finished.relative_to(tmp_path))}
    write_manifest(folder, {"status": "finished", "run_id": IDENTITY.run_id, "tracking": tracking})
    with RunRecord.open(tmp_path, "gbdt_36feat", IDENTITY, CONFIG, force=True) as record:
        record.attach(sink_for(tmp_path))
        record.finish(METRICS)
    assert (dead.exists(), sent.exists(), finished.exists()) == (False, True, True)
    assert len(offline_runs(tmp_path)) == 3
