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
    *("evaluation.adversarial.enabled=false", "explain=none", "tracking=none", "runtime.progress=off"),
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

    # Two days held out, on the first of which the four runs above have validated.
    made(outputs, "window.train_days=2", "window.holdout_days=2")
    assert [one.kind for one in looks(outputs)].count("look") == 4
    assert [one.kind for one in looks(outputs)].count("judged") == 4
    assert len({one.span for one in looks(outputs) if one.kind == "look"}) == 2

    # `atc holdout log` lists and counts them.
    where = (*WORDS[1:3], f"paths.outputs={outputs}")
    everything = cli("log", *where).splitlines()
    # The sealed one is the fourth run; one was made twice, and looked and validated once.
    assert everything[-1] == "looks 6, runs 4, entries 8"
    header = next(line for line in everything if "when, UTC" in line)
    for line in everything:
        if "logistic_13feat-" in line:
            assert line.index("logistic") == header.index("run")  # aligned
            asked = "metrics of the run" if "metrics of the run" in line else "validation"
            assert line.index(asked) == header.index("asked")
    assert sum(line.startswith("holdout ") for line in everything) == 2
    assert sum(line.startswith("validation or folds, in ") for line in everything) == 1

    file = tmp_path / "looks.json"
    one_day = cli("log", *where, *WORDS[3:5], "--json", str(file)).splitlines()
    # A run's own validation is no look at its own holdout.
    assert one_day[-1] == "looks 3, runs 3, entries 4"  # the two-day holdout shares its last day
    content = json.loads(file.read_text())
    assert (content["looks"], content["runs"], len(content["entries"])) == (3, 3, 4)
    first_days = cli("log", *where, "window.train_days=1", "window.holdout_days=1").splitlines()
    assert first_days[-1] == "looks 1, runs 1, entries 1"  # validation of the run that trained on two days
    two_days = cli("log", *where, "window.train_days=2", "window.holdout_days=1").splitlines()
    assert two_days[-1] == "looks 4, runs 4, entries 5"


def test_a_moved_window_is_no_way_around_the_ledger(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sealed walk-forward folds on a day that another window holds out: looks at it, told beforehand."""
    outputs = tmp_path_factory.mktemp("moved")
    days = ("data.days=6", "window.train_days=5", "window.holdout_days=1")
    moved = (
        *days,
        "protocol=walk_forward",
        "protocol.sealed=true",
        "protocol.folds=2",
        "protocol.block_days=1",
    )
    where = (WORDS[2], days[0], f"paths.outputs={outputs}")

    def counted(*window: str) -> str:
        return cli("log", *where, *window).splitlines()[-1]

    four_two = ("window.train_days=4", "window.holdout_days=2")
    # Before anything is held out a search is quiet, and nevertheless not forgotten.
    capsys.readouterr()
    made(outputs, *moved)
    assert "held out" not in capsys.readouterr().err
    assert cli("log", *where).splitlines()[-1] == "looks 0, runs 0, entries 0"
    assert counted(*four_two) == "looks 1, runs 1, entries 1"

    opened = made(outputs, "data.days=6", *four_two)
    assert counted(*four_two) == "looks 2, runs 2, entries 2"
    capsys.readouterr()
    folder = made(outputs, *moved, "seed=11")
    said = [line for line in capsys.readouterr().err.splitlines() if "held out" in line]
    assert len(said) == 1
    assert said[0].startswith(
        "validation and folds of walk_forward: judges on time that a recorded holdout ("
    )
    assert "UTC, 1 look) held out, so it is entered as a look there" in said[0]
    assert said[0] in atc.open_run(folder).manifest["notes"]
    assert counted(*four_two) == "looks 3, runs 3, entries 3"
    compared = CliRunner().invoke(application(), ["compare", str(opened)], catch_exceptions=False).output
    heading = "looks at this holdout: 3, 2 of them validation or folds of runs whose window trains on it"
    assert compared.splitlines()[0].endswith(heading)

    # Rolled forward: old holdouts are trained on and validated on, and the new one knows of none of it.
    made(outputs, *days, "seed=12")
    assert counted(*days[1:]) == "looks 2, runs 2, entries 2"  # its own, and the two days held out before
    assert counted(*four_two) == "looks 5, runs 4, entries 5"


def test_what_cannot_be_entered_is_judged_on_only_where_nothing_is_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, "protocol.sealed=true")
    made(tmp_path, "window.train_days=2", "window.holdout_days=2")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("atc.protocol.ledger._append", full)
    with pytest.raises(DataError, match=r"No space left .* make it writable .* or move the window"):
        made(tmp_path, "protocol.sealed=true", "seed=11")  # validates on the third day
    folder = made(tmp_path, "protocol.sealed=true", "seed=11", "window.train_days=2", "window.holdout_days=2")
    (note,) = (note for note in atc.open_run(folder).manifest["notes"] if "not entered" in note)
    assert note.startswith("validation: not entered, so a later holdout there will not know of it")


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
    assert cli(*words).strip() == "entries 1"
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
