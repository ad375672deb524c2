"""Latency of one event: in Rust, and through Python's `FeatureStream`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from features_day import Days
from features_rates import PLAN
from features_table import FeatureTable, Goal

from atc import _rust

QUANTILES = ((50.0, "p50"), (99.0, "p99"), (99.9, "p99.9"))


def push(table: FeatureTable, days: Days, batches: list[pa.RecordBatch]) -> None:
    """Every event of a day: `push` and the rows that it finished taken, by Rust's clock."""
    for sampling in ("trade", "book"):
        spec = days.spec(0, sampling, PLAN)
        measured = _rust.measure_push(spec, *batches)
        us = measured["ns"].to_numpy() / 1e3
        finished = measured["rows"].to_numpy() > 0
        word = {"trade": "taker group", "book": "frame"}[sampling]
        for quantile, name in QUANTILES:
            goal = Goal(10.0, at_most=True) if name == "p99.9" else None
            value = float(np.percentile(us, quantile))
            table.add(f"push in Rust, a row a {word}, {name}", value, "µs", goal=goal)
        value = float(np.percentile(us[finished], 99.9))
        table.add(f"push in Rust, a row a {word}, p99.9 of events that finish a row", value, "µs")
