"""The sensitivity table and the capacity curve in a few figures, for metrics.json and the summary."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from atc.backtest.figures import Figures

SENSITIVITY, CAPACITY = "backtest/sensitivity", "backtest/capacity"


def headline_figures(tables: Mapping[str, pl.DataFrame], *, depth: float) -> Figures:
    """Of the tables `sensitivity` and `capacity`, where they were asked for.

    `<…>/sensitivity/<latency>s_<fee>bps/alpha`: at the `depth` of the run, or where the table does not have
    it at the nearest one that it has, `…/depth`. `<…>/sensitivity/alpha_min`, `…/positive`: least alpha and
    share of cells above 0, of all cells. `<…>/capacity/<size>/alpha`, `…/fill_rate`.
    """
    found: Figures = {}
    if "sensitivity" in tables:
        found |= _of_sensitivity(tables["sensitivity"], depth)
    if "capacity" in tables:
        for row in tables["capacity"].iter_rows(named=True):
            at = f"{CAPACITY}/{row['size']:g}"
            found |= {f"{at}/alpha": row["alpha"], f"{at}/fill_rate": row["fill_rate"]}
    return found


def _of_sensitivity(table: pl.DataFrame, depth: float) -> Figures:
    shown = min(table["depth"].unique(), key=lambda one: (abs(one - depth), one))
    found: Figures = {
        f"{SENSITIVITY}/alpha_min": min(table["alpha"]),
        f"{SENSITIVITY}/positive": int((table["alpha"] > 0).sum()) / table.height,
        f"{SENSITIVITY}/depth": shown,
    }
    for row in table.filter(pl.col("depth") == shown).iter_rows(named=True):
        found[f"{SENSITIVITY}/{row['latency_s']:g}s_{row['fee_bps']:g}bps/alpha"] = row["alpha"]
    return found
