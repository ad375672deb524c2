"""One hundred markets with nothing to find: how often do the intervals of lift and alpha say so?

An interval of 95 % should leave 0 out in about five of a hundred. Fewer than 90 that hold it: the intervals
are too narrow, and who looks at twenty of them finds an edge that is not there. All hundred: they are so wide
that they would hide one.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

import atc
from atc.config.schema import RunConfig
from atc.report.progress import Progress
from atc.tasks.base import Desk
from atc.tasks.tick_classification import TickClassification
from atc.tracking.stages import Stages

SEEDS = range(1, 101)
JUDGED = ("auc", "lift", "alpha")

THIN = (
    # Six days at a tenth of the event rate: three train, three judge, in 72 blocks of an hour.
    *("data=demo_null", "data.days=6", "window.train_days=3", "window.holdout_days=3", "data.rate=0.1"),
    # Whoever trades on noise pays for it, so alpha after costs lies below 0, and rightly. What an interval
    # can be asked to hold is an alpha of 0: no fees, a sixth of the spread, a book that ten ETH do not move.
    # Not less: a spread of always two ticks is, in bps, the inverse of the price, and the level of a random
    # walk seems to foresee its way back wherever a stretch of it is looked at as a whole.
    *("cost=zero", "data.scenario.martingale_spread_bps=0.5"),
    *("data.scenario.near_median_lots=100000", "data.scenario.martingale_median_lots=100000"),
    # One tree of whole steps learns its noise by heart, so its scores differ and its policy goes in and out;
    # a cautious one says the same of every row, never trades, and proves nothing.
    *("model.learning_rate=1.0", "model.num_leaves=31", "model.min_child_samples=50", "model.num_threads=1"),
    *("model.n_estimators=20", "policy=class", "policy.prior_adjusted=true"),
    # What the intervals do not need; their ends are known well enough from a quarter of the resamples.
    "evaluation.resamples=500",
    *("backtest.random_draws=1", "backtest.capacity=[]", "backtest.sensitivity.latency_s=[]"),
    *("backtest.sensitivity.depth=[]", "backtest.sensitivity.fee_bps=[]"),
    *("evaluation.adversarial.enabled=false", "runtime.progress=off"),
)


def figures(config: RunConfig) -> dict[str, float]:
    """What a run of `config` records, by the run's own stages."""
    task = TickClassification(config)
    task.market.workers = 1
    desk = Desk(Stages().stage, Progress("off").bar, look=lambda _holdout, _reason: None)
    task.prepare(desk)
    loaded = task.load(desk)
    metrics = task.evaluate(loaded, task.fit(loaded, desk), desk).metrics
    keys = {"auc": "holdout/auc", "lift": "lift/holdout/auc", "alpha": "backtest/alpha_daily"}
    found = {
        f"{name}{end}": metrics[f"{key}{end}"] for name, key in keys.items() for end in ("", "/lo", "/hi")
    }
    found |= {name: metrics[f"backtest/{name}"] for name in ("fills", "time_long")}
    assert None not in found.values(), found
    return {key: float(value) for key, value in found.items() if value is not None}


def of_seed(config: RunConfig, seed: int) -> RunConfig:
    """The same run on the market of another seed: composed once, because composing takes a while."""
    return config.model_copy(update={"data": config.data.model_copy(update={"seed": seed})})


def missed(found: Mapping[int, Mapping[str, float]], name: str) -> list[int]:
    """Seeds whose interval leaves the truth out: ½ of an AUC, else 0."""
    truth = 0.5 if name == "auc" else 0.0
    return [seed for seed, one in found.items() if not one[f"{name}/lo"] <= truth <= one[f"{name}/hi"]]


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean over the markets, and its standard error: they share nothing."""
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


@pytest.mark.slow
def test_intervals_of_a_hundred_null_markets_hold_the_truth_as_often_as_they_say(tmp_path: Path) -> None:
    config = atc.compose(["+experiment=gbdt_36feat", *THIN, f"paths.outputs={tmp_path}"])
    found = {}
    for seed in SEEDS:
        found[seed] = figures(of_seed(config, seed))
        shutil.rmtree(tmp_path / "data")
        shutil.rmtree(tmp_path / "cache")
    fills = [one["fills"] for one in found.values()]
    print(
        f"\n{len(found)} markets; fills {min(fills):.0f} to {max(fills):.0f}, median {np.median(fills):.0f}"
    )
    held = {}
    for name in JUDGED:
        out = missed(found, name)
        held[name] = len(found) - len(out)
        mean, error = mean_and_error([one[name] for one in found.values()])
        half = np.mean([(one[f"{name}/hi"] - one[f"{name}/lo"]) / 2 for one in found.values()])
        spread = np.std([one[name] for one in found.values()], ddof=1)
        print(
            f"{name:>5}: {held[name]} of {len(found)} intervals hold the truth (not those of seeds {out}); "
            f"mean {mean:+.5g} ± {error:.2g} (s.e.); half-width on average {half:.4g}, 1.96 s.d. of the "
            f"figure {1.96 * spread:.4g}"
        )
        # And nothing is found on average either, which a hundred markets know ten times better than one.
        assert abs(mean - (0.5 if name == "auc" else 0.0)) < 3 * error, name
    # A policy that hardly leaves its position would hold 0 whatever the interval is worth.
    assert min(fills) > 5
    assert np.median(fills) > 50
    assert all(0.01 < one["time_long"] < 0.99 for one in found.values())
    assert {name: count for name, count in held.items() if not 90 <= count <= 99} == {}
