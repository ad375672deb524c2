"""Models on the holdouts of others: the matrix, its looks, and what is refused."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

import atc
from atc.cli import application
from atc.config.auxiliary import Auxiliary
from atc.config.labels import Hold10Oracle
from atc.errors import AtcError, UsageError
from atc.opened_run import OpenedRun
from atc.protocol.ledger import Ledger
from atc.protocol.window import Spans
from atc.run import run
from atc.tasks.transfer import _require_past

WORDS = (
    *("+experiment=logistic_13feat", "data.days=5", "data.rate=0.1", "evaluation.resamples=50"),
    *("window.train_days=4", "window.holdout_days=1", "backtest=none", "tracking=none"),
    *("runtime.progress=off", "evaluation.adversarial.enabled=false", "explain=none"),
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("transfer")


def made(outputs: Path, *words: str) -> OpenedRun:
    return atc.open_run(run(atc.compose([*WORDS, f"paths.outputs={outputs}", *words])))


def transfer(*words: str) -> str:
    done = CliRunner().invoke(application(), ["transfer", *words])
    if isinstance(done.exception, AtcError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_the_matrix(outputs: Path, tmp_path: Path) -> None:
    one = made(outputs)
    other = made(outputs, "data/scenario=linear_only")
    printed = transfer(str(one.folder), str(other.folder), "--json", str(tmp_path / "matrix.json"))
    cells = json.loads((tmp_path / "matrix.json").read_text())
    names = [run.folder.name for run in (one, other)]
    assert [(cell["fitted_on"], cell["judged_on"]) for cell in cells] == [
        (fitted, judged) for fitted in names for judged in names
    ]
    for cell, own in ((cells[0], one), (cells[3], other)):
        assert cell["ranking"] == own.metrics["holdout/auc"]
        assert cell["ranking/lo"] == own.metrics["holdout/auc/lo"]
        assert (cell["lift"], cell["lift/lo"]) == (0.0, 0.0)
        assert f"{cell['ranking']:.4f}" in printed
    # The one beside the diagonal, from the other's rows and the one's model.
    held = other.predictions.filter(pl.col("judged"), split="holdout")
    assert cells[1]["rows"] == held.height
    assert cells[1]["ranking"] != cells[3]["ranking"]
    assert cells[1]["lift"] == pytest.approx(cells[1]["ranking"] - cells[3]["ranking"])
    assert cells[3]["ranking"] == pytest.approx(roc_auc_score(held["y"], held["p_hold"]), abs=1e-12)
    # Beside each AUC its direction and what volatility alone makes of the same rows.
    for cell, own in zip(cells, (one, other, one, other), strict=True):
        assert cell["volatility"] == own.metrics["volatility/holdout/auc"]
        assert f"{cell['direction']:.4f}" in printed and f"{cell['volatility']:.4f}" in printed
        least = own.metrics["power/holdout/direction_auc/min_detectable"]
        claimed = cell["direction/lo"] > 0.5 and cell["direction"] - 0.5 < least
        assert cell["direction/below_power"] is claimed
    for cell, own in ((cells[0], one), (cells[3], other)):
        assert cell["direction"] == own.metrics["holdout/direction_auc"]
        assert cell["direction/lo"] == own.metrics["holdout/direction_auc/lo"]
        assert cell["ranking/below_power"] == own.metrics["holdout/auc/below_power"]
    assert ("† smaller than" in printed) == any(
        cell[f"{name}/below_power"] for cell in cells for name in ("ranking", "direction", "lift")
    )
    looks = Ledger(one.config.paths.events_dir).looks_of(one.run_id)
    assert [look.reason.split()[0] for look in looks] == ["metrics", "transfer"]


def test_a_model_that_knew_the_time_is_refused(outputs: Path) -> None:
    early, late = made(outputs, "window.train_days=3", "window.holdout_days=2"), made(outputs)
    with pytest.raises(UsageError, match="what moves one symbol moves the other"):
        transfer(str(early.folder), str(late.folder))


@pytest.mark.parametrize(
    ("own_holdout", "judged_from", "auxiliary_s", "refused"),
    [(10, 10, (), False), (12, 10, (), True), (12, 11, (), False), (12, 11, (90,), True)],
)
def test_labels_that_look_beyond_the_training_time_count(
    own_holdout: int, judged_from: int, auxiliary_s: tuple[float, ...], refused: bool
) -> None:
    """Times in minutes; training ends at 10, and labels look a minute ahead, or further where they only
    train. A holdout of its own that begins there has purged those that look beyond; one that begins later has
    not.
    """
    minute = 60 * 10**9
    label = Hold10Oracle(kind="hold10_oracle", horizon_s=60.0)
    run: Any = SimpleNamespace(
        folder="one",
        config=SimpleNamespace(label=label, auxiliary=Auxiliary(horizons_s=auxiliary_s)),
        model=SimpleNamespace(manifest={"train_span_ns": [0, 10 * minute]}),
    )
    other: Any = SimpleNamespace(folder="other")
    own, judging = (
        Spans(train=(0, 10 * minute), holdout=(start * minute, 20 * minute))
        for start in (own_holdout, judged_from)
    )
    with pytest.raises(UsageError, match="trained on what happened until") if refused else nullcontext():
        _require_past(run, own, other, judging)


def test_other_questions_and_seals_are_refused(outputs: Path) -> None:
    plain = made(outputs)
    for words, why in (
        (("label.exit_bps=3",), "differ in label"),
        (("features=nits30",), "differ in features"),
        (("data/scenario=linear_only", "protocol.sealed=true"), "is sealed"),
    ):
        with pytest.raises(UsageError, match=why):
            transfer(str(plain.folder), str(made(outputs, *words).folder))
    with pytest.raises(UsageError, match="two or more, each once"):
        transfer(str(plain.folder), str(plain.folder))
    assert len(Ledger(plain.config.paths.events_dir).looks_of(plain.run_id)) <= 2


def test_marks_and_what_was_not_said_are_printed() -> None:
    from atc.cli.transfer import _lines
    from atc.evaluation.bootstrap import Interval
    from atc.evaluation.lift import Estimate
    from atc.tasks.transfer import Transferred

    def cell(judged_on: str, **below: bool | None) -> Transferred:
        weak = Estimate(0.52, Interval(0.51, 0.53, 0))
        return Transferred("one", judged_on, "", True, 100, weak, weak, 0.61, weak, below)

    said = _lines([cell("two", ranking=True, direction=False, lift=True)])
    assert said[1].count("†") == 2 and "0.6100" in said[1]
    assert said[2].startswith("† smaller than that holdout was said to show")
    unsaid = _lines([cell("three", ranking=None, direction=None, lift=None)])
    assert "†" not in unsaid[1]
    assert unsaid[2].startswith("nothing was said before the fit of how small a figure can be shown on three")
