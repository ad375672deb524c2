"""W&B beside the record: what its offline file holds, and that no failure of it can cost a run."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from record_example import CONFIG, IDENTITY, METRICS
from wandb_files import offline_runs, read_offline

from atc.tracking.record import RunIdentity, RunRecord
from atc.tracking.run_files import read_manifest
from atc.tracking.wandb_lineage import Lineage
from atc.tracking.wandb_session import Mode
from atc.tracking.wandb_sink import WandbSink

# One that is not defined at the end, and one of a head that stopped after a step.
CURVES = {"train/auc": [0.6, 0.65, 0.7], "valid/auc": [0.58, 0.6, None], "valid/auc@1s": [0.55]}
EQUITY = {"strategy": [0.0, -120.5, 3000.25], "alpha": [0.0, 10.0, -2.0]}
IMPORTANCE = [("ob_imbalance_top1", 812.5, 40), ("spread_bps", 31.25, 7)]


class Listener:
    """A proxy address at which nobody should ever call; counts who does."""

    def __init__(self) -> None:
        self.calls = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed at the end of the test
                return
            self.calls += 1
            connection.close()

    def close(self) -> None:
        # accept() does not wake up when another thread closes its socket; a call of our own wakes it
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=10)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Listener]:
    """Every way out leads to a listener, the home folder is empty, W&B has no account and odd wishes."""
    import wandb

    wandb.teardown()  # its service process keeps the environment that it was started in
    listener = Listener()
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(variable, listener.url)
        monkeypatch.setenv(variable.upper(), listener.url)
    for variable in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("WANDB_MODE", "online")  # a wish in the environment must not beat the config
    yield listener
    wandb.teardown()
    listener.close()


def sink_for(outputs: Path, mode: Mode = "offline") -> WandbSink:
    return WandbSink(
        mode,
        outputs,
        "gbdt_36feat",
        IDENTITY,
        CONFIG,
        project="atc-test",
        group="top3",
        tags=("demo", "gbdt"),
    )


def run_with(outputs: Path, sink: WandbSink, fail: bool = False) -> Path:
    with RunRecord.open(outputs, "gbdt_36feat", IDENTITY, CONFIG) as record:
        record.attach(sink)
        with record.stage("fit"), record.writing("model") as folder:
            folder.mkdir()
            (folder / "model.txt").write_text("tree\n")
        sink.curves("model", CURVES)
        sink.series("backtest_curve", "day", [0.0, 0.5, 1.0], EQUITY)
        sink.importance(("feature", "gain", "splits"), IMPORTANCE)
        if fail:
            raise ValueError("asked to fail")
        record.finish(METRICS)
    return record.run_folder


def tracking_of(folder: Path) -> dict[str, Any]:
    manifest = read_manifest(folder)
    assert manifest is not None
    tracking = manifest["tracking"]
    assert isinstance(tracking, dict)
    return tracking


def test_the_offline_file_holds_what_the_local_record_holds(
    tmp_path: Path, network: Listener, capfd: pytest.CaptureFixture[str]
) -> None:
    outputs = tmp_path / "outputs"
    folder = run_with(outputs, sink_for(outputs))
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
    assert network.calls == 0
    with pytest.raises(OSError):  # the listener does hear who calls
        # an opener of its own: the one that the process keeps knows the proxies of its first call
        urllib.request.build_opener().open("http://example.invalid", timeout=10)
    assert network.calls == 1
    assert list((tmp_path / "home").rglob("*")) == []

    tracking = tracking_of(folder)
    assert (tracking["mode"], tracking["effective_mode"], tracking["status"]) == (
        "offline",
        "offline",
        "recorded",
    )
    assert outputs / tracking["directory"] == read_offline(outputs).folder

    told = read_offline(outputs)
    run = told.run
    assert run["run_id"] == IDENTITY.run_id[:16]
    assert run["run_group"] == "top3"
    assert run["tags"] == ["demo", "gbdt"]
    assert run["job_type"] == "run"
    assert run["project"] == "atc-test"
    assert run["display_name"] == folder.name
    config = told.config
    assert config.pop("identity")["data_digest"] == IDENTITY.data_digest
    assert config == CONFIG

    local = json.loads((folder / "metrics.json").read_text())
    assert {key: told.summary[key] for key in local} == local
    stages = json.loads((folder / "manifest.json").read_text())["stages"]
    assert told.summary["cost/fit/seconds"] == told.summary["cost/seconds"] == stages["fit"]["seconds"]
    assert told.summary["cost/peak_rss_mib"] == stages["fit"]["peak_rss_mib"]

    steps = [line for line in told.history if "model/iteration" in line]
    assert [line["model/iteration"] for line in steps] == [1, 2, 3]
    assert [line["model/train/auc"] for line in steps] == CURVES["train/auc"]
    assert [line.get("model/valid/auc") for line in steps] == CURVES["valid/auc"]
    assert [line.get("model/valid/auc@1s") for line in steps] == [0.55, None, None]

    drawn = [line for line in told.history if "backtest_curve/day" in line]
    assert [line["backtest_curve/day"] for line in drawn] == [0.0, 0.5, 1.0]
    for name, values in EQUITY.items():
        assert [line[f"backtest_curve/{name}"] for line in drawn] == values

    assert told.table("importance")["data"] == [list(row) for row in IMPORTANCE]
    assert told.files_in("gbdt_36feat-model") == ["model.txt"]
    assert told.files_in("gbdt_36feat-record") == ["config.yaml", "log.txt", "manifest.json", "metrics.json"]
    assert told.exit_codes == [0]


def test_lineage_goes_from_data_over_features_and_run_to_the_model(tmp_path: Path) -> None:
    run_with(tmp_path, sink_for(tmp_path))
    made, run = (one.artifacts for one in (*offline_runs(tmp_path, "features"), read_offline(tmp_path)))
    assert {name: one["type"] for name, one in made.items()} == {
        "data-demo": "data",
        "features-plan36": "features",
    }
    assert {name: one["type"] for name, one in run.items()} == {
        "data-demo": "data",
        "features-plan36": "features",
        "gbdt_36feat-record": "run-record",
        "gbdt_36feat-model": "model",
    }
    # What a run uses is entered as soon as it is there; what it gives bears its id.
    assert [name for name, one in made.items() if one.get("use_after_commit")] == ["data-demo"]
    assert [name for name, one in run.items() if one.get("use_after_commit")] == [
        "data-demo",
        "features-plan36",
    ]
    assert [name for name, one in run.items() if one.get("user_created")] == ["data-demo", "features-plan36"]
    assert not made["features-plan36"].get("user_created")
    # Both runs mean the same versions, which are digests: nothing is copied.
    for name in ("data-demo", "features-plan36"):
        assert made[name]["digest"] == run[name]["digest"]
    (events,) = run["data-demo"]["manifest"]["contents"]
    assert events["ref"] == f"atc://data/{IDENTITY.data_digest}"
    assert json.loads(run["features-plan36"]["metadata"])["feature_schema"] == IDENTITY.feature_schema
    assert set(run["gbdt_36feat-model"]["aliases"]) == {"latest", IDENTITY.run_id[:12]}


def test_other_data_are_another_version_and_the_same_are_the_same() -> None:
    def versions(identity: RunIdentity) -> list[str]:
        heard: list[Any] = []
        run: Any = SimpleNamespace(_log_artifact=lambda artifact, **_: heard.append(artifact))
        Lineage("gbdt_36feat", identity, CONFIG).record_inputs(run)
        return [artifact.digest for artifact in heard]

    own = versions(IDENTITY)
    assert versions(replace(IDENTITY, run_id="7" * 64, label_schema="7" * 64)) == own
    other_data, other_schema = (
        versions(replace(IDENTITY, **{key: "7" * 64})) for key in ("data_digest", "feature_schema")
    )
    assert len({*own, *other_data}) == 4
    assert (other_schema[0], other_schema[1] != own[1]) == (own[0], True)


def test_a_second_run_on_the_same_features_does_not_make_them_again(tmp_path: Path) -> None:
    for number in range(2):
        identity = replace(IDENTITY, run_id=str(number) * 64)
        with RunRecord.open(tmp_path, "gbdt_36feat", identity, CONFIG) as record:
            record.attach(WandbSink("offline", tmp_path, "gbdt_36feat", identity, CONFIG))
            record.finish(METRICS)
    assert (len(offline_runs(tmp_path)), len(offline_runs(tmp_path, "features"))) == (2, 1)


def test_a_failed_run_is_finished_as_failed(tmp_path: Path, network: Listener) -> None:
    outputs = tmp_path / "outputs"
    with pytest.raises(ValueError, match="asked to fail"):
        run_with(outputs, sink_for(outputs), fail=True)
    assert read_offline(outputs).exit_codes == [1]
    (folder,) = (outputs / "runs").glob("gbdt*")
    manifest = read_manifest(folder)
    assert manifest is not None
    assert manifest["status"] == "failed"
    assert tracking_of(folder)["status"] == "recorded"


def test_none_imports_nothing_and_says_so(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import test_tracking as t;"
        "folder = t.run_with(Path(sys.argv[1]), t.sink_for(Path(sys.argv[1]), 'none'));"
        "print(t.tracking_of(folder), 'wandb' in sys.modules)"
    )
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here.parent}"},
    )
    assert done.stdout.strip() == "{'mode': 'none', 'status': 'off'} False"
    assert not (tmp_path / "wandb").exists()


@pytest.mark.parametrize("broken", ["init", "log", "finish"])
def test_a_failure_of_wandb_is_said_once_recorded_and_costs_nothing(
    tmp_path: Path,
    network: Listener,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    import wandb

    def fail(*_: object, **__: object) -> None:
        raise wandb.errors.CommError("the service is gone")

    outputs = tmp_path / "outputs"
    finish = wandb.Run.finish
    runs: list[wandb.Run] = []
    with monkeypatch.context() as patch:
        if broken == "init":
            patch.setattr(wandb, "init", fail)
        elif broken == "log":
            patch.setattr(wandb.Run, "log", fail)
        else:
            patch.setattr(wandb.Run, "finish", lambda self, **_: (runs.append(self), fail()))
        folder = run_with(outputs, sink_for(outputs))
    for run in runs:
        finish(run)
    manifest = read_manifest(folder)
    assert manifest is not None
    assert manifest["status"] == "finished"
    assert (folder / "metrics.json").exists()
    tracking = tracking_of(folder)
    assert tracking["status"] == "failed"
    assert "the service is gone" in tracking["error"]
    told = [record for record in caplog.records if record.levelname == "WARNING" and "W&B" in record.message]
    assert len(told) == 1
    assert "the local record is whole without it" in told[0].message


def test_online_without_an_account_is_kept_offline_and_said(
    tmp_path: Path, network: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    outputs = tmp_path / "outputs"
    folder = run_with(outputs, sink_for(outputs, "online"))
    tracking = tracking_of(folder)
    assert (tracking["mode"], tracking["effective_mode"], tracking["status"]) == (
        "online",
        "offline",
        "recorded",
    )
    assert "no account is configured" in tracking["error"]
    assert "kept offline" in caplog.text
    assert read_offline(outputs).exit_codes == [0]


@pytest.mark.slow  # W&B waits ten seconds for an answer
def test_online_without_network_is_kept_offline_and_said(
    tmp_path: Path,
    network: Listener,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("atc.tracking.wandb_session._INIT_TIMEOUT_S", 2.0)
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    outputs = tmp_path / "outputs"
    folder = run_with(outputs, sink_for(outputs, "online"))
    assert network.calls > 0
    tracking = tracking_of(folder)
    assert (tracking["mode"], tracking["effective_mode"], tracking["status"]) == (
        "online",
        "offline",
        "recorded",
    )
    assert tracking["error"].startswith("online: ")
    assert caplog.text.count("kept offline") == 1
    assert capfd.readouterr().out == ""
    assert read_offline(outputs).exit_codes == [0]


def test_the_environment_is_put_back(tmp_path: Path, network: Listener) -> None:
    before = dict(os.environ)
    run_with(tmp_path / "outputs", sink_for(tmp_path / "outputs"))
    now = dict(os.environ)
    now.pop("WANDB_SERVICE", None)  # the address of W&B's own service process, which lives on
    assert now == before
