"""Figures by day and by regime, the reliability table, and telling the holdout from training."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from planted_rows import SECOND, START
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss, roc_auc_score

from atc.config.evaluation import Adversarial, Evaluation
from atc.evaluation.adversarial import tell_apart
from atc.evaluation.groups import by_day, group_table
from atc.evaluation.head import Head, HeadRows, Outcomes
from atc.evaluation.regimes import RegimeCuts, fit_regimes, regimes
from atc.evaluation.reliability import calibration_figures, reliability_table
from atc.evaluation.report import draws_of

HEAD = Head("", ("FLAT", "HOLD"), (0,), 300 * SECOND, 2.0)
N = 6000


def planted(n: int = N) -> tuple[HeadRows, NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    t0 = START + np.arange(n) * 60 * SECOND
    r_bps = rng.standard_normal(n) * 4
    p = 1 / (1 + np.exp(-(r_bps / 4 + rng.standard_normal(n))))
    days = t0.astype("datetime64[ns]").astype("datetime64[D]")
    rows = HeadRows.of(Outcomes((r_bps > -2.0).astype(float)[:, None], r_bps[:, None], t0, days), HEAD, 0)
    return rows, np.column_stack([1 - p, p])


def test_days_are_the_figures_of_their_rows() -> None:
    rows, p = planted()
    group, days = by_day(rows)
    table = group_table(
        rows, {"model": p, "worthless": p[::-1]}, np.array([0.3, 0.7]), group=group, groups=days
    )
    assert table.height == 2 * len(days) == 2 * len(np.unique(rows.days))
    assert table["rows"].sum() == 2 * N
    second = table.filter((pl.col("model") == "model") & (pl.col("day") == days[1]["day"])).row(0, named=True)
    chosen = group == 1
    assert isinstance(second["day"], date)
    assert second["auc"] == pytest.approx(roc_auc_score(rows.y[chosen], p[chosen, 1]), abs=1e-12)
    assert second["log_loss"] == pytest.approx(log_loss(rows.y[chosen], p[chosen]), abs=1e-12)
    assert second["base_rate"] == rows.y[chosen].mean()
    assert "auc_lo" not in table.columns


def test_a_day_of_one_class_has_no_auc_and_keeps_its_loss() -> None:
    rows, p = planted(100)
    same = HeadRows(HEAD, rows.rows, np.ones(100), rows.r_bps, rows.t0, rows.days)
    table = group_table(
        same, {"model": p}, np.array([0.3, 0.7]), group=np.zeros(100, dtype=np.int64), groups=[{}]
    )
    assert table["auc"].to_list() == [None]
    assert table["log_loss"].item() > 0


def test_regimes_are_cut_at_medians_of_training_and_know_nothing_of_null_rows() -> None:
    rng = np.random.default_rng(1)
    trend, volatility = rng.standard_normal(999), rng.random(999)
    cuts = fit_regimes(trend, volatility)
    assert cuts == RegimeCuts(float(np.median(np.abs(trend))), float(np.median(volatility)))
    assert fit_regimes(trend, np.full(999, np.nan)) is None
    cuts = RegimeCuts(trend=2.0, volatility=0.5)
    group = cuts.groups(
        np.array([-3.0, -2.0, 0.0, 2.0, 2.1, np.nan, 9.0]), np.array([0.5, 0.6, 0.1, 0.9, 0.9, 0.9, np.nan])
    )
    assert [tuple(regimes()[one].values()) for one in group] == [
        *(("down", "low"), ("chop", "high"), ("chop", "low"), ("chop", "high"), ("up", "high")),
        *((None, None), (None, None)),
    ]


def test_a_regime_has_the_interval_of_its_own_rows() -> None:
    rows, p = planted()
    group = (np.arange(N) % 3 == 0).astype(np.int64)
    draws, _, _ = draws_of(rows, Evaluation(resamples=300), 1)
    table = group_table(
        rows,
        {"model": p},
        np.array([0.3, 0.7]),
        group=group,
        groups=[{"regime": "a"}, {"regime": "b"}],
        draws=draws,
    )
    widths = []
    for number, row in enumerate(table.iter_rows(named=True)):
        area = roc_auc_score(rows.y[group == number], p[group == number, 1])
        assert row["auc"] == pytest.approx(area, abs=1e-12)
        assert row["auc_lo"] < area < row["auc_hi"]
        assert row["direction_auc_lo"] < row["direction_auc"] < row["direction_auc_hi"]
        widths.append(row["auc_hi"] - row["auc_lo"])
    assert widths[1] > widths[0]  # half as many rows


def test_rows_in_few_blocks_have_no_interval_however_many_blocks_all_rows_have() -> None:
    rows, p = planted()
    draws, blocks, _ = draws_of(rows, Evaluation(resamples=300), 1)
    assert blocks > 90
    # Ten blocks have both classes in nearly every resample, which would bear a narrow interval.
    group = np.where(draws.block < 10, 0, np.where(draws.block < 30, 1, 2))
    assert draws.auc(rows.y == 1.0, p[:, 1], group == 0).estimate.interval is None
    assert draws.mean(p[:, 1], group == 0).estimate.interval is None
    facts = [{"regime": name} for name in "abc"]
    table = group_table(rows, {"model": p}, np.array([0.3, 0.7]), group=group, groups=facts, draws=draws)
    for end in ("auc_lo", "auc_hi", "direction_auc_lo", "direction_auc_hi"):
        assert table[end].is_null().to_list() == [True, False, False]
    assert table["auc"].null_count() == 0


def test_a_figure_that_no_group_has_is_null_and_a_number() -> None:
    rows, p = planted()
    draws, _, _ = draws_of(rows, Evaluation(resamples=10), 1)
    one_block = draws.block < 1
    facts = [{"regime": name} for name in "ab"]
    short = rows.take(one_block)
    alone = draws_of(short, Evaluation(resamples=10), 1)[0]
    none = group_table(
        short,
        {"model": p[one_block]},
        np.array([0.3, 0.7]),
        group=np.zeros(len(short.y), int),
        groups=facts,
        draws=alone,
    )
    assert none["auc_lo"].is_null().all()
    assert none["auc_lo"].dtype == pl.Float64


def test_the_reliability_table_is_that_of_scikit_learn() -> None:
    rows, p = planted()
    table = reliability_table(rows, {"score": p})
    share, mean = calibration_curve(rows.y, p[:, 1], n_bins=20, strategy="quantile")
    assert table["rows"].to_list() == [N // 20] * 20
    np.testing.assert_allclose(table["p"], mean, atol=1e-12)
    np.testing.assert_allclose(table["share"], share, atol=1e-12)
    figures = calibration_figures(rows, p)
    assert figures["ece"] == pytest.approx(np.mean(np.abs(share - mean)))
    assert figures["log_loss"] == pytest.approx(log_loss(rows.y, p))
    assert figures["brier"] == pytest.approx(np.mean((p[:, 1] - rows.y) ** 2))


CONFIG = Adversarial(rows=4000)


def inputs(n: int, seed: int, shift: float = 0.0) -> NDArray[np.float32]:
    """Slow columns, one of which moves by `shift` standard deviations."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((n, 4))
    x = np.array([0.99**lag for lag in range(300)]) @ np.lib.stride_tricks.sliding_window_view(
        np.concatenate([rng.standard_normal((299, 4)), steps]), 300, axis=0
    ).transpose(0, 2, 1)
    x = x.astype(np.float32) * np.float32((1 - 0.99**2) ** 0.5)
    x[:, 2] += shift
    return np.asarray(x, dtype=np.float32)


