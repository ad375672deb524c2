"""What a policy learns, from validation alone: thresholds by their PnL, shares of classes by counting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.backtest.decisions import Decisions
from atc.backtest.engine import BENCHMARK, PastMarket, Session, Strategy
from atc.backtest.policy import (
    NEVER_SHORT,
    ClassShares,
    Fitted,
    Thresholds,
    positions,
    target_lots,
)
from atc.config.trading import ClassPolicy, ConfidencePolicy, Policy, ThresholdPolicy

Progress = Callable[[float], object]


@dataclass(frozen=True)
class Learned:
    """What validation said."""

    fitted: Fitted
    alpha: float | None = None
    """Of the chosen thresholds on validation, in quote currency: the largest of many, so it flatters."""
    tried: int = 0
    leaving: Candidate | None = None
    """The best of those that traded more than holding does; None where none did, or none was tried."""


@dataclass(frozen=True)
class Candidate:
    """Thresholds, and what they earned on validation."""

    at: Thresholds
    alpha: float
    """Over always HOLD, in quote currency."""


def learn(
    policy: Policy,
    market: PastMarket,
    decisions: Decisions,
    class_shares: NDArray[np.float64],
    progress: Progress = lambda _: None,
) -> Learned:
    """Fits `policy` on the decisions of validation; `class_shares`: those of its judged rows. `market` ends
    where validation does.
    """
    match policy:
        case ClassPolicy() | ConfidencePolicy():
            return Learned(ClassShares(class_shares))
        case ThresholdPolicy():
            return _thresholds(policy, market, decisions, progress)


def _thresholds(
    policy: ThresholdPolicy, market: PastMarket, decisions: Decisions, progress: Progress
) -> Learned:
    """First the long side as if there were no fitted short one, then the short side, which may push the long
    one up where that was fitted: a pass each.
    """
    short = NEVER_SHORT if policy.theta_short is None else policy.theta_short
    tried, alpha, leaving = 0, None, None
    if policy.theta is not None:
        long = policy.theta
    else:
        # From the always-HOLD of the lowest score on, or from all that is not short; that also wins where
        # nothing earns more.
        least = least_long(short, policy.hysteresis)
        longs = [least, *(theta for theta in grid(policy, decisions) if theta > least)]
        candidates = [Thresholds(theta, short) for theta in longs]
        best, leaving = _best(policy, market, decisions, candidates, progress)
        long, alpha, tried = best.at.long, best.alpha, len(candidates)
    if not policy.short or policy.theta_short is not None:
        return Learned(Thresholds(long, short), alpha, tried, leaving)
    pairs = [(max(long, least_long(theta, policy.hysteresis)), theta) for theta in grid(policy, decisions)]
    # A long side beyond 1 is none: no score reaches it.
    pairs = [pair for pair in pairs if pair[0] <= 1.0]
    if policy.theta is not None:
        pairs = [pair for pair in pairs if pair[0] == long]
    candidates = [Thresholds(long), *(Thresholds(*pair) for pair in pairs)]
    best, other = _best(policy, market, decisions, candidates, progress)
    left = [one for one in (leaving, other) if one is not None]
    leaving = max(left, key=lambda one: one.alpha) if left else None
    return Learned(best.at, best.alpha, tried + len(candidates), leaving)


def least_long(short: float, hysteresis: float) -> float:
    """The lowest threshold to the long side that leaves room above `short`: 0 where nothing is sold short."""
    if short == NEVER_SHORT:
        return 0.0
    return max(float(np.nextafter(short, np.inf)), short + 2 * hysteresis)


def grid(policy: ThresholdPolicy, decisions: Decisions) -> list[float]:
    """Quantiles of the scores, evenly spread and distinct, ascending."""
    if not len(decisions):
        return []
    levels = (np.arange(policy.grid) + 0.5) / policy.grid
    return [float(theta) for theta in np.unique(np.quantile(decisions.score, levels, method="lower"))]


def _best(
    policy: ThresholdPolicy,
    market: PastMarket,
    decisions: Decisions,
    candidates: Sequence[Thresholds],
    progress: Progress,
) -> tuple[Candidate, Candidate | None]:
    """The candidate with the largest PnL, and of those that traded beyond the benchmark; the first of equals.
    One pass over the events.
    """
    names = [f"theta_{number}" for number in range(len(candidates))]
    targets = {
        name: target_lots(positions(policy, decisions, candidate), market.whole.size_lots)
        for name, candidate in zip(names, candidates, strict=True)
    }
    strategies = [Strategy(BENCHMARK, BENCHMARK), *(Strategy(name, name) for name in names)]
    traded = market.trade(Session(decisions.span, decisions.ts_close, targets, strategies), progress)
    held = traded.of(BENCHMARK)
    rows = [traded.of(name) for name in names]
    found = [
        Candidate(candidate, traded.units.money(row["equity"] - held["equity"]))
        for candidate, row in zip(candidates, rows, strict=True)
    ]
    left = [one for one, row in zip(found, rows, strict=True) if row["turnover_lots"] > held["turnover_lots"]]
    # Of equal ones `max` takes the first.
    return max(found, key=lambda one: one.alpha), max(left, key=lambda one: one.alpha, default=None)


def metrics_of(learned: Learned) -> dict[str, float | None]:
    """For metrics.json: thresholds (null where there are none) and what they earned on validation."""
    at = learned.fitted if isinstance(learned.fitted, Thresholds) else None
    leaving = learned.leaving
    return {
        "backtest/theta": None if at is None else at.long,
        "backtest/theta_short": None if at is None or at.short == NEVER_SHORT else at.short,
        "backtest/valid/alpha": learned.alpha,
        "backtest/valid/leaving/theta": None if leaving is None else leaving.at.long,
        "backtest/valid/leaving/alpha": None if leaving is None else leaving.alpha,
    }
