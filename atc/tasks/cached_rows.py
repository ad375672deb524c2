"""The inputs of rows as the feature cache holds them, day by day, without labels: what a stored model is
asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.errors import DataError, nearest
from atc.events.stretches import stretches_among
from atc.features.declarations import feature_schema, known_columns, schemas_of
from atc.features.source import Source
from atc.features.state import expected_files
from atc.models.manifest import require_schema
from atc.protocol.row_runs import FloatMatrix, Matrix, rows_of
from atc.protocol.row_windows import RowWindows
from atc.protocol.sequences import window_ends
from atc.tasks.rows import KEYS, day_inputs, day_keys, rows_in_common

if TYPE_CHECKING:
    from atc.config.data import InstrumentFacts
    from atc.config.schema import RunConfig
    from atc.events.catalog import Catalog


@dataclass(frozen=True)
class InputRows:
    """Rows of some model's inputs."""

    keys: pl.DataFrame
    """`symbol`, `ts_recv`, `ev_seq`, `ts_close`, as far as they are known."""
    x: Matrix
    """(n, k) float32, NaN for null; of a model of windows their last rows, with the windows."""


def source_of(config: RunConfig, filed: tuple[Catalog, InstrumentFacts]) -> Source:
    """What the days of a run are built from, and its cache."""
    catalog, facts = filed
    return Source(facts, catalog, config.paths.outputs_dir / "cache", config.sampling, config.features.engine)


def require_computed(folder: Path, manifest: Mapping[str, Any]) -> str:
    """The feature schema of this checkout for the inputs of the model of `folder`, whose `manifest` it is.

    Raises DataError for an input that is not computed here, and for another schema than it was fitted on.
    """
    for name in manifest["features"]:
        if name not in known_columns():
            near = nearest(name, known_columns())
            raise DataError(f"{folder} takes {name!r}, which this checkout does not compute; {near}")
    here = feature_schema(manifest["features"])
    require_schema(folder, manifest, here)
    return here


def cached_days(source: Source, days: Sequence[date], columns: Sequence[str]) -> list[date]:
    """Those of `days` whose `columns` are in the cache."""
    wanted = schemas_of(columns)
    return [day for day in days if all(file.exists() for file in expected_files(source, [day], wanted))]


def cached_row_count(source: Source, day: date, columns: Sequence[str]) -> int | None:
    """Rows of `day`; None where its `columns` are not in the cache. Raises DataError for a damaged file."""
    files = [*expected_files(source, [day], schemas_of(columns))]
    return rows_in_common(files).rows if all(file.exists() for file in files) else None


def with_days_before(
    source: Source, days: Sequence[date], length: int, rows_on: Callable[[date], int | None]
) -> list[date]:
    """`days`, and before them those in which the windows of `length` rows of their first rows begin: as many
    as it takes, as a day may have few rows or none. `rows_on` says how many; None: there is no knowing, and
    no window reaches into it.
    """
    earlier: list[date] = []
    missing = length - 1
    for day in reversed([day for day in source.days if days and day < days[0]]):
        rows = rows_on(day) if missing > 0 else None
        if rows is None:
            break
        earlier.append(day)
        missing -= rows
    return [*reversed(earlier), *days]


def windows_from(
    source: Source, days: Sequence[date], read: Sequence[date], columns: Sequence[str], length: int
) -> list[int]:
    """Of each of `days`, the instant (ts_recv, ns) from which its rows may end a whole window of `length`
    rows where the days `read` are read: its start, or, where a day that the windows of its first rows reach
    into is not read, the row that has enough before it.
    """
    every = source.days
    starts = []
    for day in days:
        begin, end = source.span(day)
        missing = length - 1
        for before in reversed(every[: every.index(day)]):
            if missing <= 0:
                break
            rows = cached_row_count(source, before, columns) if before in read else None
            if rows is None:
                (file,) = expected_files(source, [day], schemas_of(columns)[:1])
                ts = day_keys(file)["ts_recv"]
                begin = int(ts[missing]) if len(ts) > missing else end
                break
            missing -= rows
        starts.append(begin)
    return starts


def input_rows(
    source: Source, symbol: str, days: Sequence[date], columns: Sequence[str], length: int = 1
) -> Iterator[InputRows]:
    """The rows of each of `days`, which are in the cache; of a model that reads `length` rows those at which
    a whole window ends. Raises DataError for a file that is damaged.
    """
    each = _day_rows(source, symbol, days, columns)
    return each if length == 1 else _whole_windows(source, each, length)


def keyed_from(days: Iterable[InputRows], start_ns: int) -> Iterator[InputRows]:
    """The rows of `days` from `start_ns` on."""
    for day in days:
        rows = np.flatnonzero(day.keys["ts_recv"].to_numpy() >= start_ns)
        if len(rows):
            yield InputRows(day.keys[rows], rows_of(day.x, rows))


def _whole_windows(source: Source, days: Iterable[InputRows], length: int) -> Iterator[InputRows]:
    """The ends of windows, day by day, each day with the last rows of the one before it."""
    before: tuple[NDArray[np.int64], FloatMatrix] | None = None
    facts, max_gap_ns = source.data, round(source.sampling.max_gap_s * 1e9)
    for day in days:
        if len(day.keys) == 0:
            continue
        ts, x = day.keys["ts_recv"].to_numpy(), day.x[:]
        if before is not None:
            ts, x = np.concatenate([before[0], ts]), np.concatenate([before[1], x])
        old = len(ts) - len(day.keys)
        before = ts[1 - length :], x[1 - length :]
        begins = stretches_among(source.catalog, facts.venue, facts.symbol, ts, max_gap_ns=max_gap_ns)
        ends = window_ends(ts, length, max_gap_ns=max_gap_ns, resets_ns=begins.tolist())
        ends = ends[ends >= old]
        yield InputRows(day.keys[ends - old], RowWindows.ending_at(x, ends, length))


def _day_rows(
    source: Source, symbol: str, days: Sequence[date], columns: Sequence[str]
) -> Iterator[InputRows]:
    for day in days:
        files: dict[str, Path] = {}
        for schema in schemas_of(columns):
            (files[schema.name],) = expected_files(source, [day], [schema])
        rows = rows_in_common([*files.values()]).rows
        keys = day_keys(next(iter(files.values()))).select(pl.lit(symbol).alias("symbol"), *KEYS)
        yield InputRows(keys, day_inputs(files, columns, rows))
