"""How much of a source's days is in the cache, schema by schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from atc.features.column_statistics import QUANTILES, ColumnStatistics
from atc.features.day_file import FileManifest
from atc.features.day_job import FEATURES
from atc.features.declarations import Schema
from atc.features.inventory import CachedFile, Judge, cached_files
from atc.features.keys import feature_file, feature_inputs
from atc.features.source import Source


@dataclass(frozen=True)
class ColumnState:
    """One column over the built days; None where every value is null."""

    name: str
    null_share: float
    min: float | None
    max: float | None
    mean: float | None
    quantiles: tuple[float, ...] | None
    """At `QUANTILES`: the median of the days' quantiles."""


@dataclass(frozen=True)
class SchemaState:
    """The files of one schema under the settings of a source."""

    schema: Schema
    built: tuple[date, ...]
    missing: tuple[date, ...]
    stale: int
    """Files that nobody can ask for again."""
    other: int
    """Files of other settings."""
    rows: int
    bytes: int
    seconds: float | None
    """To build a day, the mean; None where no log says."""
    columns: tuple[ColumnState, ...]

    @property
    def bytes_a_row(self) -> float | None:
        """None without a row."""
        return self.bytes / self.rows if self.rows else None


def expected_files(source: Source, days: Sequence[date], wanted: Sequence[Schema]) -> dict[Path, date]:
    """The files that `source` asks for, whether they are there or not."""
    return {
        feature_file(source, day, feature_inputs(source, day, schema)): day
        for day in days
        for schema in wanted
    }


def schema_states(source: Source, days: Sequence[date], wanted: Sequence[Schema]) -> list[SchemaState]:
    """The state of each schema over `days`. Reads footers alone."""
    facts = source.data
    judge = Judge(source.catalog.root, facts.venue, facts.symbol)
    by_schema: dict[str, list[CachedFile]] = {}
    for file in cached_files(source.cache_root, facts.venue, facts.symbol):
        if file.kind == FEATURES:
            by_schema.setdefault(file.schema, []).append(file)
    seconds = build_seconds(source.folder(FEATURES) / "builds.jsonl")
    return [
        _state(schema, by_schema.get(schema.name, []), expected_files(source, days, [schema]), judge, seconds)
        for schema in wanted
    ]


def _state(
    schema: Schema,
    files: Sequence[CachedFile],
    expected: dict[Path, date],
    judge: Judge,
    seconds: dict[str, float],
) -> SchemaState:
    there: dict[date, FileManifest] = {}
    size = stale = other = 0
    took = []
    for file in files:
        if file.path in expected and file.manifest is not None:
            there[expected[file.path]] = file.manifest
            size += file.path.stat().st_size
            took += [seconds[file.path.stem]] if file.path.stem in seconds else []
        elif file.day in expected.values() or judge.why_stale(file):
            is_stale = judge.why_stale(file) is not None
            stale, other = stale + is_stale, other + (not is_stale)
    return SchemaState(
        schema=schema,
        built=tuple(sorted(there)),
        missing=tuple(sorted(day for day in expected.values() if day not in there)),
        stale=stale,
        other=other,
        rows=sum(manifest.rows for manifest in there.values()),
        bytes=size,
        seconds=sum(took) / len(took) if took else None,
        columns=tuple(_column(name, there.values()) for name in schema.columns),
    )


def _column(name: str, manifests: Iterable[FileManifest]) -> ColumnState:
    found: list[tuple[int, ColumnStatistics]] = [(each.rows, each.columns[name]) for each in manifests]
    rows, nulls = sum(rows for rows, _ in found), sum(each.nulls for _, each in found)
    known = [(count - each.nulls, each) for count, each in found if each.quantiles is not None]
    values = sum(count for count, _ in known)
    return ColumnState(
        name=name,
        null_share=nulls / rows if rows else 0.0,
        min=min((each.min for _, each in known if each.min is not None), default=None),
        max=max((each.max for _, each in known if each.max is not None), default=None),
        mean=sum(count * each.mean for count, each in known if each.mean is not None) / values
        if values
        else None,
        quantiles=tuple(
            median(each.quantiles[place] for _, each in known if each.quantiles is not None)
            for place in range(len(QUANTILES))
        )
        if known
        else None,
    )


def build_seconds(log: Path) -> dict[str, float]:
    """By key of a file, how long its day took to build; a damaged line is passed over."""
    found: dict[str, float] = {}
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return found
    for line in lines:
        try:
            entry: dict[str, Any] = json.loads(line)
            found.update(dict.fromkeys(entry["keys"], float(entry["seconds"])))
        except (ValueError, KeyError, TypeError):
            continue
    return found
