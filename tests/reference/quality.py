"""The measures of a day once more, slow and plain, written from docs/quality.md: dictionaries and loops."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pyarrow as pa

from atc.events.quality.measure import Neighbourhood, Yardsticks
from atc.events.schema import ControlKind, Flag, Kind, MsgKind

LARGEST = 2**53
BOOK_FIGURES = (
    *("messages", "keyframes", "repeats", "crossed", "crossed_ns", "locked", "one_sided", "unplaced"),
    *("differing_keyframes", "misflagged", "impossible_prices", "impossible_sizes", "far_levels"),
)
PRINT_FIGURES = (
    *("messages", "maker_twins", "impossible_prices", "impossible_sizes", "far", "duplicates", "reused_ids"),
    "equal",
)
QUOTE_FIGURES = ("messages", "impossible_prices", "impossible_sizes", "far", "crossed", "locked")
MARKET = (Kind.BOOK, Kind.TRADE, Kind.TICKER)


def messages_of(tables: Mapping[Kind, pa.Table]) -> list[dict[str, Any]]:
    """Every message in order of (ts_recv, ev_seq); those of the book with their levels."""
    found: list[dict[str, Any]] = []
    for kind, table in tables.items():
        for row in table.to_pylist():
            if kind is Kind.BOOK:
                level = (row.pop("side"), row.pop("px_ticks"), row.pop("qty_lots"))
                if found and found[-1]["kind"] is kind and found[-1]["ev_seq"] == row["ev_seq"]:
                    found[-1]["levels"].append(level)
                    found[-1]["flags"] = row["flags"]
                    continue
                row["levels"] = [level]
            found.append({"kind": kind, **row})
    return sorted(found, key=lambda m: (m["ts_recv"], m["ev_seq"]))


def open_ns(start: int, end: int, closed: tuple[tuple[int, int], ...]) -> int:
    """Length of [start, end) outside of `closed`."""
    return max(end - start, 0) - sum(max(min(b, end) - max(a, start), 0) for a, b in closed)


def rank(values: list[int], share: tuple[int, int]) -> int | None:
    """The quantile by nearest rank."""
    return sorted(values)[math.ceil(len(values) * share[0] / share[1]) - 1] if values else None


def measures(
    tables: Mapping[Kind, pa.Table],
    around: Neighbourhood,
    yardsticks: Yardsticks,
    recorded_depth: int | None,
    largest_order_lots: int | None,
) -> dict[str, Any]:
    """What `atc.events.quality.measure.measured` calls `figures`."""
    stream = messages_of(tables)
    market = [m for m in stream if m["kind"] in MARKET and not inserted(m)]
    silence_ns = yardsticks.silence_ns
    controls = [m for m in stream if m["kind"] is Kind.CONTROL]
    last = max([around.begin_ns, *(m["ts_recv"] for m in stream)])
    return {
        "book": book_figures(stream, recorded_depth, yardsticks, last),
        **print_and_quote_figures(stream, yardsticks, largest_order_lots),
        "controls": len(controls),
        "gaps": sum(m["control_kind"] == ControlKind.GAP_START for m in controls),
        "gap_ns": gap_ns(controls, around, last),
        "resets": sum(m["control_kind"] == ControlKind.RESET for m in controls),
        "time_regressions": sum(bool(m["flags"] & Flag.BAD_TS) for m in market),
        "exch_regressions": sum(
            any(
                before["kind"] is m["kind"]
                and before["ts_exch"] is not None
                and before["ts_exch"] > m["ts_exch"]
                for before in market[:place]
            )
            for place, m in enumerate(market)
            if m["ts_exch"] is not None
        ),
        "synth_recv": sum(bool(m["flags"] & Flag.SYNTH_RECV) for m in market),
        "silent": silent(
            [m["ts_recv"] for m in market], around.before_ns, around.after_ns, around, silence_ns
        ),
        "book_silent": silent(
            [m["ts_recv"] for m in market if m["kind"] is Kind.BOOK],
            around.book_before_ns,
            around.book_after_ns,
            around,
            silence_ns,
        ),
        "offset": offset(market, yardsticks),
        "open_ns": open_ns(around.begin_ns, around.end_ns, around.closed),
    }


def inserted(message: Mapping[str, Any]) -> bool:
    """A whole book that ATC put in."""
    both = Flag.SNAPSHOT | Flag.REPEAT
    return message["kind"] is Kind.BOOK and message["flags"] & both == both


def possible(level: tuple[int, int, int]) -> bool:
    side, px, qty = level
    return side != 0 and px > 0 and 0 <= qty <= LARGEST


def touch(book: Mapping[int, Mapping[int, int]]) -> tuple[int | None, int | None]:
    return max(book[1], default=None), min(book[-1], default=None)


def mid2_of(book: Mapping[int, Mapping[int, int]]) -> int | None:
    bid, ask = touch(book)
    return bid + ask if bid is not None and ask is not None and bid < ask else None


def is_far(px: int, mid2: int, far_off: float) -> bool:
    return abs(2 * px - mid2) > far_off * mid2


def with_mids(stream: list[dict[str, Any]], silence_ns: int) -> list[tuple[dict[str, Any], Any]]:
    """Each message with (book before it, book after it, mid before it); None for an unknown book."""
    book: dict[int, dict[int, int]] | None = None
    mid: tuple[int, int] | None = None
    told = []
    for m in stream:
        before = None if book is None else {side: dict(levels) for side, levels in book.items()}
        fresh = mid[1] if mid and m["ts_recv"] - mid[0] <= silence_ns else None
        if m["kind"] is Kind.CONTROL and m["control_kind"] == ControlKind.RESET:
            book = mid = None
        if m["kind"] is Kind.BOOK:
            if m["msg_kind"] != MsgKind.DELTA:
                book = {1: {}, -1: {}}
            for side, px, qty in filter(possible, m["levels"]):
                if book is not None:
                    book[side].pop(px, None)
                    if qty:
                        book[side][px] = qty
            if book is not None and mid2_of(book) is not None:
                mid = m["ts_recv"], mid2_of(book)
        after = None if book is None else {side: dict(levels) for side, levels in book.items()}
        told.append((m, (before, after, fresh)))
    return told


def book_figures(
    stream: list[dict[str, Any]], depth: int | None, yardsticks: Yardsticks, last: int
) -> dict[str, int]:
    found: Counter[str] = Counter()
    # A crossed state ends with the next message of the feed, a reset, or the day.
    ends = [m["ts_recv"] for m in stream if is_reset(m) or (m["kind"] is Kind.BOOK and not inserted(m))]
    place = -1
    for m, (before, after, mid2) in with_mids(stream, yardsticks.silence_ns):
        place += is_reset(m) or (m["kind"] is Kind.BOOK and not inserted(m))
        if m["kind"] is not Kind.BOOK:
            continue
        levels = [level for level in m["levels"] if level[0]]
        found["impossible_prices"] += sum(px <= 0 for _, px, _ in levels)
        found["impossible_sizes"] += sum(not 0 <= qty <= LARGEST for _, _, qty in levels)
        found["keyframes" if inserted(m) else "messages"] += 1
        found["repeats"] += bool(m["flags"] & Flag.REPEAT) and not inserted(m)
        if after is None:
            found["unplaced"] += 1
            continue
        found["differing_keyframes"] += inserted(m) and before is not None and before != after
        state = touch_state(after)
        bad = state in ("crossed", "locked")
        found["misflagged"] += bad != bool(m["flags"] & Flag.MAYBE_BAD_BOOK)
        if inserted(m):
            continue
        found["far_levels"] += far_levels(m, (before, after, mid2), depth, yardsticks.far_off)
        if state != "one_sided" or m["msg_kind"] != MsgKind.CLEAR:
            found[state] += 1
        if state == "crossed":
            end = ends[place + 1] if place + 1 < len(ends) else last
            found["crossed_ns"] += min(end - m["ts_recv"], yardsticks.silence_ns)
    return {name: found[name] for name in BOOK_FIGURES}


def is_reset(message: Mapping[str, Any]) -> bool:
    return message["kind"] is Kind.CONTROL and message["control_kind"] == ControlKind.RESET


def touch_state(book: Mapping[int, Mapping[int, int]]) -> str:
    bid, ask = touch(book)
    if bid is None or ask is None:
        return "one_sided"
    return "crossed" if bid > ask else "locked" if bid == ask else "sound"


def far_levels(m: Mapping[str, Any], books: Any, depth: int | None, far_off: float) -> int:
    """New or changed levels far off the mid before; of a whole book without one before, off its own."""
    before, after, mid2 = books
    delta = m["msg_kind"] == MsgKind.DELTA
    reference = mid2 if delta or mid2 is not None else mid2_of(after)
    if reference is None:
        return 0
    count = 0
    for side, px, qty in filter(possible, m["levels"]):
        new = delta or (before or {1: {}, -1: {}})[side].get(px, 0) != qty
        wrong_side = 2 * px > reference if side > 0 else 2 * px < reference
        if qty and new and is_far(px, reference, far_off) and (wrong_side or depth is not None):
            count += 1
    return count


def print_and_quote_figures(
    stream: list[dict[str, Any]], yardsticks: Yardsticks, largest_order_lots: int | None
) -> dict[str, dict[str, int]]:
    prints: Counter[str] = Counter()
    quotes: Counter[str] = Counter()
    largest = min(largest_order_lots or LARGEST, LARGEST)
    quote_mid: tuple[int, int] | None = None
    price: tuple[int, int] | None = None
    for m, (_, _, mid2) in with_mids(stream, yardsticks.silence_ns):
        ts = m["ts_recv"]
        reference = mid2
        if reference is None and quote_mid and ts - quote_mid[0] <= yardsticks.silence_ns:
            reference = quote_mid[1]
        if m["kind"] is Kind.TICKER:
            count_quote(m, quotes)
            far = reference is not None and any(
                m[name] is not None and m[name] > 0 and is_far(m[name], reference, yardsticks.far_off)
                for name in ("bid", "ask", "last")
            )
            quotes["far"] += far
            if m["bid"] is not None and m["ask"] is not None and 0 < m["bid"] < m["ask"] and not far:
                quote_mid = ts, m["bid"] + m["ask"]
        if m["kind"] is not Kind.TRADE:
            continue
        prints["messages"] += 1
        prints["maker_twins"] += bool(m["flags"] & Flag.DUP_OTHER_SIDE)
        if m["flags"] & Flag.DUP_OTHER_SIDE:
            continue
        px = m["px_ticks"]
        prints["impossible_prices"] += px <= 0
        prints["impossible_sizes"] += not 1 <= m["qty_lots"] <= largest
        if px > 0 and not m["flags"] & Flag.AUCTION:
            if reference is None and price and ts - price[0] <= yardsticks.silence_ns:
                reference = 2 * price[1]
            if reference is not None and is_far(px, reference, yardsticks.far_off):
                prints["far"] += 1
            else:
                price = ts, px
    prints.update(told_twice([m for m in stream if m["kind"] is Kind.TRADE]))
    return {
        "prints": {name: prints[name] for name in PRINT_FIGURES},
        "quotes": {name: quotes[name] for name in QUOTE_FIGURES},
    }


def count_quote(m: Mapping[str, Any], found: Counter[str]) -> None:
    found["messages"] += 1
    prices = [m[name] for name in ("bid", "ask", "last", "high", "low") if m[name] is not None]
    found["impossible_prices"] += sum(px <= 0 for px in prices)
    sizes = [m[name] for name in ("bid_qty", "ask_qty") if m[name] is not None]
    found["impossible_sizes"] += sum(not 0 <= qty <= LARGEST for qty in sizes)
    found["impossible_sizes"] += m["vol"] is not None and m["vol"] < 0
    if m["bid"] is not None and m["ask"] is not None:
        found["crossed"] += m["bid"] > m["ask"]
        found["locked"] += m["bid"] == m["ask"]


def told_twice(trades: list[dict[str, Any]]) -> Counter[str]:
    """Duplicates, reused ids, equal prints among the takers' prints."""
    found: Counter[str] = Counter()
    ids: dict[str, tuple[Any, ...]] = {}
    without_id: list[tuple[int, tuple[Any, ...]]] = []
    for m in trades:
        content = (m["ts_exch"], m["px_ticks"], m["qty_lots"], m["side"])
        if m["flags"] & Flag.DUP_OTHER_SIDE:
            continue
        if m["trade_id"] in ids:
            found["duplicates" if ids[m["trade_id"]] == content else "reused_ids"] += 1
        elif m["trade_id"] is not None:
            ids[m["trade_id"]] = content
        else:
            own_time = not m["flags"] & (Flag.SYNTH_RECV | Flag.BAD_TS)
            if own_time and (m["ts_recv"], content) in without_id:
                found["duplicates"] += 1
            elif without_id and without_id[-1][1] == content:
                found["equal"] += 1
            without_id.append((m["ts_recv"], content))
    return found


