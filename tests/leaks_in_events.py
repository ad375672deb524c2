"""Look-ahead planted where the builder of a day reads its events: other times, another order, later words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl
from planted_leak import SECOND, Leak, Patch, Plant

from atc.events.schema import Kind
from atc.features import compute

Change = Callable[[pl.DataFrame], pl.DataFrame]


def other_events(kind: Kind, change: Change) -> Plant:
    """The events of a day in one part, those of `kind` changed."""

    def plant(patch: Patch) -> None:
        parts_of = compute.parts_of

        def planted(job: Any, begin: int) -> Iterator[Mapping[Kind, Any]]:
            import pyarrow as pa

            parts = list(parts_of(job, begin))
            whole = {}
            for of in Kind:
                table = pa.Table.from_batches([part[of] for part in parts])
                if of is kind:
                    frame = pl.from_arrow(table)
                    assert isinstance(frame, pl.DataFrame)
                    frame = change(frame).sort("ts_recv", "ev_seq", maintain_order=True)
                    table = frame.to_arrow().cast(table.schema)
                batches = table.combine_chunks().to_batches()
                whole[of] = batches[0] if batches else parts[0][of].slice(0, 0)
            yield whole

        patch.setattr(compute, "parts_of", planted)

    return plant


def by_the_clock_of_the_exchange(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.coalesce("ts_exch", "ts_recv").cum_max().alias("ts_recv"))


def received_early(ns: int) -> Change:
    return lambda frame: frame.with_columns(pl.col("ts_recv") - ns)


def stamped_with_the_start_of(ns: int) -> Change:
    """As bars are that carry the time at which they begin."""
    return lambda frame: frame.with_columns(pl.col("ts_recv") // ns * ns)


def told_by_later(column: str, messages: int) -> Change:
    """Every message says what one `messages` later says in `column`."""
    return lambda frame: frame.with_columns(pl.col(column).shift(-messages).fill_null(pl.col(column)))


def largest_first(frame: pl.DataFrame) -> pl.DataFrame:
    """Times stay, and the prints of each second stand on them by size."""
    second = pl.col("ts_recv") // SECOND
    by_size = frame.with_columns(second.alias("second")).sort("second", "qty_lots", descending=[False, True])
    return by_size.drop("second").with_columns(frame["ts_recv"], frame["ev_seq"])


def last_of_its_second(frame: pl.DataFrame) -> pl.DataFrame:
    """Of the prints of a second and side the last alone, as where duplicates are dropped."""
    second = (pl.col("ts_recv") // SECOND).alias("second")
    kept = frame.with_columns(second).unique(["second", "side"], keep="last", maintain_order=True)
    return kept.drop("second")


LEAKS: tuple[Leak, ...] = tuple(
    Leak("event order", f"{kind.value}: {what}", other_events(kind, change), in_cache=True)
    for kind, what, change in (
        (Kind.BOOK, "the clock of the exchange", by_the_clock_of_the_exchange),
        (Kind.TRADE, "the clock of the exchange", by_the_clock_of_the_exchange),
        (Kind.TICKER, "the clock of the exchange", by_the_clock_of_the_exchange),
        (Kind.BOOK, "received 1 ms early", received_early(1_000_000)),
        (Kind.TRADE, "received 10 ms early", received_early(10_000_000)),
        (Kind.TICKER, "received 1 s early", received_early(SECOND)),
        (Kind.TRADE, "stamped with the start of its second", stamped_with_the_start_of(SECOND)),
        (Kind.TRADE, "the size of the next print", told_by_later("qty_lots", 1)),
        (Kind.TRADE, "the price of three prints later", told_by_later("px_ticks", 3)),
        (Kind.TICKER, "the last price of the next ticker", told_by_later("last", 1)),
        (Kind.TRADE, "the largest print of each second first", largest_first),
        (Kind.TRADE, "the last print alone of each second", last_of_its_second),
    )
)
