"""One pass of the engine: many strategies over the same decisions and events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.backtest.calendar import SECOND_NS, calendar_of
from atc.backtest.costs import bps_e6, carry_terms, taker_fees
from atc.backtest.units import LARGEST_LOTS, UNLIMITED_LOTS, Units
from atc.config.cost import Cost
from atc.config.data import InstrumentFacts
from atc.config.trading import Execution
from atc.errors import DataError
from atc.events.catalog import Catalog, FileEntry
from atc.events.parts import ahead, read_parts
from atc.events.schema import KEYFRAME_NS, Kind, schema_of
from atc.protocol.sealed_holdout import SealBrokenError

if TYPE_CHECKING:
    import pyarrow as pa

BENCHMARK, ORACLE_PATH = "benchmark", "oracle_path"
"""Policies that need no column of targets."""
AT_TOUCH = 2 * LARGEST_LOTS
"""A depth at which a single lot that is displayed holds the largest order."""

Span = tuple[int, int]


class Engine(Protocol):
    """What `_rust.Backtest` does."""

    def feed(self, book: pa.RecordBatch, control: pa.RecordBatch) -> bool:
        """Takes a part; true once the session is over."""

    def finish(self) -> Mapping[str, pa.RecordBatch]:
        """The tables."""


MakeEngine = Callable[[str, "pa.RecordBatch"], Engine]


@dataclass(frozen=True)
class Market:
    """Whose events are traded on, and on which terms."""

    facts: InstrumentFacts
    catalog: Catalog
    execution: Execution
    cost: Cost
    max_gap_s: float
    """A longer silence makes the book unknown."""
    make_engine: MakeEngine | None = None
    """None: the extension's."""

    def before(self, end_ns: int) -> PastMarket:
        """What of it comes before an instant, for those that select."""
        return PastMarket(self, end_ns)

    @property
    def units(self) -> Units:
        """Of the instrument."""
        return Units.of(self.facts)

    @property
    def size_lots(self) -> int:
        """The whole position."""
        return self.units.lots("execution.size", self.execution.size)


@dataclass(frozen=True)
class PastMarket:
    """A market up to an instant. Whatever learns gets this type and no `Market`, so that nothing that it
    chooses knows what came later.
    """

    whole: Market
    end_ns: int
    """Not included, ns UTC."""

    def trade(self, session: Session, progress: Callable[[float], object] = lambda _: None) -> Traded:
        """As `trade`. Raises SealBrokenError for a session that reaches beyond the end."""
        if session.span[1] > self.end_ns:
            raise SealBrokenError(
                f"a session until {session.span[1]} ns was asked for by something that learns, and what it "
                f"may know ends at {self.end_ns} ns: nothing that selects may see what comes later"
            )
        return trade(self.whole, session, progress)


@dataclass(frozen=True)
class Strategy:
    """Who trades, and on which terms; None: those of the config."""

    name: str
    policy: str
    """A column of targets, `benchmark` or `oracle_path`."""
    latency_s: float | None = None
    depth: float | None = None
    """`AT_TOUCH`: any order finds all of its size at the best price."""
    fee_bps: float | None = None
    size_lots: int | None = None
    """Of the first order, of the benchmark and of the oracle's positions."""
    log: bool = False
    """Whether its orders and fills are told one by one."""
    curve: bool = False
    wait_s: float | None = None
    pays_carry: bool = True


@dataclass(frozen=True)
class Session:
    """A span with its decisions and the strategies over it."""

    span: Span
    ts_close: NDArray[np.int64]
    """(n,) ascending, inside of the span."""
    targets: Mapping[str, NDArray[np.int64]]
    """By policy (n,) lots."""
    strategies: Sequence[Strategy]
    curve_s: int = 60
    oracle_orders: int = 10_000_000
    """Orders that a search of the best path may try, besides 64 a decision, until it is given up."""
    oracle_memory_mib: int = 512
    """What such a search may take."""
    drawdowns: Sequence[tuple[str, str | None]] = ()
    """Strategies whose drawdown is followed, and whose equity is taken off theirs; None: nobody's."""


@dataclass(frozen=True)
class Traded:
    """The tables of a pass; money in units of tick × lot, prices in ticks, sizes in lots, times ns UTC."""

    orders: pl.DataFrame
    fills: pl.DataFrame
    curve: pl.DataFrame
    days: pl.DataFrame
    totals: pl.DataFrame
    drawdowns: pl.DataFrame
    """`strategy`, `against` (null: nobody), `drawdown`: the largest fall from a peak so far, looked at after
    everything that moves it.
    """
    given_up: pl.DataFrame
    """`strategy`, `decision`, `ts_decision`, `orders`, `limit` (`orders` or `memory`): searches of the best
    path that led to too many positions; such a strategy is in no other table.
    """
    span: Span
    units: Units
    _totals: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._totals.update({row["strategy"]: row for row in self.totals.iter_rows(named=True)})

    def of(self, strategy: str) -> dict[str, Any]:
        """The row of `totals` of a strategy."""
        return self._totals[strategy]

    def has(self, strategy: str) -> bool:
        """Whether it was there, and came to an end."""
        return strategy in self._totals

    def drawdown(self, strategy: str, against: str | None = None) -> int:
        """One that was asked for, money units."""
        rows = self.drawdowns.rows(named=True)
        (fall,) = (r["drawdown"] for r in rows if (r["strategy"], r["against"]) == (strategy, against))
        return int(fall)


