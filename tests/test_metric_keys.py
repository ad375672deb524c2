"""Every key of metrics.json is declared, with one meaning; those of each experiment: test_experiments.py."""

from __future__ import annotations

from pathlib import Path

import pytest

import atc
from atc.report.metric_keys import FAMILIES, FIGURES, PARTS, declared
from atc.run import run

# As much as one run can have: folds, a gate, refits, seeds, calibration, weights, thinning, an open backtest.
EVERYTHING = (
    *(
        "+experiment=gbdt_36feat",
        "data.days=7",
        "data.rate=0.1",
        "window.train_days=5",
        "window.holdout_days=2",
    ),
    *("model.n_estimators=3", "model.min_child_samples=50", "model.num_threads=1", "seeds.count=2"),
    *("protocol=walk_forward", "protocol.folds=2", "refit=expanding", "refit.every_days=1"),
    *("calibration=isotonic", "weights=uniqueness", "thinning=every_k", "thinning.k=2"),
    *("evaluation.resamples=20", "evaluation.min_blocks=4", "explain=none", "policy.short=true"),
    *("backtest.random_draws=2", "backtest.capacity=[1,10]", "backtest.sensitivity.latency_s=[0.3]"),
    *("tracking=none", "runtime.progress=off"),
)


def test_the_keys_of_a_run_with_everything_are_declared(tmp_path: Path) -> None:
    made = atc.open_run(run(atc.compose([*EVERYTHING, f"paths.outputs={tmp_path}"])))
    unknown = [key for key in made.metrics if not any(declared(key))]
    assert not unknown
    twice = [key for key in made.metrics if len({one.meaning for one in declared(key)}) > 1]
    assert not twice
    met = {one.pattern for key in made.metrics for one in declared(key)}
    # What is of other labels, protocols and members.
    elsewhere = {"path", "members", "return/", "own_baseline", "warning"}
    unmet = [one.pattern for one in FAMILIES if one.pattern not in met]
    assert not [pattern for pattern in unmet if not any(word in pattern for word in elsewhere)]


@pytest.mark.parametrize(
    "key",
    [
        "holdout/auc@300s/lo",
        "holdout/f1/HOLD",
        "holdout/confusion/SHORT/FLAT",
        "trivial/holdout/pearson/t@30s",
        "lift/holdout/macro_f1/hi",
        "lift/holdout/auc@1s/below_power",
        "power/holdout/lift@300s/min_detectable",
        "fold/2/baseline/test/auc",
        "folds/lift/auc/mean/lo",
        "paths/auc@300s/std",
        "members/holdout/ece@5s/sd",
        "backtest/sensitivity/0.3s_1bps/alpha",
        "refit/backtest/alpha_daily/blocks",
        "backtest/waterfall_reverse/fees_carry",
    ],
)
def test_a_key_is_declared(key: str) -> None:
    assert any(declared(key))


@pytest.mark.parametrize(
    "key", ["holdout/acu", "auc", "holdout/auc/mid", "lift/train/auc", "backtest/holdout/auc"]
)
def test_what_is_no_key_is_not(key: str) -> None:
    assert not any(declared(key))


def test_declarations_are_told_in_words() -> None:
    for one in (*FIGURES, *FAMILIES):
        assert one.unit and one.meaning and one.meaning[-1] != "."
    parts = {word for one in FAMILIES for word in PARTS if word in one.pattern}
    assert parts == set(PARTS)