def gap_ns(controls: list[dict[str, Any]], around: Neighbourhood, last: int) -> int:
    since = around.begin_ns if around.in_gap else None
    opener = -1
    total = 0
    for k, m in enumerate(controls):
        if m["control_kind"] == ControlKind.GAP_START and since is None:
            since, opener = m["ts_recv"], k
        if m["control_kind"] == ControlKind.GAP_END and since is not None:
            before = controls[k - 1] if k else None
            own = before is not None and before["control_kind"] == ControlKind.GAP_START
            if own and before["ts_recv"] == m["ts_recv"] and opener != k - 1:
                continue  # of trades that are missing within the gap
            total += m["ts_recv"] - since
            since = None
    if since is not None:
        total += (around.end_ns if around.after_ns is not None else last) - since
    return total


def silent(
    times: list[int], before: int | None, after: int | None, around: Neighbourhood, silence_ns: int
) -> dict[str, int]:
    all_times = [t for t in (before, *times, after) if t is not None]
    stretches = [(a, b) for a, b in pairwise(all_times) if open_ns(a, b, around.closed) > silence_ns]
    parts = [open_ns(max(a, around.begin_ns), min(b, around.end_ns), around.closed) for a, b in stretches]
    first, end = (all_times[0], all_times[-1]) if all_times else (0, 0)
    return {
        "count": sum(a >= around.begin_ns for a, _ in stretches),
        "total_ns": sum(parts),
        "longest_ns": max(parts, default=0),
        "spanned_ns": open_ns(max(first, around.begin_ns), min(end, around.end_ns), around.closed),
    }


def offset(market: list[dict[str, Any]], yardsticks: Yardsticks) -> dict[str, Any]:
    known = [
        (m["ts_recv"], m["ts_recv"] - m["ts_exch"])
        for m in market
        if m["ts_exch"] is not None and not m["flags"] & (Flag.SYNTH_RECV | Flag.BAD_TS)
    ]
    values = [value for _, value in known]
    medians = []
    if known:
        begin, length = known[0][0], known[-1][0] - known[0][0] + 1
        for part in range(yardsticks.clock_parts):
            inside = [v for ts, v in known if (ts - begin) * yardsticks.clock_parts // length == part]
            if len(inside) >= yardsticks.clock_messages:
                medians.append(rank(inside, (1, 2)))
    steps = [b - a for a, b in pairwise(medians)]
    return {
        "count": len(values),
        "negative": sum(value < 0 for value in values),
        "median_ns": rank(values, (1, 2)),
        "p1_ns": rank(values, (1, 100)),
        "p99_ns": rank(values, (99, 100)),
        "drift_ns": medians[-1] - medians[0] if len(medians) > 1 else None,
        "steps": sum(abs(step) > yardsticks.clock_step_ns for step in steps),
    }
