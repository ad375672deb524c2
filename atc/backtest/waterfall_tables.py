"""The waterfall as a run tells it: figures for metrics.json, and a table with a row a level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from atc.backtest.engine import Traded
from atc.backtest.waterfall import NEVER, STEPS, Fall, Level

PREFIX = {"forward": "backtest/waterfall", "reverse": "backtest/waterfall_reverse"}


def waterfall_figures(falls: Mapping[str, Fall], traded: Traded) -> dict[str, float | None]:
    """By step what it changes, in quote currency; null for a step that is not shown apart, and all where
    there is no fall.
    """
    return {
        f"{prefix}/{step}": traded.units.money(steps[step]) if step in steps else None
        for way, prefix in PREFIX.items()
        for steps in [falls[way].steps if way in falls else {}]
        for step in STEPS
    }


def waterfall_table(falls: Mapping[str, Fall], traded: Traded) -> pl.DataFrame:
    """A row a level of both orders of removal, in their order.

    `alpha_units` and `step_units` are money units (tick × lot): the steps of a way sum to its last
    `alpha_units`. Other money is in quote currency; `long` and `short` are thresholds of the score followed.
    """
    rows = [
        _row(way, level, change, traded)
        for way, fall in falls.items()
        for level, change in zip(fall.levels, fall.steps.values(), strict=True)
    ]
    return pl.DataFrame(rows, schema_overrides={"long": pl.Float64, "short": pl.Float64})


def _row(way: str, level: Level, change: int, traded: Traded) -> dict[str, Any]:
    money, mine = traded.units.money, traded.of(level.strategy)
    return {
        "way": way,
        "step": level.step,
        "who": level.who,
        "terms": level.terms.name,
        "hindsight": level.hindsight,
        "long": None if level.at is None else level.at.long,
        "short": None if level.at is None or level.at.short == NEVER else level.at.short,
        "step_units": change,
        "alpha_units": level.alpha,
        "change": money(change),
        "alpha": money(level.alpha),
        "pnl": money(mine["equity"]),
        "always_hold": money(traded.of(level.benchmark)["equity"]),
        "orders": mine["submissions"],
        "turnover": money(mine["turnover"]),
    }
