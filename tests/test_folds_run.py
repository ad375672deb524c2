"""Protocols with folds, through the whole task: on simulated days, with models that are small and quick."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

import atc
from atc.config.problems import ConfigError
from atc.errors import DataError
from atc.models.artifact import load_model
from atc.opened_run import OpenedRun
from atc.run import run

SIX_DAYS = (
    *("data.days=6", "window.train_days=5", "window.holdout_days=1", "data.rate=0.1"),
    *("evaluation.resamples=50", "backtest=none", "tracking=none", "runtime.progress=off"),
    *("evaluation.adversarial.enabled=false", "explain=none"),
)
TREES = ("model.n_estimators=15", "model.min_child_samples=100", "model.num_leaves=15", "model.num_threads=1")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


def made(outputs: Path, *words: str) -> OpenedRun:
    return atc.open_run(run(atc.compose([*SIX_DAYS, *words, f"paths.outputs={outputs}"])))


@pytest.fixture(scope="module")
def walked(outputs: Path) -> OpenedRun:
    return made(
        outputs,
        *("+experiment=gbdt_36feat", *TREES, "protocol=walk_forward", "protocol.folds=3", "explain=default"),
        # So wide that there is a verdict, and so strict that it is a rejection.
        *("protocol.gate.max_half_width=0.9", "protocol.gate.max_gap=0.0001"),
    )


def test_figures_of_folds_are_those_of_their_predictions(walked: OpenedRun) -> None:
    figures, rows = walked.metrics, walked.predictions
    assert sorted(rows["split"].unique()) == ["fold1", "fold2", "fold3", "holdout", "valid"]
    areas = []
    for name in ("1", "2", "3"):
        judged = rows.filter(pl.col("judged"), split=f"fold{name}")
        assert judged.height == figures[f"fold/{name}/test/rows"]
        areas.append(roc_auc_score(judged["y"], judged["p_hold"]))
        assert figures[f"fold/{name}/test/auc"] == pytest.approx(areas[-1], abs=1e-12)
        base = roc_auc_score(judged["y"], judged["baseline_p_hold"])
        assert figures[f"fold/{name}/lift/test/auc"] == pytest.approx(areas[-1] - base, abs=1e-12)
    low, high = stats.t.interval(0.95, 2, np.mean(areas), stats.sem(areas))
    assert figures["folds/auc/mean"] == pytest.approx(np.mean(areas))
    assert figures["folds/auc/mean/lo"] == pytest.approx(low)
    assert figures["folds/auc/mean/hi"] == pytest.approx(high)
    gaps = [figures[f"fold/{k}/train/auc"] - figures[f"fold/{k}/valid/auc"] for k in (1, 2, 3)]
    assert figures["gate/gap"] == pytest.approx(np.mean(gaps))


def test_every_row_after_the_first_fit_is_decided_once_by_what_was_learnt_before(walked: OpenedRun) -> None:
    rows = walked.predictions.filter(pl.col("split").str.starts_with("fold"))
    assert not rows.select(pl.struct("ts_recv", "ev_seq").is_duplicated().any()).item()
    spans = walked.manifest["spans"]
    assert rows.height == sum(spans[f"fold{k}"]["decisions"] for k in (1, 2, 3))
    # No label of a fold looks into the holdout.
    held = walked.predictions.filter(pl.col("split") == "holdout")
    assert rows.filter("judged")["t1"].max() < held["t0"].min()
    assert rows["ts_recv"].max() < held["ts_recv"].min()
    for before, after in ((1, 2), (2, 3)):
        assert spans[f"fold{before}"]["to"] <= spans[f"fold{after}"]["from"]
        assert spans[f"fold{before}"]["train_rows"] < spans[f"fold{after}"]["train_rows"]


def test_a_rejected_model_stays_what_it_is_and_its_fallback_stands_beside_it(
    walked: OpenedRun, outputs: Path
) -> None:
    figures = walked.metrics
    assert figures["gate/verdict"] == 0
    held = walked.predictions.filter(pl.col("judged"), split="holdout")
    assert roc_auc_score(held["y"], held["p_hold"]) == pytest.approx(figures["holdout/auc"], abs=1e-12)
    assert roc_auc_score(held["y"], held["fallback_p_hold"]) == pytest.approx(
        figures["fallback/holdout/auc"], abs=1e-12
    )
    # The fallback of a fold does not exist: its rows are those of the final fit.
    assert walked.predictions.filter(split="fold1")["fallback_p_hold"].is_null().all()
    named = load_model(walked.folder / "model")
    fallback = load_model(walked.folder / "model" / "fallback")
    assert (named.manifest["role"], named.manifest["model_type"]) == ("model", "gbdt")
    assert (fallback.manifest["role"], fallback.manifest["model_type"]) == ("fallback", "logistic")
    assert named.model.features == fallback.model.features
    for manifest in (named.manifest, fallback.manifest):
        assert manifest["gate"]["gate/verdict"] == 0
        assert "gate rejects the named model (gbdt on plan36)" in manifest["gate"]["why"]
    # It is the logistic regression of the same rows and columns.
    alone = made(outputs, "+experiment=logistic_36feat")
    assert alone.metrics["holdout/auc"] == pytest.approx(figures["fallback/holdout/auc"], abs=1e-12)


TRADED = (
    *("+experiment=gbdt_36feat", *TREES, "protocol=walk_forward", "protocol.folds=3", "refit=rolling"),
    *("refit.every_days=1", "refit.window_days=2", "protocol.gate.max_half_width=0.9"),
    *("protocol.gate.max_gap=0.0001", "backtest.enabled=true", "backtest.oracle_path=false"),
    *("backtest.random_draws=2", "backtest.sensitivity.fee_bps=[]", "backtest.capacity=[]", "policy.grid=5"),
)


def test_what_stands_beside_the_named_model_is_traded_too(outputs: Path) -> None:
    """The fallback earns what its model earns in a run of its own, at the same instants and costs."""
    found = made(outputs, *TRADED)
    figures = found.metrics
    assert figures["gate/verdict"] == 0
    own = [word for word in TRADED if word.startswith(("backtest.", "policy."))]
    alone = made(outputs, "+experiment=logistic_36feat", *own).metrics
    for key in ("theta", "valid/alpha", "pnl", "alpha", "orders", "fills", "alpha_daily", "time_long"):
        assert figures[f"fallback/backtest/{key}"] == alone[f"backtest/{key}"], key
    orders = pl.read_parquet(found.folder / "orders.parquet")
    scores = found.predictions.filter(split="holdout")
    for name, column in (("strategy", "p_hold"), ("fallback", "fallback_p_hold"), ("refit", "refit_p_hold")):
        mine = orders.filter(strategy=name).join(scores, on=["ts_recv", "ev_seq"], how="left")
        assert mine.height and mine["score"].to_list() == mine[column].to_list()
    assert {"fallback", "refit"} <= set(pl.read_parquet(found.folder / "equity.parquet").columns)
    assert figures["refit/backtest/theta"] is not None
    sealed = made(outputs, *TRADED, "protocol.sealed=true").metrics
    for name in ("", "fallback/", "refit/"):
        assert figures[f"{name}backtest/alpha"] is not None and sealed[f"{name}backtest/alpha"] is None


def test_the_summary_says_which_model_it_speaks_of(
    walked: OpenedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    from atc.report.summary import print_summary

    print_summary(walked.folder)
    said = " ".join(capsys.readouterr().out.split())
    assert "gate rejects the named model (gbdt on plan36)" in said
    assert "All figures but fallback/… are of the rejected model" in said
    assert "model/fallback" in said
    for k in (1, 2, 3):
        assert f"{walked.metrics[f'fold/{k}/test/auc']:.4f}" in said


def test_folds_change_nothing_of_the_final_fit_and_the_holdout_nothing_of_them(
    walked: OpenedRun, outputs: Path
) -> None:
    plain = made(outputs, "+experiment=gbdt_36feat", *TREES)
    for key in ("train/auc", "valid/auc", "holdout/auc", "lift/holdout/auc/lo"):
        assert plain.metrics[key] == walked.metrics[key], key
    assert plain.metrics["gate/verdict"] is None
    sealed = made(
        outputs,
        *("+experiment=gbdt_36feat", *TREES, "protocol=walk_forward", "protocol.folds=3"),
        *("protocol.gate.max_half_width=0.9", "protocol.gate.max_gap=0.0001", "protocol.sealed=true"),
    )
    assert sealed.metrics["holdout/auc"] is None
    assert sealed.metrics["fallback/holdout/auc"] is None
    assert sealed.metrics["fallback/valid/auc"] == walked.metrics["fallback/valid/auc"]
    folds = {key: value for key, value in walked.metrics.items() if key.startswith(("fold", "gate"))}
    assert {key: sealed.metrics[key] for key in folds} == folds


def test_the_threshold_of_a_label_is_fitted_inside_the_fold(outputs: Path) -> None:
    found = made(
        outputs,
        *("+experiment=logistic_13feat", "label=hold10_oracle_q14", "protocol=walk_forward"),
        "protocol.folds=2",
    )
    rows = found.predictions.filter("judged")
    borders = {}
    for split in ("fold1", "fold2", "valid"):
        part = rows.filter(split=split)
        flat, hold = part.filter(y=0.0)["r_bps"], part.filter(y=1.0)["r_bps"]
        assert flat.max() < hold.min()
        borders[split] = (flat.max(), hold.min())
    # Three fits, three quantiles of as many sets of training rows.
    threshold = json.loads((found.folder / "model" / "manifest.json").read_bytes())["label"]["threshold_bps"]
    assert borders["valid"][0] <= threshold < borders["valid"][1]
    assert len({borders[split] for split in borders}) == 3


def train_span(found: OpenedRun) -> tuple[int, int]:
    """Start and end of the train window, ns."""
    start, end = found.model.manifest["train_span_ns"]
    return start, end


def test_cpcv_judges_every_row_on_each_path(outputs: Path) -> None:
    found = made(
        outputs, "+experiment=logistic_13feat", "protocol=cpcv", "protocol.groups=4", "protocol.test_groups=2"
    )
    figures, rows = found.metrics, found.predictions.filter(pl.col("split").str.starts_with("fold"))
    assert (figures["folds/count"], figures["paths/count"]) == (6, 3)
    times = rows.group_by("ts_recv", "ev_seq").len()["len"]
    assert times.unique().to_list() == [3]
    assert figures["folds/auc/mean"] == pytest.approx(
        np.mean([figures[f"fold/{k}/test/auc"] for k in range(1, 7)])
    )
    assert figures["folds/auc/mean/lo"] is None
    assert figures["paths/auc/min"] <= figures["paths/auc/mean"] <= figures["paths/auc/max"]
    # The first path takes each group's first fold: 1 judges groups 1 and 2, 2 group 3, 3 group 4.
    edges = np.linspace(*train_span(found), 5)
    path = [
        rows.filter(
            pl.col("judged"), pl.col("t0").is_between(edges[group], edges[group + 1]), split=f"fold{k}"
        )
        for group, k in enumerate((1, 1, 2, 3))
    ]
    whole = pl.concat(path)
    assert figures["path/1/test/auc"] == pytest.approx(roc_auc_score(whole["y"], whole["p_hold"]), abs=1e-12)
    assert sum(found.manifest["spans"][f"fold{k}"]["embargoed"] for k in range(1, 7)) > 0
    assert figures["gate/verdict"] is None


def test_a_random_split_flatters_and_says_so(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On a market without any signal: what it scores above ½ is the leak."""
    words = (
        *("+experiment=gbdt_36feat", "data=demo_null", "model.num_threads=1"),
        *("model.n_estimators=30", "model.min_child_samples=10", "model.num_leaves=31"),
    )
    honest = made(outputs, *words)
    control = made(outputs, *words, "protocol=random_split")
    said = " ".join(capsys.readouterr().out.split())
    assert honest.metrics["holdout/auc/lo"] is None or honest.metrics["holdout/auc"] < 0.56
    assert control.metrics["folds/auc/mean"] > honest.metrics["holdout/auc"] + 0.1
    assert control.metrics["warning/random_split"] == 1
    assert "warning/random_split" not in honest.metrics
    assert "WARNING, a control and no result" in said
    assert any("random_split is a control" in note for note in control.manifest["notes"])
    assert control.config.protocol.sealed is True
    assert control.metrics["holdout/auc"] is None


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("protocol=sealed_holdout", "protocol.purge=false"), "cannot be turned off"),
        (("protocol=walk_forward", "protocol.purge=false"), "cannot be turned off"),
        (("protocol=cpcv", "protocol.embargo_s=60"), "look 1830 s back"),
        (("protocol=cpcv", "protocol.test_groups=8"), "leave nothing to fit on"),
        (("protocol=cpcv", "protocol.groups=20", "protocol.test_groups=10"), "184,756 folds"),
        (("protocol=random_split", "protocol.sealed=false"), "never spent on it"),
        (("protocol=walk_forward", "protocol.block_days=1", "protocol.block_months=1"), "set one of them"),
    ],
)
def test_what_would_leak_is_refused_with_the_reason(words: tuple[str, ...], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        atc.compose([*SIX_DAYS, "+experiment=gbdt_36feat", *words])


def test_blocks_outside_the_train_range_are_refused_before_a_feature_is_built(tmp_path: Path) -> None:
    words = ("+experiment=logistic_13feat", "protocol=walk_forward", "protocol.block_days=2")
    with pytest.raises(DataError, match="the train range is"):
        made(tmp_path, *words)
    assert not list((tmp_path / "cache").rglob("schema=*"))
