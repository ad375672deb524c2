"""Cached labels against the rows that they are of, and against labels computed again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from atc.events.reader import read_events
from atc.features.day_file import Damaged, read_footer, read_table
from atc.features.engine_spec import engine_spec
from atc.features.inventory import CachedFile
from atc.features.keys import label_file, label_inputs, label_reads
from atc.features.source import SECOND_NS, Source
from atc.features.verifying import Finding, Stretch, batches_of

_ELSEWHERE_S = 3600
"""A fresh run starts up to so much before it has to."""


def label_files(
    source: Source, features: Mapping[date, Mapping[str, Path]], horizon_s: float
) -> dict[date, CachedFile]:
    """The label files of the rows in `features` (by day and schema) that are there."""
    found = {}
    for day, files in features.items():
        rows = read_footer(next(iter(files.values()))).row_digest
        path = label_file(source, day, label_inputs(source, day, horizon_s, rows))
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
    table = read_table(labels, ["t0", "t1"])
    begins, ends = table["t0"].to_numpy(), table["t1"].to_numpy()
    if len(times) != len(begins) or (times != begins).any():
        return Finding(labels, f"its rows are not those of {features}")
    horizon_ns = read_footer(labels).inputs["horizon_ns"]
    if (ends - begins != horizon_ns).any():
        return Finding(labels, f"its labels do not look {horizon_ns} ns ahead")
    return None


def recompute_labels(source: Source, stretch: Stretch, labels: Path, rng: random.Random) -> Finding | None:
    """What differs in a bit from the labels of a stretch that a fresh labeller gives. Raises DataError for
    bad events.
    """
    import numpy as np
    import pyarrow as pa

    from atc import _rust

    horizon_ns = int(read_footer(labels).inputs["horizon_ns"])
    kept = read_table(labels)
    first, last = np.searchsorted(kept["t0"].to_numpy(), [stretch.begin, stretch.end], side="left")
    kept = kept.slice(int(first), int(last - first))
    whole, (day_begin, day_end) = label_reads(source, stretch.day, horizon_ns), source.span(stretch.day)
    begin = whole.begin - day_begin + stretch.begin - rng.randrange(_ELSEWHERE_S * SECOND_NS)
    spec = engine_spec(source.data, source.sampling, source.engine, day_begin, day_end, schemas=["core"])
    events = read_events(source.catalog, source.data.venue, source.data.symbol, begin, whole.end)
    times = kept["t0"].to_pylist()
    fresh = pa.Table.from_batches([_rust.label_fwd_logret(spec, *batches_of(events), times, horizon_ns)])
    one, other = (
        table["r_bps"].combine_chunks().fill_null(np.nan).to_numpy().view(np.int64) for table in (kept, fresh)
    )
    differing = np.flatnonzero(one != other)
    if not len(differing):
        return None
    at = int(differing[0])
    return Finding(
        labels,
        f"r_bps at {times[at]}: {kept['r_bps'][at]}, the labeller gives {fresh['r_bps'][at]}, in a fresh run "
        f"from {begin} on",
    )
