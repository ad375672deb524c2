"""The measures of a day in Rust are those of the slow reference, whatever the rows say."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inject import SECOND, Message, tables_of
from reference.quality import LARGEST, measures

from atc.events.quality.measure import Neighbourhood, Yardsticks, measured
from atc.events.schema import ControlKind, Flag, Kind, MsgKind

BEGIN = 1_736_110_800 * SECOND
YARDSTICKS = Yardsticks(silence_ns=5 * SECOND, clock_parts=4, clock_messages=2, clock_step_ns=SECOND)
FLAGS = (0, 0, 0, Flag.BAD_TS, Flag.SYNTH_RECV, Flag.MAYBE_BAD_BOOK, Flag.REPEAT)


def rubbish(rng: random.Random) -> list[Message]:
    """Messages of a venue, a recorder and an adapter that all have gone mad, in order of time."""
    ts = BEGIN + rng.choice((0, 0, 3, 20)) * SECOND
    stream: list[Message] = []
    for _ in range(rng.randint(0, 60)):
        ts += rng.choice((0, 1, 1000, SECOND, 4 * SECOND, 5 * SECOND, 5 * SECOND + 1, 9 * SECOND))
        common = {
            "ts_recv": ts,
            "ts_exch": rng.choice((None, ts - 5, ts - 5, ts + 7, ts - 2 * SECOND)),
            "venue_seq": None,
            "flags": int(rng.choice(FLAGS)),
        }
        stream.append({**common, **rng.choice((book, book, book, trade, trade, ticker, control))(rng)})
        if rng.random() < 0.1:
            ts += rng.choice((0, 0, 1))
            stream.append({**stream[-1], "ts_recv": ts})
    return stream


def book(rng: random.Random) -> Message:
    kind = rng.choice((MsgKind.SNAP, *[MsgKind.DELTA] * 5, MsgKind.CLEAR))
    levels = [
        (
            side := rng.choice((1, -1)),
            rng.choice((100 - side, 100 - side, 100 - 2 * side, 100, 100 + side, 300, 1, 0, -2)),
            rng.choice((0, 0, 1, 5, 9, -1, LARGEST, LARGEST + 1)),
        )
        for _ in range(rng.randint(1, 5))
    ]
    if kind == MsgKind.CLEAR or rng.random() < 0.05:
        levels = [(0, 0, 0)]
    flags = int(rng.choice(FLAGS)) | (0 if kind == MsgKind.DELTA else int(Flag.SNAPSHOT))
    return {"kind": Kind.BOOK, "msg_kind": int(kind), "levels": levels, "flags": flags}


def trade(rng: random.Random) -> Message:
    return {
        "kind": Kind.TRADE,
        "px_ticks": rng.choice((100, 100, 101, 99, 120, 400, 0, -1)),
        "qty_lots": rng.choice((1, 1, 2, 50, 51, 0, -1, LARGEST + 1)),
        "side": rng.choice((1, -1, 0)),
        "trade_id": rng.choice((None, None, "a", "b")),
        "flags": int(rng.choice((*FLAGS, Flag.DUP_OTHER_SIDE, Flag.AUCTION))),
    }


def ticker(rng: random.Random) -> Message:
    prices = {
        name: rng.choice((None, 100, 99, 101, 150, 0, -1)) for name in ("bid", "ask", "last", "high", "low")
    }
    sizes = {name: rng.choice((None, 0, 5, -1, LARGEST + 1)) for name in ("bid_qty", "ask_qty", "vol")}
    return {"kind": Kind.TICKER, **prices, **sizes}


def control(rng: random.Random) -> Message:
    return {"kind": Kind.CONTROL, "control_kind": int(rng.choice(list(ControlKind))), "detail": None}


def around(rng: random.Random, stream: list[Message]) -> Neighbourhood:
    end = BEGIN + 1000 * SECOND
    before, after = BEGIN - rng.choice((1, 4, 300)) * SECOND, end + rng.choice((0, 2, 100)) * SECOND
    closed = sorted(BEGIN + rng.randint(0, 400) * SECOND for _ in range(2 * rng.randint(0, 2)))
    return Neighbourhood(
        begin_ns=BEGIN,
        end_ns=end,
        before_ns=rng.choice((None, BEGIN, before)),
        after_ns=rng.choice((None, end, after)),
        book_before_ns=rng.choice((None, BEGIN, before)),
        book_after_ns=rng.choice((None, end, after)),
        in_gap=rng.random() < 0.3,
        closed=tuple(zip(closed[::2], closed[1::2], strict=True)),
    )


def check(seed: int) -> dict[str, Any]:
    rng = random.Random(seed)
    stream = rubbish(rng)
    tables, near = tables_of(stream), around(rng, stream)
    depth, largest = rng.choice((None, 30)), rng.choice((None, 50))
    found = measured(
        tables, around=near, yardsticks=YARDSTICKS, recorded_depth=depth, largest_order_lots=largest, places=3
    )
    assert found["figures"] == measures(tables, near, YARDSTICKS, depth, largest)
    return found


@given(st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_the_figures_are_those_of_the_reference(seed: int) -> None:
    check(seed)


@pytest.mark.slow
def test_the_figures_are_those_of_the_reference_often() -> None:
    for seed in range(5_000):
        check(seed)


def test_rubbish_shows_every_measure() -> None:
    """Else the comparison would be one of zeros."""
    seen: set[str] = set()
    for seed in range(300):
        figures = check(seed)["figures"]
        for name, part in figures.items():
            leaves = part.items() if isinstance(part, dict) else [("", part)]
            seen |= {f"{name}.{leaf}".strip(".") for leaf, value in leaves if value}
        names = {
            f"{name}.{leaf}".strip(".")
            for name, part in figures.items()
            for leaf in (part if isinstance(part, dict) else [""])
        }
    assert seen == names


@pytest.mark.parametrize("in_gap", [False, True])
def test_missing_trades_within_a_gap_of_the_book_do_not_end_it(in_gap: bool) -> None:
    """As after a lost connection: the book is unknown until its snapshot, whatever trades tell before."""
    kinds = [
        *([] if in_gap else [(0, ControlKind.GAP_START)]),
        (0, ControlKind.RESET),
        (1, ControlKind.GAP_START),
        (1, ControlKind.GAP_END),
        (60, ControlKind.GAP_END),
        (70, ControlKind.GAP_START),
        (70, ControlKind.GAP_END),
    ]
    stream: list[Message] = [
        {"ts_recv": BEGIN + at * SECOND, "ts_exch": None, "venue_seq": None, "flags": 0}
        | {"kind": Kind.CONTROL, "control_kind": int(kind), "detail": None}
        for at, kind in kinds
    ]
    near = Neighbourhood(begin_ns=BEGIN, end_ns=BEGIN + 1000 * SECOND, in_gap=in_gap)
    tables = tables_of(stream)
    figures = measured(tables, around=near, yardsticks=YARDSTICKS)["figures"]
    assert figures["gap_ns"] == 60 * SECOND
    assert figures == measures(tables, near, YARDSTICKS, None, None)


def test_places_name_the_row() -> None:
    stream: list[Message] = [
        {"ts_recv": BEGIN, "ts_exch": None, "venue_seq": None, "flags": int(Flag.SNAPSHOT), "kind": Kind.BOOK}
        | {"msg_kind": int(MsgKind.SNAP), "levels": [(1, 99, 5), (1, 98, 1), (-1, 101, 2)]},
        {"ts_recv": BEGIN + 1, "ts_exch": None, "venue_seq": None, "flags": int(Flag.MAYBE_BAD_BOOK)}
        | {"kind": Kind.BOOK, "msg_kind": int(MsgKind.DELTA), "levels": [(1, 97, 1), (1, 102, 1)]},
        {"ts_recv": BEGIN + 2, "ts_exch": None, "venue_seq": None, "flags": 0, "kind": Kind.TRADE}
        | {"px_ticks": 0, "qty_lots": 1, "side": 1, "trade_id": None},
    ]
    places = measured(tables_of(stream), places=5)["places"]
    assert places == {
        "crossed_books": [
            {
                "kind": "book",
                "row": 3,
                "ts_recv": BEGIN + 1,
                "found": "best bid 102, best ask 101",
                "expected": "a bid below the ask",
            }
        ],
        "impossible_prices": [
            {
                "kind": "trade",
                "row": 0,
                "ts_recv": BEGIN + 2,
                "found": "px_ticks 0",
                "expected": "a price of at least one tick",
            }
        ],
    }
    assert measured(tables_of(stream))["places"] == {}


@pytest.mark.parametrize(
    ("yardsticks", "says"),
    [(Yardsticks(silence_ns=0), "silence_ns must be positive"), (Yardsticks(clock_parts=0), "clock_parts")],
)
def test_impossible_yardsticks_are_refused(yardsticks: Yardsticks, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        measured({}, yardsticks=yardsticks)
