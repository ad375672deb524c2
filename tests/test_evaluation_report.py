"""The figures of a run: their names, their nulls, and what the notes admit."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from planted_rows import SECOND, START
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from atc.config.evaluation import Evaluation
from atc.evaluation.head import Head, HeadRows, Outcomes
from atc.evaluation.report import (
    BASELINE,
    MODEL,
    TRIVIAL,
    VOLATILITY,
    EvaluationReport,
    Scored,
    evaluate,
)
from atc.tracking.metrics_file import metrics_bytes

CONFIG = Evaluation(resamples=200)
FIGURES = (
    *("auc", "direction_auc", "pr_auc", "log_loss", "brier", "ece", "accuracy", "macro_f1"),
    *("p_t", "f1/FLAT", "f1/HOLD", "pearson", "spearman"),
)
PROMISED = [
    *("train/auc", "valid/auc", "holdout/base_rate", "holdout/always_hold_accuracy"),
    *("holdout/rows", "holdout/blocks", "holdout/direction_rows", "holdout/independent_windows"),
]
BOUNDED = [f"holdout/{name}{end}" for name in FIGURES for end in ("", "/lo", "/hi")]
POINTS = ["holdout/pearson/t", "holdout/spearman/t", "holdout/confusion/FLAT/HOLD"]
LIFTS = [
    f"{lift}/holdout/{name}{end}"
    for lift in ("lift", "lift_over_volatility")
    for name in FIGURES
    for end in ("", "/lo", "/hi")
]
NULL_HERE = ["gate/verdict", "gate/gap", "gate/gap/lo", "gate/gap/hi", "fallback/holdout/auc"]


def hold(exit_bps: float = 2.0, horizon_s: int = 300) -> Head:
    return Head("", ("FLAT", "HOLD"), (0,), horizon_s * SECOND, exit_bps)


def outcomes(n: int = 4000, spacing_s: float = 30.0, seed: int = 0) -> Outcomes:
    rng = np.random.default_rng(seed)
    t0 = START + (np.arange(n) * spacing_s * SECOND).astype(np.int64)
    r_bps = rng.standard_normal(n) * 4 + 1
    return Outcomes(
        y=(r_bps > -2.0).astype(np.float64)[:, None],
        r_bps=r_bps[:, None],
        t0=t0,
        days=t0.astype("datetime64[ns]").astype("datetime64[D]"),
    )


def scores(
    holdout: Outcomes, *, sealed: bool = False, skill: float = 1.0, seed: int = 1
) -> dict[str, Scored]:
    rng = np.random.default_rng(seed)
    n = len(holdout.y)

    def scored(weight: float) -> Scored:
        margin = weight * holdout.r_bps[:, 0] / 4 + rng.standard_normal(n)
        p = (1 / (1 + np.exp(-margin)))[:, None]
        return Scored(train=p, valid=p, holdout=None if sealed else p)

    return {MODEL: scored(skill), BASELINE: scored(skill / 4), VOLATILITY: scored(0.0)}


def report_on(
    holdout: Outcomes, scored: dict[str, Scored], *, sealed: bool = False, seed: int = 1
) -> EvaluationReport:
    return evaluate(
        heads=[hold(2.0, 300)],
        train_y=holdout.y,
        valid=holdout,
        holdout=None if sealed else holdout,
        scores=scored,
        config=CONFIG,
        seed=seed,
    )


def test_every_promised_figure_is_there_and_right() -> None:
    rows = outcomes()
    scored = scores(rows)
    report = report_on(rows, scored)
    figures = report.metrics
    of_each = [f"{who}/{name}" for who in (BASELINE, VOLATILITY) for name in BOUNDED + POINTS]
    for name in PROMISED + BOUNDED + POINTS + LIFTS + of_each:
        assert isinstance(figures[name], int | float), name
    for name in NULL_HERE:
        assert figures[name] is None
    p, base = scored[MODEL].holdout, scored[BASELINE].holdout
    assert p is not None
    assert base is not None
    y, r_bps = rows.y[:, 0], rows.r_bps[:, 0]
    expected = roc_auc_score(y, p)
    assert figures["holdout/auc"] == pytest.approx(expected, abs=1e-12)
    assert figures["lift/holdout/auc"] == pytest.approx(expected - roc_auc_score(y, base), abs=1e-12)
    moved = np.abs(r_bps) > 2.0
    assert figures["holdout/direction_auc"] == pytest.approx(
        roc_auc_score(r_bps[moved] > 0, p[moved]), abs=1e-12
    )
    assert figures["holdout/direction_rows"] == moved.sum()
    for key in (
        "holdout/auc",
        "lift/holdout/auc",
        "volatility/holdout/auc",
        "lift_over_volatility/holdout/auc",
    ):
        value, lo, hi = figures[key], figures[f"{key}/lo"], figures[f"{key}/hi"]
        assert value is not None
        assert lo is not None
        assert hi is not None
        assert lo < value < hi
    share = float(np.mean(y))
    assert figures[f"{TRIVIAL}/holdout/auc"] == 0.5
    assert figures[f"{TRIVIAL}/holdout/log_loss"] == pytest.approx(
        -share * np.log(share) - (1 - share) * np.log(1 - share)
    )
    assert figures[f"{TRIVIAL}/holdout/accuracy"] == figures["holdout/base_rate"]
    assert figures[f"{TRIVIAL}/holdout/pearson"] is None
    lo = figures["lift/holdout/auc/lo"]
    assert lo is not None
    assert lo > 0
    assert figures["holdout/base_rate"] == figures["holdout/always_hold_accuracy"] == rows.y.mean()
    assert "33 blocks of 3600 s" in report.notes[0]
    assert any("4,000 holdout rows are 400 disjoint label windows of 300 s" in note for note in report.notes)
    metrics_bytes(figures)  # what the record accepts


def test_a_sealed_run_has_the_same_keys_and_no_holdout_figure() -> None:
    rows = outcomes()
    opened = report_on(rows, scores(rows)).metrics
    sealed = report_on(rows, scores(rows, sealed=True), sealed=True)
    assert sealed.metrics.keys() == opened.keys()
    for name, value in sealed.metrics.items():
        if "holdout/" in name:
            assert value is None, name
        elif not name.startswith("gate/"):
            assert value == opened[name]
    assert sealed.notes == ("sealed: the holdout was not opened, its figures are null",)


def test_too_few_blocks_give_no_interval_and_say_so() -> None:
    rows = replace(outcomes(390, 0.5), y=outcomes(390, 0.5).y)
    report = evaluate(
        heads=[hold(2.0, 10)],
        train_y=rows.y,
        valid=rows,
        holdout=rows,
        scores=scores(rows),
        config=CONFIG,
        seed=1,
    )
    assert report.metrics["holdout/auc"] is not None
    assert report.metrics["lift/holdout/auc"] is not None
    bounds = [name for name in report.metrics if name.endswith(("/lo", "/hi"))]
    assert len(bounds) == 2 * len(FIGURES) * (4 + 2) + 2  # of four scores, two lifts and the gate
    assert all(report.metrics[name] is None for name in bounds)
    assert report.metrics["holdout/blocks"] == 9
    assert report.notes[0].startswith("interval null: 9 blocks of 20 s, 20 needed")
    assert not any("contains" in note for note in report.notes)


def test_one_class_gives_null_and_a_note() -> None:
    rows = outcomes()
    rows = replace(rows, y=np.ones_like(rows.y), r_bps=np.abs(rows.r_bps))
    report = evaluate(
        heads=[hold(2.0, 300)],
        train_y=outcomes().y,
        valid=outcomes(),
        holdout=rows,
        scores=scores(rows),
        config=CONFIG,
        seed=1,
    )
    for name in ("auc", "auc/lo", "direction_auc", "direction_auc/hi"):
        assert report.metrics[f"holdout/{name}"] is None
        assert report.metrics[f"lift/holdout/{name}"] is None
    assert report.metrics["holdout/log_loss"] is not None
    assert any(note.startswith("single class: all 4,000 holdout labels are 1") for note in report.notes)
    assert any(note.startswith("direction AUC null: of the rows with |r| > 2 bps") for note in report.notes)


def test_rare_classes_give_a_figure_without_an_interval() -> None:
    rows = outcomes()
    y = np.ones_like(rows.y)
    y[100:103] = 0.0  # in one block: a third of the resamples miss it
    report = evaluate(
        heads=[hold(2.0, 300)],
        train_y=outcomes().y,
        valid=outcomes(),
        holdout=replace(rows, y=y),
        scores=scores(rows),
        config=CONFIG,
        seed=1,
    )
    assert report.metrics["holdout/auc"] is not None
    assert report.metrics["holdout/auc/lo"] is None
    assert any(note.startswith("AUC, PR-AUC and F1 of FLAT without interval") for note in report.notes)


@pytest.mark.parametrize(("blocks", "bears"), [(19, False), (20, True)])
def test_a_class_in_too_few_blocks_bears_no_interval(blocks: int, bears: bool) -> None:
    """Nearly every resample holds some of 19 blocks, so nothing else would withhold the interval."""
    rows = outcomes(12_001)  # 100 blocks of an hour
    y = np.ones_like(rows.y)
    y[np.arange(blocks) * 5 * 120 + 7] = 0.0
    report = report_on(replace(rows, y=y), scores(rows))
    assert report.metrics["holdout/blocks"] == 100
    turn_on_it = ("auc", "pr_auc", "f1/FLAT", "macro_f1")
    for name in turn_on_it:
        assert report.metrics[f"holdout/{name}"] is not None
        assert (report.metrics[f"holdout/{name}/lo"] is not None) is bears, name
        assert (report.metrics[f"lift/holdout/{name}/lo"] is not None) is bears, name
        assert report.metrics[f"lift/holdout/{name}/blocks"] == (blocks if bears else None), name
    assert report.metrics["holdout/log_loss/lo"] is not None
    assert report.metrics["lift/holdout/log_loss/blocks"] == 100
    assert report.metrics["holdout/direction_auc/lo"] is not None
    said = f"its labels lie in {blocks} of 100 blocks, 20 needed"
    assert any(note.startswith("AUC, PR-AUC and F1 of FLAT") and said in note for note in report.notes) is (
        not bears
    )


def test_claims_that_the_data_do_not_carry_are_named() -> None:
    rows = outcomes()
    chance = report_on(rows, scores(rows, skill=0.0))
    assert any("AUC's interval contains 0.5" in note for note in chance.notes)
    assert any("lift's interval over the baseline contains 0" in note for note in chance.notes)
    assert any("lift's interval over the volatility contains 0" in note for note in chance.notes)
    able = report_on(rows, scores(rows))
    assert not any("contains" in note for note in able.notes)


def test_a_score_of_volatility_alone_is_named() -> None:
    rng = np.random.default_rng(0)
    rows = outcomes(12_000)
    spread = rng.uniform(0.2, 3.0, 12_000)
    r_bps = spread * rng.standard_normal(12_000) * 2
    rows = replace(rows, r_bps=r_bps[:, None], y=(r_bps > -3.0).astype(np.float64)[:, None])
    p = (1 / (1 + spread))[:, None]
    calm = Scored(train=p, valid=p, holdout=p)
    report = evaluate(
        heads=[hold(3.0, 300)],
        train_y=rows.y,
        valid=rows,
        holdout=rows,
        scores={**scores(rows), MODEL: calm},
        config=CONFIG,
        seed=1,
    )
    assert any("without knowing which way" in note for note in report.notes)


def test_bytes_repeat_whatever_the_threads_and_change_with_the_seed() -> None:
    rows = outcomes()
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(metrics_bytes(report_on(rows, scores(rows)).metrics))
    assert found[0] == found[1]
    assert metrics_bytes(report_on(rows, scores(rows), seed=2).metrics) != found[0]


def test_heads_have_keys_of_their_own_and_leave_null_labels_out() -> None:
    rows = outcomes()
    later = np.where(np.arange(4000)[:, None] < 3000, rows.r_bps, np.nan)
    up = np.where(np.isnan(later), np.nan, (later > 0).astype(np.float64))
    both = replace(rows, y=np.column_stack([rows.y, up]), r_bps=np.column_stack([rows.r_bps, later]))
    heads = [
        replace(hold(), name="30s", horizon_ns=30 * SECOND),
        Head("300s", ("DOWN", "UP"), (1,), 300 * SECOND, 0.0),
    ]
    alone = scores(rows)
    scored = {
        name: Scored(*(np.column_stack([part, part**2]) for part in (of.train, of.valid, of.holdout)))
        for name, of in alone.items()
    }

    def report(holdout: Outcomes | None) -> EvaluationReport:
        return evaluate(
            heads=heads, train_y=both.y, valid=both, holdout=holdout, scores=scored, config=CONFIG, seed=1
        )

    opened, sealed = report(both), report(None)
    assert sealed.metrics.keys() == opened.metrics.keys()
    found = opened.metrics
    assert (found["holdout/rows@30s"], found["holdout/rows@300s"]) == (4000, 3000)
    p = alone[MODEL].holdout
    assert p is not None
    assert found["holdout/auc@30s"] == pytest.approx(roc_auc_score(rows.y[:, 0], p[:, 0]), abs=1e-12)
    assert found["holdout/auc@300s"] == pytest.approx(
        roc_auc_score(up[:3000, 0], p[:3000, 0] ** 2), abs=1e-12
    )
    assert found["holdout/auc@300s/lo"] is not None
    assert found["lift/holdout/f1/UP@300s"] is not None
    assert "holdout/f1/UP@30s" not in found
    assert "holdout/auc" not in found
    fallback = {key: value for key, value in found.items() if key.startswith("fallback/")}
    assert fallback == {"fallback/holdout/auc@30s": None, "fallback/holdout/auc@300s": None}
    assert any(note.startswith("300s: 3,000 holdout rows are 300 disjoint") for note in opened.notes)


@pytest.mark.parametrize("classes", [0, 3])
def test_three_classes_and_returns_have_the_same_keys_open_and_sealed(classes: int) -> None:
    rows = outcomes()
    r_bps = rows.r_bps[:, 0]
    head = Head("", ("SHORT", "FLAT", "HOLD")[:classes], tuple(range(max(classes, 1))), 300 * SECOND, 2.0)
    y = (r_bps > -4.0).astype(int) + (r_bps > -2.0) if classes else r_bps
    rows = replace(rows, y=y[:, None].astype(np.float64))
    rng = np.random.default_rng(0)
    scored = {}
    for name, skill in ((MODEL, 1.0), (BASELINE, 0.3), (VOLATILITY, 0.0)):
        towards = skill * r_bps / 4 + rng.standard_normal(len(r_bps))
        p = np.exp(np.outer(towards, [-1.0, 0.0, 1.0]))
        part = p / p.sum(axis=1, keepdims=True) if classes else towards[:, None]
        scored[name] = Scored(part, part, part)

    def report(holdout: Outcomes | None) -> EvaluationReport:
        return evaluate(
            heads=[head], train_y=rows.y, valid=rows, holdout=holdout, scores=scored, config=CONFIG, seed=1
        )

    opened, sealed = report(rows), report(None)
    assert sealed.metrics.keys() == opened.metrics.keys()
    ranking = "auc" if classes else "pearson"
    for lift in ("lift", "lift_over_volatility"):
        low = opened.metrics[f"{lift}/holdout/{ranking}/lo"]
        assert low is not None
        assert low > 0
    assert opened.metrics[f"train/{ranking}"] == opened.metrics[f"holdout/{ranking}"]
    metrics_bytes(opened.metrics)


@pytest.mark.parametrize("at_once", [1000, 999])
def test_heads_of_many_rows_are_judged_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Each takes memory of its own; two of 400 rows, and as many of training, fit into 1,000."""
    monkeypatch.setattr("atc.evaluation.side_by_side.threads", lambda: 2)
    monkeypatch.setattr("atc.evaluation.report._ROWS_AT_ONCE", at_once)
    threads = []
    real = HeadRows.of

    def heard(rows: Outcomes, head: Head, number: int) -> HeadRows:
        threads.append(threading.get_ident())
        return real(rows, head, number)

    monkeypatch.setattr("atc.evaluation.report.HeadRows.of", heard)
    one = outcomes(400)
    rows = replace(one, y=np.tile(one.y, 2), r_bps=np.tile(one.r_bps, 2))
    scored = {
        name: Scored(*(np.tile(part, 2) for part in (of.train, of.valid, of.train)))
        for name, of in scores(one).items()
    }
    heads = [Head(name, ("FLAT", "HOLD"), (number,), 300 * SECOND, 2.0) for number, name in enumerate("ab")]
    evaluate(heads=heads, train_y=rows.y, valid=rows, holdout=rows, scores=scored, config=CONFIG, seed=1)
    assert (set(threads) == {threading.get_ident()}) == (at_once < 1000)


def test_a_head_without_a_label_has_null_figures_and_counts_no_rows() -> None:
    rows = outcomes(400)
    nothing = np.full_like(rows.y, np.nan)
    both = replace(rows, y=np.column_stack([rows.y, nothing]), r_bps=np.column_stack([rows.r_bps, nothing]))
    heads = [replace(hold(), name="30s"), replace(hold(), name="1h", columns=(0,))]
    report = evaluate(
        heads=heads, train_y=both.y, valid=both, holdout=both, scores=scores(rows), config=CONFIG, seed=1
    )
    found = report.metrics
    assert found["holdout/rows@1h"] == found["valid/rows@1h"] == 0
    for name in (
        "train/auc",
        "train/base_rate",
        "valid/log_loss",
        "holdout/auc",
        "holdout/ece",
        "holdout/p_t",
    ):
        assert found[f"{name}@1h"] is None, name
    assert found["holdout/auc@30s"] is not None
    metrics_bytes(found)
