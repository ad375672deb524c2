"""`atc tracking publish` with an account, against a stand-in for W&B's server."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from record_example import IDENTITY
from test_publishing import publish, report_of, two_runs
from test_wandb_files import kill_one
from wandb_server import API_KEY, ENTITY, WandbServer

FEATURES = ("data-demo", "features-plan36")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    import wandb

    wandb.teardown()  # its service process keeps the environment that it was started in
    for variable in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    answering = WandbServer()
    monkeypatch.setenv("WANDB_BASE_URL", answering.url)
    monkeypatch.setenv("WANDB_API_KEY", API_KEY)
    yield answering
    wandb.teardown()
    answering.close()


@pytest.mark.slow  # five processes that import W&B
def test_runs_lineage_reports_and_the_dashboard_arrive(server: WandbServer, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    first, _ = two_runs(outputs)
    code, said = publish(outputs, "--entity", "others")
    assert (code, server.ends) == (2, {})
    assert "--entity others: these runs were recorded for 'team'" in said
    code, said = publish(outputs)
    assert (code, server.ends.pop("0" * 16), server.ends.pop("1" * 16)) == (0, [0], [0]), said
    ((made, ends),) = server.ends.items()
    assert (made.startswith("features-"), ends) == (True, [0])
    assert "sent: 2 runs, 1 sets of features, 0 reports" in said

    # The features have a maker before they have users, and one version each.
    told = [call["input"] for call in server.told("CreateArtifact")]
    makers = {call["artifactCollectionName"]: call.get("runName") for call in reversed(told)}
    assert makers["features-plan36"] == made
    assert sorted(name for name, _ in server.artifacts) == [*FEATURES, *["gbdt_36feat-record"] * 2]
    used = {(call["input"]["runName"], call["input"]["artifactID"]) for call in server.told("UseArtifact")}
    ids = {name: id_ for (name, _), id_ in server.artifacts.items()}
    assert used == {(made, ids["data-demo"])} | {
        (run * 16, ids[name]) for run in ("0", "1") for name in FEATURES
    }

    # Again: nothing but the new report goes, and the dashboard takes its own place.
    (view,) = server.views
    server.calls.clear()
    page = report_of(first)
    code, said = publish(outputs)
    assert (code, list(server.views)) == (0, [view])
    assert "sent: 0 runs, 0 sets of features, 1 reports" in said
    assert server.views[view]["id"] == f"id of {view}"
    assert [call["input"]["artifactCollectionName"] for call in server.told("CreateArtifact")] == [
        "gbdt_36feat-report"
    ]
    (sent,) = server.told("CreateArtifactFiles")
    assert [file["name"] for file in sent["input"]["artifactFiles"]] == [page.name]
    assert f"dashboard: {server.url}/{ENTITY}/atc?nw=" in said


@pytest.mark.slow
def test_a_run_that_was_killed_arrives_as_failed(server: WandbServer, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    kill_one(outputs)
    time.sleep(1.1)  # W&B names folders by the second
    code, said = publish(outputs / "runs")
    assert (code, server.ends[IDENTITY.run_id[:16]]) == (0, [1]), said
    assert "died; W&B shows it as failed" in said


def test_a_server_that_does_not_answer_is_told(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = tmp_path / "outputs"
    two_runs(outputs)
    monkeypatch.setattr(server, "answer", lambda *_: {})
    code, said = publish(outputs)
    assert code == 1
    assert "W&B" in said
    assert all(not any(one.glob("*.synced")) for one in outputs.glob("wandb/offline-run-*"))
