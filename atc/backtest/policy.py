"""Policies: from scores to the position that each decision asks for, as a share of the whole one.

A policy looks at the decisions in order and knows none that comes later. What it asks for is a wish: orders
keep their interval, fill in part or not at all, and the next decision asks again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.backtest.decisions import Decisions
from atc.config.trading import ClassPolicy, ConfidencePolicy, Policy, ThresholdPolicy
from atc.errors import UsageError

Flags = NDArray[np.bool_]
Positions = NDArray[np.float64]

NEVER_SHORT = -1.0
"""A threshold that no score is at or below."""


@dataclass(frozen=True)
class Thresholds:
    """Where a `threshold` policy enters: long at scores ≥ `long`, short at scores ≤ `short`."""

    long: float
    short: float = NEVER_SHORT


@dataclass(frozen=True)
class ClassShares:
    """Shares of the classes among the judged validation rows."""

    shares: NDArray[np.float64]
    """(classes,) in the order of the probabilities."""


Fitted = Thresholds | ClassShares | None
"""What a policy learned on validation."""


def can_short(policy: Policy, classes: int) -> bool:
    """Whether a policy over so many classes may wish a short position."""
    return classes > len(("FLAT", "HOLD")) if isinstance(policy, ClassPolicy) else policy.short


def positions(policy: Policy, decisions: Decisions, fitted: Fitted) -> Positions:
    """(n,) the wished position in [−1, 1] at each decision.

    The first one of a session is a whole long position whatever this says, so that strategy and benchmark
    begin alike. Raises UsageError for a policy that needs what `fitted` does not have.
    """
    if policy.gate is not None and decisions.gate is None:
        raise ValueError(f"policy.gate={policy.gate} needs the column of that name beside the predictions")
    agrees = _agreement(policy, decisions)
    match policy:
        case ClassPolicy():
            return _of_class(policy, decisions, fitted, agrees)
        case ThresholdPolicy():
            if not isinstance(fitted, Thresholds):
                raise ValueError("a threshold policy needs its thresholds")
            return threshold_positions(decisions.score, fitted, policy.hysteresis, agrees)
        case ConfidencePolicy():
            return _of_confidence(policy, decisions, fitted, agrees)


def _agreement(policy: Policy, decisions: Decisions) -> tuple[Flags, Flags]:
    """Where a long and where a short entry is allowed; a null of the gate allows none."""
    if policy.gate is None or decisions.gate is None:
        anywhere = np.ones(len(decisions), dtype=np.bool_)
        return anywhere, anywhere
    return decisions.gate > 0, decisions.gate < 0


def held(enters: Flags, stays: Flags, *, at_first: bool) -> Flags:
    """(n,) whether a position is held after each decision: taken up where `enters`, kept while `stays`.

    `at_first`: held before the first decision.
    """
    changes = enters | ~stays
    latest = np.maximum.accumulate(np.where(changes, np.arange(len(changes)), -1))
    return np.where(latest < 0, at_first, enters[np.maximum(latest, 0)])


def threshold_positions(
    score: NDArray[np.float64], at: Thresholds, hysteresis: float, agrees: tuple[Flags, Flags]
) -> Positions:
    """Long or short while the score is beyond its threshold, and until it came back by `hysteresis`.

    Sides exclude each other as long as the thresholds are at least twice the hysteresis apart.
    """
    long_stays, short_stays = score >= at.long - hysteresis, score <= at.short + hysteresis
    is_long = held((score >= at.long) & agrees[0], long_stays, at_first=True)
    if at.short == NEVER_SHORT:
        return is_long.astype(np.float64)
    is_short = held((score <= at.short) & agrees[1], short_stays, at_first=False)
    return is_long.astype(np.float64) - is_short


def _of_class(
    policy: ClassPolicy, decisions: Decisions, fitted: Fitted, agrees: tuple[Flags, Flags]
) -> Positions:
    p = decisions.probabilities
    if policy.prior_adjusted:
        if not isinstance(fitted, ClassShares):
            raise ValueError("a prior-adjusted policy needs the shares of the classes")
        p = p / np.maximum(fitted.shares, 1e-12)
    # Of equal ones the longest position: for two classes HOLD from p ≥ 0.5 on, or p ≥ π.
    chosen = 1 - np.argmax(p[:, ::-1], axis=1)
    is_long = held((chosen == 1) & agrees[0], chosen == 1, at_first=True)
    is_short = held((chosen == -1) & agrees[1], chosen == -1, at_first=False)
    return is_long.astype(np.float64) - is_short


def _of_confidence(
    policy: ConfidencePolicy, decisions: Decisions, fitted: Fitted, agrees: tuple[Flags, Flags]
) -> Positions:
    neutral = policy.neutral
    if neutral is None:
        if not isinstance(fitted, ClassShares) or len(fitted.shares) != 2:
            raise UsageError(
                "policy.neutral is null, which is the share of HOLD of a label with two classes; give the "
                "score that asks for no position, such as policy.neutral=0.5"
            )
        neutral = float(fitted.shares[1])
    share = np.clip((decisions.score - neutral) / policy.full, -1.0 if policy.short else 0.0, 1.0)
    wished = np.round(share * policy.steps) / policy.steps
    if policy.gate is None:
        return wished
    return _gated(wished, agrees)


def _gated(wished: Positions, agrees: tuple[Flags, Flags]) -> Positions:
    """What is left of `wished` where only increases that the gate agrees with are made."""
    allowed = np.empty_like(wished)
    now = 1.0
    for number, (wish, long_ok, short_ok) in enumerate(zip(wished, *agrees, strict=True)):
        if wish * now < 0:
            # The old side is left in any case.
            now = 0.0
        if abs(wish) <= abs(now) or (long_ok if wish > 0 else short_ok):
            now = wish
        allowed[number] = now
    return allowed


def target_lots(wished: Positions, size_lots: int) -> NDArray[np.int64]:
    """(n,) positions in lots, for a whole position of `size_lots`."""
    return np.round(wished * size_lots).astype(np.int64)
