"""Books worked out by hand, for both engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from backtest_engines import ENGINES, S, Tables, run_reference, spec_of, strategy
from reference.backtest import ReferenceBacktest, Row
from reference.backtest_oracle import Steps, best_by_trying, best_path
from reference.events import CLEAR, DELTA, REPEAT, RESET, SNAP, SNAPSHOT, Book, Control, Event, Level

T0 = 1_709_586_000 * S
"""A cut of ETH_JPY's business day."""
Run = Callable[[dict[str, Any], Sequence[Event], Any], Tables]


@pytest.fixture(params=sorted(ENGINES))
def run(request: pytest.FixtureRequest) -> Run:
    return ENGINES[request.param]


def frame(number: int, t: float, bids: dict[int, int], asks: dict[int, int], flags: int = SNAPSHOT) -> Book:
    """A whole book at T0 + t seconds."""
    levels = [Level(1, px, lots) for px, lots in bids.items()]
    levels += [Level(-1, px, lots) for px, lots in asks.items()]
    return Book(number, T0 + round(t * S), None, flags, SNAP, tuple(levels))


def repeat(number: int, t: float) -> Book:
    return Book(number, T0 + round(t * S), None, REPEAT, DELTA, (Level(0, 0, 0),))


def keyframe(number: int, t: float, bids: dict[int, int], asks: dict[int, int]) -> Book:
    """What ATC inserts into a feed of differences."""
    return frame(number, t, bids, asks, SNAPSHOT | REPEAT)


def delta(number: int, t: float, *levels: tuple[int, int, int]) -> Book:
    return Book(number, T0 + round(t * S), None, 0, DELTA, tuple(Level(*level) for level in levels))


def at(t: float, **targets: int) -> tuple[int, dict[str, int]]:
    return T0 + round(t * S), targets


def one(rows: Sequence[Row]) -> Row:
    assert len(rows) == 1
    return rows[0]


def of(tables: Tables, table: str, name: str) -> list[Row]:
    return [row for row in tables[table] if row["strategy"] == name]


ASKS = {400_100: 100, 400_101: 100, 400_102: 800, 400_103: 5000}
BIDS = {400_000: 300, 399_999: 5000}
Quote = tuple[int | None, int | None]
TOUCH: tuple[Quote, Quote] = ((400_000, 300), (400_100, 100))
NONE: Quote = (None, None)


def met(order: Row) -> tuple[Quote, Quote, int | None]:
    """Best bid and ask with their lots, and the age, of the book at the execution."""
    bid, ask = ((order[f"exec_{side}"], order[f"exec_{side}_lots"]) for side in ("bid", "ask"))
    return bid, ask, order["exec_book_age_ns"]


def test_the_golden_case_of_the_specification(run: Run) -> None:
    """Asks 400100 × 1, 400101 × 1, 400102 × 8: ten ETH for 400101.7 each."""
    events = [frame(0, 0, BIDS, ASKS), repeat(1, 1.5)]
    spec = spec_of(T0, T0 + 10 * S, [strategy("p")])
    tables = run(spec, events, [at(1, p=1000)])
    order = one(tables["orders"])
    assert order["outcome"] == "filled" and order["filled"] == 1000
    assert -order["cash_flow"] == 4_001_017 * 100  # 10 ETH, in 1/100 JPY: average 400101.7
    assert [(fill["px"], fill["lots"]) for fill in tables["fills"]] == [
        (400_100, 100),
        (400_101, 100),
        (400_102, 800),
    ]
    assert (order["bid"], order["ask"], order["expected_px"]) == (400_000, 400_100, 400_100)
    assert order["ts_arrival"] == T0 + 1_300_000_000 and order["ts_exec"] == T0 + 1_500_000_000
    assert order["book_age_ns"] == 1 * S
    assert met(order) == (*TOUCH, 0)
    total = one(tables["totals"])
    assert total["equity"] == 1000 * 400_000 - 400_101_700
    assert total["price_half"] == 0 and total["spread_impact_half"] == 2 * total["equity"]
    assert (total["long_ns"], total["flat_ns"]) == (8_500_000_000, 1_500_000_000)


def test_the_order_meets_the_first_frame_after_its_arrival(run: Run) -> None:
    later = {400_200: 5000}
    events = [frame(0, 0, BIDS, ASKS), frame(1, 1.2, BIDS, {400_110: 5000}), frame(2, 1.3, BIDS, later)]
    spec = spec_of(T0, T0 + 10 * S, [strategy("p"), strategy("q", "p", latency_ns=0)])
    tables = run(spec, events, [at(1, p=1000)])
    assert one(of(tables, "fills", "p"))["px"] == 400_200
    assert one(of(tables, "fills", "q"))["px"] == 400_110


