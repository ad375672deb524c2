"""From days of a source to jobs and their files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from atc.events.catalog import FileEntry
from atc.events.parts import Files
from atc.events.schema import Kind
from atc.features.day_job import FEATURES, LABELS, DayJob, Output, Reads
from atc.features.day_lock import LOCKS
from atc.features.declarations import Schema, schemas
from atc.features.engine_spec import engine_spec
from atc.features.keys import feature_file, feature_inputs, label_file, label_inputs, label_reads
from atc.features.label_spec import LabelSpec
from atc.features.source import Source


def feature_job(source: Source, day: date, wanted: Sequence[Schema]) -> DayJob:
    """The job that builds the schemas `wanted` of `day` in one pass. Raises DataError for a day without
    events.
    """
    facts, span = source.data, source.span(day)
    source.catalog.day(facts.venue, facts.symbol, day)  # refuses a day without events, by name
    outputs = []
    for schema in wanted:
        inputs = feature_inputs(source, day, schema)
        outputs.append(Output(schema.name, schema.columns, feature_file(source, day, inputs), inputs))
    reads = _whole(output.inputs["read"] for output in outputs)
    names = [schema.name for schema in wanted]
    return DayJob(
        kind=FEATURES,
        venue=facts.venue,
        symbol=facts.symbol,
        day=day,
        spec=engine_spec(facts, source.sampling, source.engine, reads.begin, span[1], schemas=names),
        reads=reads,
        emit=span,
        events=_event_files(source, reads),
        outputs=tuple(outputs),
        lock=source.folder(FEATURES) / LOCKS / day.isoformat(),
        log=source.folder(FEATURES) / "builds.jsonl",
    )


def label_job(source: Source, day: date, label: LabelSpec, rows: Path, row_digest: str) -> DayJob:
    """The job that labels the rows of `day` in `rows`, whose keys have `row_digest`."""
    facts, span = source.data, source.span(day)
    inputs = label_inputs(source, day, label, row_digest)
    reads = label_reads(source, day, label)
    return DayJob(
        kind=LABELS,
        venue=facts.venue,
        symbol=facts.symbol,
        day=day,
        spec=engine_spec(facts, source.sampling, source.engine, *span, schemas=[schemas()[0].name]),
        reads=reads,
        emit=span,
        events=_event_files(source, reads),
        outputs=(Output(LABELS, label.columns, label_file(source, day, inputs), inputs),),
        lock=source.folder(LABELS) / LOCKS / day.isoformat(),
        log=source.folder(LABELS) / "builds.jsonl",
        rows=rows,
        label=label,
    )


def _whole(reads: Iterable[Sequence[int]]) -> Reads:
    begins, ends = zip(*reads, strict=True)
    return Reads(min(begins), max(ends))


def _event_files(source: Source, reads: Reads) -> Files:
    """The files of the events in `reads`."""
    facts, catalog = source.data, source.catalog
    found: dict[Kind, list[tuple[Path, FileEntry]]] = {kind: [] for kind in Kind}
    for day in catalog.days_within(facts.venue, facts.symbol, reads.begin, reads.end):
        for kind, entries in catalog.day(facts.venue, facts.symbol, day).files.items():
            found[kind] += [(catalog.path(entry), entry) for entry in entries]
    return {kind: tuple(files) for kind, files in found.items()}