def trade(market: Market, session: Session, progress: Callable[[float], object] = lambda _: None) -> Traded:
    """Walks the events of the span once; `progress` is told the share of it that is done.

    The book is known at the begin of the span as far as the events before it tell. Raises UsageError for
    costs without a row, DataError for events that cannot be read or traded on.
    """
    import pyarrow as pa

    begin, end = session.span
    columns = {"ts_close": pa.array(session.ts_close, pa.int64())}
    columns |= {name: pa.array(lots, pa.int64()) for name, lots in session.targets.items()}
    if market.make_engine is None:
        from atc import _rust

        make: MakeEngine = _rust.Backtest
    else:
        make = market.make_engine
    engine = make(specification(market, session), pa.RecordBatch.from_pydict(columns))
    try:
        for book, control in _book_parts(market, session.span):
            over = engine.feed(book, control)
            if len(book):
                seen = book.column("ts_recv")[-1].as_py()
                progress(min(max((seen - begin) / (end - begin), 0.0), 1.0))
            if over:
                break
        progress(1.0)
        found = engine.finish()
    except ValueError as error:
        raise DataError(f"the backtest cannot go on: {error}") from error
    tables = {name: _frame(batch) for name, batch in found.items()}
    return Traded(
        orders=tables["orders"],
        fills=tables["fills"],
        curve=tables["curve"],
        days=tables["days"],
        totals=tables["totals"],
        drawdowns=tables["drawdowns"],
        given_up=tables["given_up"],
        span=session.span,
        units=market.units,
    )


def specification(market: Market, session: Session) -> str:
    """What the engine is told, as JSON."""
    facts, execution, units = market.facts, market.execution, market.units
    begin, end = session.span
    calendar = calendar_of(facts, execution.no_new_entry_s, begin, end)
    largest = facts.largest_order
    fees = taker_fees(market.cost, facts, begin, end)
    carry = carry_terms(market.cost, facts, calendar.day_cuts)

    def told(strategy: Strategy) -> dict[str, Any]:
        depth = Fraction(str(execution.depth if strategy.depth is None else strategy.depth))
        latency = execution.latency_s if strategy.latency_s is None else strategy.latency_s
        return {
            "name": strategy.name,
            "policy": strategy.policy,
            "latency_ns": _ns(latency),
            "wait_ns": None if strategy.wait_s is None else _ns(strategy.wait_s),
            "depth_num": depth.numerator,
            "depth_den": depth.denominator,
            "fee_bps_e6": fees if strategy.fee_bps is None else bps_e6(strategy.fee_bps),
            "pays_carry": strategy.pays_carry,
            "size_lots": market.size_lots if strategy.size_lots is None else strategy.size_lots,
            "log": strategy.log,
            "curve": strategy.curve,
        }

    return json.dumps(
        {
            "max_gap_ns": _ns(market.max_gap_s),
            "begin_ns": begin,
            "end_ns": end,
            "day_cuts_ns": list(calendar.day_cuts),
            "closed": [list(interval) for interval in calendar.closed],
            "no_new_entry": [list(interval) for interval in calendar.no_new_entry],
            "carry_rate_e9": [rate for rate, _ in carry],
            "carry_step": [step for _, step in carry],
            "execution": {
                "wait_ns": _ns(execution.wait_s),
                "max_book_age_ns": _ns(execution.max_book_age_s),
                "max_slippage_bps_e6": bps_e6(execution.max_slippage_bps),
                "min_interval_ns": _ns(execution.min_interval_s),
                "max_order_lots": (
                    UNLIMITED_LOTS if largest is None else units.lots("data.largest_order", largest)
                ),
            },
            "oracle_orders": session.oracle_orders,
            "oracle_bytes": session.oracle_memory_mib * 2**20,
            "curve_ns": session.curve_s * SECOND_NS,
            "strategies": [told(strategy) for strategy in session.strategies],
            "drawdowns": [
                {"strategy": strategy, "against": against} for strategy, against in session.drawdowns
            ],
        }
    )


def _book_parts(market: Market, span: Span) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """(book, control) of each part, from where a keyframe is sure to tell the book at the begin."""
    facts, catalog = market.facts, market.catalog
    # A keyframe interval, and the silences that may lie on both sides of it.
    begin = span[0] - KEYFRAME_NS - 2 * _ns(market.max_gap_s)
    files: dict[Kind, list[tuple[Path, FileEntry]]] = {Kind.BOOK: [], Kind.CONTROL: []}
    for day in catalog.days_within(facts.venue, facts.symbol, begin, span[1]):
        there = catalog.day(facts.venue, facts.symbol, day).files
        for kind, entries in files.items():
            entries += [(catalog.path(entry), entry) for entry in there.get(kind, ())]
    columns = {kind: [name for name in schema_of(kind).names if name not in _NOT_READ] for kind in Kind}
    for part in ahead(read_parts(files, begin, span[1], columns)):
        yield part[Kind.BOOK], part[Kind.CONTROL]


_NOT_READ = frozenset({"venue_seq", "trade_id", "bid_qty", "ask_qty", "detail"})


def _ns(seconds: float) -> int:
    return round(Fraction(str(seconds)) * SECOND_NS)


def _frame(batch: pa.RecordBatch) -> pl.DataFrame:
    frame = pl.from_arrow(batch)
    assert isinstance(frame, pl.DataFrame)
    return frame
