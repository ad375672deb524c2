"""The values of a cached day: events in, columns out. Nothing here knows of files of the cache."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atc.errors import DataError
from atc.events.parts import Part, read_parts
from atc.events.schema import Kind, schema_of
from atc.features.day_file import Damaged, not_to_be_used, read_table
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
    """One pass of the engine over the day, split by schema.

    Raises DataError and ValueError for bad events.
    """
    import pyarrow as pa

    from atc import _rust

    spec = json.dumps({**json.loads(job.spec), "schemas": [output.schema for output in wanted]})
    builder, messages = _rust.RowBuilder(spec, *job.emit), 0
    for part in parts_of(job, min(output.inputs["read"][0] for output in wanted)):
        messages += _messages(part, job.emit)
        if builder.feed(*(part[kind] for kind in Kind)):
            break
    rows = pa.Table.from_batches([builder.finish()])
    return Computed(tuple(rows.select([*KEYS, *output.columns]) for output in wanted), messages)


def compute_labels(job: DayJob) -> Computed:
    """Labels of the rows of `job.rows`, in their order."""
    import pyarrow as pa

    from atc import _rust

    if job.rows is None or job.label is None:
        raise ValueError("labels need the file of their rows, and what to measure")
    try:
        times = read_table(job.rows, ["ts_recv"]).column(0).to_pylist()
    except (Damaged, FileNotFoundError) as why:
        raise DataError(not_to_be_used(job.rows, why)) from why
    labeller, messages = _rust.Labeller(job.spec), 0
    for part in parts_of(job, job.reads.begin):
        messages += _messages(part, job.emit)
        labeller.feed(*(part[kind] for kind in Kind))
    labels = labeller.finish(times, job.label.heads, job.label.smooth_ns)
    return Computed((pa.Table.from_batches([labels]),), messages)


def parts_of(job: DayJob, begin: int) -> Iterator[Part]:
    """The events of a job from `begin`, ns, on, in the columns that a value can depend on."""
    columns = {kind: [n for n in schema_of(kind).names if n not in _NOT_READ] for kind in Kind}
    return read_parts(job.events, begin, job.reads.end, columns)


def _messages(part: Part, span: tuple[int, int]) -> int:
    """How many messages of a part lie in the business day; no message lies in two parts."""
    import numpy as np

    count = 0
    for batch in part.values():
        first, last = np.searchsorted(batch.column("ts_recv").to_numpy(), span, side="left")
        numbers = batch.column("ev_seq").to_numpy()[first:last]
        count += int(np.count_nonzero(numbers[1:] != numbers[:-1])) + 1 if len(numbers) else 0
    return count
