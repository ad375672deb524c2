"""Other events after t: the ways in which the future is changed, so that every column has a chance to move.

Each takes canonical tables of a few days and changes nothing at or before t. What comes out is sorted by
(`ts_recv`, `ev_seq`) and within the columns' ranges; it need not be a market that could have been.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from atc.events.schema import PX_TICKS_MAX, Flag, Kind, MsgKind

Tables = Mapping[Kind, pl.DataFrame]
"""Canonical rows by kind, sorted by (`ts_recv`, `ev_seq`)."""

SILENCE_NS = 90_000_000_000
_DROPPED_SHARE, _INSERTED_SHARE = 0.2, 0.1
_SWAPPED = 3
"""So many messages in a row exchange what they say."""


@dataclass(frozen=True)
class Moment:
    """The end of what stays as it was."""

    t: int
    """ns."""
    price: int
    """Last traded before, ticks."""
    printed: pl.DataFrame
    """The last print of a taker at or before t; no row where there is none."""


Change = Callable[[Tables, Moment, np.random.Generator], Tables]


def _prices(tables: Tables, after: Moment, rng: np.random.Generator) -> Tables:
    """Distances from the last price before t doubled, and all shifted: other returns, other spreads."""
    shift = int(rng.integers(3, 50)) * int(rng.choice((-1, 1)))
    return _priced(tables, lambda px: 2 * (px - after.price) + after.price + shift)


def _sides(tables: Tables, after: Moment, rng: np.random.Generator) -> Tables:
    """The market in a mirror: what rose falls, who bought sells."""
    del rng
    mirrored = dict(_priced(tables, lambda px: 2 * after.price - px))
    for kind in (Kind.BOOK, Kind.TRADE):
        mirrored[kind] = mirrored[kind].with_columns(-pl.col("side"))
    swapped = {"bid": "ask", "ask": "bid", "high": "low", "low": "high", "bid_qty": "ask_qty"}
    swapped["ask_qty"] = "bid_qty"
    mirrored[Kind.TICKER] = mirrored[Kind.TICKER].with_columns(
        pl.col(source).alias(name) for name, source in swapped.items()
    )
    return mirrored


def _sizes(tables: Tables, after: Moment, rng: np.random.Generator) -> Tables:
    """Every size times 1 to 4; a level that goes still goes."""
    del after
    changed = dict(tables)
    for kind, names in ((Kind.BOOK, ("qty_lots",)), (Kind.TRADE, ("qty_lots",))):
        factor = pl.Series(rng.integers(1, 5, len(tables[kind])))
        changed[kind] = tables[kind].with_columns(pl.col(name) * factor for name in names)
    ticker = tables[Kind.TICKER]
    factor = pl.Series(rng.integers(1, 5, len(ticker)))
    changed[Kind.TICKER] = ticker.with_columns(
        pl.col("bid_qty") * factor,
        pl.col("ask_qty") * factor,
        pl.col("vol") + 1_000 + pl.Series(np.cumsum(rng.integers(0, 50, len(ticker)))),
    )
    return changed


def _order(tables: Tables, after: Moment, rng: np.random.Generator) -> Tables:
    """Of every few messages of a kind each says what another said; times stay."""
    del after
    changed = dict(tables)
    for kind in (Kind.BOOK, Kind.TRADE, Kind.TICKER):
        table = tables[kind]
        message = _message_numbers(table)
        count = int(message[-1]) + 1 if len(message) else 0
        turned = np.arange(count)
        whole = count - count % _SWAPPED
        turned[:whole] = turned[:whole].reshape(-1, _SWAPPED)[:, rng.permutation(_SWAPPED)[::-1]].ravel()
        heads = table[np.flatnonzero(np.diff(message, prepend=-1))].select("ev_seq", "ts_recv", "ts_exch")
        # Message i goes to the place of message turned[i].
        place = turned[message]
        moved = table.with_columns(heads[place].get_columns())
        changed[kind] = moved[np.argsort(place, kind="stable")]
    return changed


def _dropped(tables: Tables, after: Moment, rng: np.random.Generator) -> Tables:
    """A fifth of the messages is missing, and all of a minute and a half; whole books stay."""
    del after
    starts = [int(table["ts_recv"][0]) for table in tables.values() if len(table)]
    silence = min(starts, default=0) + int(rng.integers(0, 600_000_000_000))
    changed = dict(tables)
    for kind in (Kind.BOOK, Kind.TRADE, Kind.TICKER):
        table = tables[kind]
        message = _message_numbers(table)
        kept = rng.random(int(message[-1]) + 1 if len(message) else 0) >= _DROPPED_SHARE
        stays = pl.Series(kept[message])
        if kind is Kind.BOOK:
            stays |= table["msg_kind"] != MsgKind.DELTA
        silent = table["ts_recv"].is_between(silence, silence + SILENCE_NS)
        changed[kind] = table.filter(stays & ~silent)
    return changed


def _inserted(tables: Tables, after: Moment, rng: np.random.Generator) -> Tables:
    """Some prints and tickers are told again a little later, at another price and size."""
    del after
    changed = dict(tables)
    for kind in (Kind.TRADE, Kind.TICKER):
        table = tables[kind]
        again = table.filter(pl.Series(rng.random(len(table)) < _INSERTED_SHARE))
        later = pl.Series(rng.integers(1, 20_000_000, len(again)))
        names = ("px_ticks",) if kind is Kind.TRADE else ("last",)
        again = again.with_columns(
            pl.col("ts_recv") + later, *(pl.col(name) + 1 for name in names), pl.col("ev_seq")
        )
        changed[kind] = pl.concat([table, again])
    return changed


def _delayed(tables: Tables, after: Moment, rng: np.random.Generator) -> Tables:
    """Everything comes a little later."""
    del after
    delay = int(rng.integers(1_000_000, 3_000_000_000))
    return {kind: table.with_columns(pl.col("ts_recv") + delay) for kind, table in tables.items()}


def _at_once(tables: Tables, after: Moment, rng: np.random.Generator) -> Tables:
    """The next whole book and ticker, and one more print of the last taker, come within a few ns of t, at
    other prices: a look ahead of any length meets something that was not there.
    """
    del rng
    changed = dict(tables)
    prices = {Kind.BOOK: ("px_ticks",), Kind.TRADE: ("px_ticks",), Kind.TICKER: ("bid", "ask", "last")}
    for wait, (kind, names) in enumerate(prices.items(), start=1):
        table = tables[kind]
        whole = table.filter(pl.col("msg_kind") == MsgKind.SNAP) if kind is Kind.BOOK else table
        key = ["ts_recv", "ev_seq"]
        soon = whole.join(whole.head(1).select(key), on=key, how="semi")
        soon = soon.with_columns(pl.lit(after.t).alias("ts_exch"))
        if kind is Kind.TRADE and len(after.printed):
            # Of one order are prints of equal `ts_exch` and side.
            soon = after.printed
        soon = soon.with_columns(
            pl.lit(after.t + wait).alias("ts_recv"), *(pl.col(name) + 1 for name in names)
        )
        changed[kind] = pl.concat([soon.cast(table.schema), table])
    return changed


KINDS: Mapping[str, Change] = {
    "prices": _prices,
    "sizes": _sizes,
    "sides": _sides,
    "order": _order,
    "dropped": _dropped,
    "inserted": _inserted,
    "delayed": _delayed,
    "at_once": _at_once,
}
"""By name, in the order in which several are applied."""


def perturbed(tables: Tables, t: int, kinds: Sequence[str], seed: int, end_ns: int) -> Tables:
    """`tables` with other events in (t, end_ns), ns; up to and at `t` they are the same."""
    rng = np.random.default_rng(seed)
    past = {kind: table.filter(pl.col("ts_recv") <= t) for kind, table in tables.items()}
    future: Tables = {kind: table.filter(pl.col("ts_recv") > t) for kind, table in tables.items()}
    of_takers = pl.col("flags") & int(Flag.DUP_OTHER_SIDE) == 0
    after = Moment(t, _last_price(past, future), past[Kind.TRADE].filter(of_takers).tail(1))
    for name in KINDS:
        if name in kinds:
            future = KINDS[name](future, after, rng)
    future = {kind: table.filter(pl.col("ts_recv") < end_ns) for kind, table in future.items()}
    first = 1 + max((int(table["ev_seq"].max()) for table in past.values() if len(table)), default=-1)  # type: ignore[arg-type]  # a column of integers
    future = _renumbered(future, first)
    return {
        kind: pl.concat([past[kind], future[kind].select(past[kind].columns).cast(past[kind].schema)])
        for kind in tables
    }


def _priced(tables: Tables, other: Callable[[pl.Expr], pl.Expr]) -> Tables:
    changed = dict(tables)
    for kind, names in (
        (Kind.BOOK, ("px_ticks",)),
        (Kind.TRADE, ("px_ticks",)),
        (Kind.TICKER, ("bid", "ask", "last", "high", "low")),
    ):
        changed[kind] = tables[kind].with_columns(
            other(pl.col(name).cast(pl.Int64)).clip(1, PX_TICKS_MAX).alias(name) for name in names
        )
    # A row that only stands for a message without levels has no price.
    book = tables[Kind.BOOK]
    changed[Kind.BOOK] = changed[Kind.BOOK].with_columns(
        pl.when(book["side"] == 0).then(book["px_ticks"]).otherwise(pl.col("px_ticks")).alias("px_ticks")
    )
    return changed


def _last_price(past: Tables, future: Tables) -> int:
    for table, place in ((past[Kind.TRADE], -1), (future[Kind.TRADE], 0)):
        if len(table):
            return int(table["px_ticks"][place])
    for table in (past[Kind.BOOK], future[Kind.BOOK]):
        if len(table):
            return int(table["px_ticks"][-1])
    return 1


def _message_numbers(table: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(n,) the number of the message that each row belongs to."""
    numbers = table["ev_seq"].to_numpy().astype(np.int64)
    return np.cumsum(np.diff(numbers, prepend=numbers[:1]) != 0) if len(numbers) else numbers


def _renumbered(tables: Tables, first: int) -> Tables:
    """Messages numbered from `first` in the order of `ts_recv`, then of their old numbers; sorted so.

    A message that was told twice has the first's number, and its own time, so the two stay apart.
    """
    heads = pl.concat(
        [
            table.select("ts_recv", "ev_seq").unique().with_columns(pl.lit(kind.value).alias("kind"))
            for kind, table in tables.items()
        ]
    )
    heads = heads.sort("ts_recv", "ev_seq", "kind").with_columns(
        (first + pl.int_range(pl.len(), dtype=pl.UInt64)).cast(pl.UInt64).alias("number")
    )
    renumbered: dict[Kind, pl.DataFrame] = {}
    for kind, table in tables.items():
        own = heads.filter(kind=kind.value).select("ts_recv", "ev_seq", "number")
        found = table.with_row_index("__row").join(own, on=["ts_recv", "ev_seq"], how="left")
        found = found.sort("number", "__row").with_columns(pl.col("number").alias("ev_seq"))
        renumbered[kind] = found.select(table.columns)
    return renumbered
