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
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from atc.config.schema import FeatureEngine, InstrumentFacts, Sampling
from atc.errors import DataError
from atc.events import reader
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.catalog import Catalog
from atc.events.reader import read_events
from atc.events.schema import KEYFRAME_NS
from atc.features import engine_spec as engine_spec_module
from atc.features.declarations import feature_schema, known_columns
from atc.features.engine_spec import engine_spec, warm_up_ns

if TYPE_CHECKING:
    import pyarrow as pa

    _Batches = tuple[pa.RecordBatch, pa.RecordBatch, pa.RecordBatch, pa.RecordBatch]

_log = logging.getLogger(__name__)

SECOND_NS = 1_000_000_000
SCHEMAS = ("core", "ticker")
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Source:
    """Whose days are built, from where, and where they are kept."""

    data: InstrumentFacts
    catalog: Catalog
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


def days_read(source: Source, days: Sequence[date], horizon_s: float) -> list[date]:
    """Every day whose events features and labels of `days` (one stretch, in order) can depend on.

    Besides `days`: the warm-up before them, the horizon after them, the event that decides their last row.
    """
    if not days:
        return []
    facts = source.data
    jobs = [
        _feature_job(source, days[0]),
        _label_job(source, days[-1], horizon_s),
        _feature_job(source, days[-1]),
    ]
    begin, end = min(job.read_from for job in jobs), max(job.read_to for job in jobs)
    return source.catalog.days_within(facts.venue, facts.symbol, begin, end)


def feature_days(source: Source, days: Sequence[date], progress: Progress | None = None) -> Built:
    """Builds the rows of business `days` that are not in the cache, as many at a time as there are cores.

    A file holds `ts_recv`, `ev_seq`, `ts_close` and every declared column as float32 with nulls, so that all
    feature sets share it. Raises DataError, naming the day, where its events cannot be computed with; the
    other days are then in the cache.
    """

    def build(job: _Job) -> pa.RecordBatch:
        from atc import _rust

        return _rust.build_rows(job.spec, *_batches(job), *source.span(job.day))

    return _build_all([_feature_job(source, day) for day in days], build, progress)


def label_days(
    source: Source, days: Sequence[date], features: Built, horizon_s: float, progress: Progress | None = None
) -> Built:
    """Builds the forward returns over `horizon_s` of the rows in `features`, day by day.

    A file holds `r_bps` (float64, null where undefined), `t0` and `t1` (ns), in the order of the rows.
    """

    def build(job: _Job) -> pa.RecordBatch:
        import pyarrow.parquet as pq

        from atc import _rust

        times = pq.read_table(job.rows, columns=["ts_recv"]).column(0).to_pylist()
        return _rust.label_fwd_logret(job.spec, *_batches(job), times, round(horizon_s * SECOND_NS))

    jobs = [_label_job(source, day, horizon_s, rows) for day, rows in zip(days, features.files, strict=True)]
    return _build_all(jobs, build, progress)


def _feature_job(source: Source, day: date) -> _Job:
    facts, (begin, end) = source.data, source.span(day)
    source.catalog.day(facts.venue, facts.symbol, day)  # refuses a day without events, by name
    read_from = begin - warm_up_ns(source.sampling, source.engine, SCHEMAS)
    spec = engine_spec(facts, source.sampling, source.engine, read_from, end, schemas=SCHEMAS)
    # The event that decides the last row of the day may be far off.
    last = source.catalog.first_event_from(facts.venue, facts.symbol, end) or end
    return _Job(source, day, "features", {"spec": spec}, spec, read_from, last + 2 * source.max_gap_ns)


def _label_job(source: Source, day: date, horizon_s: float, rows: Path | None = None) -> _Job:
    begin, end = source.span(day)
    spec = engine_spec(source.data, source.sampling, source.engine, begin, end, schemas=SCHEMAS)
    horizon_ns = round(horizon_s * SECOND_NS)
    key: dict[str, object] = {"spec": spec, "rows": rows.stem if rows else None, "horizon_ns": horizon_ns}
    # Long enough to know the book at the first row, and whether the last horizon ends in a silence.
    read_from = begin - 2 * source.max_gap_ns - KEYFRAME_NS
    read_to = end + horizon_ns + 2 * source.max_gap_ns
    return _Job(source, day, "labels", key, spec, read_from, read_to, rows)


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

    def file(self) -> Path:
        """Where the result lies: the name is the digest of everything that it depends on."""
        from atc import _rust

        facts, catalog = self.source.data, self.source.catalog
        seen = catalog.days_within(facts.venue, facts.symbol, self.read_from, self.read_to)
        key = {
            **self.key,
            "schema": [feature_schema(known_columns()), _rust.LABEL_SCHEMA_VERSION],
            "code": [_rust.FEATUREGEN_DIGEST, _python_digest()],
            "events": catalog.content_digest(facts.venue, facts.symbol, seen),
            "read": [self.read_from, self.read_to],
        }
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self.source.folder(self.kind) / f"date={self.day.isoformat()}" / f"{digest[:24]}.parquet"


@cache
def _python_digest() -> str:
    """Digest of the Python that lies between the events and a cached file."""
    whole = hashlib.sha256()
    for path in (__file__, reader.__file__, engine_spec_module.__file__):
        whole.update(Path(path).read_bytes())
    return whole.hexdigest()


def _build_all(
    jobs: Sequence[_Job], build: Callable[[_Job], pa.RecordBatch], progress: Progress | None
) -> Built:
    files = [job.file() for job in jobs]
    missing = [(job, file) for job, file in zip(jobs, files, strict=True) if not _is_whole(file)]
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
        try:
            for future in as_completed([pool.submit(one, *pair) for pair in missing]):
                error = future.exception()
                if error is not None:
                    failed.append(error)
                elif progress is not None:
                    progress(1)
        except BaseException:
            # Ctrl-C: what is under way ends, what has not begun does not begin.
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    if failed:
        raise failed[0]
    return Built(tuple(files), len(jobs) - len(missing))


def _is_whole(file: Path) -> bool:
    """There, with a footer: a file that a failing disk cut short is built again."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_metadata(file)
    except FileNotFoundError:
        return False
    except (pa.ArrowException, OSError) as why:
        _log.warning("%s is damaged (%s) and is built again", file, why)
        return False
    return True


def _sweep_parts(folder: Path) -> None:
    """Removes what killed processes left half written."""
    for part in folder.glob(".*.part"):
        try:
            os.kill(int(part.name.split(".")[-2]), 0)
        except ProcessLookupError:
            part.unlink(missing_ok=True)
        except PermissionError:
            continue  # another user's process, and alive


def _write(batch: pa.RecordBatch, file: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file.parent.mkdir(parents=True, exist_ok=True)
    _sweep_parts(file.parent)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        pq.write_table(pa.Table.from_batches([batch]), part, compression="zstd", compression_level=3)
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _batches(job: _Job) -> _Batches:
    facts = job.source.data
    events = read_events(job.source.catalog, facts.venue, facts.symbol, job.read_from, job.read_to)
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