def test_inputs_of_one_distribution_are_not_told_apart_though_they_are_slow() -> None:
    areas = [
        tell_apart(inputs(6000, seed), inputs(6000, 100 + seed), "abcd", CONFIG, seed=1).auc
        for seed in range(6)
    ]
    assert all(area is not None for area in areas)
    assert 0.4 < float(np.mean([area for area in areas if area is not None])) < 0.6


def test_a_column_that_moved_is_named() -> None:
    told = tell_apart(inputs(6000, 0), inputs(6000, 1, shift=2.0), "abcd", CONFIG, seed=1)
    assert told.auc is not None
    assert told.auc > 0.85
    first = told.columns.row(0, named=True)
    assert first["feature"] == "c"
    assert first["gain"] > 0.5
    assert first["auc"] > 0.85
    assert told.note is not None
    assert "most telling: c, " in told.note
    again = tell_apart(inputs(6000, 0), inputs(6000, 1, shift=2.0), "abcd", CONFIG, seed=1)
    assert again.columns.equals(told.columns)


def test_where_a_column_is_null_tells_too() -> None:
    train, holdout = inputs(3000, 0), inputs(3000, 1)
    holdout[:, 0] = np.nan
    told = tell_apart(train, holdout, "abcd", CONFIG, seed=1)
    assert told.auc is not None
    assert told.auc > 0.95
    row = told.columns.row(0, named=True)
    assert (row["feature"], row["null_train"], row["null_holdout"]) == ("a", 0.0, 1.0)
    assert row["auc"] is None
