"""Scores of rows by a stored model, with the calibration that its run used, in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from atc.errors import DataError, UsageError
from atc.models.artifact import LoadedModel
from atc.models.base import CHUNK_ROWS, refuse_infinite
from atc.models.manifest import require_features, require_schema
from atc.models.window_length import window_length
from atc.protocol.dataset import KEY_COLUMNS
from atc.tasks.cached_rows import InputRows
from atc.tracking.durable import own_part

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

SCHEMA_KEY = b"atc.feature_schema"
"""Where a Parquet file may say which feature schema made its columns, such as `core-1`."""


def file_rows(loaded: LoadedModel, folder: Path, file: Path, *, by_name: bool) -> Iterator[InputRows]:
    """The rows of a Parquet file with the inputs of the model of `folder`, in order, and any of the key
    columns.

    `by_name`: other columns may stand there too, in any order. Raises DataError for other columns, another
    feature schema, or what is no number; UsageError where there is no such file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    length = window_length(loaded.model)
    if length > 1:
        raise UsageError(
            f"--rows {file}: the model reads the {length} rows up to each, and a file does not say where the "
            "market paused between them; use --from with its run"
        )
    try:
        parquet = pq.ParquetFile(file)
    except FileNotFoundError:
        raise UsageError(f"--rows {file}: there is no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"--rows {file} is no readable Parquet file: {error}") from None
    features = loaded.model.features
    keys = [name for name in KEY_COLUMNS if name in parquet.schema_arrow.names]
    given = [name for name in parquet.schema_arrow.names if name not in KEY_COLUMNS]
    if by_name:
        given = [name for name in features if name in given]
    _require_columns(folder, features, given)
    _require_numbers(file, parquet.schema_arrow, features)
    said = schema_said(file)
    if said is not None:
        require_schema(folder, loaded.manifest, said)
    return _batches(parquet, keys, features)


def schema_said(file: Path) -> str | None:
    """The feature schema that a Parquet file says made its columns; None where it says nothing."""
    import pyarrow.parquet as pq

    said = (pq.read_schema(file).metadata or {}).get(SCHEMA_KEY)
    return None if said is None else said.decode()


def _require_columns(folder: Path, features: tuple[str, ...], given: list[str]) -> None:
    try:
        require_features(folder, features, given)
    except DataError as error:
        raise DataError(
            f"{error}. Key columns ({', '.join(KEY_COLUMNS)}) may stand beside them; --by-name takes the "
            "inputs by their names, whatever else is there"
        ) from None


def _require_numbers(file: Path, schema: pa.Schema, features: tuple[str, ...]) -> None:
    import pyarrow as pa

    wrong = [
        f"{name} ({schema.field(name).type})"
        for name in features
        if not (pa.types.is_floating(schema.field(name).type) or pa.types.is_integer(schema.field(name).type))
    ]
    if wrong:
        raise DataError(f"--rows {file}: {', '.join(wrong)}: numbers were expected")


def _batches(parquet: pq.ParquetFile, keys: list[str], features: tuple[str, ...]) -> Iterator[InputRows]:
    for batch in parquet.iter_batches(CHUNK_ROWS, columns=[*keys, *features]):
        frame = pl.from_arrow(batch)
        assert isinstance(frame, pl.DataFrame)
        x = np.empty((len(frame), len(features)), dtype=np.float32)
        for place, name in enumerate(features):
            x[:, place] = frame[name].cast(pl.Float32).fill_null(float("nan")).to_numpy()
        yield InputRows(frame.select(keys), x)


def write_scores(loaded: LoadedModel, rows: Iterable[InputRows], out: Path, *, raw: bool) -> int:
    """Scores `rows` into the Parquet file `out`, which appears whole or not at all; how many there were.

    Its columns: the keys of the rows, and the scores as the run's predictions.parquet names them; with `raw`
    what the model says before calibration. Raises DataError for an infinite input, UsageError where `out` is
    there already.
    """
    import pyarrow.parquet as pq

    if out.exists():
        raise UsageError(f"--out {out} is there already: nothing is overwritten, choose another name")
    part = own_part(out.parent, out.name)
    writer: pq.ParquetWriter | None = None
    done = 0
    try:
        for some in rows:
            refuse_infinite(some.x, loaded.model.features, f"rows from {done}")
            scores = loaded.model.predict(some.x) if raw else loaded.scores(some.x)
            named = [pl.Series(name, scores[:, i]) for i, name in enumerate(loaded.score_columns)]
            table = some.keys.with_columns(named).to_arrow()
            if writer is None:
                writer = pq.ParquetWriter(part, table.schema, compression="zstd")
            writer.write_table(table)
            done += len(some.x)
        if writer is None:
            raise DataError("there is no row to score")
        writer.close()
        part.replace(out)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written ({error.strerror or error})") from error
    finally:
        # On a full disk the end of the file cannot be written either.
        with suppress(OSError):
            if writer is not None:
                writer.close()
        part.unlink(missing_ok=True)
    return done
