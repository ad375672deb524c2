"""The reference against cases that are worked out by hand, sentence by sentence of the readings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest

from .columns import Table, Values
from .events import (
    CLEAR,
    DELTA,
    DUP_OTHER_SIDE,
    REPEAT,
    RESET,
    SECOND,
    SNAP,
    SNAPSHOT,
    STATUS,
    Advance,
    Book,
    Control,
    Level,
    Spec,
    Step,
    Ticker,
    Trade,
)
from .exact import median, nearest_rank, robust_score, sin_cos_of_turn, to_units, z_score

T0 = 1_709_600_000 * SECOND  # a whole second, 00:53:20 UTC, 09:53:20 JST
MS = SECOND // 1000
TRADES, BOOKS, TICKERS, CLOCK = (Spec(sampling=s) for s in ("trade", "book", "ticker", "clock_1s"))


def trade(seq: int, at: int, side: int = 1, *, qty: int = 100, px: int = 1000, exch: int | None = 1) -> Trade:
    return Trade(seq, T0 + at, exch, 0, px, qty, side)


def snap(seq: int, at: int, *levels: tuple[int, int, int], flags: int = SNAPSHOT) -> Book:
    return Book(seq, T0 + at, None, flags, SNAP, tuple(Level(*level) for level in levels))


def delta(seq: int, at: int, *levels: tuple[int, int, int], flags: int = 0) -> Book:
    return Book(seq, T0 + at, None, flags, DELTA, tuple(Level(*level) for level in levels))


def ticker(seq: int, at: int, bid: int | None = 99, ask: int | None = 101, last: int | None = 100) -> Ticker:
    return Ticker(seq, T0 + at, None, 0, bid, ask, last, 120, 90, None, None, 1000 + seq)


def control(seq: int, at: int, kind: int) -> Control:
    return Control(seq, T0 + at, 0, kind)


def keys(steps: Sequence[Step], spec: Spec, *, flush: bool = True) -> list[tuple[int, int, int]]:
    """(t, ev_seq, ts_close) of every row, times relative to T0."""
    return [(r.ts_recv - T0, r.ev_seq, r.ts_close - T0) for r in Table(steps, spec, flush=flush).rows]


def values(steps: Sequence[Step], spec: Spec) -> list[Values]:
    table = Table(steps, spec)
    return [table.at(i) for i in range(len(table))]


def column(steps: Sequence[Step], spec: Spec, name: str) -> list[float | None]:
    return [row.as_float(name) for row in values(steps, spec)]


# Arithmetic


def test_z_score_of_one_to_twenty() -> None:
    z = z_score(20, range(1, 21), 20)  # mean 10.5, variance 20 * 21 / 12 = 35
    assert z is not None
    assert float(z.value) == pytest.approx(9.5 / math.sqrt(35), rel=1e-15)


def test_statistics_need_enough_values_that_differ() -> None:
    assert z_score(19, range(19), 20) is None
    assert z_score(7, [7] * 20, 20) is None
    assert robust_score(19, range(19), 20) is None
    assert robust_score(9, [7] * 11 + [9] * 9, 20) is None  # more than half are equal: MAD 0


def test_median_and_mad_of_an_even_count() -> None:
    assert median([1, 10, 3, 2]) == Fraction(5, 2)
    # deviations from 2.5: 1.5 0.5 0.5 7.5, their median 1
    assert robust_score(10, [1, 10, 3, 2], 4) == Fraction("7.5") / Fraction("1.4826")


@pytest.mark.parametrize(
    ("n", "rank"), [(1, 1), (20, 19), (21, 20), (40, 38), (41, 39), (100, 95), (101, 96)]
)
def test_nearest_rank_p95(n: int, rank: int) -> None:
    assert nearest_rank(range(n, 0, -1), 95) == rank


def test_rounding_to_fixed_point_ties_to_even() -> None:
    assert [to_units(Fraction(k, 1 << 41)) for k in (-3, -1, 1, 3, 5)] == [-2, 0, 0, 2, 2]


@pytest.mark.parametrize(
    ("turn", "sine", "cosine"),
    [
        (Fraction(0), 0, 1),
        (Fraction(1, 4), 1, 0),
        (Fraction(1, 12), 0.5, math.sqrt(3) / 2),
        (Fraction(7, 8), -(0.5**0.5), 0.5**0.5),
    ],
)
def test_sine_and_cosine_of_turns(turn: Fraction, sine: float, cosine: float) -> None:
    s, c = sin_cos_of_turn(turn)
    assert (float(s), float(c)) == pytest.approx((sine, cosine), abs=1e-40, rel=1e-15)


# Taker groups and trade rows


def test_a_group_holds_prints_of_one_key_at_most_5_ms_apart() -> None:
    steps: list[Step] = [trade(1, 0), trade(2, 5 * MS), trade(3, 10 * MS), trade(4, 15 * MS + 1)]
    assert keys(steps, TRADES) == [(10 * MS, 3, 15 * MS + 1), (15 * MS + 1, 4, 20 * MS + 1)]
    assert column(steps, TRADES, "trade_size_log") == pytest.approx([math.log(4), math.log(2)])


def test_another_side_or_exchange_time_opens_a_group_at_once() -> None:
    steps: list[Step] = [trade(1, 0), trade(2, 0, side=-1), trade(3, 0, exch=None), trade(4, 0, exch=None)]
    assert keys(steps, TRADES) == [(0, 1, 0), (0, 2, 0), (0, 4, 5 * MS)]
    # all of them are looked at after the timestamp: three groups within the second
    assert column(steps, TRADES, "trade_count_1s") == [3, 3, 3]


def test_a_group_closes_at_the_first_event_later_than_5_ms() -> None:
    assert keys([trade(1, 0), ticker(2, 5 * MS), ticker(3, 5 * MS + 1)], TRADES) == [(0, 1, 5 * MS + 1)]
    assert keys([trade(1, 0), control(2, 6 * MS, STATUS)], TRADES) == [(0, 1, 6 * MS)]
    assert keys([trade(1, 0), Advance(T0 + 5 * MS), Advance(T0 + 5 * MS + 1)], TRADES) == [(0, 1, 5 * MS + 1)]
    assert keys([trade(1, 0), control(2, 1, RESET)], TRADES) == [(0, 1, 1)]
    assert keys([trade(1, 0), ticker(2, 5 * MS)], TRADES, flush=False) == []


def test_the_makers_copy_has_no_effect() -> None:
    copy = replace(trade(2, 6 * MS, side=-1), flags=DUP_OTHER_SIDE)
    assert keys([trade(1, 0), copy], TRADES) == [(0, 1, 5 * MS)]
    assert keys([trade(1, 0), copy], TRADES, flush=False) == []


def test_an_open_group_counts_with_what_is_known_of_it() -> None:
    steps: list[Step] = [trade(1, 0, qty=100), ticker(2, 1 * MS), trade(3, 3 * MS, qty=400)]
    assert column(steps, TICKERS, "trade_vol_1s") == [1.0]
    assert column(steps, TRADES, "trade_vol_1s") == [5.0]


# Other rows


def test_book_rows_leave_out_inserted_keyframes() -> None:
    both = SNAPSHOT | REPEAT
    steps: list[Step] = [
        snap(1, 0, (1, 99, 1), flags=both),
        snap(2, 0, (1, 99, 1)),
        delta(3, 0, (0, 0, 0), flags=REPEAT),
    ]
    assert keys([*steps, trade(4, 7)], BOOKS) == [(0, 2, 7), (0, 3, 7)]
    assert keys([*steps, Advance(T0)], BOOKS, flush=False) == []
    assert keys([*steps, Advance(T0 + 1)], BOOKS, flush=False) == [(0, 2, 1), (0, 3, 1)]
    assert keys(steps, BOOKS) == [(0, 2, 0), (0, 3, 0)]


def test_a_reset_splits_its_timestamp() -> None:
    steps: list[Step] = [
        snap(1, 0, (1, 99, 1), (-1, 101, 3)),
        trade(2, 0),
        control(3, 0, RESET),
        trade(4, 0, side=-1),
        snap(5, 0, (1, 99, 1), (-1, 101, 1)),
    ]
    assert keys(steps, TRADES) == [(0, 2, 0), (0, 4, 5 * MS)]
    assert column(steps, TRADES, "ob_imbalance_top1") == [-0.5, 0.0]
    assert column(steps, TRADES, "trade_count_1s") == [1, 1]


def test_clock_rows() -> None:
    steps: list[Step] = [trade(1, 0), trade(2, 1), trade(3, 2 * SECOND)]
    assert keys(steps, CLOCK) == [(0, 1, 0), (SECOND, 2, SECOND), (2 * SECOND, 3, 2 * SECOND)]
    assert keys(steps, CLOCK, flush=False) == [(0, 1, 0), (SECOND, 2, SECOND)]
    late = Advance(T0 + 100 * SECOND)
    assert [g // SECOND for g, _, _ in keys([*steps, late], CLOCK, flush=False)] == list(range(63))


def test_the_seconds_of_a_silence_belong_to_the_stretch_before_for_max_gap() -> None:
    steps = [trade(1, 0), trade(2, 90 * SECOND, side=-1)]
    assert [g // SECOND for g, _, _ in keys(steps, CLOCK)] == [*range(61), 90]
    assert column(steps, CLOCK, "signed_vpin_5m") == [1] * 61 + [-1]


def test_clock_rows_around_a_reset() -> None:
    steps: list[Step] = [
        trade(1, 0),
        trade(2, SECOND),
        control(3, SECOND, RESET),
        trade(4, SECOND),
        trade(5, 2 * SECOND),
    ]
    assert keys(steps, CLOCK) == [(0, 1, 0), (SECOND, 4, SECOND), (2 * SECOND, 5, 2 * SECOND)]
    assert column(steps, CLOCK, "trade_count_1s") == [1, 1, 1]


def test_controls_make_no_seconds_of_their_own() -> None:
    steps: list[Step] = [control(1, -SECOND, STATUS), trade(2, 0), control(3, 2 * SECOND, STATUS)]
    assert keys(steps, CLOCK) == [(0, 2, 0), (SECOND, 2, SECOND), (2 * SECOND, 3, 2 * SECOND)]
    late = [*steps, control(4, 59 * SECOND, STATUS), control(5, 100 * SECOND, STATUS)]
    assert [(g // SECOND, seq) for g, seq, _ in keys(late, CLOCK)][-2:] == [(59, 4), (60, 4)]
    reset = [*steps, control(4, 3 * SECOND, RESET), control(5, 5 * SECOND, STATUS)]
    assert [g // SECOND for g, _, _ in keys(reset, CLOCK)] == [0, 1, 2]


# Gaps and staleness


def test_a_gap_is_more_than_max_gap() -> None:
    for late, price_after in ((0, math.log(103 / 101)), (1, None)):
        steps: list[Step] = [
            snap(1, 0, (1, 100, 1), (-1, 102, 1)),
            snap(2, 60 * SECOND + late, (1, 102, 1), (-1, 104, 1)),
            delta(3, 61 * SECOND, (0, 0, 0)),
        ]
        assert column(steps, BOOKS, "rv_30s")[-1] == pytest.approx(price_after or 0.0, abs=2**-40)
        assert column(steps, BOOKS, "logret_1s")[-1] == (None if late else 0.0)


def test_controls_do_not_end_a_silence() -> None:
    steps: list[Step] = [trade(1, 0), control(2, 40 * SECOND, STATUS), trade(3, 80 * SECOND)]
    assert column(steps, TRADES, "vwap_dev_30m_bps") == [None, None]
    assert column(steps, replace(TRADES, max_gap_ns=10**12), "signed_vpin_5m") == [1, 1]
    assert column([*steps[:2], trade(3, 60 * SECOND, side=-1)], TRADES, "signed_vpin_5m") == [1, 0]
    assert column([*steps[:2], trade(3, 80 * SECOND, side=-1)], TRADES, "signed_vpin_5m") == [1, -1]


def test_a_quote_is_carried_forward_at_most_max_gap() -> None:
    steps: list[Step] = [
        snap(1, 0, (1, 99, 1), (-1, 101, 1)),
        ticker(2, 0),
        trade(3, 60 * SECOND),
        trade(4, 60 * SECOND + 1, side=-1),
        trade(5, 61 * SECOND),
        delta(6, 62 * SECOND, (1, 98, 1)),  # finds an unknown book
        trade(7, 63 * SECOND),
        snap(8, 64 * SECOND, (1, 99, 1), (-1, 101, 1)),
        trade(9, 65 * SECOND),
    ]
    assert column(steps, TRADES, "ob_imbalance_top1") == [0, None, None, None, 0]
    assert column(steps, TRADES, "tk_spread_bps") == [200, None, None, None, None]


# Book columns


def test_book_columns() -> None:
    levels = [(1, 100 - k, 10 + k) for k in range(1, 8)] + [(-1, 102, 4), (-1, 103, 2)]
    row = values([snap(1, 0, *levels)], BOOKS)[0]
    bids5, asks5 = 11 + 12 + 13 + 14 + 15, 6
    deep = 15 + 16 + 17  # levels 5 to 7 of the bids; the asks have none there
    assert row.exact["spread_bps"] == Fraction(10_000 * 3) / Fraction("100.5")
    assert row.exact["ob_imbalance_top1"] == Fraction(11 - 4, 11 + 4)
    assert row.exact["ob_imbalance_top5"] == Fraction(bids5 - asks5, bids5 + asks5)
    assert row.exact["ob_imb_deep_5to30"] == Fraction(deep, deep)
    assert row.exact["top1_vs_deep"] == Fraction(7, 15) - 1
    assert row.as_float("depth_bid_top5_log") == pytest.approx(math.log(1.65))
    shallow = values([snap(1, 0, *levels)], replace(BOOKS, recorded_depth=29))[0]
    assert shallow.exact["ob_imb_deep_5to30"] is None
    assert shallow.exact["top1_vs_deep"] is None


def test_one_sided_crossed_and_empty_books() -> None:
    def row(*levels: tuple[int, int, int]) -> Values:
        return values([snap(1, 0, *levels)], BOOKS)[0]

    one_sided = row((1, 99, 5), (-1, 101, 0))
    assert one_sided.exact["ob_imbalance_top1"] == 1
    assert one_sided.exact["spread_bps"] is None
    assert one_sided.exact["depth_ask_top5_log"] == 0
    crossed = row((1, 101, 5), (-1, 99, 5), (-1, 99, 6))
    assert crossed.exact["spread_bps"] is None
    assert crossed.exact["ob_imbalance_top1"] == Fraction(-1, 11)
    empty = values([Book(1, T0, None, 0, CLEAR, (Level(0, 0, 0),))], BOOKS)[0]
    assert empty.exact["ob_imbalance_top1"] is None
    assert empty.exact["depth_bid_top5_log"] == 0
    unknown = values([delta(1, 0, (1, 99, 5))], BOOKS)[0]
    assert unknown.exact["depth_bid_top5_log"] is None


def test_a_mid_between_two_messages_of_a_timestamp_is_never_seen() -> None:
    book: list[Step] = [
        snap(1, 0, (1, 99, 1), (-1, 101, 1)),
        delta(2, 1, (1, 100, 1)),
        delta(3, 1, (1, 100, 0)),
    ]
    assert column(book, BOOKS, "rv_5s") == [0, 0, 0]
    assert column([*book, delta(4, 2, (1, 100, 1))], BOOKS, "rv_5s")[-1] == pytest.approx(
        math.log(1.005), abs=1e-12
    )


def test_a_one_sided_moment_hides_the_mid_change() -> None:
    book: list[Step] = [
        snap(1, 0, (1, 99, 1), (-1, 101, 1)),
        delta(2, 1, (1, 99, 0)),
        delta(3, 2, (1, 97, 1)),
        delta(4, 3, (1, 98, 1)),
    ]
    assert column(book, BOOKS, "rv_5s") == pytest.approx([0, 0, 0, math.log(99.5 / 99)], abs=1e-12)


# Trades


def test_trade_columns() -> None:
    steps: list[Step] = [
        trade(1, 0, side=1, qty=100, px=1000),
        trade(2, 10 * SECOND, side=-1, qty=300, px=1010),
        snap(3, 39 * SECOND + 500 * MS, (1, 1003, 1), (-1, 1005, 1)),
        trade(4, 40 * SECOND, side=0, qty=100, px=1006),
    ]
    row = values(steps, TRADES)[-1]
    assert row.exact["trade_count_1s"] == 1
    assert row.exact["trade_imbalance_1s"] == 0
    assert row.exact["cvd_accel"] == 0  # the sell at 10 s lies just outside (10 s, 40 s]
    assert row.exact["signed_vpin_5m"] == Fraction(-2, 5)
    vwap = Fraction(100 * 1000 + 300 * 1010 + 100 * 1006, 500)
    assert row.exact["vwap_dev_1m_bps"] == 10_000 * (1004 / vwap - 1)
    assert row.exact["mscale_consensus_3sig"] == 0


def test_consensus_needs_all_three_signs() -> None:
    levels = [
        (1, 99, 5),
        (-1, 101, 1),
        *((side, 100 - side * k, 2) for k in range(2, 40) for side in (1, -1)),
    ]
    steps: list[Step] = [snap(1, 0, *levels), trade(2, 1), trade(3, 2, side=-1, qty=50)]
    assert column(steps, TRADES, "mscale_consensus_3sig") == [1, 1]
    assert column([*steps, trade(4, 3, side=-1, qty=200, exch=9)], TRADES, "mscale_consensus_3sig")[-1] == 0


def test_big_trade() -> None:
    past: list[Step] = [
        trade(k + 1, k * SECOND, qty=k + 1) for k in range(20)
    ]  # sizes 1 to 20, p95 is the 19th: 19
    for qty, sign in ((19, 0), (20, -1)):
        sell = trade(21, 20 * SECOND, side=-1, qty=qty)
        later: list[Step] = [trade(22, 50 * SECOND, qty=1), trade(23, 50 * SECOND + 6 * MS, qty=1)]
        # null with 20 groups; then the big one, fresh for 30 s and no longer
        assert column([*past, sell, *later], TRADES, "big_trade_fresh_sign")[19:] == [None, sign, sign, 0]


def test_a_twentieth_print_cannot_be_big() -> None:
    past: list[Step] = [trade(k + 1, k * SECOND, qty=1) for k in range(19)]
    steps: list[Step] = [*past, trade(20, 19 * SECOND, side=-1, qty=999), trade(21, 20 * SECOND, qty=1)]
    assert column(steps, TRADES, "big_trade_fresh_sign")[-2:] == [None, 0]


def test_a_statistic_over_rows_takes_rows_up_to_itself() -> None:
    sizes = [100, 200, 100, 300, 200]
    steps: list[Step] = [trade(k + 1, 2 * k * SECOND, qty=qty) for k, qty in enumerate(sizes)]
    few = replace(TRADES, min_values=3)
    z = column(steps, few, "trade_vol_1s_z_300s")
    assert z[:2] == [None, None]
    mean = 400 / 3
    std = math.sqrt(((100 - mean) ** 2 * 2 + (200 - mean) ** 2) / 2)
    assert z[2] == pytest.approx((100 - mean) / std)


# Calendar


@pytest.mark.parametrize(
    ("at", "ttc", "closing"),
    [
        (0, Fraction(1), 0),
        (1, 1 - Fraction(1, 86_400 * SECOND), 0),
        (-900 * SECOND - 1, None, 0),
        (-900 * SECOND, Fraction(1, 96), 1),
        (-1, Fraction(1, 86_400 * SECOND), 1),
    ],
)
def test_the_end_of_the_business_day(at: int, ttc: Fraction | None, closing: int) -> None:
    cut = 1_709_586_000 * SECOND  # 2024-03-04 21:00 UTC, 06:00 JST
    row = values([replace(ticker(1, 0), ts_recv=cut + at)], TICKERS)[0]
    assert ttc is None or row.exact["ttc_sec_norm"] == ttc
    assert row.exact["ttc_sec_norm"] == 1 - (row.exact["biz_day_frac"] or 0)
    assert row.exact["in_no_new_entry_window"] == closing
    assert row.as_float("tod_sin") == pytest.approx(1.0, abs=0.003)  # 06:00 JST is a quarter turn


def test_maintenance_and_the_pre_open_that_follows() -> None:
    start, end, open_again = (T0 + s * SECOND for s in (1000, 2000, 2600))
    spec = replace(TICKERS, maintenance=((start, end, open_again),))
    times = [100 * SECOND - 1, 100 * SECOND, 2599 * SECOND, 2600 * SECOND]
    flags = [column([ticker(1, at)], spec, "in_no_new_entry_window")[0] for at in times]
    assert flags == [0, 1, 1, 0]


# Ticker


def test_ticker_columns() -> None:
    steps: list[Step] = [
        ticker(1, 0, 99, 101, 100),
        ticker(2, 4 * SECOND, 100, 101),
        ticker(3, 5 * SECOND, 101, 105, 102),
    ]
    row = values(steps, TICKERS)[-1]
    assert row.as_float("tk_logret_5s") == pytest.approx(math.log(1.03))
    assert row.as_float("tk_logret_1s") == pytest.approx(math.log(103 / 100.5))
    assert row.exact["tk_spread_chg_5s_bps"] == Fraction(40_000, 103) - 200
    assert row.exact["tk_last_mid_dev_bps"] == 10_000 * (Fraction(102, 103) - 1)
    assert row.as_float("tk_last_logret_5s") == pytest.approx(math.log(1.02))
    assert row.exact["tk_hl_range_pos"] == Fraction(13, 30)
    assert row.exact["tk_count_5s"] == 2  # the one at 0 lies on the open end
    assert row.as_float("tk_vol_1s_log") == pytest.approx(math.log(1.01))
    assert row.exact["tk_vol24_delta_60s"] is None
    empty = values([*steps, ticker(4, 6 * SECOND, None, 101)], TICKERS)[-1]
    assert empty.exact["tk_logret_1s"] is None
    assert empty.exact["tk_spread_bps"] is None
    assert empty.exact["tk_rv_5s"] is not None
