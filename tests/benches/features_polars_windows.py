"""Sums over windows of events of another table, as polars can have them: by `rolling_sum_by`, or by joins."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

SECOND = 1_000_000_000

Sums = Mapping[str, tuple[int, ...]]
"""Windows in s, by the column that is summed. A sum stands in `<prefix>_<column>_<window>`."""


def looked_up(rows: pl.LazyFrame, table: pl.LazyFrame, lag_s: int, prefix: str) -> pl.LazyFrame:
    """The table's row in force `lag_s` before each row, columns named `<prefix><lag>_<name>`."""
    named = table.rename(lambda name: f"{prefix}{lag_s}_{name}").set_sorted(f"{prefix}{lag_s}_ts")
    at = rows.select((pl.col("ts") - lag_s * SECOND).alias("at")).set_sorted("at")
    return at.join_asof(named, left_on="at", right_on=f"{prefix}{lag_s}_ts", coalesce=False).drop("at")


def running(sums: Sums) -> list[pl.Expr]:
    """Running sums in place of the columns, for `differences` of what is looked up."""
    return [pl.col(name).cum_sum() for name in sums]


def differences(sums: Sums, prefix: str) -> dict[str, pl.Expr]:
    """Sums as differences of two running sums that were looked up."""

    def at(lag: int, name: str) -> pl.Expr:
        return pl.col(f"{prefix}{lag}_{name}").fill_null(0)

    return {f"{prefix}_{name}_{w}": at(0, name) - at(w, name) for name, ws in sums.items() for w in ws}


def rolled(rows: pl.LazyFrame, table: pl.LazyFrame, sums: Sums, prefix: str) -> pl.LazyFrame:
    """The same by `rolling_sum_by` over the table with the rows among its events, where they add nothing."""
    events = table.select("ts", *sums, is_row=pl.lit(False))
    places = rows.select("ts", *(pl.lit(0).alias(name) for name in sums), is_row=pl.lit(True))
    places = places.cast({name: dtype for name, dtype in events.collect_schema().items() if name in sums})
    return (
        pl.concat([events, places])
        .sort("ts", maintain_order=True)
        .select(
            "is_row",
            **{
                f"{prefix}_{name}_{w}": pl.col(name).rolling_sum_by("ts", f"{w * SECOND}i").fill_null(0)
                for name, windows in sums.items()
                for w in windows
            },
        )
        .filter("is_row")
        .drop("is_row")
    )
