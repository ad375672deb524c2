"""What a policy learns, from validation alone: thresholds by their PnL, shares of classes by counting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    decisions: Mapping[str, Decisions],
    class_shares: NDArray[np.float64],
    progress: Progress = lambda _: None,
) -> dict[str, Learned]:
    """Fits `policy` on the decisions of validation, for each model by its own scores alone; `class_shares`:
    those of its judged rows. `market` ends where validation does. All models decide at the same instants, so
    they go through the same passes.
    """
    match policy:
        case ClassPolicy() | ConfidencePolicy():
            return {model: Learned(ClassShares(class_shares)) for model in decisions}
        case ThresholdPolicy():
            return _thresholds(policy, market, decisions, progress)


def _thresholds(
    policy: ThresholdPolicy, market: PastMarket, decisions: Mapping[str, Decisions], progress: Progress
) -> dict[str, Learned]:
    """First the long side as if there were no fitted short one, then the short side, which may push the long
    one up where that was fitted: a pass each.
    """
    short = NEVER_SHORT if policy.theta_short is None else policy.theta_short
    if policy.theta is not None:
        found = {model: Learned(Thresholds(policy.theta, short)) for model in decisions}
    else:
        # From the always-HOLD of the lowest score on, or from all that is not short; that also wins where
        # nothing earns more.
        least = least_long(short, policy.hysteresis)
        longs = {
            model: [Thresholds(theta, short) for theta in (least, *_above(grid(policy, one), least))]
            for model, one in decisions.items()
        }
        found = _best(policy, market, decisions, longs, progress)
    if not policy.short or policy.theta_short is not None:
        return found
    pairs = {model: _pairs(policy, one, found[model]) for model, one in decisions.items()}
    sides = _best(policy, market, decisions, pairs, progress)
    return {model: _joined(found[model], side) for model, side in sides.items()}


def _above(thetas: Sequence[float], least: float) -> list[float]:
    return [theta for theta in thetas if theta > least]


def _pairs(policy: ThresholdPolicy, decisions: Decisions, learned: Learned) -> list[Thresholds]:
    """Never short, and each short side of the grid with the long one that leaves it room."""
    assert isinstance(learned.fitted, Thresholds)
    long = learned.fitted.long
    pairs = [(max(long, least_long(theta, policy.hysteresis)), theta) for theta in grid(policy, decisions)]
    # A long side beyond 1 is none: no score reaches it.
    pairs = [pair for pair in pairs if pair[0] <= 1.0]
    if policy.theta is not None:
        pairs = [pair for pair in pairs if pair[0] == long]
    return [Thresholds(long), *(Thresholds(*pair) for pair in pairs)]


def _joined(long: Learned, both: Learned) -> Learned:
    """What both passes said; of those that left the better one, of either."""
    left = [one for one in (long.leaving, both.leaving) if one is not None]
    leaving = max(left, key=lambda one: one.alpha) if left else None
    return Learned(both.fitted, both.alpha, long.tried + both.tried, leaving)


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
    decisions: Mapping[str, Decisions],
    candidates: Mapping[str, Sequence[Thresholds]],
    progress: Progress,
) -> dict[str, Learned]:
    """By model the candidate with the largest PnL, and of those that traded beyond the benchmark; the first
    of equals. One pass over the events.
    """
    tried = {
        f"{model}_{number}": (model, candidate)
        for model, of_model in candidates.items()
        for number, candidate in enumerate(of_model)
    }
    targets = {
        name: target_lots(positions(policy, decisions[model], candidate), market.whole.size_lots)
        for name, (model, candidate) in tried.items()
    }
    strategies = [Strategy(BENCHMARK, BENCHMARK), *(Strategy(name, name) for name in tried)]
    first = next(iter(decisions.values()))
    traded = market.trade(Session(first.span, first.ts_close, targets, strategies), progress)
    held = traded.of(BENCHMARK)
    found: dict[str, list[Candidate]] = {model: [] for model in candidates}
    left: dict[str, list[Candidate]] = {model: [] for model in candidates}
    for name, (model, candidate) in tried.items():
        row = traded.of(name)
        one = Candidate(candidate, traded.units.money(row["equity"] - held["equity"]))
        found[model].append(one)
        if row["turnover_lots"] > held["turnover_lots"]:
            left[model].append(one)
    chosen = {}
    for model, ones in found.items():
        # Of equal ones `max` takes the first.
        best = max(ones, key=lambda one: one.alpha)
        leaving = max(left[model], key=lambda one: one.alpha, default=None)
        chosen[model] = Learned(best.at, best.alpha, len(ones), leaving)
    return chosen


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
