"""Rows of many days, read from the cache into one matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atc.errors import DataError
from atc.features.day_file import Damaged, FileManifest, not_to_be_used, read_footer, read_table
from atc.features.day_job import LABELS
from atc.features.declarations import schemas_of
from atc.features.label_spec import of_head
from atc.features.matrix_cache import shared_columns, shared_matrix
from atc.features.matrix_file import MatrixDay, MatrixPlan, in_memory
from atc.features.row_file import Columns, RowColumn, RowPlan, columns_in_memory
from atc.protocol.row_runs import Matrix, RowRuns, places_of

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

KEYS = ("ts_recv", "ev_seq", "ts_close")
BESIDE_KEYS = ("r_bps", "t0", "t1", "spread_bps", "null_cause")
"""What else is kept of rows, under the names that `LabelledRows` has."""


@dataclass(frozen=True)
class LabelledRows:
    """Rows in key order, before they are split; memory-mapped where they are kept, and a run's own where it
    writes into them.
    """

    keys: pl.DataFrame
    """`symbol`, `ts_recv`, `ev_seq`, `ts_close`."""
    x: Matrix
    """(n, k), NaN for null; where sequences are read, the last rows of their windows."""
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
        """The rows with these numbers; views where they are one run."""
        some = places_of(rows)
        return replace(
            self,
            keys=self.keys[some],
            x=self.x.rows(rows) if isinstance(self.x, RowRuns) else self.x[some],
            **{name: getattr(self, name)[some] for name in BESIDE_KEYS},
        )

    def with_known(self, x: Matrix, known: Columns) -> LabelledRows:
        """Some of the rows, with their inputs `x` and everything else of them, by the names it is kept
        under.
        """
        return LabelledRows(
            keys=_key_frame(str(self.keys["symbol"][0]), known),
            x=x,
            heads=self.heads,
            **{name: known[name] for name in BESIDE_KEYS},
        )

    @property
    def known(self) -> Columns:
        """Everything but inputs, by the names it is kept under; nothing is copied."""
        keys = {name: self.keys[name].to_numpy() for name in KEYS}
        return {**keys, **{name: getattr(self, name) for name in BESIDE_KEYS}}

    def of_heads(self, some: slice) -> LabelledRows:
        """The same rows with some of their labels."""
        return replace(
            self,
            r_bps=self.r_bps[:, some],
            t1=self.t1[:, some],
            null_cause=self.null_cause[:, some],
            heads=self.heads[some],
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
    of a row; `matrices`: where matrix, keys and labels are kept for every run that reads the same rows, None:
    in memory. Nothing but what is in memory is held for more than one day. Raises DataError for a file that
    is damaged, gone, or not of the same rows as the others of its day.
    """
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
    beside = known_plan(len(heads), counts, labels)

    def days() -> Iterator[NDArray[np.float32]]:
        for files, count in zip(features, counts, strict=True):
            yield day_inputs(files, columns, count)

    def known_days() -> Iterator[Columns]:
        for files, label_file in zip(features, labels, strict=True):
            yield _day_known(next(iter(files.values())), label_file, heads)

    if matrices is None or total * len(columns) == 0:
        x = in_memory(plan, days())
    else:
        x = shared_matrix(matrices, plan, days)
    known = kept_known(beside, known_days, matrices)
    return LabelledRows(
        keys=_key_frame(symbol, known), x=x, heads=heads, **{name: known[name] for name in BESIDE_KEYS}
    )


def known_plan(heads: int, counts: Sequence[int], labels: Sequence[Path], picked: str = "") -> RowPlan:
    """What is kept of rows beside their inputs, `counts` of each day; the key of a file of labels stands for
    its rows, so for their keys too. `picked`: which of them, as a digest.
    """
    days = tuple(
        MatrixDay(_day_of(label_file), count, {LABELS: label_file.stem})
        for count, label_file in zip(counts, labels, strict=True)
    )
    return RowPlan(_known_columns(heads), days, picked)


def kept_known(plan: RowPlan, days: Callable[[], Iterator[Columns]], matrices: Path | None) -> Columns:
    """The columns of `plan`, those of each day given by `days`, as they are kept in `matrices`."""
    if matrices is None or plan.rows == 0:
        return columns_in_memory(plan, days())
    return shared_columns(matrices, plan, days)


def _known_columns(heads: int) -> tuple[RowColumn, ...]:
    """What is kept of rows beside their inputs."""
    return (
        RowColumn("ts_recv", "<i8"),
        RowColumn("ev_seq", "<u8"),
        RowColumn("ts_close", "<i8"),
        RowColumn("t0", "<i8"),
        RowColumn("t1", "<i8", heads),
        RowColumn("r_bps", "<f8", heads),
        RowColumn("spread_bps", "<f8"),
        RowColumn("null_cause", "|u1", heads),
    )


def _day_known(of_keys: Path, of_labels: Path, heads: tuple[str, ...]) -> Columns:
    """The columns of `_known_columns` of one day, from its cached files."""
    keys, label = _read(of_keys, KEYS), _read(of_labels)
    found: Columns = {name: keys[name].to_numpy() for name in KEYS}
    for name in ("t0", "spread_bps"):
        found[name] = label[name].to_numpy()
    for name in ("r_bps", "t1", "null_cause"):
        found[name] = np.column_stack([label[of_head(name, head)].to_numpy() for head in heads])
    return found


def _key_frame(symbol: str, known: Columns) -> pl.DataFrame:
    """`symbol` and KEYS, which lie where they lay."""
    import polars as pl
    import pyarrow as pa

    # Polars copies an array of NumPy's, and none of Arrow's.
    found = pl.from_arrow(pa.table({name: pa.array(known[name]) for name in KEYS}))
    assert isinstance(found, pl.DataFrame)
    return found.select(pl.lit(symbol).alias("symbol"), *KEYS)


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


def rows_in(file: Path) -> int:
    """How many a file of the cache has. Raises DataError for one that is damaged or gone."""
    return _manifest(file).rows


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