def test_without_a_frame_the_unchanged_book_is_met_when_the_wait_is_over(run: Run) -> None:
    events = [frame(0, 0, BIDS, {400_100: 5000}), frame(1, 1.901, BIDS, {400_300: 5000})]
    tables = run(spec_of(T0, T0 + 10 * S, [strategy("p")]), events, [at(1, p=1000)])
    order = one(tables["orders"])
    assert order["ts_exec"] == T0 + 1_900_000_000
    assert one(tables["fills"])["px"] == 400_100


@pytest.mark.parametrize(
    ("asks", "depth", "outcome", "filled"),
    [
        ({400_100: 400}, (1, 1), "partial", 400),
        ({400_100: 999, 400_101: 999}, (1, 2), "partial", 998),
        ({400_100: 3, 400_101: 4000}, (1, 4), "filled", 1000),
        ({400_100: 3}, (1, 4), "thin", 0),
        ({400_000 + 100: 10, 400_900: 300, 400_901: 5000}, (1, 1), "partial", 310),
    ],
)
def test_depth_and_the_limit(
    run: Run, asks: dict[int, int], depth: tuple[int, int], outcome: str, filled: int
) -> None:
    """20 bps of 400100 are 800.2, so 400900 is the last price taken; a quarter of 3 lots is none at all."""
    events = [frame(0, 0, BIDS, asks), repeat(1, 1.5)]
    num, den = depth
    spec = spec_of(T0, T0 + 10 * S, [strategy("p", depth_num=num, depth_den=den)])
    order = one(run(spec, events, [at(1, p=1000)])["orders"])
    assert (order["outcome"], order["filled"]) == (outcome, filled)


def test_the_limit_of_a_sale(run: Run) -> None:
    """20 bps of 400000 are 800: 399200 is the last price taken."""
    bids = {400_000: 10, 399_200: 20, 399_199: 5000}
    events = [frame(0, 0, bids, {400_100: 5000}), repeat(1, 1.5), frame(2, 301, bids, ASKS), repeat(3, 302)]
    tables = run(spec_of(T0, T0 + 400 * S, [strategy("p")]), events, [at(1, p=0), at(301.5, p=0)])
    assert [order["filled"] for order in tables["orders"]] == [1000, 30]
    assert tables["orders"][1]["position_after"] == 970


@pytest.mark.parametrize(
    ("more", "others", "outcome", "touch"),
    [
        ([], {"closed": [[T0 + S, T0 + 2 * S]]}, "maintenance", TOUCH),
        ([], {"closed": [[T0 + S, T0 + 1_500_000_000]]}, "filled", TOUCH),
        ([Control(9, T0 + 1_400_000_000, 0, RESET)], {}, "no_book", (NONE, NONE)),
        # Without a bid nothing could be marked.
        ([frame(9, 1.4, {}, ASKS)], {}, "no_book", (NONE, (400_100, 100))),
        ([frame(9, 1.4, BIDS, {})], {}, "no_book", ((400_000, 300), NONE)),
        ([Book(9, T0 + 1_400_000_000, None, 0, CLEAR, ())], {}, "no_book", (NONE, NONE)),
        ([frame(9, 1.4, {400_100: 5}, {400_100: 5000})], {}, "crossed", ((400_100, 5), (400_100, 5000))),
        ([], {"no_new_entry": [[T0 + 1_500_000_000, T0 + 2 * S]]}, "late_entry", TOUCH),
    ],
)
def test_refusals(
    run: Run, more: list[Event], others: dict[str, Any], outcome: str, touch: tuple[Quote, Quote]
) -> None:
    """Each with the book that it met, whose last message is that of the execution."""
    events = sorted([frame(0, 0, BIDS, ASKS), *more, repeat(99, 1.5)], key=lambda e: (e.ts_recv, e.ev_seq))
    order = one(run(spec_of(T0, T0 + 10 * S, [strategy("p")], **others), events, [at(1, p=0)])["orders"])
    assert order["outcome"] == outcome and met(order) == (*touch, 0)
    assert (order["filled"], order["position_after"]) == ((1000, 1000) if outcome == "filled" else (0, 0))


