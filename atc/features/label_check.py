"""Cached labels against the rows that they are of, and against labels computed again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atc.events.reader import read_events
from atc.features.day_file import Damaged, read_footer, read_table
from atc.features.engine_spec import engine_spec
from atc.features.inventory import CachedFile
from atc.features.keys import label_file, label_inputs, label_reads
from atc.features.label_spec import LabelSpec, of_head
from atc.features.source import SECOND_NS, Source
from atc.features.verifying import Finding, Stretch, batches_of

if TYPE_CHECKING:
    import pyarrow as pa

_ELSEWHERE_S = 3600
"""A fresh run starts up to so much before it has to."""


def label_files(
    source: Source, features: Mapping[date, Mapping[str, Path]], label: LabelSpec
) -> dict[date, CachedFile]:
    """The label files of the rows in `features` (by day and schema) that are there."""
    found = {}
    for day, files in features.items():
        rows = read_footer(next(iter(files.values()))).row_digest
        path = label_file(source, day, label_inputs(source, day, label, rows))
        try:
            found[day] = CachedFile(path, read_footer(path))
        except FileNotFoundError:
            continue
        except Damaged as why:
            found[day] = CachedFile(path, None, str(why))
    return found


def check_rows(features: Path, labels: Path) -> Finding | None:
    """Every label stands beside its row and looks as far ahead as its manifest says."""
    times = read_table(features, ["ts_recv"])["ts_recv"].to_numpy()
    wanted = LabelSpec.of_inputs(read_footer(labels).inputs)
    table = read_table(labels)
    begins = table["t0"].to_numpy()
    if len(times) != len(begins) or (times != begins).any():
        return Finding(labels, f"its rows are not those of {features}")
    for head, horizon_ns in wanted.heads:
        if (table[of_head("t1", head)].to_numpy() - begins != horizon_ns).any():
            return Finding(labels, f"its labels do not look {horizon_ns} ns ahead")
    return None


def recompute_labels(source: Source, stretch: Stretch, labels: Path, rng: random.Random) -> Finding | None:
    """What differs in a bit from the labels of a stretch that a fresh labeller gives. Raises DataError for
    bad events.
    """
    import pyarrow as pa

    from atc import _rust

    wanted = LabelSpec.of_inputs(read_footer(labels).inputs)
    kept = read_table(labels)
    first, last = np.searchsorted(kept["t0"].to_numpy(), [stretch.begin, stretch.end], side="left")
    kept = kept.slice(int(first), int(last - first))
    whole, (day_begin, day_end) = label_reads(source, stretch.day, wanted), source.span(stretch.day)
    begin = whole.begin - day_begin + stretch.begin - rng.randrange(_ELSEWHERE_S * SECOND_NS)
    spec = engine_spec(source.data, source.sampling, source.engine, day_begin, day_end, schemas=["core"])
    events = read_events(source.catalog, source.data.venue, source.data.symbol, begin, whole.end)
    times = kept["t0"].to_pylist()
    labelled = _rust.label_rows(spec, *batches_of(events), times, wanted.heads, wanted.smooth_ns)
    fresh = pa.Table.from_batches([labelled])
    for name in wanted.columns:
        one, other = (_bits(table[name]) for table in (kept, fresh))
        differing = np.flatnonzero(one != other)
        if len(differing):
            at = int(differing[0])
            return Finding(
                labels,
                f"{name} at {times[at]}: {kept[name][at]}, the labeller gives {fresh[name][at]}, in a fresh "
                f"run from {begin} on",
            )
    return None


def _bits(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Equal where the values are, to the last bit, null and all."""
    values = column.combine_chunks()
    if values.null_count:
        values = values.fill_null(float("nan"))
    found: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    bits: NDArray[np.int64] = found.view(np.int64) if found.dtype == np.float64 else found.astype(np.int64)
    return bits
