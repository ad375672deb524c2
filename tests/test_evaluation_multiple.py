"""Many claims at once: Holm against statsmodels, and how often a board of worthless runs shows one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from atc.evaluation.multiple import holm, p_of_interval
from atc.report.claims import SHOWN, Claim, judged


def claim(
    lift: float, half: float | None = 0.01, *, split: str = "holdout", confidence: float = 0.95
) -> Claim:
    ends = (None, None) if half is None else (lift - half, lift + half)
    return Claim(split, "auc", "", 0.6, 0.6 - lift, lift, *ends, confidence, None)


def test_holm_is_that_of_statsmodels() -> None:
    for seed, size in enumerate((1, 2, 7, 50)):
        p_values = np.random.default_rng(seed).uniform(0, 0.2, size).tolist()
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert holm([]) == []


def test_p_of_an_interval() -> None:
    # 1.96 standard errors away is 5 %, whichever side the other half is on.
    assert p_of_interval(0.02, 0.0, 0.03, 0.95) == pytest.approx(0.05)
    assert p_of_interval(-0.02, -0.03, 0.0, 0.95) == pytest.approx(0.05)
    assert p_of_interval(0.03, 0.02, 0.08, 0.95) == pytest.approx(2 * norm.sf(3 * norm.ppf(0.975)))
    assert p_of_interval(0.0, -0.01, 0.01, 0.95) == 1.0
    assert p_of_interval(0.01, 0.01, 0.01, 0.95) == 0.0


def test_a_board_of_worthless_runs_shows_one_as_seldom_as_one_worthless_run() -> None:
    """Without Holm a board of 20 would show something above its baseline in 40 of 100 cases."""
    boards, runs, half = 2000, 20, norm.ppf(0.975)
    drawn = np.random.default_rng(7).standard_normal((boards, runs))
    shown = [
        any(one.verdict == SHOWN for one in judged([claim(z, half) for z in row])) for row in drawn.tolist()
    ]
    alone = np.mean((drawn - half > 0).any(axis=1))
    assert alone > 0.3
    expected = 0.025  # the half of 5 % that is above
    assert abs(np.mean(shown) - expected) < 4 * np.sqrt(expected / boards)


def test_one_real_lift_among_many_is_shown() -> None:
    lifts = [0.05, *[0.004] * 9, -0.05]
    verdicts = [one.verdict for one in judged([claim(lift) for lift in lifts])]
    assert verdicts == ["shown", *["not shown"] * 9, "below"]


def test_what_is_no_claim_costs_the_others_nothing() -> None:
    """A run that is its own baseline, one without interval and one on validation are no chances."""
    itself, no_interval = claim(0.0, 0.0), claim(0.05, None)
    validation = claim(0.05, None, split="valid")
    at_the_edge = claim(0.0101)
    found = judged([itself, no_interval, validation, at_the_edge])
    assert [one.verdict for one in found] == ["itself", "no interval", "unjudged", "shown"]
    assert [one.p_adjusted is None for one in found] == [True, True, True, False]
    assert [one.verdict for one in judged([at_the_edge] * 2)] == ["not shown"] * 2
