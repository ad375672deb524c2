"""Rows of many days, read from the cache into one matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atc.errors import DataError
from atc.features.day_file import Damaged, FileManifest, not_to_be_used, read_footer, read_table
from atc.features.declarations import schemas_of
from atc.features.label_spec import of_head
from atc.features.matrix_cache import shared_matrix
from atc.features.matrix_file import MatrixDay, MatrixPlan, in_memory
from atc.protocol.row_runs import Matrix, RowRuns

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

KEYS = ("ts_recv", "ev_seq", "ts_close")


@dataclass(frozen=True)
class LabelledRows:
    """Rows in key order, before they are split."""

    keys: pl.DataFrame
    """`symbol`, `ts_recv`, `ev_seq`, `ts_close`."""
    x: Matrix
    """(n, k), NaN for null; memory-mapped where it is kept; where sequences are read, the last rows of their
    windows."""
    r_bps: NDArray[np.float64]
    """(n, heads) forward return, NaN for null."""
    t0: NDArray[np.int64]
    """(n,) ns."""
    t1: NDArray[np.int64]
    """(n, heads) ns."""
    spread_bps: NDArray[np.float64]
    """(n,) in force at the row, NaN for null."""
    null_cause: NDArray[np.uint8]
    """(n, heads) why a return is null: 0, or the place in `NULL_CAUSES`, from 1 on."""
    heads: tuple[str, ...]

    def take(self, rows: NDArray[np.int64]) -> LabelledRows:
        """The rows with these numbers."""
        return replace(
            self,
            keys=self.keys[rows],
            x=self.x.rows(rows) if isinstance(self.x, RowRuns) else self.x[rows],
            r_bps=self.r_bps[rows],
            t0=self.t0[rows],
            t1=self.t1[rows],
            spread_bps=self.spread_bps[rows],
            null_cause=self.null_cause[rows],
        )


def read_rows(
    symbol: str,
    features: Sequence[Mapping[str, Path]],
    labels: Sequence[Path],
    columns: Sequence[str],
    heads: tuple[str, ...] = ("",),
    *,
    matrices: Path | None = None,
) -> LabelledRows:
    """The rows of matching feature and label files, `columns` as a float32 matrix filled day by day.

    `features`: of each day the files by schema, which together hold `columns`; `heads`: names of the labels
    of a row; `matrices`: where the matrix is kept for every run that reads the same rows, None: in memory.
    Nothing but the labels, the keys and a matrix in memory is held for more than one day. Raises DataError
    for a file that is damaged, gone, or not of the same rows as the others of its day.
    """
    import polars as pl

    counts = [
        _labelled_rows([*files.values()], label_file)
        for files, label_file in zip(features, labels, strict=True)
    ]
    total = sum(counts)
    plan = MatrixPlan(
        tuple(columns),
        tuple(
            MatrixDay(_day_of(label_file), count, {schema: file.stem for schema, file in files.items()})
            for count, files, label_file in zip(counts, features, labels, strict=True)
        ),
    )

    def days() -> Iterator[NDArray[np.float32]]:
        for files, count in zip(features, counts, strict=True):
            yield day_inputs(files, columns, count)

    if matrices is None or total * len(columns) == 0:
        x = in_memory(plan, days())
    else:
        x = shared_matrix(matrices, plan, days)
    shape = (total, len(heads))
    r_bps, t1 = np.empty(shape, dtype=np.float64), np.empty(shape, dtype=np.int64)
    null_cause = np.empty(shape, dtype=np.uint8)
    t0, spread_bps = np.empty(total, dtype=np.int64), np.empty(total, dtype=np.float64)
    keys: list[pl.DataFrame] = []
    start = 0
    for count, files, label_file in zip(counts, features, labels, strict=True):
        stop = start + count
        label = _read(label_file)
        t0[start:stop] = label["t0"].to_numpy()
        spread_bps[start:stop] = label["spread_bps"].to_numpy()
        for place, head in enumerate(heads):
            r_bps[start:stop, place] = label[of_head("r_bps", head)].to_numpy()
            t1[start:stop, place] = label[of_head("t1", head)].to_numpy()
            null_cause[start:stop, place] = label[of_head("null_cause", head)].to_numpy()
        keys.append(day_keys(next(iter(files.values()))))
        start = stop
    all_keys = (
        pl.concat(keys)
        if keys
        else pl.DataFrame(schema={"ts_recv": pl.Int64, "ev_seq": pl.UInt64, "ts_close": pl.Int64})
    )
    return LabelledRows(
        keys=all_keys.select(pl.lit(symbol).alias("symbol"), *KEYS),
        x=x,
        r_bps=r_bps,
        t0=t0,
        t1=t1,
        spread_bps=spread_bps,
        null_cause=null_cause,
        heads=heads,
    )


def day_inputs(files: Mapping[str, Path], columns: Sequence[str], rows: int) -> NDArray[np.float32]:
    """(rows, k) the `columns` of one day, from its cached `files` by schema. Raises DataError for a file that
    is damaged or gone, and for a value that is neither finite nor null.
    """
    places = {name: number for number, name in enumerate(columns)}
    x = np.empty((rows, len(columns)), dtype=np.float32)
    for schema in schemas_of(columns):
        file = files[schema.name]
        own = [name for name in schema.columns if name in places]
        table = _read(file, own)
        for name in own:
            values = table[name].to_numpy()
            _require_finite_or_null(file, name, values, table[name].null_count)
            x[:, places[name]] = values
    return x


def day_keys(file: Path) -> pl.DataFrame:
    """`ts_recv`, `ev_seq`, `ts_close` of the rows of a cached file; all files of a day repeat them."""
    import polars as pl

    found = pl.from_arrow(_read(file, KEYS))
    assert isinstance(found, pl.DataFrame)
    return found


def rows_in_common(features: Sequence[Path]) -> FileManifest:
    """The first of the files of a day, which have to be of the same rows. Raises DataError."""
    first = _manifest(features[0])
    for file in features[1:]:
        if _manifest(file).row_digest != first.row_digest:
            raise DataError(_other_rows(file, features[0]))
    return first


def _require_finite_or_null(file: Path, name: str, values: NDArray[np.generic], nulls: int) -> None:
    """Raises DataError where a value (n,) of a column is infinite, or is NaN beside the `nulls`, which are
    NaN here too: in a matrix nobody could tell them apart.
    """
    finite = np.isfinite(values)
    if np.count_nonzero(~finite) == nulls and not np.isinf(values).any():
        return
    infinite = np.flatnonzero(np.isinf(values))
    what = (
        f"an infinite value in row {infinite[0]} ({len(infinite):,} such rows)"
        if len(infinite)
        else f"{np.count_nonzero(np.isnan(values)) - nulls:,} values that are NaN and not null, the first "
        f"NaN in row {int(np.argmax(np.isnan(values)))}"
    )
    raise DataError(
        f"{file}: column {name} has {what}; a feature is a finite number or null: `atc features verify` says "
        "whether the file is as it was built, and without it the next run builds the day anew"
    )


def _day_of(file: Path) -> date:
    return date.fromisoformat(file.parent.name.removeprefix("date="))


def _labelled_rows(features: Sequence[Path], labels: Path) -> int:
    """How many rows the files of a day have, which have to be the same ones. Raises DataError."""
    first, of_labels = rows_in_common(features), _manifest(labels)
    if of_labels.inputs["rows"] != first.row_digest or of_labels.rows != first.rows:
        raise DataError(_other_rows(labels, features[0]))
    return first.rows


def _other_rows(file: Path, first: Path) -> str:
    return (
        f"{file}: its rows are not those of {first}; expected the same rows in all files of a day: remove "
        "both, and the next run builds them anew"
    )


def _manifest(file: Path) -> FileManifest:
    try:
        return read_footer(file)
    except (Damaged, FileNotFoundError) as why:
        raise DataError(not_to_be_used(file, why)) from why


def _read(file: Path, columns: Sequence[str] | None = None) -> pa.Table:
    try:
        return read_table(file, columns)
    except (Damaged, FileNotFoundError) as why:
        raise DataError(not_to_be_used(file, why)) from why
