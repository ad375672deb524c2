"""The inputs of rows as the feature cache holds them, day by day, without labels: what a stored model is
asked about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from atc.errors import DataError
from atc.features.day_file import Damaged, not_to_be_used, read_table
from atc.features.declarations import schemas_of
from atc.features.source import Source
from atc.features.state import expected_files
from atc.protocol.row_runs import FloatMatrix
from atc.tasks.rows import KEYS

if TYPE_CHECKING:
    from atc.config.schema import InstrumentFacts, RunConfig
    from atc.events.catalog import Catalog


@dataclass(frozen=True)
class InputRows:
    """Rows of some model's inputs."""

    keys: pl.DataFrame
    """`symbol`, `ts_recv`, `ev_seq`, `ts_close`, as far as they are known."""
    x: FloatMatrix
    """(n, k) float32, NaN for null."""


def source_of(config: RunConfig, filed: tuple[Catalog, InstrumentFacts]) -> Source:
    """What the days of a run are built from, and its cache."""
    catalog, facts = filed
    return Source(facts, catalog, config.paths.outputs_dir / "cache", config.sampling, config.features.engine)


def cached_days(source: Source, days: Sequence[date], columns: Sequence[str]) -> list[date]:
    """Those of `days` whose `columns` are in the cache."""
    wanted = schemas_of(columns)
    return [day for day in days if all(file.exists() for file in expected_files(source, [day], wanted))]


def input_rows(
    source: Source, symbol: str, days: Sequence[date], columns: Sequence[str]
) -> Iterator[InputRows]:
    """The rows of each of `days`, which are in the cache. Raises DataError for a file that is damaged."""
    for day in days:
        keys: pl.DataFrame | None = None
        x = np.empty((0, len(columns)), dtype=np.float32)
        for schema in schemas_of(columns):
            (file,) = expected_files(source, [day], [schema])
            own = [name for name in schema.columns if name in columns]
            try:
                table = read_table(file, [*KEYS, *own])
            except (Damaged, FileNotFoundError) as why:
                raise DataError(not_to_be_used(file, why)) from why
            found = pl.from_arrow(table.select(list(KEYS)))
            assert isinstance(found, pl.DataFrame)
            if keys is None:
                keys, x = found, np.empty((len(found), len(columns)), dtype=np.float32)
            elif not keys.equals(found):
                raise DataError(f"{file}: its rows are not those of the other files of {day}: remove it")
            for name in own:
                x[:, columns.index(name)] = table[name].to_numpy()
        assert keys is not None  # a model has inputs
        yield InputRows(keys.select(pl.lit(symbol).alias("symbol"), *KEYS), x)
