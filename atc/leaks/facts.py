"""What a stage says, from which instant on each value is known, and how two of them compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

ABSENT = "absent"
PRESENT = "present"
ROW = "(the row itself)"
"""Stands for a column where a row is there in one of the two only."""

_PLACE = "__place"
_OTHER = "__other"


@dataclass(frozen=True)
class Facts:
    """One table of a stage."""

    table: str
    """Its name within the stage."""
    key: tuple[str, ...]
    """Columns of `frame` that together name a row."""
    frame: pl.DataFrame
    """The keys and the values."""
    known_ns: NDArray[np.int64]
    """(n,) instant at which all values of a row are known; an event at that instant may still count."""
    lasting: bool = True
    """A row that is known is there whatever comes. False: of rows that both have, values are compared."""

    def __post_init__(self) -> None:
        if self.known_ns.shape != (len(self.frame),):
            raise ValueError(
                f"{self.table}: known_ns has shape {self.known_ns.shape}, ({len(self.frame)},) was expected"
            )
        missing = [name for name in self.key if name not in self.frame.columns]
        if missing:
            raise ValueError(f"{self.table}: no column {', '.join(missing)}, which should be its key")

    @property
    def values(self) -> list[str]:
        """The columns that are compared."""
        return [name for name in self.frame.columns if name not in self.key]

    def known_by(self, t: int) -> tuple[pl.DataFrame, NDArray[np.int64]]:
        """The rows known at `t`, ns, and since when."""
        rows = np.flatnonzero(self.known_ns <= t)
        return self.frame[rows], self.known_ns[rows]


@dataclass(frozen=True)
class Moved:
    """One value that was known at t and is another one with other events after t."""

    stage: str
    table: str
    column: str
    row: Mapping[str, object]
    """The key of the row."""
    known_ns: int
    before: str
    after: str

    def distance_ns(self, t: int) -> int:
        """How long before `t` the value was known: the stage looks ahead at least so far."""
        return t - self.known_ns


@dataclass(frozen=True)
class Comparison:
    """One table of a stage on two streams."""

    stage: str
    table: str
    checked: int
    """Values known at t that were compared; a row's being there counts as one."""
    moved: int
    """Those that are not the same."""
    columns: Mapping[str, int]
    """By column how many moved."""
    first: Moved | None
    """The one known earliest; of those the first in the order of rows and columns."""


def compare(stage: str, before: Facts, after: Facts, t: int) -> Comparison:
    """Every value of `before` known at `t`, ns, against `after`, bit for bit.

    Rows are matched by key. NaN equals NaN, null equals null, −0.0 is not 0.0; a column that one lacks
    is null there.
    """
    ours, since = before.known_by(t)
    theirs, theirs_since = after.known_by(t)
    ours, theirs = _with_columns_of(ours, theirs), _with_columns_of(theirs, ours)
    key = list(before.key)
    lost: pl.DataFrame = ours[:0]
    new: pl.DataFrame = theirs[:0]
    lost_since, new_since = since[:0], theirs_since[:0]
    checked_rows = len(ours) if before.lasting else 0
    if not ours.select(key).equals(theirs.select(key)):
        numbered = theirs.select(*key, pl.int_range(pl.len()).alias(_OTHER))
        joined = ours.with_row_index(_PLACE).join(numbered, on=key, how="left", nulls_equal=True)
        joined = joined.unique(_PLACE, keep="first").sort(_PLACE)
        pair = joined[_OTHER]
        is_in_both = pair.is_not_null().to_numpy()
        matched = pair.drop_nulls().to_numpy()
        if before.lasting:
            lost, lost_since = ours.filter(~is_in_both), since[~is_in_both]
            is_new = np.ones(len(theirs), dtype=np.bool_)
            is_new[matched] = False
            new, new_since = theirs.filter(is_new), theirs_since[is_new]
        ours, since = ours.filter(is_in_both), since[is_in_both]
        theirs = theirs[matched]
    columns: dict[str, int] = {}
    first: Moved | None = None
    for rows, known, words in (
        (lost, lost_since, (PRESENT, ABSENT)),
        (new, new_since, (ABSENT, PRESENT)),
    ):
        if len(rows):
            columns[ROW] = columns.get(ROW, 0) + len(rows)
            place = int(np.argmin(known))
            first = _earlier(
                first,
                Moved(stage, before.table, ROW, _row(rows, key, place), int(known[place]), *words),
            )
    values = [name for name in ours.columns if name not in key]
    for name in values:
        if not len(ours):
            continue
        differs = different(ours[name], theirs[name])
        count = int(np.count_nonzero(differs))
        if not count:
            continue
        columns[name] = count
        places = np.flatnonzero(differs)
        place = int(places[np.argmin(since[places])])
        was, is_now = str(ours[name][place]), str(theirs[name][place])
        first = _earlier(
            first,
            Moved(stage, before.table, name, _row(ours, key, place), int(since[place]), was, is_now),
        )
    return Comparison(
        stage,
        before.table,
        checked=checked_rows + len(ours) * len(values),
        moved=sum(columns.values()),
        columns=columns,
        first=first,
    )


def _with_columns_of(frame: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """`frame` with nulls in the columns that `other` alone has, such as the scores of a fallback that one of
    the two runs did not need.
    """
    absent = [name for name in other.columns if name not in frame.columns]
    return frame.with_columns(pl.lit(None, dtype=other[name].dtype).alias(name) for name in absent)


def different(one: pl.Series, other: pl.Series) -> NDArray[np.bool_]:
    """(n,) true where two columns differ in a bit, or where one of them is null."""
    if one.dtype in {pl.Float32, pl.Float64} and one.dtype == other.dtype:
        nulls = one.is_null().to_numpy() != other.is_null().to_numpy()
        return np.asarray(nulls | (_bits(one) != _bits(other)))
    return np.asarray(one.ne_missing(other).to_numpy())


def _bits(column: pl.Series) -> NDArray[np.uint64]:
    """Every NaN counts as the same: which of them an operation gives is the processor's affair."""
    values = column.cast(pl.Float64).fill_null(0.0).to_numpy().copy()
    values[np.isnan(values)] = np.nan
    return values.view(np.uint64)


def _row(frame: pl.DataFrame, key: Sequence[str], place: int) -> dict[str, object]:
    return {name: frame[name][place] for name in key}


def _earlier(one: Moved | None, other: Moved) -> Moved:
    return one if one is not None and one.known_ns <= other.known_ns else other
