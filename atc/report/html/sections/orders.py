"""The order log."""

from __future__ import annotations

import numpy as np
import polars as pl

from atc.report.html.content import Cell, Column, DataTable, Section, figure
from atc.report.html.draw.scale import minute
from atc.report.html.draw.thin import evenly
from atc.report.html.record import Record

MOST = 800
"""Rows; a browser sorts so many at once, and the page stays small."""
LARGEST = 60
"""Of the largest gains and losses of cash that are kept in any case."""


def orders_section(record: Record) -> Section:
    """Every order of the strategies that follow a score, thinned if they are many."""
    table = record.table("orders")
    if table is None:
        return Section(
            "orders",
            "Order log",
            empty="This record has no orders: nothing was traded, or the holdout is sealed.",
        )
    own = table.filter(pl.col("strategy").is_in(["strategy", "fallback", "refit"]))
    shown = _thinned(own)
    data = record.part("data")
    tick, lot = (_number(data.get(name)) for name in ("tick", "lot"))
    words = (
        f"{shown.height:,} of {own.height:,} orders: every one that was not filled whole (as far as there is "
        "room), those with the largest flows of cash, the first and the last, and others evenly between. "
        f"All: {record.shown}/orders.parquet."
        if shown.height < own.height
        else f"All {own.height:,} orders. Those of the controls: {record.shown}/orders.parquet."
    )
    columns = [
        Column("decided, UTC"),
        Column("strategy", chosen=True),
        Column("outcome", chosen=True),
        *(
            Column(title, number=True)
            for title in (
                "score",
                "before",
                "asked",
                "filled",
                "expected",
                "bid met",
                "ask met",
                "fees",
                "equity after",
            )
        ),
    ]
    rows = [
        [
            Cell(minute(row["ts_recv"]), float(row["ts_recv"])) if row["ts_recv"] is not None else Cell("–"),
            Cell(row["strategy"]),
            Cell(str(row["outcome"]).replace("_", " ")),
            figure(row["score"]),
            *(
                _scaled(row.get(name), lot, 2, "+")
                for name in ("position_before_lots", "qty_lots", "filled_lots")
            ),
            *(
                _scaled(row.get(name), tick, 0)
                for name in ("expected_ticks", "exec_bid_ticks", "exec_ask_ticks")
            ),
            figure(row["fees"], 0),
            figure(row["equity_after"], 0, "+"),
        ]
        for row in shown.iter_rows(named=True)
    ]
    return Section(
        "orders",
        "Order log",
        [DataTable("order-log", f"Orders, {record.quote}", columns, rows, words=words)],
        lead="What was decided, what the order met, and what came of it.",
    )


def _thinned(orders: pl.DataFrame) -> pl.DataFrame:
    if orders.height <= MOST:
        return orders
    outcome = orders["outcome"].cast(pl.String)
    usual = outcome.mode()[0] if orders.height else ""
    odd = np.flatnonzero((outcome != usual).to_numpy())
    flows = np.argsort(-np.abs(orders["cash_flow"].fill_null(0).to_numpy()), kind="stable")[:LARGEST]
    kept = set(odd[evenly(len(odd), MOST // 2)].tolist()) | set(flows.tolist())
    rest = np.setdiff1d(np.arange(orders.height), np.array(sorted(kept), dtype=np.int64))
    kept |= set(rest[evenly(len(rest), max(MOST - len(kept), 2))].tolist())
    return orders[sorted(kept)]


def _number(value: object) -> float | None:
    try:
        return None if value is None else float(str(value))
    except ValueError:
        return None


def _scaled(value: object, unit: float | None, decimals: int, sign: str = "") -> Cell:
    if not isinstance(value, int | float) or unit is None:
        return figure(value, 0, sign)
    return figure(value * unit, decimals, sign)
