"""The order of runs by what they give for their cost, and which stages are a run's own."""

from __future__ import annotations

from atc.report.run_cost import order_by_worth


def test_the_cheaper_goes_first_where_it_gives_more_for_its_cost() -> None:
    assert order_by_worth([1.0, 0.5], [10.0, 2.0]) == [1, 0]
    assert order_by_worth([1.0, 0.5], [10.0, 6.0]) == [0, 1]


def test_costs_that_are_nearly_equal_are_equal() -> None:
    """By cost alone the first would win by 8 %, which the next measurement would turn round."""
    assert order_by_worth([0.9, 1.0], [1.0, 1.2]) == [1, 0]
    assert order_by_worth([0.9, 1.0], [1.0, 1.21]) == [0, 1]
    # The class goes by its cheapest, so a chain of neighbours does not become one.
    assert order_by_worth([1.0, 1.0, 1.0], [1.4, 1.2, 1.0]) == [1, 2, 0]


def test_ties_keep_their_order_and_unknown_costs_come_last() -> None:
    assert order_by_worth([1.0, 1.0], [2.0, 2.1]) == [0, 1]
    assert order_by_worth([0.1, 9.0, 1.0], [2.0, None, None]) == [0, 1, 2]
    assert order_by_worth([], []) == []