def test_a_book_that_nobody_repeated_is_stale(run: Run) -> None:
    # Executed at 5.0 + 0.3 + 0.6 s on the book of 0.9 s: exactly 5 s old, and taken.
    for since, outcome in ((0.9, "filled"), (0.899, "stale_book")):
        events = [frame(0, since, BIDS, ASKS), repeat(1, 9)]
        order = one(run(spec_of(T0, T0 + 10 * S, [strategy("p")]), events, [at(5, p=0)])["orders"])
        assert order["outcome"] == outcome
        assert met(order) == (*TOUCH, round((5.9 - since) * S))


def test_a_silence_makes_the_book_unknown_until_it_is_whole_again(run: Run) -> None:
    events = [frame(0, 0, BIDS, ASKS), repeat(1, 61), frame(2, 400, BIDS, ASKS), repeat(3, 402)]
    tables = run(spec_of(T0, T0 + 500 * S, [strategy("p")]), events, [at(60.9, p=1000), at(401, p=1000)])
    assert [order["outcome"] for order in tables["orders"]] == ["no_book", "filled"]
    assert met(tables["orders"][0]) == (NONE, NONE, 800_000_000)


def test_the_end_of_the_data_fills_nothing(run: Run) -> None:
    events = [frame(0, 0, BIDS, ASKS), repeat(1, 1.2)]
    order = one(run(spec_of(T0, T0 + 10 * S, [strategy("p")]), events, [at(1, p=0)])["orders"])
    assert (order["outcome"], order["ts_exec"]) == ("end_of_data", None)
    assert met(order) == (NONE, NONE, None)


def test_a_flip_is_one_order_of_20_eth(run: Run) -> None:
    events = [frame(0, 0, BIDS, ASKS), repeat(1, 1.5), frame(2, 399, BIDS, ASKS), repeat(3, 402)]
    spec = spec_of(T0, T0 + 500 * S, [strategy("p")])
    tables = run(spec, events, [at(1, p=0), at(200, p=-1000), at(401.5, p=-1000)])
    first, second = tables["orders"]
    assert (first["target"], first["position_after"]) == (1000, 1000)  # forced, whatever the policy said
    assert second["decision"] == 2  # 200 s after the first order is too soon
    assert (second["side"], second["qty"], second["position_after"]) == (-1, 2000, -1000)
    assert second["cash_flow"] == 300 * 400_000 + 1700 * 399_999
    total = one(tables["totals"])
    assert total["turnover_lots"] == 3000 and total["position"] == -1000
    # Short: marked at the best ask.
    assert total["equity"] == -400_101_700 + second["cash_flow"] - 1000 * 400_100


def test_consumed_levels_stay_consumed_until_they_are_displayed_anew(run: Run) -> None:
    """In a feed of differences; an order takes the best ask whole, and the next one what lies behind it."""
    asks = {400_100: 100, 400_101: 100, 400_102: 800}
    events: list[Event] = [frame(0, 0, BIDS, asks)]
    # Every 50 s a word of another level, so that the book is neither stale nor unknown.
    events += [delta(n, 1.5 + 50 * n, (1, 399_900 - n, 5)) for n in range(1, 25)]
    events.append(delta(25, 1.5, (1, 399_900, 5)))
    # A keyframe that the recording inserted and an empty difference show nothing anew.
    events += [keyframe(100, 300, BIDS, asks), repeat(101, 301)]
    events.append(delta(1000, 700, (-1, 400_100, 100)))
    events.append(frame(1001, 1100, BIDS, asks))
    events = sorted(events, key=lambda event: (event.ts_recv, event.ev_seq))
    spec = spec_of(T0, T0 + 1300 * S, [strategy("p", size_lots=100)])
    decisions = [at(1, p=0), at(401, p=200), at(801, p=300), at(1201, p=400)]
    tables = run(spec, events, decisions)
    assert [order["outcome"] for order in tables["orders"]] == ["filled"] * 4
    # 400100 is taken; then it is still gone; then a difference names it; then a snapshot shows all.
    assert [fill["px"] for fill in tables["fills"]] == [400_100, 400_101, 400_100, 400_100]


