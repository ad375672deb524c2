"""The backtest once more, from its definitions (docs/backtest.md) alone: dictionaries, loops, and no hurry.

The market is a list of moments: what the book was after each timestamp that touched it. A strategy is walked
through its decisions, which gives its fills; everything else (cash, carry, curve, split) is summed from the
fills anew wherever it is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

from .backtest_market import Market, Row
from .events import DELTA, Event

E10 = 10**10
E9 = 10**9
OUTCOMES = (
    "filled",
    "partial",
    "thin",
    "maintenance",
    "stale_book",
    "no_book",
    "crossed",
    "end_of_data",
    "no_new_entry",
    "late_entry",
)


@dataclass(frozen=True)
class Fill:
    """One level that an order took; `lots` > 0 whichever the side."""

    order: int
    e: int
    side: int
    px: int
    lots: int
    fee: int


@dataclass(frozen=True)
class Execution:
    """What became of an order on its way."""

    e: int | None
    outcome: str
    fills: tuple[tuple[int, int], ...] = ()
    """(price, lots), best first."""
    reduced: bool = False
    """Cut by the calendar when it met the book."""

    @property
    def filled(self) -> int:
        return sum(lots for _, lots in self.fills)


class Sent(NamedTuple):
    """An order, and the position that it finds."""

    side: int
    qty: int
    position: int


class Wanted(NamedTuple):
    """An order before it is sent; quantity 0: there is none."""

    side: int
    qty: int
    reduced: bool
    capped: bool


@dataclass
class Rules:
    """What the specification of a backtest says, and the market that it is about."""

    spec: Mapping[str, Any]
    market: Market

    @property
    def x(self) -> Mapping[str, int]:
        return self.spec["execution"]

    def within(self, key: str, t: int) -> bool:
        return any(begin <= t < end for begin, end in self.spec[key])

    def wanted(self, d: int, position: int, target: int) -> Wanted:
        """The order that a decision makes."""
        change = target - position
        side, whole = (1 if change > 0 else -1), abs(change)
        allowed = whole
        if self.within("no_new_entry", d):
            allowed = min(whole, abs(position)) if position * side < 0 else 0
        largest = self.x["max_order_lots"]
        return Wanted(side, min(allowed, largest), reduced=allowed < whole, capped=allowed > largest)

    def wait(self, strategy: Mapping[str, Any]) -> int:
        """Of a strategy's orders for a frame: its own, or the execution's."""
        own: int | None = strategy.get("wait_ns")
        return self.x["wait_ns"] if own is None else own

    def execute(
        self, strategy: Mapping[str, Any], d: int, sent: Sent, before: Sequence[Fill] = ()
    ) -> Execution:
        """What becomes of an order of a decision at `d`; `before`: what the strategy took from the book
        already.
        """
        e = self.market.execution(d + strategy["latency_ns"], self.wait(strategy))
        if e is None:
            return Execution(None, "end_of_data")
        side, qty, position = sent
        closes = abs(position) if side * position < 0 else 0
        allowed = min(qty, closes) if self.within("no_new_entry", e) else qty
        cut = allowed < qty
        refused, book = self.refusal(e, allowed), self.market.at(e)
        if refused is not None:
            return Execution(e, refused, reduced=refused == "late_entry")
        assert book is not None
        levels = sorted(book.asks.items()) if side > 0 else sorted(book.bids.items(), reverse=True)
        there = []
        for px, lots in levels:
            taken = sum(f.lots for f in before if (f.side, f.px) == (side, px) and not self.refilled(f, e))
            left = lots * strategy["depth_num"] // strategy["depth_den"] - taken
            if left > 0:
                there.append((px, left))
        fills, slip = [], self.x["max_slippage_bps_e6"]
        for px, left in there:
            best = there[0][0]
            fine = px * E10 <= best * (E10 + slip) if side > 0 else px * E10 >= best * (E10 - slip)
            if fine and allowed > 0:
                fills.append((px, min(left, allowed)))
                allowed -= fills[-1][1]
                qty -= fills[-1][1]
        outcome = "thin" if not fills else "partial" if qty else "filled"
        return Execution(e, outcome, tuple(fills), reduced=cut)

    def refusal(self, e: int, allowed: int) -> str | None:
        """Why nothing of an order is filled at `e`, of which the calendar allows so many lots."""
        last, book = self.market.last_message(e), self.market.at(e)
        if self.within("closed", e):
            return "maintenance"
        if not allowed:
            return "late_entry"
        if last is not None and e - last > self.x["max_book_age_ns"]:
            return "stale_book"
        if book is None or book.bid is None or book.ask is None:
            return "no_book"
        return "crossed" if book.bid >= book.ask else None

    def refilled(self, fill: Fill, now: int) -> bool:
        """Whether what a fill took is displayed anew."""
        level = (-fill.side, fill.px)
        return any(
            message.ev_seq in self.market.whole
            or (message.msg_kind == DELTA and level in [(said.side, said.px) for said in message.levels])
            for message in self.market.messages_between(fill.e, now)
        )

    def fee(self, strategy: Mapping[str, Any], e: int, px: int, lots: int) -> int:
        rate = strategy["fee_bps_e6"]
        if not isinstance(rate, int):
            rate = [fee for begin, fee in rate if begin <= e][-1]
        return -(-px * lots * rate // E10)

    def carry(self, strategy: Mapping[str, Any], position: int, cut: int) -> int:
        """What a position pays at a cut: whole steps, rounded up."""
        if not strategy.get("pays_carry", True):
            return 0
        number = self.spec["day_cuts_ns"].index(cut)
        rate, step = self.spec["carry_rate_e9"][number], self.spec["carry_step"][number]
        worth = abs(position) * self.market.mark(position, cut)
        return -(-worth * rate // (E9 * step)) * step


@dataclass
class Account:
    """A strategy after its decisions: its fills, and all that follows from them."""

    rules: Rules
    strategy: Mapping[str, Any]
    fills: list[Fill] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)

    def position(self, before: int) -> int:
        return sum(fill.side * fill.lots for fill in self.fills if fill.e < before)

    def fees(self, before: int) -> int:
        return sum(fill.fee for fill in self.fills if fill.e < before)

    def carry(self, until: int) -> int:
        """Of the cuts up to and with `until`."""
        cuts = [cut for cut in self.rules.spec["day_cuts_ns"] if cut <= until]
        return sum(self.rules.carry(self.strategy, self.position(cut), cut) for cut in cuts)

    def cash(self, at: int) -> int:
        """After the cut at `at`, if there is one, and before anything else of that instant."""
        flows = -sum(fill.side * fill.lots * fill.px for fill in self.fills if fill.e < at)
        return flows - self.fees(at) - self.carry(at)

    def equity(self, at: int) -> int:
        position = self.position(at)
        return self.cash(at) + position * self.rules.market.mark(position, at)

    def split(self, at: int) -> Row:
        """Where the equity came from, as of everything before `at`: the first two in half units."""
        market = self.rules.market
        path = market.mid2_path(at)
        price = sum(self.position(ts) * (after - before) for (_, before), (ts, after) in pairwise(path))
        impact = 0
        for fill in self.fills:
            if fill.e < at:
                impact -= fill.side * fill.lots * (2 * fill.px - market.mid2(fill.e + 1))
        position = self.position(at)
        if position:
            impact += position * (2 * market.mark(position, at) - path[-1][1])
        return {
            "price_half": price,
            "spread_impact_half": impact,
            "fees": self.fees(at),
            "carry": self.carry(at),
        }

    def days(self) -> list[Row]:
        """A row at each cut, and at the end where it is none."""
        spec = self.rules.spec
        rows = []
        for cut in sorted({*spec["day_cuts_ns"], spec["end_ns"]}):
            split = self.split(cut)
            carry_total = split.pop("carry")
            held = self.position(cut)
            paid = self.rules.carry(self.strategy, held, cut) if cut in spec["day_cuts_ns"] else 0
            state = {"position": self.position(cut), "cash": self.cash(cut), "equity": self.equity(cut)}
            row = {"strategy": self.strategy["name"], "ts": cut, **state, "carry": paid}
            rows.append(row | split | {"carry_total": carry_total})
        return rows

    def curve(self) -> list[Row]:
        spec = self.rules.spec
        step = spec["curve_ns"]
        grid = range(-(-spec["begin_ns"] // step) * step, spec["end_ns"], step)
        return [
            {
                "strategy": self.strategy["name"],
                "ts": g,
                "position": self.position(g),
                "cash": self.cash(g),
                "equity": self.equity(g),
            }
            for g in grid
        ]

    def path(self) -> list[tuple[int, int, int]]:
        """The equity after everything that may move it, in order: (time, what of that time, equity), where
        what is 0 for a cut, 1 for the book's messages, 2 for the fills.
        """
        mark, fills = self.rules.market.mark, {fill.e for fill in self.fills}
        found = []
        for cut in self.rules.spec["day_cuts_ns"]:
            found.append((cut, 0, self.equity(cut)))
        for ts in sorted({*(moment.ts for moment in self.rules.market.book_moments), *fills}):
            before, after = self.position(ts), self.position(ts + 1)
            # The cut at `ts` came first, one at the instant after is not due yet.
            paid = self.carry(ts)
            earlier = [fill for fill in self.fills if fill.e < ts]
            all_of_it = [fill for fill in self.fills if fill.e <= ts]
            for what, position, made in ((1, before, earlier), (2, after, all_of_it)):
                cash = -sum(fill.side * fill.lots * fill.px + fill.fee for fill in made) - paid
                found.append((ts, what, cash + position * mark(position, ts + 1)))
        return sorted(found)

    def totals(self) -> Row:
        spec = self.rules.spec
        begin, end = spec["begin_ns"], spec["end_ns"]
        split = self.split(end)
        whole = split["price_half"] + split["spread_impact_half"] - 2 * split["fees"] - 2 * split["carry"]
        assert whole == 2 * self.equity(end)
        changes = sorted({begin, end, *(fill.e for fill in self.fills)})
        time_by_sign = Counter[int]()
        for since, until in pairwise(changes):
            position = self.position(until)
            time_by_sign[(position > 0) - (position < 0)] += until - since
        outcomes = Counter(order["outcome"] for order in self.orders)
        return {
            "strategy": self.strategy["name"],
            "equity": self.equity(end),
            "cash": self.cash(end),
            "position": self.position(end),
            **split,
            "turnover_lots": sum(fill.lots for fill in self.fills),
            "turnover": sum(fill.lots * fill.px for fill in self.fills),
            "capped": sum(order["capped"] for order in self.orders),
            "reduced": sum(order["reduced"] for order in self.orders),
            "fills": sum(order["filled"] > 0 for order in self.orders),
            "submissions": len(self.orders) - outcomes["no_new_entry"],
            "long_ns": time_by_sign[1],
            "short_ns": time_by_sign[-1],
            "flat_ns": time_by_sign[0],
            **{f"n_{outcome}": outcomes[outcome] for outcome in OUTCOMES},
        }


@dataclass
class ReferenceBacktest:
    """One backtest of many strategies over the same decisions."""

    spec: Mapping[str, Any]
    events: Sequence[Event]
    decisions: Sequence[tuple[int, Mapping[str, int]]]
    """`ts_close`, ascending, and the target of each policy, lots."""

    def __post_init__(self) -> None:
        begin, end = self.spec["begin_ns"], self.spec["end_ns"]
        assert all(begin <= d < end for d, _ in self.decisions)
        assert all(a <= b for (a, _), (b, _) in pairwise(self.decisions))
        for strategy in self.spec["strategies"]:
            x = self.rules.x
            need = x["max_book_age_ns"] + strategy["latency_ns"] + self.rules.wait(strategy)
            assert x["min_interval_ns"] >= need

    @cached_property
    def rules(self) -> Rules:
        market = Market(self.events, self.spec["max_gap_ns"], self.spec["end_ns"])
        return Rules(self.spec, market)

    def account(self, strategy: Mapping[str, Any]) -> Account:
        """A strategy that follows a policy, or the benchmark."""

        def target(number: int, _position: int) -> int:
            if number == 0 or strategy["policy"] == "benchmark":
                return int(strategy["size_lots"])
            return self.decisions[number][1][strategy["policy"]]

        return self.walked(strategy, target)

    def drawdown(self, strategy: str, against: str | None) -> Row:
        """The largest fall of a strategy's equity, or of its difference to another one's."""
        by_name = {one["name"]: one for one in self.spec["strategies"]}
        mine = self.account(by_name[strategy]).path()
        theirs = mine if against is None else self.account(by_name[against]).path()
        # Who did not trade at an instant of the other's stands there as he did before.
        known = {(ts, what): equity for ts, what, equity in mine}
        other = {(ts, what): equity for ts, what, equity in theirs}
        peak = fall = now = then = 0
        for at in sorted({*known, *other}):
            now, then = known.get(at, now), other.get(at, then)
            equity = now if against is None else now - then
            peak = max(peak, equity)
            fall = max(fall, peak - equity)
        return {"strategy": strategy, "against": against, "drawdown": fall}

    def walked(self, strategy: Mapping[str, Any], target: Callable[[int, int], int]) -> Account:
        """`target(number, position)`: of each decision that is free to submit."""
        rules, market = self.rules, self.rules.market
        account = Account(rules, strategy)
        last_submission: int | None = None
        for number, (d, _) in enumerate(self.decisions):
            if last_submission is not None and d - last_submission < rules.x["min_interval_ns"]:
                continue
            position = account.position(d + 1)
            goal = target(number, position)
            if goal == position:
                continue
            side, qty, reduced, capped = rules.wanted(d, position, goal)
            done = Execution(None, "no_new_entry")
            if qty:
                last_submission = d
                done = rules.execute(strategy, d, Sent(side, qty, position), account.fills)
                reduced |= done.reduced
                assert done.e is None or done.e >= d
            made = []
            for px, lots in done.fills:
                assert done.e is not None
                fee = rules.fee(strategy, done.e, px, lots)
                made.append(Fill(len(account.orders), done.e, side, px, lots, fee))
            account.fills += made
            book = market.at(d)
            last = market.last_message(d)
            account.orders.append(
                {
                    "strategy": strategy["name"],
                    "decision": number,
                    "ts_decision": d,
                    "bid": book.bid if book else None,
                    "ask": book.ask if book else None,
                    "book_age_ns": None if last is None else d - last,
                    "target": goal,
                    "position_before": position,
                    "side": side if qty else 0,
                    "qty": qty,
                    "reduced": reduced,
                    "capped": capped,
                    "ts_arrival": d + strategy["latency_ns"] if qty else None,
                    "ts_exec": done.e,
                    **market.met(done.e),
                    "outcome": done.outcome,
                    "expected_px": None if book is None or not qty else book.ask if side > 0 else book.bid,
                    "filled": done.filled,
                    "cash_flow": -sum(f.side * f.px * f.lots for f in made),
                    "fees": sum(f.fee for f in made),
                    "position_after": position + side * done.filled,
                }
            )
        for order in account.orders:
            e, arrival = order["ts_exec"], order["ts_arrival"]
            # Nothing comes after the wait of an order that met no book.
            waited = order["ts_decision"] + 1 if arrival is None else arrival + rules.wait(strategy)
            at = waited if e is None else e + 1
            order["cash_after"], order["equity_after"] = account.cash(at), account.equity(at)
        return account
