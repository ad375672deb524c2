"""The order of runs by what they give for their cost."""

from __future__ import annotations

import itertools

import numpy as np

from atc.report.run_cost import order_by_worth


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
