"""The reference's further families against cases that are worked out by hand."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from fractions import Fraction

import pytest

from .columns import Values
from .events import CLEAR, DUP_OTHER_SIDE, RESET, SECOND, Advance, Book, Level, Step
from .ofi import ask_flow, bid_flow
from .test_golden import BOOKS, CLOCK, MS, T0, TRADES, column, control, delta, snap, trade, values

TWO_SIDED = ((1, 99, 10), (-1, 101, 20))


def last(steps: list[Step]) -> Values:
    return values(steps, BOOKS)[-1]


# Order flow


@pytest.mark.parametrize(
    ("before", "after", "bid", "ask"),
    [
        ((100, 7), (100, 9), 2, 2),  # the same price: the change of its size
        ((100, 7), (101, 9), 9, -7),  # a better bid adds what it brings; as an ask it went back
        ((100, 7), (99, 9), -7, 9),
        (None, (100, 9), 9, 9),
        ((100, 7), None, -7, -7),
        (None, None, 0, 0),
    ],
)
def test_the_flow_of_a_level(
    before: tuple[int, int] | None, after: tuple[int, int] | None, bid: int, ask: int
) -> None:
    assert bid_flow(before, after) == bid
    assert ask_flow(before, after) == ask


def test_order_flow_sums_bids_minus_asks_in_base_asset() -> None:
    steps: list[Step] = [
        snap(1, 0, *TWO_SIDED),
        delta(2, 100 * MS, (1, 99, 16)),  # +6
        delta(3, 200 * MS, (-1, 101, 15)),  # asks lose 5: +5
        delta(4, 300 * MS, (-1, 100, 3)),  # a better ask of 3: -3
    ]
    row = last(steps)
    assert row.exact["ofi_1s"] == Fraction(6 + 5 - 3, 100)
    # mean touch after each step: (16 + 20, 16 + 15, 16 + 3) / 2
    assert row.exact["ofi_depth_ratio_30s"] == 8 / (Fraction(36 + 31 + 19, 2) / 3)
    # at the second level of the asks 101 appears behind 100, which 15 lots of it now are
    assert row.exact["mlofi_l2_5s"] == Fraction(-15, 100)
    assert row.exact["mlofi_top10_5s"] == Fraction(8 - 15, 100)


def test_what_lies_between_two_messages_of_a_timestamp_is_no_flow() -> None:
    quiet: list[Step] = [snap(1, 0, *TWO_SIDED), delta(2, MS, (1, 99, 0)), delta(3, MS, (1, 99, 10))]
    assert last(quiet).exact["ofi_1s"] == 0
    assert last(quiet).exact["ofi_depth_ratio_30s"] == 0


def test_the_first_look_at_a_book_is_no_flow() -> None:
    row = last([snap(1, 0, *TWO_SIDED)])
    assert row.exact["ofi_30s"] == 0
    assert row.exact["ofi_depth_ratio_30s"] is None
    unknown = last([delta(1, 0, (1, 99, 5)), snap(2, 1, *TWO_SIDED)])
    assert unknown.exact["ofi_depth_ratio_30s"] is None


def test_an_emptied_book_is_known() -> None:
    steps: list[Step] = [snap(1, 0, *TWO_SIDED), Book(2, T0 + 1, None, 0, CLEAR, (Level(0, 0, 0),))]
    row = last(steps)
    assert row.exact["ofi_1s"] == Fraction(-10 + 20, 100)
    assert row.exact["ofi_depth_ratio_30s"] is None  # depth zero after it
    back = last([*steps, snap(3, 2, *TWO_SIDED)])
    assert back.exact["ofi_1s"] == 0
    assert back.exact["ofi_depth_ratio_30s"] == 0


def test_no_flow_across_a_silence_or_a_reset() -> None:
    later = 60 * SECOND
    for extra, flow in ((0, Fraction(5, 100)), (1, Fraction(0))):
        steps: list[Step] = [
            snap(1, 0, *TWO_SIDED),
            trade(2, 30 * SECOND),
            snap(3, later + extra, (1, 99, 15), (-1, 101, 20)),
        ]
        assert last(steps).exact["ofi_1s"] == flow
    reset: list[Step] = [snap(1, 0, *TWO_SIDED), control(2, 1, RESET), snap(3, 2, (1, 99, 15), (-1, 101, 20))]
    assert last(reset).exact["ofi_1s"] == 0


def test_windows_of_flow_are_open_on_the_left() -> None:
    steps: list[Step] = [
        snap(1, 0, *TWO_SIDED),
        delta(2, SECOND, (1, 99, 11)),
        delta(3, 2 * SECOND, (1, 99, 13)),
        delta(4, 6 * SECOND, (1, 99, 17)),
    ]
    row = last(steps)
    assert row.exact["ofi_1s"] == Fraction(4, 100)
    assert row.exact["ofi_5s"] == Fraction(6, 100)
    assert row.exact["ofi_30s"] == Fraction(7, 100)


def test_the_eleventh_level_is_not_looked_at() -> None:
    levels = [(side, 100 - side * k, 5) for k in range(1, 12) for side in (1, -1)]
    more: list[Step] = [snap(1, 0, *levels), delta(2, 1, (1, 89, 50), (-1, 111, 1))]
    assert last(more).exact["mlofi_top10_5s"] == 0
    assert last([*more, delta(3, 2, (1, 90, 6))]).exact["mlofi_top10_5s"] == Fraction(1, 100)


# Microprice


def test_the_microprice_leans_to_the_thinner_side() -> None:
    row = last([snap(1, 0, (1, 99, 10), (1, 98, 30), (-1, 101, 30))])
    # (99 * 30 + 101 * 10) / 40 = 99.5; with five levels 40 against 30: (99 * 30 + 101 * 40) / 70
    assert row.exact["microprice_dev_bps"] == 10_000 * (Fraction("99.5") / 100 - 1)
    assert row.exact["microprice_top5_dev_bps"] == 10_000 * (Fraction(99 * 30 + 101 * 40, 7000) - 1)


@pytest.mark.parametrize(
    "levels", [((1, 99, 5),), ((-1, 101, 5),), ((1, 101, 5), (-1, 101, 5)), ((1, 102, 5), (-1, 101, 5))]
)
def test_no_microprice_of_a_one_sided_locked_or_crossed_book(
    levels: tuple[tuple[int, int, int], ...],
) -> None:
    row = last([snap(1, 0, *levels)])
    assert row.exact["microprice_dev_bps"] is None
    assert row.exact["microprice_top5_dev_bps"] is None


def test_the_return_of_the_microprice() -> None:
    steps: list[Step] = [
        snap(1, 0, (1, 99, 10), (-1, 101, 30)),
        delta(2, 1, (-1, 101, 10)),
        trade(3, SECOND),
        trade(4, SECOND + 1, side=-1),
    ]
    assert column(steps, TRADES, "microprice_logret_1s") == pytest.approx([math.log(100 / 99.5), 0.0])
    assert column(steps[:1], BOOKS, "microprice_logret_1s") == [None]


# Price impact


def impact_stream() -> list[Step]:
    """Mids 100, 101, 100.5, 102.5 after seconds 0 to 3; signed volumes 4, -2, 6."""
    return [
        snap(1, 0, (1, 99, 1), (-1, 101, 1)),
        trade(2, 500 * MS, qty=4),
        snap(3, SECOND, (1, 100, 1), (-1, 102, 1)),
        trade(4, SECOND + 1, qty=1),
        trade(5, 2 * SECOND, side=-1, qty=3),
        snap(6, 2 * SECOND, (1, 100, 1), (-1, 101, 1)),
        replace(trade(7, 2 * SECOND + 5, side=-1, qty=50), flags=DUP_OTHER_SIDE),
        trade(8, 2 * SECOND + 9, qty=6),
        snap(9, 3 * SECOND, (1, 101, 1), (-1, 104, 1)),
    ]


def test_price_impact_is_the_slope_of_half_ticks_on_lots() -> None:
    spec = replace(CLOCK, min_values=3)
    found = [row.exact["kyle_lambda_300s"] for row in values(impact_stream(), spec)]
    xs, ys = (4, -2, 6), (2, -1, 4)
    n, sx, sy = 3, sum(xs), sum(ys)
    sxx, sxy = sum(x * x for x in xs), sum(x * y for x, y in zip(xs, ys, strict=True))
    slope = Fraction(n * sxy - sx * sy, n * sxx - sx * sx)
    # half-ticks a lot of 0.01, at a mid of 102.5
    assert found == [None, None, None, 10_000 * slope * Fraction(1, 2) / Fraction("0.01") / Fraction("102.5")]
    assert [row.exact["kyle_lambda_1800s"] for row in values(impact_stream(), spec)] == found


def test_a_bar_needs_both_mids_and_volume_that_varies() -> None:
    spec = replace(CLOCK, min_values=2)
    one_sided: list[Step] = [*impact_stream(), snap(10, 4 * SECOND, (1, 101, 1)), trade(11, 5 * SECOND)]
    found = column(one_sided, spec, "kyle_lambda_300s")
    assert found[2] is not None
    assert found[3] is not None
    assert found[4:] == [None, None]  # no mid at t
    still: list[Step] = [snap(1, 0, *TWO_SIDED), Advance(T0 + 9 * SECOND)]
    assert set(column(still, spec, "kyle_lambda_300s")) == {None}  # no volume


def test_the_oldest_bar_ends_within_the_window() -> None:
    steps: list[Step] = []
    for k in range(304):
        lean = 1 if k % 2 else 0
        steps.append(snap(2 * k + 1, k * SECOND, (1, 99, 1), (-1, 101 + 2 * lean, 1)))
        steps.append(trade(2 * k + 2, k * SECOND + 1, qty=1000 if k == 0 else 1 + lean))
    table = values(steps, replace(CLOCK, min_values=300))
    # at second 300 bars 1 to 300 count, and bar 1 holds the large print; at 301 bars 2 to 301
    assert table[299].exact["kyle_lambda_300s"] is None
    for k in (300, 301):
        bars = range(k - 299, k + 1)
        x = [1000 if bar == 1 else 1 + (bar - 1) % 2 for bar in bars]
        y = [2 if bar % 2 else -2 for bar in bars]
        slope = statistics.linear_regression(x, y).slope
        expected = 1e4 * slope / (2 * 0.01 * (100 + k % 2))
        assert table[k].as_float("kyle_lambda_300s") == pytest.approx(expected, rel=1e-9)


# Kernel sums


def test_kernel_sums_of_both_sides() -> None:
    steps: list[Step] = [trade(1, 0), trade(2, SECOND, side=-1, qty=9), trade(3, 2 * SECOND, side=0)]
    row = values(steps, TRADES)[-1]
    assert row.as_float("hawkes_buy_1s") == pytest.approx(math.exp(-2), abs=2**-40)
    assert row.as_float("hawkes_sell_1s") == pytest.approx(math.exp(-1), abs=2**-40)
    buy, sell = math.exp(-0.2), math.exp(-0.1)
    assert row.as_float("hawkes_buy_10s") == pytest.approx(buy / 10, abs=2**-43)
    assert row.as_float("hawkes_imbalance_10s") == pytest.approx((buy - sell) / (buy + sell), abs=2**-39)


def test_a_kernel_ends_after_thirty_time_constants() -> None:
    steps: list[Step] = [trade(1, 0), snap(2, 29 * SECOND, *TWO_SIDED), trade(3, 59 * SECOND, side=-1)]
    row = values(steps, TRADES)[-1]
    assert row.exact["hawkes_buy_1s"] == 0  # e^-59 is far below one unit, and it is too old
    assert row.exact["hawkes_sell_1s"] == 1
    alone = values([snap(1, 0, *TWO_SIDED)], BOOKS)[0]
    assert alone.exact["hawkes_buy_10s"] == 0
    assert alone.exact["hawkes_imbalance_10s"] is None
    # e^-28 is 0.76 units and rounds to one, e^-29 to none
    for age, units in ((28, 1), (29, 0)):
        old: list[Step] = [trade(1, 0), snap(2, age * SECOND, *TWO_SIDED)]
        assert values(old, BOOKS)[-1].exact["hawkes_buy_1s"] == Fraction(units, 1 << 40)


def test_a_growing_group_counts_at_its_last_print_so_far() -> None:
    steps: list[Step] = [trade(1, 0), snap(2, MS, *TWO_SIDED), trade(3, 5 * MS), snap(4, 6 * MS, *TWO_SIDED)]
    found = column(steps, BOOKS, "hawkes_buy_1s")
    assert found == pytest.approx([math.exp(-0.001), math.exp(-0.001)], abs=2**-40)


# Bipower variation


def test_bipower_variation_takes_pairs_and_leaves_a_jump_alone() -> None:
    steps: list[Step] = [
        snap(1, 0, (1, 99, 1), (-1, 101, 1)),
        snap(2, SECOND, (1, 100, 1), (-1, 102, 1)),
        trade(3, 2 * SECOND),
        snap(4, 3 * SECOND, (1, 119, 1), (-1, 121, 1)),
        snap(5, 4 * SECOND, (1, 118, 1), (-1, 120, 1)),
    ]
    x = [math.log(101 / 100), math.log(120 / 101), -math.log(119 / 120)]
    table = values(steps, BOOKS)
    assert [row.as_float("bv_30s") for row in table[:2]] == [0, 0]
    b = math.pi / 2 * (x[0] * x[1] + x[1] * x[2])
    assert table[-1].as_float("bv_300s") == pytest.approx(math.sqrt(b), rel=1e-9)
    assert table[0].exact["jump_share_300s"] is None
    assert table[1].exact["jump_share_300s"] == 1
    assert table[-1].as_float("jump_share_300s") == pytest.approx(
        1 - b / sum(change * change for change in x), rel=1e-9
    )


def test_a_pair_needs_both_times_in_the_window() -> None:
    steps: list[Step] = [
        snap(k + 1, at * SECOND, (1, 99 + k, 1), (-1, 101 + k, 1)) for k, at in enumerate((0, 1, 30, 31))
    ]
    # (1 s, 31 s] holds the changes at 30 and 31, and the pair of both; not the pair of 1 and 30
    x = [math.log(102 / 101), math.log(103 / 102)]
    table = values(steps, BOOKS)
    assert table[-1].as_float("bv_30s") == pytest.approx(math.sqrt(math.pi / 2 * x[0] * x[1]), rel=1e-9)
    # equal moves: the products exceed the squares, and no jump is left
    assert table[-1].exact["jump_share_300s"] == 0
