"""Policies by hand: latches, the gate, sizes by confidence, and what random draws keep of a strategy."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from atc.backtest.controls import random_targets
from atc.backtest.decisions import Decisions, decisions_of
from atc.backtest.policy import ClassShares, Thresholds, can_short, positions, target_lots
from atc.config.trading import ClassPolicy, ConfidencePolicy, ThresholdPolicy
from atc.errors import DataError, UsageError

S = 1_000_000_000


def decisions(*scores: float, gate: list[float] | None = None) -> Decisions:
    """Two classes, a decision a second."""
    n = len(scores)
    p = np.array(scores)
    return Decisions(
        span=(0, n * S),
        ts_close=np.arange(n) * S,
        ts_recv=np.arange(n) * S - 1,
        ev_seq=np.arange(n, dtype=np.uint64),
        probabilities=np.column_stack([1 - p, p]),
        gate=None if gate is None else np.array(gate),
    )


def three(*rows: tuple[float, float, float]) -> Decisions:
    found = decisions(*(0.0 for _ in rows))
    return Decisions(found.span, found.ts_close, found.ts_recv, found.ev_seq, np.array(rows))


def threshold(**fields: object) -> ThresholdPolicy:
    return ThresholdPolicy.model_validate({"kind": "threshold", **fields})


def test_long_from_theta_up_else_nothing() -> None:
    found = positions(threshold(), decisions(0.1, 0.6, 0.5, 0.59), Thresholds(0.59))
    assert found.tolist() == [0, 1, 0, 1]


def test_a_position_is_left_when_the_score_came_back_by_the_hysteresis() -> None:
    scores = decisions(0.55, 0.49, 0.55, 0.6, 0.52, 0.49, 0.1, 0.3, 0.45, 0.21)
    policy = threshold(hysteresis=0.1, short=True)
    found = positions(policy, scores, Thresholds(0.6, 0.2))
    # Held from the start; 0.49 is below 0.6 - 0.1; short from 0.2 down until above 0.3.
    assert found.tolist() == [1, 0, 0, 1, 1, 0, -1, -1, 0, 0]


def test_an_entry_needs_the_agreement_of_the_gate_and_an_exit_does_not() -> None:
    nan = float("nan")
    policy = threshold(gate="mscale_consensus_3sig", short=True)
    scores = decisions(
        0.9, 0.4, 0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.5, gate=[0, 0, -1, nan, 1, 0, 0, -1, 1, 1]
    )
    found = positions(policy, scores, Thresholds(0.6, 0.2))
    assert found.tolist() == [1, 0, 0, 0, 1, 1, 0, -1, -1, 0]
    with pytest.raises(ValueError, match="needs the column"):
        positions(policy, decisions(0.5), Thresholds(0.6))


def test_the_position_of_the_likeliest_class() -> None:
    policy = ClassPolicy(kind="class")
    assert positions(policy, decisions(0.5, 0.49, 0.9), None).tolist() == [1, 0, 1]
    rows = three((0.5, 0.3, 0.2), (0.2, 0.5, 0.3), (0.2, 0.3, 0.5), (0.4, 0.2, 0.4))
    assert positions(policy, rows, None).tolist() == [-1, 0, 1, 1]


def test_which_policies_may_sell_short() -> None:
    assert [can_short(ClassPolicy(kind="class"), classes) for classes in (2, 3)] == [False, True]
    for short in (False, True):
        assert can_short(ThresholdPolicy(kind="threshold", short=short), 3) is short
        assert can_short(ConfidencePolicy(kind="confidence", short=short), 2) is short


def test_prior_adjusted_classes_are_compared_with_their_shares() -> None:
    policy = ClassPolicy(kind="class", prior_adjusted=True)
    shares = ClassShares(np.array([0.14, 0.86]))
    assert positions(policy, decisions(0.85, 0.86, 0.87), shares).tolist() == [0, 1, 1]
    assert positions(policy, three((0.2, 0.3, 0.5)), ClassShares(np.array([0.1, 0.3, 0.6]))).tolist() == [-1]


def test_the_score_of_three_classes_is_that_of_the_direction() -> None:
    assert three((0.5, 0.3, 0.2), (0.0, 0.0, 1.0)).score.tolist() == [0.35, 1.0]


def test_a_position_grows_with_the_confidence() -> None:
    policy = ConfidencePolicy(kind="confidence", neutral=0.5, full=0.2, short=True, steps=2)
    found = positions(policy, decisions(0.5, 0.56, 0.64, 0.69, 0.9, 0.39, 0.0), None)
    assert found.tolist() == [0, 0.5, 0.5, 1, 1, -0.5, -1]
    long_only = policy.model_copy(update={"short": False, "neutral": None})
    assert positions(long_only, decisions(0.9, 0.8), ClassShares(np.array([0.2, 0.8]))).tolist() == [0.5, 0]
    with pytest.raises(UsageError, match=r"policy\.neutral=0\.5"):
        positions(long_only, three((0.2, 0.3, 0.5)), ClassShares(np.array([0.2, 0.3, 0.5])))
    assert target_lots(found, 1000).tolist() == [0, 500, 500, 1000, 1000, -500, -1000]


def test_the_gate_stops_increases_of_a_sized_position() -> None:
    policy = ConfidencePolicy(
        kind="confidence", neutral=0.5, full=0.2, short=True, steps=2, gate="mscale_consensus_3sig"
    )
    scores = decisions(0.6, 0.7, 0.7, 0.4, 0.3, 0.6, gate=[0, 0, 1, 0, -1, 0])
    assert positions(policy, scores, None).tolist() == [0.5, 0.5, 1, 0, -1, 0]


def keys(ts_close: list[int]) -> pl.DataFrame:
    n = len(ts_close)
    return pl.DataFrame(
        {"ts_recv": range(n), "ev_seq": range(n), "ts_close": ts_close},
        schema_overrides={"ev_seq": pl.UInt64},
    )


def test_decisions_come_in_the_order_in_which_rows_became_known_and_the_last_of_an_instant_decides() -> None:
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.5, 0.5]])
    found = decisions_of(keys([5, 3, 3, 9, 20]), p, (2, 20), expected=5)
    assert found.ts_close.tolist() == [3, 5, 9]
    assert found.score.tolist() == [0.3, 0.1, 0.4]
    assert found.ts_recv.tolist() == [2, 0, 3] and found.ev_seq.tolist() == [2, 0, 3]


def test_predictions_that_do_not_cover_the_span_are_refused() -> None:
    p = np.full((3, 2), 0.5)
    with pytest.raises(DataError, match="3 scores of 3 rows, and the span has 4"):
        decisions_of(keys([1, 2, 3]), p, (0, 9), expected=4)
    p[1] = np.nan
    with pytest.raises(DataError, match="1 rows have no score, the first at ts_recv=1, ev_seq=1"):
        decisions_of(keys([1, 2, 3]), p, (0, 9), expected=3)


def test_random_draws_are_the_policy_at_other_times() -> None:
    targets = np.repeat([10, 0, 10, -10], [40, 20, 30, 10])
    drawn = random_targets(targets, draws=30, seed=1)
    assert drawn.keys() == {f"random_{n}" for n in range(30)}
    for path in drawn.values():
        assert sorted(path.tolist()) == sorted(targets.tolist()) and (path != targets).any()
        assert np.count_nonzero(np.diff(path, append=path[0])) == 4  # a change for each of the policy's
    assert len({tuple(path.tolist()) for path in drawn.values()}) > 20
    again = random_targets(targets, draws=30, seed=1)
    assert all((drawn[name] == again[name]).all() for name in drawn)
    assert random_targets(targets[:0], draws=1, seed=1)["random_0"].tolist() == []
