"""Ways of a threshold to the holdout: by type, by hand at run time, while a run learns it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from misuse import assert_every_line_after_is_an_error

import atc
from atc.backtest.decisions import Decisions
from atc.backtest.engine import BENCHMARK, Market, Session, Strategy
from atc.backtest.theta import learn
from atc.config.trading import ThresholdPolicy
from atc.events.catalog import Catalog
from atc.events.simulate import located
from atc.protocol.sealed_holdout import SealBrokenError, SealedHoldout
from atc.tasks.base import Desk
from atc.tasks.tick_classification import TickClassification

SMALL = (
    *("+experiment=logistic_36feat", "data.days=4", "data.rate=0.05", "window.train_days=3"),
    *("window.holdout_days=1", "protocol.valid_fraction=0.3", "evaluation.resamples=20", "tracking=none"),
    *("backtest.sensitivity.fee_bps=[]", "backtest.capacity=[]", "backtest.random_draws=1"),
)
MISUSE = """
import numpy as np
from atc.backtest.decisions import Decisions
from atc.backtest.engine import Market, PastMarket
from atc.backtest.theta import learn
from atc.config.trading import Policy
from atc.protocol.sealed_holdout import Parts

def misuse(policy: Policy, market: Market, past: PastMarket, valid: Decisions, parts: Parts) -> None:
    learn(policy, past, {"model": valid}, np.zeros(2))
    holdout = parts.holdout
    learn(policy, market, {"model": valid}, np.zeros(2))
    learn(policy, past, {"model": holdout}, np.zeros(2))
    learn(policy, past, {"model": valid}, holdout)
    past.trade(holdout)
"""


@pytest.mark.slow
def test_no_program_that_hands_it_to_a_policy_type_checks(tmp_path: Path) -> None:
    assert_every_line_after_is_an_error("    holdout = parts.holdout", MISUSE, tmp_path)


def test_what_learns_trades_on_nothing_that_comes_later(tmp_path: Path) -> None:
    config = atc.compose(["data=demo"])
    market = Market(located(config.data), Catalog(tmp_path), config.execution, config.cost, max_gap_s=60.0)
    times = np.arange(1_000, 2_000, 100)
    decisions = Decisions(
        span=(1_000, 2_001),
        ts_close=times,
        ts_recv=times,
        ev_seq=times.astype(np.uint64),
        probabilities=np.full((len(times), 2), 0.5),
    )
    past = market.before(2_000)
    policy = ThresholdPolicy(kind="threshold")
    with pytest.raises(SealBrokenError, match=r"a session until 2001 ns.*ends at 2000 ns"):
        learn(policy, past, {"model": decisions}, np.array([0.1, 0.9]))
    one = Session((1_000, 2_001), times, {}, [Strategy(BENCHMARK, BENCHMARK)])
    with pytest.raises(SealBrokenError):
        past.trade(one)


class Watcher:
    """A desk that writes down what happens, and tries the holdout while the policy learns."""

    def __init__(self) -> None:
        self.holdout: SealedHoldout | None = None
        self.happened: list[str] = []

    def try_it(self) -> None:
        assert self.holdout is not None
        with pytest.raises(SealBrokenError):
            self.holdout.open("a threshold")
        self.happened.append("tried")

    @contextmanager
    def stage(self, name: str) -> Iterator[Any]:
        self.happened.append(name)
        if name == "policy":
            self.try_it()
        yield SimpleNamespace(cached=False)

    @contextmanager
    def bar(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Any]:
        yield SimpleNamespace(
            update=lambda *_, **__: self.try_it() if name == "policy" else None, advance=lambda *_: None
        )

    @property
    def desk(self) -> Desk:
        return Desk(self.stage, self.bar, look=lambda _, reason: self.happened.append("look"))


def test_a_run_learns_before_it_looks(tmp_path: Path) -> None:
    watcher = Watcher()
    task = TickClassification(atc.compose([*SMALL, f"paths.outputs={tmp_path}"]))
    task.prepare(watcher.desk)
    loaded = task.load(watcher.desk)
    watcher.holdout = loaded.parts.holdout
    fitted = task.fit(loaded, watcher.desk)
    outcome = task.evaluate(loaded, fitted, watcher.desk)
    assert outcome.metrics["backtest/theta"] is not None and outcome.metrics["backtest/pnl"] is not None
    begun, looked = watcher.happened.index("policy"), watcher.happened.index("look")
    assert watcher.happened[begun:looked].count("tried") > 1  # at its begin and at each progress
    assert "tried" not in watcher.happened[looked:] and watcher.happened.count("look") == 1
    assert watcher.happened.index("backtest") > looked
