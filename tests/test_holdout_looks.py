"""Runs and the ledger: a look is entered before it happens, once for each time that the holdout is opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_holdout_ledger import ASKER, HOLDOUT
from typer.testing import CliRunner

import atc
from atc.cli import application
from atc.errors import DataError, UsageError
from atc.protocol.ledger import Ledger
from atc.protocol.ledger_lines import Look
from atc.report.progress import Progress
from atc.run import run
from atc.tasks.base import Desk
from atc.tasks.tick_classification import TickClassification
from atc.tracking.stages import Stages

WORDS = (
    *("+experiment=logistic_13feat", "data.days=4", "data.rate=0.05"),
    *("window.train_days=3", "window.holdout_days=1", "evaluation.resamples=20", "backtest=none"),
    *("evaluation.adversarial.enabled=false", "tracking=none", "runtime.progress=off"),
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("looks")


def made(outputs: Path, *words: str) -> Path:
    return run(atc.compose([*WORDS, f"paths.outputs={outputs}", *words]))


def looks(outputs: Path) -> list[Look]:
    config = atc.compose([*WORDS, f"paths.outputs={outputs}"])
    task = TickClassification(config)
    task.prepare(Desk(Stages().stage, Progress("off").bar))
    holdout = task.market.holdout
    return Ledger(config.paths.events_dir).looks(holdout.venue, holdout.symbol)


def cli(*words: str) -> str:
    done = CliRunner().invoke(application(), ["holdout", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_looks_of_runs(
    outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made(outputs, "protocol.sealed=true")
    assert looks(outputs) == []
    capsys.readouterr()
    folder = made(outputs)
    (look,) = looks(outputs)
    opened = atc.open_run(folder)
    assert look.run_id == opened.run_id
    assert look.name == "logistic_13feat"
    assert look.config_digest == opened.manifest["config_digest"]
    assert look.data_digest == opened.manifest["data_digest"]
    assert "the holdout is opened" in opened.log
    assert look.reason in opened.log

    # What the holdout can show is said, recorded and logged before the model is fitted.
    stages = list(opened.manifest["stages"])
    assert stages.index("power") < stages.index("fit")
    assert opened.metrics["power/holdout/lift/min_detectable"] is not None
    (stated,) = (line for line in capsys.readouterr().err.splitlines() if "before the fit" in line)
    assert stated in opened.manifest["notes"]
    assert stated in opened.log

    made(outputs)  # found finished
    assert len(looks(outputs)) == 1
    made(outputs, "runtime.force=true")
    assert [one.run_id for one in looks(outputs)] == [look.run_id] * 2

    # Killed between the look and its figures: the look stays.
    from atc.tasks import outcome

    def killed(**_: object) -> None:
        assert len(looks(outputs)) == 3  # on disk before anything is computed
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(outcome, "evaluate", killed)
        with pytest.raises(KeyboardInterrupt):
            made(outputs, "seed=7")
    assert len(looks(outputs)) == 3

    made(outputs, "window.train_days=2", "window.holdout_days=2")
    assert len(looks(outputs)) == 4
    assert len({one.span for one in looks(outputs)}) == 2

    # `atc holdout log` lists and counts them.
    where = (*WORDS[1:3], f"paths.outputs={outputs}")
    everything = cli("log", *where).splitlines()
    assert everything[-1] == "looks 4, runs 3"
    header = next(line for line in everything if "when, UTC" in line)
    for line in everything:
        if "logistic_13feat-" in line:
            assert line.index("logistic") == header.index("run")  # aligned
            assert line.index("metrics of the run") == header.index("asked")
    assert sum(line.startswith("holdout ") for line in everything) == 2

    file = tmp_path / "looks.json"
    one_day = cli("log", *where, *WORDS[3:5], "--json", str(file)).splitlines()
    assert one_day[-1] == "looks 4, runs 3"  # the two-day holdout shares its last day
    content = json.loads(file.read_text())
    assert (content["looks"], content["runs"], len(content["entries"])) == (4, 3, 4)
    first_days = cli("log", *where, "window.train_days=1", "window.holdout_days=1").splitlines()
    assert first_days[-1] == "looks 0, runs 0"
    two_days = cli("log", *where, "window.train_days=2", "window.holdout_days=1").splitlines()
    assert two_days[-1] == "looks 1, runs 1"


def test_a_refused_look_fails_the_run_with_the_way_out(outputs: Path, tmp_path: Path) -> None:
    """The same events under a root whose ledger cannot be made."""
    looks(outputs)  # the events are there
    (tmp_path / "canonical").symlink_to(outputs / "data" / "canonical")
    (tmp_path / "holdout").write_text("in the way")
    before = set((outputs / "runs").glob("*/manifest.json"))
    with pytest.raises(DataError, match=r"holdout ledger .* cannot be read or written .*protocol\.sealed"):
        made(outputs, f"paths.events={tmp_path}", "seed=9")
    (manifest,) = set((outputs / "runs").glob("*/manifest.json")) - before
    assert json.loads(manifest.read_text())["status"] == "failed"
    assert not (manifest.parent / "metrics.json").exists()
    assert not (manifest.parent / "predictions.parquet").exists()


def test_a_damaged_ledger_is_mended_by_the_command_that_its_message_names(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.enter(HOLDOUT, ASKER, "look 0")
    path = ledger.path(HOLDOUT)
    path.write_bytes(path.read_bytes() + b"half a li")
    with pytest.raises(DataError, match="cut short") as refused:
        ledger.enter(HOLDOUT, ASKER, "look 1")
    words = str(refused.value).split("`atc holdout ")[1].split("`")[0].replace('"…"', "test").split()
    assert cli(*words).strip() == "looks 1"
    ledger.enter(HOLDOUT, ASKER, "look 1")
    with pytest.raises(UsageError, match="--because is empty"):
        cli("mend", str(path), "--because", " ")


def test_without_a_ledger_nobody_looks(outputs: Path) -> None:
    task = TickClassification(atc.compose([*WORDS, f"paths.outputs={outputs}"]))
    desk = Desk(Stages().stage, Progress("off").bar)
    task.prepare(desk)
    holdout = task.load(desk).parts.holdout
    with pytest.raises(UsageError, match="no ledger is at hand"):
        holdout.open("a look past the ledger")
