"""What a run is called in W&B, and which of its predictions are shown there."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import atc
from atc.tracking.prediction_sample import ROWS, sampled_predictions
from atc.tracking.wandb_words import costs_of, job_type_of, tags_of

N = 50_000


def predictions(scores: float = 0.5, rows: int = N) -> pl.DataFrame:
    number = np.arange(rows)
    return pl.DataFrame(
        {
            "symbol": ["ETH_JPY"] * rows,
            "ts_recv": 1_700_000_000_000_000_001 + number * 250_000_000,
            "ev_seq": number * 3,
            "ts_close": number,
            "split": np.where(number < rows // 4, "valid", "holdout"),
            "y": np.where(number % 7 == 0, np.nan, number % 2),
            "t0": number,
            "t1": number + 1,
            "r_bps": number / 10.0,
            "judged": number % 5 != 0,
            "p_hold": np.full(rows, scores),
            "baseline_p_hold": np.full(rows, 0.5),
            "p_hold_raw": np.full(rows, 0.5),
        }
    )


@pytest.mark.parametrize(
    ("words", "tags"),
    [
        (
            ("+experiment=gbdt_36feat",),
            {
                *("task: two classes", "label: hold10_oracle", "model: gbdt", "features: plan36"),
                *("data: demo", "protocol: sealed_holdout", "holdout: open"),
            },
        ),
        (
            ("+experiment=hold10_softmax_mlp_36feat", "protocol.sealed=true"),
            {"task: three classes", "model: softmax_mlp", "holdout: sealed"},
        ),
        (("+experiment=multihorizon_ticker_24feat",), {"task: several horizons", "features: ticker24"}),
        (("+experiment=linear_36feat",), {"task: return", "label: fwd_logret"}),
    ],
)
def test_tags_say_what_the_run_is_about(words: tuple[str, ...], tags: set[str]) -> None:
    assert tags <= set(tags_of(atc.compose([*words])))


def test_a_run_that_is_its_own_baseline_is_told_apart() -> None:
    assert job_type_of(atc.compose(["+experiment=logistic_13feat"])) == "baseline"
    assert job_type_of(atc.compose(["+experiment=logistic_36feat"])) == "run"
    assert job_type_of(atc.compose(["+experiment=gbdt_13feat"])) == "run"


def test_costs_are_those_of_all_stages_and_of_each() -> None:
    stages = {
        "features": {"seconds": 2.0, "peak_rss_mib": 900.0, "cached": False},
        "fit": {"seconds": 3.5, "cpu_seconds": 6.0, "peak_rss_mib": 400.0, "cached": False},
    }
    assert costs_of({"stages": stages}) == {
        "cost/seconds": 5.5,
        "cost/cpu_seconds": 6.0,
        "cost/peak_rss_mib": 900.0,
        "cost/features/seconds": 2.0,
        "cost/fit/seconds": 3.5,
        "cost/fit/cpu_seconds": 6.0,
        "cost/features/peak_rss_mib": 900.0,
        "cost/fit/peak_rss_mib": 400.0,
    }
    assert costs_of({}) == {}


def test_the_sample_is_of_judged_rows_and_the_same_for_every_model() -> None:
    one, other = sampled_predictions(predictions(0.5)), sampled_predictions(predictions(0.75))
    assert one.height == ROWS
    assert one.columns == ["symbol", "time", "ev_seq", "split", "y", "r_bps", "p_hold", "baseline_p_hold"]
    assert one.drop("p_hold").equals(other.drop("p_hold"))
    assert (one["ev_seq"] // 3 % 5 != 0).all()
    assert one["ev_seq"].is_sorted()
    # As even over time and splits as chance makes it.
    assert one.filter(pl.col("split") == "valid").height == pytest.approx(ROWS / 4, rel=0.15)
    assert one["time"][0].startswith("2023-11-14T22:13:") and one["time"][0].endswith("000001Z")
    assert one["y"].null_count() > 0 and one["y"].is_nan().sum() == 0


def test_few_rows_are_all_shown() -> None:
    assert sampled_predictions(predictions(rows=100)).height == 80