def test_no_new_entry_lets_a_position_be_reduced_and_nothing_else(run: Run) -> None:
    events = [frame(0, 0, BIDS, ASKS), repeat(1, 1.5)]
    for n in range(3):
        events += [frame(2 + 2 * n, 400 * (n + 1), BIDS, ASKS), repeat(3 + 2 * n, 400 * (n + 1) + 1.5)]
    spec = spec_of(T0, T0 + 2000 * S, [strategy("p")], no_new_entry=[[T0 + 100 * S, T0 + 1000 * S]])
    decisions = [at(1, p=0), at(401, p=-1000), at(801, p=-1000), at(802, p=500), at(1201, p=-1000)]
    rows = run(spec, events, decisions)["orders"]
    assert [(r["decision"], r["qty"], r["reduced"], r["outcome"], r["position_after"]) for r in rows] == [
        (0, 1000, False, "filled", 1000),
        (1, 1000, True, "filled", 0),
        (2, 0, True, "no_new_entry", 0),
        (3, 0, True, "no_new_entry", 0),
        (4, 1000, False, "filled", -1000),
    ]
    assert rows[2]["ts_arrival"] is None and rows[2]["ts_exec"] is None


@pytest.mark.parametrize(
    ("targets", "window", "log"),
    [
        # Decided at 1 s and met at 1.5 s, inside the window, though it was decided before it.
        ([0, 1000], [1.5, 2], [("late_entry", 1000, 0, True), ("filled", 1000, 1000, False)]),
        ([0, 0], [1.4, 1.5], [("filled", 1000, 1000, False), ("filled", 1000, 0, False)]),
        ([0, 0], [401.4, 403], [("filled", 1000, 1000, False), ("filled", 1000, 0, False)]),
        ([0, -1000], [402, 403], [("filled", 1000, 1000, False), ("partial", 2000, 0, True)]),
    ],
)
def test_an_order_that_comes_into_a_window_opens_nothing(
    run: Run, targets: list[int], window: list[float], log: list[tuple[Any, ...]]
) -> None:
    events = [frame(0, 0, BIDS, ASKS), repeat(1, 1.5), frame(2, 400, BIDS, ASKS), repeat(3, 402)]
    spec = spec_of(T0, T0 + 500 * S, [strategy("p")], no_new_entry=[[T0 + round(t * S) for t in window]])
    tables = run(spec, events, [at(1, p=targets[0]), at(401.5, p=targets[1])])
    rows = tables["orders"]
    assert [(r["outcome"], r["qty"], r["position_after"], r["reduced"]) for r in rows] == log
    total = one(tables["totals"])
    assert total["submissions"] == 2  # a refusal of the venue is one of an order that was sent
    assert total["n_late_entry"] == sum(row[0] == "late_entry" for row in log)


def test_an_order_is_cut_to_what_the_venue_takes(run: Run) -> None:
    events = [frame(0, 0, BIDS, ASKS), repeat(1, 1.5)]
    spec = spec_of(T0, T0 + 10 * S, [strategy("p")], execution={"max_order_lots": 150})
    order = one(run(spec, events, [at(1, p=0)])["orders"])
    assert (order["qty"], order["capped"], order["outcome"], order["filled"]) == (150, True, "filled", 150)


def test_carry_is_due_at_the_cut_and_rounded_up_to_a_yen(run: Run) -> None:
    """10 ETH at 400000 JPY and 0.04 %: 1600 JPY; 9.99 at 399999: 1598.396…, so 1599."""
    for bids, lots, paid in (({400_000: 5000}, 1000, 1600), ({399_999: 5000}, 999, 1599)):
        events = [frame(0, -5, bids, ASKS), repeat(1, -3.5), repeat(2, 10)]
        spec = spec_of(
            T0 - 10 * S,
            T0 + 20 * S,
            [strategy("p", size_lots=lots)],
            day_cuts_ns=[T0],
            carry_rate_e9=[400_000],
        )
        tables = run(spec, events, [at(-4, p=lots)])
        cut, end = tables["days"]
        assert cut["carry"] == paid * 100 and end["carry"] == 0
        assert cut["carry_total"] == end["carry_total"] == 100 * paid
        assert (cut["ts"], end["ts"]) == (T0, T0 + 20 * S)
        assert cut["equity"] == end["equity"] == one(tables["totals"])["equity"]


def test_the_step_of_the_carry_is_that_of_the_cut(run: Run) -> None:
    """9.99 ETH at 399999 and 0.04 %: 159839.6004 units of 1/100 JPY at each cut."""
    events = [frame(0, -5, {399_999: 5000}, ASKS), repeat(1, -3.5), repeat(2, 10)]
    spec = spec_of(
        T0 - 10 * S,
        T0 + 20 * S,
        [strategy("p", size_lots=999)],
        day_cuts_ns=[T0, T0 + S, T0 + 2 * S],
        carry_rate_e9=[400_000] * 3,
        carry_step=[100, 1, 7],
    )
    days = run(spec, events, [at(-4, p=999)])["days"]
    assert [day["carry"] for day in days] == [159_900, 159_840, 159_845, 0]


