"""What a policy learns, from validation alone: thresholds by their PnL, shares of classes by counting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.backtest.decisions import Decisions
from atc.backtest.engine import BENCHMARK, Market, Session, Strategy, trade
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


def learn(
    policy: Policy,
    market: Market,
    decisions: Decisions,
    class_shares: NDArray[np.float64],
    progress: Progress = lambda _: None,
) -> Learned:
    """Fits `policy` on the decisions of validation; `class_shares`: those of its judged rows."""
    match policy:
        case ClassPolicy() | ConfidencePolicy():
            return Learned(ClassShares(class_shares))
        case ThresholdPolicy():
            return _thresholds(policy, market, decisions, progress)


def _thresholds(policy: ThresholdPolicy, market: Market, decisions: Decisions, progress: Progress) -> Learned:
    """First the long side as if there were no fitted short one, then the short side, which may push the long
    one up where that was fitted: a pass each.
    """
    short = NEVER_SHORT if policy.theta_short is None else policy.theta_short
    tried, alpha = 0, None
    if policy.theta is not None:
        long = policy.theta
    else:
        # From the always-HOLD of the lowest score on, or from all that is not short; that also wins where
        # nothing earns more.
        least = least_long(short, policy.hysteresis)
        longs = [least, *(theta for theta in grid(policy, decisions) if theta > least)]
        candidates = [Thresholds(theta, short) for theta in longs]
        chosen, alpha = _best(policy, market, decisions, candidates, progress)
        long, tried = chosen.long, len(candidates)
    if not policy.short or policy.theta_short is not None:
        return Learned(Thresholds(long, short), alpha, tried)
    pairs = [(max(long, least_long(theta, policy.hysteresis)), theta) for theta in grid(policy, decisions)]
    if policy.theta is not None:
        pairs = [pair for pair in pairs if pair[0] == long]
    candidates = [Thresholds(long), *(Thresholds(*pair) for pair in pairs)]
    chosen, alpha = _best(policy, market, decisions, candidates, progress)
    return Learned(chosen, alpha, tried + len(candidates))


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
    market: Market,
    decisions: Decisions,
    candidates: Sequence[Thresholds],
    progress: Progress,
) -> tuple[Thresholds, float]:
    """The candidate with the largest PnL, the first of equals, and its alpha; one pass over the events."""
    names = [f"theta_{number}" for number in range(len(candidates))]
    targets = {
        name: target_lots(positions(policy, decisions, candidate), market.size_lots)
        for name, candidate in zip(names, candidates, strict=True)
    }
    strategies = [Strategy(BENCHMARK, BENCHMARK), *(Strategy(name, name) for name in names)]
    traded = trade(market, Session(decisions.span, decisions.ts_close, targets, strategies), progress)
    pnl = [int(traded.of(name)["equity"]) for name in names]
    best = pnl.index(max(pnl))
    return candidates[best], traded.units.money(pnl[best] - traded.of(BENCHMARK)["equity"])


def metrics_of(learned: Learned) -> dict[str, float | None]:
    """For metrics.json: thresholds (null where there are none) and what they earned on validation."""
    at = learned.fitted if isinstance(learned.fitted, Thresholds) else None
    return {
        "backtest/theta": None if at is None else at.long,
        "backtest/theta_short": None if at is None or at.short == NEVER_SHORT else at.short,
        "backtest/valid/alpha": learned.alpha,
    }
