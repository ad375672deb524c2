"""Latency of one event: in Rust, and through Python's `FeatureStream`."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
from features_compare import F64
from features_day import Days
from features_rates import PLAN
from features_table import FeatureTable, Goal
from stream_push import StreamCost, stream_cost

from atc import _rust
from atc.events.event import single_events
from atc.events.reader import read_events
from atc.features.declarations import schemas
from atc.features.stream import FeatureStream

QUANTILES = ((50.0, "p50"), (99.0, "p99"), (99.9, "p99.9"))
RUNS = 3
"""A quantile is that of the best run."""
PYTHON_EVENTS = 100_000
"""So many single events of a day are pushed through Python, from its beginning on."""


def push(table: FeatureTable, days: Days, batches: list[pa.RecordBatch]) -> None:
    """Every event of a day, 62 columns: `push` and the rows that it finished taken."""
    for sampling, word in (("trade", "taker group"), ("book", "frame")):
        spec = days.spec(0, sampling, PLAN)
        runs = [_rust.measure_push(spec, *batches) for _ in range(RUNS)]
        every = [run["ns"].to_numpy() / 1e3 for run in runs]
        finishing = [us[run["rows"].to_numpy() > 0] for us, run in zip(every, runs, strict=True)]
        _rows(table, f"push in Rust, a row a {word}", every, Goal(10.0, at_most=True))
        value = _best(finishing, 99.9)
        table.add(f"push in Rust, a row a {word}, p99.9 of events that finish a row", value, "µs")
    cost = _python(days)
    _rows(table, "FeatureStream.push in Python, a row a taker group", [cost.push_ns / 1e3], None)
    table.add("state of a FeatureStream", cost.state_bytes / 1024, "KiB")
    table.add("state written", cost.state_s * 1e3, "ms")
    table.add("state read", cost.restore_s * 1e3, "ms")


def _python(days: Days) -> StreamCost:
    """Of each push, and of the state after them; the events are made before."""
    columns = [name for schema in schemas() if schema.name in PLAN for name in schema.columns]
    tables = read_events(days.catalog, days.data.venue, days.data.symbol, *days.span(0))
    events = list(itertools.islice(single_events(tables), PYTHON_EVENTS))
    stream = FeatureStream(days.spec(0, "trade", PLAN), columns)
    return stream_cost(stream, events)


def _rows(table: FeatureTable, name: str, runs: list[F64], goal: Goal | None) -> None:
    for quantile, word in QUANTILES:
        value = _best(runs, quantile)
        table.add(f"{name}, {word}", value, "µs", goal=goal if word == "p99.9" else None)


def _best(runs: list[F64], quantile: float) -> float:
    return min(float(np.percentile(us, quantile)) for us in runs)