def test_the_drawdown_sees_what_lies_between_two_points_of_the_curve(run: Run) -> None:
    """Bought 100 below the ask, then 30 up, 50 down and back between two whole minutes."""
    events = [frame(0, 0, {400_000: 5000}, {400_100: 5000}), repeat(1, 1.5), repeat(2, 50.5)]
    events += [
        frame(3 + n, 100 + n, {bid: 5000}, {400_100: 5000})
        for n, bid in enumerate((400_030, 399_980, 400_000))
    ]
    pairs = [("p", None), ("p", "hold"), ("flat", "hold")]
    spec = spec_of(
        T0,
        T0 + 200 * S,
        [strategy("hold", "benchmark"), strategy("p"), strategy("flat")],
        execution={"min_interval_ns": 10 * S},
        drawdowns=[{"strategy": name, "against": other} for name, other in pairs],
    )
    tables = run(spec, events, [at(1, p=1000, flat=0), at(50, p=1000, flat=0)])
    assert [row["drawdown"] for row in tables["drawdowns"]] == [120_000, 0, 30_000]
    assert min(row["equity"] for row in of(tables, "curve", "p")) == -100_000


def test_a_fill_at_the_cut_is_carried_from_the_next_one(run: Run) -> None:
    for e, pays in ((-0.001, True), (0.0, False)):
        events = [frame(0, -5, BIDS, ASKS), repeat(1, e), repeat(2, 10)]
        spec = spec_of(T0 - 10 * S, T0 + 20 * S, [strategy("p")], day_cuts_ns=[T0], carry_rate_e9=[400_000])
        total = one(run(spec, events, [at(-0.4, p=0)])["totals"])
        assert total["position"] == 1000
        assert (total["carry"] > 0) == pays


def test_fees_are_dated_and_rounded_up(run: Run) -> None:
    """1 bps of 400100 × 100 units is 4001; of 400101 × 1 lot 40.0101, so 41."""
    events = [frame(0, 0, BIDS, {400_100: 100, 400_101: 5000}), repeat(1, 1.5)]
    for fee, expected in (
        (1_000_000, [4001, 41]),
        ([[0, 0], [T0, 1_000_000]], [4001, 41]),
        ([[0, 1_000_000], [T0 + 2 * S, 0]], [4001, 41]),
        ([[0, 1_000_000], [T0 + S, 0]], [0, 0]),
    ):
        spec = spec_of(T0, T0 + 10 * S, [strategy("p", size_lots=101, fee_bps_e6=fee)])
        tables = run(spec, events, [at(1, p=101)])
        assert [fill["fee"] for fill in tables["fills"]] == expected
        assert one(tables["totals"])["fees"] == sum(expected)


def test_the_benchmark_tries_again_and_alpha_of_always_hold_is_zero(run: Run) -> None:
    events: list[Event] = [frame(0, 0, BIDS, {400_100: 400}), repeat(1, 1.5)]
    events += [frame(2, 399, BIDS, {400_500: 5000}), repeat(3, 401.5), frame(4, 450, {400_400: 5000}, ASKS)]
    spec = spec_of(
        T0,
        T0 + 500 * S,
        [strategy("benchmark"), strategy("hold")],
        day_cuts_ns=[T0 + 500 * S],
        carry_rate_e9=[400_000],
    )
    tables = run(spec, events, [at(1, hold=1000), at(401, hold=1000)])
    mine, other = of(tables, "totals", "hold")[0], of(tables, "totals", "benchmark")[0]
    assert {**mine, "strategy": ""} == {**other, "strategy": ""}
    assert [row["position_after"] for row in of(tables, "orders", "benchmark")] == [400, 1000]
    hold, bench = of(tables, "curve", "hold"), of(tables, "curve", "benchmark")
    assert [row["equity"] for row in hold] == [row["equity"] for row in bench]


