"""The values of a cached day: events in, columns out. Nothing here knows of files of the cache."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atc.events.reader import read_files
from atc.events.schema import Kind, schema_of
from atc.features.day_job import DayJob, Output

if TYPE_CHECKING:
    import pyarrow as pa

KEYS = ("ts_recv", "ev_seq", "ts_close")
"""The key of a row; every file of a day repeats it."""

_NOT_READ = frozenset({"venue_seq", "trade_id", "bid_qty", "ask_qty", "detail"})
"""Columns of the events that no value depends on."""


@dataclass(frozen=True)
class Computed:
    """The tables of a day, in the order of the outputs asked for, and how many messages the day has."""

    tables: tuple[pa.Table, ...]
    events: int


def compute_features(job: DayJob, wanted: Sequence[Output]) -> Computed:
    """One pass of the engine over the day, split by schema. Raises DataError and ValueError for bad
    events.
    """
    import pyarrow as pa

    from atc import _rust

    spec = json.dumps({**json.loads(job.spec), "schemas": [output.schema for output in wanted]})
    read_from = min(output.inputs["read"][0] for output in wanted)
    batches, events = _read(job, read_from)
    rows = pa.Table.from_batches([_rust.build_rows(spec, *batches, *job.emit)])
    return Computed(tuple(rows.select([*KEYS, *output.columns]) for output in wanted), events)


def compute_labels(job: DayJob) -> Computed:
    """Forward returns of the rows of `job.rows`, in their order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from atc import _rust

    times = pq.read_table(job.rows, columns=["ts_recv"]).column(0).to_pylist()
    batches, events = _read(job, job.reads.begin)
    labels = _rust.label_fwd_logret(job.spec, *batches, times, job.horizon_ns)
    return Computed((pa.Table.from_batches([labels]),), events)


def _read(job: DayJob, begin: int) -> tuple[list[pa.RecordBatch], int]:
    """The events from `begin` on, a batch a kind, and how many messages the business day has."""
    columns = {kind: [n for n in schema_of(kind).names if n not in _NOT_READ] for kind in Kind}
    events = read_files(job.events, begin, job.reads.end, columns=columns)
    return [_one_batch(events.of(kind)) for kind in Kind], sum(
        _messages(events.of(kind), job.emit) for kind in Kind
    )


def _messages(table: pa.Table, span: tuple[int, int]) -> int:
    import numpy as np

    first, last = np.searchsorted(table["ts_recv"].to_numpy(), span, side="left")
    numbers = table["ev_seq"].slice(int(first), int(last - first)).to_numpy()
    return int(np.count_nonzero(numbers[1:] != numbers[:-1])) + 1 if len(numbers) else 0


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    import pyarrow as pa

    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
