"""What a cached file depends on: the name of a file is the digest of just that, so an entry is never wrong.

A day of one schema is a function of the engine's specification, the schema's version and code, and the events
that it sees: its own, the warm-up before, and what follows until the last row is decided. Which other schemas
there are, or were built in the same pass, does not matter. Labels depend on the keys of the rows and on the
events; not on any column.
"""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from pathlib import Path

from atc.events import parts, reader
from atc.events.catalog import Catalog
from atc.events.schema import KEYFRAME_NS
from atc.features.code_digest import code_digest
from atc.features.day_job import FEATURES, LABELS, Inputs, Reads, key_of
from atc.features.declarations import Schema
from atc.features.engine_spec import engine_spec, warm_up_ns
from atc.features.label_spec import LabelSpec
from atc.features.source import Source

LAYOUT = 1
"""Version of the columns and the manifest of a cached file; how it is packed does not count."""


def feature_reads(source: Source, day: date, schema: Schema) -> Reads:
    """The warm-up of `schema`, the day, and on to the event that decides its last row, which may be far
    off.
    """
    begin, end = source.span(day)
    warm_up = warm_up_ns(source.sampling, source.engine, [schema.name])
    following = source.catalog.first_event_from(source.data.venue, source.data.symbol, end) or end
    return Reads(begin - warm_up, following + 2 * source.max_gap_ns)


def label_reads(source: Source, day: date, label: LabelSpec) -> Reads:
    """Enough to know the book at the first row, and whether the last horizon ends in a silence."""
    begin, end = source.span(day)
    before = label.smooth_ns + 2 * source.max_gap_ns + KEYFRAME_NS
    return Reads(begin - before, end + label.longest_ns + 2 * source.max_gap_ns)


def feature_inputs(source: Source, day: date, schema: Schema) -> Inputs:
    """What the file of `schema` and `day` depends on."""
    reads, span = feature_reads(source, day, schema), source.span(day)
    spec = json.loads(
        engine_spec(source.data, source.sampling, source.engine, reads.begin, span[1], schemas=[schema.name])
    )
    del spec["schemas"]
    return {
        "kind": FEATURES,
        "layout": LAYOUT,
        "schema": schema.name,
        "version": schema.version,
        "code": [schema.code, python_digest()],
        "spec": spec,
        "emit": list(span),
        "read": [reads.begin, reads.end],
        "events": events_digest(source.catalog, source.data.venue, source.data.symbol, reads),
    }


def label_inputs(source: Source, day: date, label: LabelSpec, row_digest: str) -> Inputs:
    """What the labels of the rows with `row_digest` depend on."""
    from atc import _rust

    reads = label_reads(source, day, label)
    return {
        "kind": LABELS,
        "layout": LAYOUT,
        "schema": LABELS,
        "version": _rust.LABEL_SCHEMA_VERSION,
        "code": [label_code(), python_digest()],
        "spec": {"max_gap_ns": source.max_gap_ns},
        **label.inputs(),
        "rows": row_digest,
        "read": [reads.begin, reads.end],
        "events": events_digest(source.catalog, source.data.venue, source.data.symbol, reads),
    }


def events_digest(catalog: Catalog, venue: str, symbol: str, reads: Reads) -> str:
    """Digest of the days that `reads` touches."""
    return catalog.content_digest(venue, symbol, catalog.days_within(venue, symbol, reads.begin, reads.end))


def label_code() -> str:
    """Digest of the Rust that a label goes through."""
    from atc import _rust

    return _rust.LABEL_DIGEST


@cache
def python_digest() -> str:
    """Digest of the Python that lies between the events and a cached file."""
    from atc.features import compute

    return code_digest([reader.__file__, parts.__file__, compute.__file__])


def feature_file(source: Source, day: date, inputs: Inputs) -> Path:
    """Where the features with `inputs` lie."""
    folder = source.folder(FEATURES) / f"schema={inputs['schema']}" / f"date={day.isoformat()}"
    return folder / f"{key_of(inputs)}.parquet"


def label_file(source: Source, day: date, inputs: Inputs) -> Path:
    """Where the labels with `inputs` lie."""
    return source.folder(LABELS) / f"date={day.isoformat()}" / f"{key_of(inputs)}.parquet"
