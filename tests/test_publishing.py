"""`atc tracking publish`: what is sent of runs, in which order, what is said without an account."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from record_example import CONFIG, IDENTITY, METRICS
from test_tracking import Listener, network  # noqa: F401  # a fixture
from test_wandb_files import kill_one
from typer.testing import CliRunner
from wandb_files import Offline, offline_runs, read_offline

from atc.cli import application
from atc.report.publishing import publication_of
from atc.report.wandb_additions import add_reports, settle
from atc.tracking.record import RunRecord
from atc.tracking.wandb_sink import WandbSink


def two_runs(outputs: Path, **second: object) -> list[Path]:
    """The second has more leaves, and given parts of a config; both on the same features, in one group."""
    folders = []
    for number, leaves in enumerate((31, 63)):
        identity = replace(IDENTITY, run_id=f"{number}" * 64)
        config = {**CONFIG, "model": {"kind": "gbdt", "num_leaves": leaves}, "tracking": {"project": "atc"}}
        config |= second if number else {}
        sink = WandbSink("offline", outputs, "gbdt_36feat", identity, config, group="leaves-0123")
        with RunRecord.open(outputs, "gbdt_36feat", identity, config) as record:
            record.attach(sink)
            record.finish(METRICS)
        folders.append(record.run_folder)
    return folders


def report_of(folder: Path, text: str = "<!doctype html><title>a report</title>") -> Path:
    page = folder.parent.parent / "reports" / f"{folder.name}.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text(text)
    return page


def publish(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(application(), ["tracking", "publish", *map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return getattr(done.exception, "exit_code", 1), done.output + str(done.exception)
    return done.exit_code, done.output


def test_features_go_first_and_what_was_sent_stays(tmp_path: Path) -> None:
    two_runs(tmp_path)
    found = publication_of(tmp_path)
    assert found.features_to_send == [one.folder for one in offline_runs(tmp_path, "features")]
    first, second = found.runs_to_send
    assert [first, second] == [one.folder for one in offline_runs(tmp_path)]
    for folder in (*found.features_to_send, first):
        (folder / "run.wandb.synced").touch()
    again = publication_of(tmp_path)
    assert (again.features_to_send, again.runs_to_send) == ([], [second])


def test_the_dashboard_shows_what_differs_and_what_the_runs_claim(tmp_path: Path) -> None:
    first, _ = two_runs(tmp_path)
    shown = publication_of(tmp_path).shown("team")
    assert shown.varied == ("model.num_leaves",)  # not where the runs lie
    assert shown.figures == ("lift/holdout/auc",)
    assert shown.runs == ("0" * 16, "1" * 16)
    assert shown.baseline == "0" * 16
    alone = publication_of(first).shown("team")
    assert (alone.name, alone.baseline, alone.varied) == (first.name, None, ())


def test_runs_of_different_questions_have_no_deltas_to_the_first(tmp_path: Path) -> None:
    two_runs(tmp_path, label={"kind": "hold10_oracle", "horizon_s": 30.0, "exit_bps": 2.0})
    assert publication_of(tmp_path).shown("team").baseline is None


def test_a_report_is_added_to_its_run_once(tmp_path: Path) -> None:
    folder, _ = two_runs(tmp_path)
    found = publication_of(tmp_path)
    with add_reports(found) as added:
        assert added == []
    page = report_of(folder)
    with add_reports(found) as added:
        (more,) = (Offline(one) for one in added)
        assert more.run["run_id"] == "0" * 16
        assert more.run.get("job_type", "") == ""  # what the run was called stays
        assert more.files_in("gbdt_36feat-report") == [page.name]
        assert more.exit_codes == [0]
    assert not more.folder.exists()
    with add_reports(publication_of(tmp_path)) as added:
        assert added == []
    report_of(folder, "<title>made again</title>")
    with pytest.raises(ValueError, match="no network"), add_reports(found) as added:
        assert len(added) == 1
        raise ValueError("no network")
    assert publication_of(tmp_path).entries[0].page_to_send == page


def test_a_run_that_was_killed_is_finished_as_failed_once(tmp_path: Path) -> None:
    kill_one(tmp_path)
    (entry,) = publication_of(tmp_path / "runs").entries
    dead = read_offline(tmp_path).folder
    assert (entry.died, entry.folder) == (True, dead)
    time.sleep(1.1)  # W&B names folders by the second
    settled = settle(entry)
    told = read_offline(tmp_path)
    assert (settled.folder, told.exit_codes) == (told.folder, [1])
    assert told.files_in("gbdt_36feat-record") == ["config.yaml", "log.txt", "manifest.json"]
    assert (tmp_path / "wandb" / "earlier" / dead.name).is_dir()
    (again,) = publication_of(tmp_path / "runs").entries
    assert settle(again) is again
    assert (again.died, again.folder) == (True, settled.folder)


def test_without_an_account_it_says_what_is_missing_and_sends_nothing(
    tmp_path: Path,
    network: Listener,  # noqa: F811
) -> None:
    outputs = tmp_path / "outputs"
    folder, _ = two_runs(outputs)
    report_of(folder)
    code, said = publish(outputs)
    assert code == 2
    assert "no W&B account is configured on this machine: `wandb login` or WANDB_API_KEY gives one" in said
    assert "ready to be sent: 2 runs, 1 reports, and the dashboard of 'atc: outputs'" in said
    assert network.calls == 0
    assert list((tmp_path / "home").rglob("*")) == []


def test_json_needs_no_account(tmp_path: Path, network: Listener) -> None:  # noqa: F811
    outputs = tmp_path / "outputs"
    two_runs(outputs)
    file = tmp_path / "dashboard.json"
    code, said = publish(outputs, "--json", file, "--entity", "team")
    assert (code, said) == (0, f"dashboard: {file}\n")
    written = json.loads(file.read_text())
    assert (written["entity"], written["project"]) == ("team", "atc")
    assert network.calls == 0
    assert publish(outputs, "--json", tmp_path / "nowhere" / "x.json")[0] == 2


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    code, said = publish(tmp_path / "absent")
    assert code == 1
    assert "there is no run" in said
