"""What a run costs, and the order of runs by what they give for it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
from made_sweeps import Sweeps

from atc.opened_run import open_run
from atc.report.run_cost import cost_of, order_by_worth
from atc.tracking.run_files import MANIFEST


def test_the_cheaper_goes_first_where_it_gives_more_for_its_cost() -> None:
    assert order_by_worth([1.0, 0.5], [10.0, 2.0]) == [1, 0]
    assert order_by_worth([1.0, 0.5], [10.0, 6.0]) == [0, 1]


def test_costs_that_are_nearly_equal_are_equal() -> None:
    """By cost alone the first would win by 2 %, which the next measurement would turn round."""
    assert order_by_worth([0.95, 1.0], [1.0, 1.08]) == [1, 0]
    assert order_by_worth([0.95, 1.0], [1.0, 1.2]) == [0, 1]


def test_the_order_of_two_depends_on_no_third() -> None:
    amounts, costs = [0.9, 1.0, 0.1], [1.15, 1.3, 1.0]
    assert order_by_worth(amounts, costs)[:2] == order_by_worth(amounts[:2], costs[:2])
    rng = np.random.default_rng(3)
    for amount, cost in zip(rng.uniform(1, 1.3, (200, 6)), rng.uniform(1, 2, (200, 6)), strict=True):
        whole = order_by_worth(amount.tolist(), cost.tolist())
        for one, other in itertools.combinations(whole, 2):
            pair = order_by_worth([amount[one], amount[other]], [cost[one], cost[other]])
            assert pair == [0, 1]


def test_ties_keep_their_order_and_unknown_costs_come_last() -> None:
    assert order_by_worth([1.0, 1.0], [2.0, 2.1]) == [0, 1]
    assert order_by_worth([0.1, 9.0, 1.0], [2.0, None, None]) == [0, 1, 2]
    assert order_by_worth([], []) == []


def test_the_cost_of_an_experiment_is_of_the_model_that_has_the_lift(tmp_path: Path) -> None:
    """Yardsticks, folds, refits and the fallback would be paid for a model without any lift just so."""
    seconds = {
        "features": 1.0,
        "fit baseline": 2.0,
        "fit volatility": 4.0,
        "power": 8.0,
        "folds": 16.0,
        "fit": 32.0,
        "fit fallback": 64.0,
        "refit valid": 128.0,
        "refit holdout": 256.0,
        "evaluate": 512.0,
    }
    run = Sweeps(tmp_path).run("gbdt_36feat")
    manifest = json.loads((run.folder / MANIFEST).read_bytes())
    stages = {
        name: {"seconds": cost / 2, "cpu_seconds": cost, "peak_rss_mib": 100.0}
        for name, cost in seconds.items()
    }
    (run.folder / MANIFEST).write_text(json.dumps({**manifest, "stages": stages}))
    cost = cost_of(open_run(run.folder), "")
    assert (cost.fit_cpu_seconds, cost.fit_seconds, cost.core_hours) == (32.0, 16.0, 32.0 / 3600.0)
    assert cost.rest_cpu_seconds == sum(seconds.values()) - 32.0 - 1.0
    assert cost.cpu_seconds == sum(seconds.values())
