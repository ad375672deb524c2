"""The decoded tables that polars is given, and does not have to make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from features_compare import F64
from features_day import column, nan_column

from atc import _rust
from atc.errors import UsageError

SECOND = 1_000_000_000


@dataclass(frozen=True)
class Tables:
    """What polars is given for free."""

    rows: pl.DataFrame
    """`ts`, `seq`, and `size` of the row's group."""
    book: pl.DataFrame
    groups: pl.DataFrame
    ticker: pl.DataFrame
    spec: dict[str, Any]


def decoded(spec: dict[str, Any], batches: list[pa.RecordBatch], rows: pa.RecordBatch) -> Tables:
    """Tables of a day; `rows`: their keys. Raises UsageError for a day with a silence that resets."""
    book, trade, ticker, control = batches
    every = np.sort(np.concatenate([column(batch, "ts_recv") for batch in (book, trade, ticker)]))
    if len(every) and np.diff(every).max() > spec["max_gap_ns"]:
        raise UsageError("the polars peer knows no silence that resets the state; choose days without one")
    groups = _groups(trade, spec["group_ns"])
    keys = pl.DataFrame({"ts": column(rows, "ts_recv"), "seq": column(rows, "ev_seq")})
    own = keys.join(groups.select("seq", "size"), on="seq", how="left", maintain_order="left")
    if spec["sampling"] != "trade":
        newest = keys.join_asof(groups.select("ts", "size", since="ts"), on="ts")
        young = pl.col("ts") - pl.col("since") <= 1_830 * SECOND
        own = newest.with_columns(size=pl.when(young).then("size")).drop("since")
    return Tables(
        own.set_sorted("ts"), _book(book, control, spec), groups.set_sorted("ts"), _ticker(ticker), spec
    )


def _book(book: pa.RecordBatch, control: pa.RecordBatch, spec: dict[str, Any]) -> pl.DataFrame:
    """Touch and depths, lots, a closed book timestamp; a price of 0 where there is no level."""
    deepest = max(5, spec["deep_levels"][1])
    top = _rust.replay_top(book, control, deepest, spec["max_gap_ns"])
    sizes = {side: top[f"{side}_qty"].flatten().to_numpy().reshape(-1, deepest) for side in ("bid", "ask")}
    prices = {side: top[f"{side}_px"].flatten().to_numpy().reshape(-1, deepest)[:, 0] for side in sizes}
    first, last = spec["deep_levels"]
    columns = {"ts": column(top, "ts_recv")}
    for side, levels in sizes.items():
        columns |= {
            f"{side}": prices[side],
            f"{side}_1": levels[:, 0],
            f"{side}_5": levels[:, :5].sum(axis=1),
            f"{side}_deep": levels[:, first - 1 : last].sum(axis=1),
        }
    return pl.DataFrame(columns).unique("ts", keep="last", maintain_order=True).set_sorted("ts")


def group_sizes(trade: pa.RecordBatch, group_ns: int) -> F64:
    """Of the taker groups, lots."""
    return _groups(trade, group_ns)["size"].cast(pl.Float64).to_numpy()


def _groups(trade: pa.RecordBatch, group_ns: int) -> pl.DataFrame:
    prints = pl.DataFrame(
        {
            "ts": column(trade, "ts_recv"),
            "seq": column(trade, "ev_seq"),
            "exch": trade.column("ts_exch"),
            "side": column(trade, "side"),
            "size": column(trade, "qty_lots"),
            "paid": column(trade, "qty_lots") * column(trade, "px_ticks"),
            "flags": column(trade, "flags"),
        }
    ).filter(pl.col("flags") & 16 == 0)
    another = pl.col("exch").ne_missing(pl.col("exch").shift()) | (pl.col("side") != pl.col("side").shift())
    late = pl.col("ts").diff() > group_ns
    number = (another | late).fill_null(True).cum_sum()
    return prints.group_by(number.alias("group"), maintain_order=True).agg(
        pl.col("ts", "seq", "side").last(), pl.col("size", "paid").sum()
    )


def _ticker(ticker: pa.RecordBatch) -> pl.DataFrame:
    names = ("bid", "ask", "last", "high", "low", "vol")
    every = pl.DataFrame({"ts": column(ticker, "ts_recv")} | {n: nan_column(ticker, n) for n in names})
    return (
        every.with_columns(number=pl.int_range(1, pl.len() + 1))
        .unique("ts", keep="last", maintain_order=True)
        .with_columns(count=pl.col("number").diff().fill_null(pl.col("number")))
        .drop("number")
        .with_columns(pl.col(names).fill_nan(None))
        .set_sorted("ts")
    )