def test_the_best_path_is_found_and_replayed(run: Run) -> None:
    """Up, down and up again, with spreads: hand-made so that selling in the middle pays."""
    mids = [400_000, 401_000, 399_000, 402_000]
    events: list[Event] = []
    for n, mid in enumerate(mids):
        bids, asks = {mid - 50: 5000}, {mid + 50: 700, mid + 60: 5000}
        events += [frame(2 * n, 400 * n, bids, asks), repeat(2 * n + 1, 400 * n + 1.5)]
    spec = spec_of(T0, T0 + 1600 * S, [strategy("oracle_path"), strategy("hold")])
    decisions = [at(400 * n + 1, hold=1000) for n in range(len(mids))]
    tables = run(spec, events, decisions)
    best = of(tables, "totals", "oracle_path")[0]["equity"]
    # Buys at 400050 and 400060, flips at 400950, again at 399050 and 399060, holds to 401950.
    bought = 700 * 400_050 + 300 * 400_060
    again = 700 * 399_050 + 1300 * 399_060
    assert best == -bought + 2000 * 400_950 - again + 1000 * 401_950
    assert best > of(tables, "totals", "hold")[0]["equity"]
    path = [(row["decision"], row["target"]) for row in of(tables, "orders", "oracle_path")]
    assert path == [(0, 1000), (1, -1000), (2, 1000)]


def test_the_best_path_may_send_an_order_that_comes_to_nothing(run: Run) -> None:
    """600 lots are no target: outside the window any decision that is free has to trade. The second decision
    leaves inside of it, on a stale book; so the third, whose book is ruinous, comes within the interval.
    """
    deep = 5000
    events = [
        frame(0, 0, {400_000: deep}, {400_100: 600}),
        repeat(1, 1.5),
        frame(2, 449, {300_000: deep}, {500_000: deep}),
        repeat(3, 450.5),
        frame(4, 609, {400_500: deep}, {400_600: deep}),
        repeat(5, 610.5),
    ]
    spec = spec_of(
        T0,
        T0 + 700 * S,
        [strategy("oracle_path"), strategy("leaves", "leaves"), strategy("stays", "stays")],
        max_gap_ns=900 * S,
        no_new_entry=[[T0 + 300 * S, T0 + 420 * S]],
    )
    decisions = [
        at(1, leaves=1000, stays=1000),
        at(302, leaves=0, stays=1000),
        at(450, leaves=0, stays=0),
        at(610, leaves=0, stays=0),
    ]
    tables = run(spec, events, decisions)
    equity = {row["strategy"]: row["equity"] for row in tables["totals"]}
    assert equity["oracle_path"] == equity["leaves"] == 600 * 400
    assert equity["stays"] == -600 * 100_100
    orders = of(tables, "orders", "oracle_path")
    assert [(row["decision"], row["outcome"], row["filled"]) for row in orders] == [
        (0, "partial", 600),
        (1, "stale_book", 0),
        (3, "filled", 600),
    ]


def test_the_slow_path_is_the_best_of_all_that_can_be_tried() -> None:
    """Thin and changing books, so that partial fills give other positions than the three."""
    import random

    for seed in range(20):
        dice = random.Random(seed)
        events: list[Event] = []
        for n in range(24):
            mid = 400_000 + dice.randrange(-600, 600)
            bids = {mid - dice.randrange(1, 30) - k: dice.choice((3, 300, 900)) for k in range(2)}
            asks = {mid + dice.randrange(1, 30) + k: dice.choice((3, 300, 900)) for k in range(2)}
            events.append(frame(n, 100 * n + dice.choice((0, 1.31, 1.5)), bids, asks))
        times = [100 * n + 1 for n in range(0, 24, 2)]
        spec = spec_of(
            T0,
            T0 + 2400 * S,
            [strategy("oracle_path", fee_bps_e6=500_000)],
            max_gap_ns=200 * S,
            day_cuts_ns=[T0 + 1000 * S],
            carry_rate_e9=[400_000],
            no_new_entry=[[T0 + 700 * S, T0 + 1000 * S]],
        )
        backtest = ReferenceBacktest(spec, events, [at(t) for t in times])
        steps = Steps(backtest, spec["strategies"][0])
        found, account = best_path(steps)
        assert found == best_by_trying(steps) == account.equity(spec["end_ns"])
        assert {order["outcome"] for order in account.orders} <= {"filled", "partial"}


def test_equity_is_cash_and_inventory_at_every_point() -> None:
    events = [frame(0, 0, BIDS, ASKS), repeat(1, 1.5), frame(2, 61, {400_050: 10}, ASKS), repeat(3, 120)]
    spec = spec_of(T0, T0 + 200 * S, [strategy("p")])
    tables = run_reference(spec, events, [at(1, p=0)])
    assert [(row["ts"] - T0) // S for row in tables["curve"]] == [0, 60, 120, 180]
    assert [row["equity"] - row["cash"] for row in tables["curve"]] == [
        0,
        1000 * 400_000,
        *[1000 * 400_050] * 2,
    ]
