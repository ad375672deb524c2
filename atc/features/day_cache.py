"""Days of rows and labels, built once and kept.

A day is a pure function of its engine specification, the code of the formulas and the events that it sees:
its own, the warm-up before, and what follows until the last row is decided. The key of a file is the digest
of just that, so an entry is never stale and never has to be invalidated. Files are written under a temporary
name and renamed: a killed build leaves none that could be mistaken for finished, and of two processes that
build the same day both write the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from atc.config.schema import FeatureEngine, InstrumentFacts, Sampling
from atc.errors import DataError
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.catalog import Catalog
from atc.events.reader import read_events
from atc.features.engine_spec import KEYFRAME_NS, engine_spec, warm_up_ns

if TYPE_CHECKING:
    import pyarrow as pa

    _Batches = tuple[pa.RecordBatch, pa.RecordBatch, pa.RecordBatch, pa.RecordBatch]

SECOND_NS = 1_000_000_000
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Source:
    """Whose days are built, from where, and where they are kept."""

    data: InstrumentFacts
    events_root: Path
    cache_root: Path
    sampling: Sampling
    engine: FeatureEngine

    @property
    def max_gap_ns(self) -> int:
        """Longest silence that does not reset the state, ns."""
        return round(self.sampling.max_gap_s * SECOND_NS)

    def span(self, day: date) -> tuple[int, int]:
        """Start and end of business day `day`, ns UTC."""
        begin = day_start_ns(day, self.data.day_cut_utc_s, self.data.tz_offset_s)
        return begin, begin + DAY_NS

    def folder(self, kind: str) -> Path:
        """Where files of `kind` (features, labels) of this instrument lie."""
        return self.cache_root / kind / f"venue={self.data.venue}" / f"symbol={self.data.symbol}"


@dataclass(frozen=True)
class Built:
    """The files of some days, in order, and how many of them were there already."""

    files: tuple[Path, ...]
    cached: int


def feature_days(source: Source, days: Sequence[date], progress: Progress | None = None) -> Built:
    """Builds the rows of business `days` that are not in the cache, two days at a time.

    A file holds `ts_recv`, `ev_seq`, `ts_close` and every declared column as float32 with nulls, so that all
    feature sets share it. Raises DataError, naming the day, where its events cannot be computed with; the
    other days are then in the cache.
    """
    catalog = Catalog(source.events_root)
    for day in days:
        catalog.day(source.data.venue, source.data.symbol, day)  # refuses a day without events, by name
    warm_up = warm_up_ns(source.sampling, source.engine)

    def plan(day: date) -> _Job:
        begin, end = source.span(day)
        spec = engine_spec(source.data, source.sampling, source.engine, begin - warm_up, end)
        # The event that decides the last row of the day may be far off.
        tail = (_first_event_from(source, catalog, end) or end) + 2 * source.max_gap_ns
        return _Job(source, day, "features", {"spec": spec}, spec, begin - warm_up, tail)

    def build(job: _Job) -> pa.RecordBatch:
        from atc import _rust

        begin, end = source.span(job.day)
        return _rust.build_rows(job.spec, *_batches(job, catalog), begin, end)

    return _build_all([plan(day) for day in days], catalog, build, progress)


def label_days(
    source: Source, days: Sequence[date], features: Built, horizon_s: float, progress: Progress | None = None
) -> Built:
    """Builds the forward returns over `horizon_s` of the rows in `features`, day by day.

    A file holds `r_bps` (float64, null where undefined), `t0` and `t1` (ns), in the order of the rows.
    """
    catalog = Catalog(source.events_root)
    horizon_ns = round(horizon_s * SECOND_NS)

    def plan(day: date, rows: Path) -> _Job:
        begin, end = source.span(day)
        spec = engine_spec(source.data, source.sampling, source.engine, begin, end)
        start = begin - 2 * source.max_gap_ns - KEYFRAME_NS
        key = {"spec": spec, "rows": rows.stem, "horizon_ns": horizon_ns}
        return _Job(source, day, "labels", key, spec, start, end + horizon_ns + 2 * source.max_gap_ns, rows)

    def build(job: _Job) -> pa.RecordBatch:
        import pyarrow.parquet as pq

        from atc import _rust

        times = pq.read_table(job.rows, columns=["ts_recv"]).column(0).to_pylist()
        return _rust.label_fwd_logret(job.spec, *_batches(job, catalog), times, horizon_ns)

    return _build_all(
        [plan(*pair) for pair in zip(days, features.files, strict=True)], catalog, build, progress
    )


@dataclass(frozen=True)
class _Job:
    source: Source
    day: date
    kind: str
    key: dict[str, object]
    spec: str
    read_from: int
    read_to: int
    rows: Path | None = None

    def file(self, catalog: Catalog) -> Path:
        from atc import _rust

        facts = self.source.data
        seen = catalog.days_within(facts.venue, facts.symbol, self.read_from, self.read_to)
        key = {
            **self.key,
            "schema": [_rust.FEATURE_SCHEMA_VERSION, _rust.LABEL_SCHEMA_VERSION],
            "code": _rust.FEATUREGEN_DIGEST,
            "events": catalog.content_digest(facts.venue, facts.symbol, seen),
            "read": [self.read_from, self.read_to],
        }
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self.source.folder(self.kind) / f"date={self.day.isoformat()}" / f"{digest[:24]}.parquet"


def _build_all(
    jobs: Sequence[_Job],
    catalog: Catalog,
    build: Callable[[_Job], pa.RecordBatch],
    progress: Progress | None,
) -> Built:
    files = [job.file(catalog) for job in jobs]
    missing = [(job, file) for job, file in zip(jobs, files, strict=True) if not file.exists()]
    if progress is not None:
        progress(len(jobs) - len(missing))

    def one(job: _Job, file: Path) -> None:
        try:
            batch = build(job)
        except ValueError as why:
            raise DataError(f"{job.kind} of {job.source.data.symbol}, business day {job.day}: {why}") from why
        _write(batch, file)

    # The extension and Arrow let go of the interpreter lock, so threads are enough.
    with ThreadPoolExecutor(max_workers=min(len(missing), os.cpu_count() or 1) or 1) as pool:
        failed: list[BaseException] = []
        for future in as_completed([pool.submit(one, *pair) for pair in missing]):
            error = future.exception()
            if error is not None:
                failed.append(error)
            elif progress is not None:
                progress(1)
    if failed:
        raise failed[0]
    return Built(tuple(files), len(jobs) - len(missing))


def _write(batch: pa.RecordBatch, file: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        pq.write_table(pa.Table.from_batches([batch]), part, compression="zstd", compression_level=3)
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _batches(job: _Job, catalog: Catalog) -> _Batches:
    facts = job.source.data
    events = read_events(catalog, facts.venue, facts.symbol, job.read_from, job.read_to)
    return (
        _one_batch(events.book),
        _one_batch(events.trade),
        _one_batch(events.ticker),
        _one_batch(events.control),
    )


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    import pyarrow as pa

    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def _first_event_from(source: Source, catalog: Catalog, start: int) -> int | None:
    """Time of the first event at or after `start`, the begin of a business day; None if nothing follows."""
    facts = source.data
    following = catalog.days_within(
        facts.venue, facts.symbol, start, catalog.span_ns(facts.venue, facts.symbol)[1] + 1
    )
    if not following:
        return None
    files = catalog.day(facts.venue, facts.symbol, following[0]).files
    return min(entry.first_ts for entries in files.values() for entry in entries)
