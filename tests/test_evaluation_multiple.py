"""Many claims at once: Holm against statsmodels, and how often a board of worthless runs shows one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t
from statsmodels.stats.multitest import multipletests

from atc.evaluation.bootstrap import multiplicities
from atc.evaluation.multiple import holm, p_of_interval
from atc.report.claims import SHOWN, Claim, judged

BLOCKS = 37


def claim(
    lift: float,
    half: float | None = 0.01,
    *,
    split: str = "holdout",
    confidence: float = 0.95,
) -> Claim:
    ends = (None, None) if half is None else (lift - half, lift + half)
    return Claim(split, "auc", "", 0.6, 0.6 - lift, lift, *ends, confidence, None, BLOCKS)


def test_holm_is_that_of_statsmodels() -> None:
    for seed, size in enumerate((1, 2, 7, 50)):
        p_values = np.random.default_rng(seed).uniform(0, 0.2, size).tolist()
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert holm([]) == []


def test_p_of_an_interval() -> None:
    # A lift at the end of its larger half: Student's tail at 1.96 of the standard errors that blocks give.
    at_the_end = 2 * t.sf(norm.ppf(0.975) * np.sqrt(36 / 37), 36)
    assert p_of_interval(0.02, 0.0, 0.03, 0.95, 37) == pytest.approx(at_the_end)
    assert p_of_interval(-0.02, -0.03, 0.0, 0.95, 37) == pytest.approx(at_the_end)
    # The larger half, whichever side it is on: the other may be short because the value is an odd one.
    assert p_of_interval(0.02, 0.015, 0.04, 0.95, 37) == pytest.approx(at_the_end)
    assert p_of_interval(0.03, 0.02, 0.04, 0.95, 10**5) == pytest.approx(
        2 * norm.sf(3 * norm.ppf(0.975)), rel=0.01
    )
    assert p_of_interval(0.0, -0.01, 0.01, 0.95, 37) == 1.0
    assert p_of_interval(0.01, 0.01, 0.01, 0.95, 37) == 0.0
    # Outside its interval: resamples that say nothing of the value.
    assert p_of_interval(0.05, 0.01, 0.04, 0.95, 37) == p_of_interval(0.01, 0.02, 0.04, 0.95, 37) == 1.0


def worthless(drawn: int, blocks: int, claims: int, *, resamples: int = 400) -> list[Claim]:
    """Means over blocks of nothing but noise, with percentile intervals of a bootstrap of `drawn` blocks, of
    which so many `blocks` hold a row of the mean.
    """
    values = np.random.default_rng(blocks).standard_normal((blocks, claims))
    times = multiplicities(drawn, resamples, blocks)[:, :blocks].astype(np.float64)
    means = times @ values / times.sum(axis=1, keepdims=True)
    lo, hi = np.quantile(means, [0.025, 0.975], axis=0)
    rows = np.column_stack([values.mean(axis=0), lo, hi]).tolist()
    return [Claim("holdout", "auc", "", 0.6, 0.6, *row, 0.95, None, blocks) for row in rows]


@pytest.mark.parametrize(("drawn", "blocks"), [(20, 20), (60, 60), (360, 20)])
def test_a_board_of_worthless_runs_shows_one_as_seldom_as_one_worthless_run(drawn: int, blocks: int) -> None:
    """Without Holm a board of 20 would show something above its baseline in 47 of 100 cases or more; with
    Holm and a normal's tails, at 20 blocks in 9.
    """
    boards, runs = 800, 20
    claims = worthless(drawn, blocks, boards * runs)
    of_boards = [claims[start : start + runs] for start in range(0, len(claims), runs)]
    shown = [any(one.verdict == SHOWN for one in judged(board)) for board in of_boards]
    alone = [any(one.lo is not None and one.lo > 0 for one in board) for board in of_boards]
    assert np.mean(alone) > 0.3
    expected = 0.025  # the half of 5 % that is above
    assert np.mean(shown) < expected + 3 * np.sqrt(expected / boards)
    assert np.mean(shown) > expected / 5


def test_one_real_lift_among_many_is_shown() -> None:
    lifts = [0.05, *[0.004] * 9, -0.05]
    verdicts = [one.verdict for one in judged([claim(lift) for lift in lifts])]
    assert verdicts == ["shown", *["not shown"] * 9, "below"]


def test_what_is_no_claim_costs_the_others_nothing() -> None:
    """A run that is its own baseline, one without interval and one on validation are no chances."""
    itself, no_interval = claim(0.0, 0.0), claim(0.05, None)
    validation = claim(0.05, None, split="valid")
    at_the_edge = claim(0.0115)
    found = judged([itself, no_interval, validation, at_the_edge])
    assert [one.verdict for one in found] == ["itself", "no interval", "unjudged", "shown"]
    assert [one.p_adjusted is None for one in found] == [True, True, True, False]
    assert [one.verdict for one in judged([at_the_edge] * 2)] == ["not shown"] * 2
