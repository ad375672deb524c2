"""Days of rows and labels, built once and kept: what tasks ask for.

A file is a function of what its name is the digest of (`keys`), so an entry is never stale and never has to
be invalidated. Files are renamed into place whole, and one process at a time builds a day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from atc.features.building import Watch, build_all, unwatched
from atc.features.day_file import read_footer
from atc.features.day_workers import MakeExecutor, local
from atc.features.declarations import Schema, schemas, schemas_of
from atc.features.keys import feature_reads, label_reads
from atc.features.label_spec import LabelSpec
from atc.features.plan import feature_job, label_job
from atc.features.source import Source

__all__ = ["Features", "Labels", "Source", "days_read", "feature_days", "label_days"]

_EVERY_CORE: MakeExecutor = partial(local, None)


@dataclass(frozen=True)
class Features:
    """The files of some days, in order: of each day by schema, all with the same rows."""

    files: tuple[Mapping[str, Path], ...]
    cached: int
    """How many days were there already."""


@dataclass(frozen=True)
class Labels:
    """The label files of some days, in order."""

    files: tuple[Path, ...]
    cached: int


def days_read(source: Source, days: Sequence[date], columns: Sequence[str], label: LabelSpec) -> list[date]:
    """Every day whose events `columns` and labels of `days` (one stretch, in order) can depend on.

    Besides `days`: the warm-up before them, the horizon after them, the event that decides their last row.
    """
    if not days:
        return []
    facts = source.data
    reads = [label_reads(source, day, label) for day in (days[0], days[-1])]
    for schema in schemas_of(columns):
        reads += [feature_reads(source, days[0], schema), feature_reads(source, days[-1], schema)]
    begin, end = min(each.begin for each in reads), max(each.end for each in reads)
    return source.catalog.days_within(facts.venue, facts.symbol, begin, end)


def feature_days(
    source: Source,
    days: Sequence[date],
    columns: Sequence[str],
    *,
    watch: Watch = unwatched,
    make_executor: MakeExecutor = _EVERY_CORE,
) -> Features:
    """Builds what is not in the cache of the schemas that hold `columns`, for business `days`.

    Without a column the first schema is built: what is wanted are the rows' keys, which every file repeats.
    A file holds `ts_recv`, `ev_seq`, `ts_close` and the columns of one schema as float32 with nulls. Raises
    DataError, naming the day, where its events cannot be computed with; the other days are then in the cache.
    """
    return build_schemas(
        source, days, schemas_of(columns) or schemas()[:1], watch=watch, make_executor=make_executor
    )


def build_schemas(
    source: Source,
    days: Sequence[date],
    wanted: Sequence[Schema],
    *,
    watch: Watch = unwatched,
    make_executor: MakeExecutor = _EVERY_CORE,
) -> Features:
    """`feature_days` for whole schemas."""
    jobs = [feature_job(source, day, wanted) for day in days]
    cached = build_all(jobs, make_executor, watch)
    return Features(tuple({each.schema: each.file for each in job.outputs} for job in jobs), cached)


def label_days(
    source: Source,
    days: Sequence[date],
    features: Features,
    label: LabelSpec,
    *,
    watch: Watch = unwatched,
    make_executor: MakeExecutor = _EVERY_CORE,
) -> Labels:
    """Builds the labels of the rows in `features`, day by day, all horizons in one pass over the events.

    A file holds `t0` (ns) and `spread_bps` of the row, and of each head `r_bps` (float64, null where
    undefined), `t1` (ns) and `null_cause` (`NULL_CAUSES`), in the order of the rows.
    """
    jobs = []
    for day, files in zip(days, features.files, strict=True):
        rows = next(iter(files.values()))
        jobs.append(label_job(source, day, label, rows, read_footer(rows).row_digest))
    cached = build_all(jobs, make_executor, watch)
    return Labels(tuple(job.outputs[0].file for job in jobs), cached)
