"""How much of a source's days is in the cache, schema by schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from atc.features.column_statistics import QUANTILES, ColumnStatistics
from atc.features.day_file import FileManifest, size_of
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
class BuiltDay:
    """One file under the settings of a source."""

    path: Path
    manifest: FileManifest
    bytes: int
    seconds: float | None
    """That its day took, with what was built in the same pass; None where no log says."""

    @property
    def null_share(self) -> float:
        """Of all values."""
        values = self.manifest.rows * len(self.manifest.columns)
        return sum(each.nulls for each in self.manifest.columns.values()) / values if values else 0.0


@dataclass(frozen=True)
class SchemaState:
    """The files of one schema under the settings of a source."""

    schema: Schema
    days: tuple[BuiltDay, ...]
    """In order."""
    missing: tuple[date, ...]
    stale: int
    """Files that nobody can ask for again."""
    other: int
    """Files of other settings."""
    columns: tuple[ColumnState, ...]

    @property
    def built(self) -> list[date]:
        """Business days that are there."""
        return [day.manifest.day for day in self.days]

    @property
    def rows(self) -> int:
        """Of all days."""
        return sum(day.manifest.rows for day in self.days)

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(day.bytes for day in self.days)

    @property
    def seconds(self) -> float | None:
        """To build a day, the mean; None where no log says."""
        took = [day.seconds for day in self.days if day.seconds is not None]
        return sum(took) / len(took) if took else None

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
    days: list[BuiltDay] = []
    stale = other = 0
    wanted = set(expected.values())
    for file in files:
        if file.path in expected and file.manifest is not None:
            took = seconds.get(file.path.stem)
            days.append(BuiltDay(file.path, file.manifest, size_of(file.path), took))
        elif judge.why_stale(file) is not None:
            stale += 1
        elif file.day in wanted:
            other += 1
    there = {day.path for day in days}
    return SchemaState(
        schema=schema,
        days=tuple(days),
        missing=tuple(sorted(day for path, day in expected.items() if path not in there)),
        stale=stale,
        other=other,
        columns=tuple(_column(name, [day.manifest for day in days]) for name in schema.columns),
    )


def _column(name: str, manifests: Sequence[FileManifest]) -> ColumnState:
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
