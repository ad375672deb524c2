"""The rows of an experiment: keys, features, labels, and the blocks of them that a fit may see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.errors import DataError, UsageError, nearest
from atc.events.business_day import days_of
from atc.protocol.auxiliary import AuxiliaryLabels, AuxiliaryTargets
from atc.protocol.row_runs import Matrix, RowRuns, Rows, columns_of, places_of, rows_of

CHUNK_ROWS = 1 << 18
"""Rows that are looked at at once where what is made of them would need memory of all rows' length."""
KEY_COLUMNS = ("symbol", "ts_recv", "ev_seq", "ts_close")

Labels = NDArray[np.floating[Any]]
"""(n, heads) NaN for null: codes of classes as float32, which holds them exactly, returns as float64."""


@dataclass(frozen=True)
class Block:
    """What a fit sees of a set of rows: inputs and targets; no keys, no times, no other rows' labels."""

    x: Matrix
    """(n, k) float32, NaN for null; a matrix, or runs of rows of one."""
    y: Labels
    """(n, heads)."""
    features: tuple[str, ...]
    """Names of the k columns, in order."""
    weights: NDArray[np.float64] | None = None
    """(n,), or (n, heads) one for each label of a row: positive sample weights; None: all equal."""
    heads: tuple[str, ...] = ("",)
    """Names of the columns of y; empty for the only one."""
    classes: tuple[str, ...] = ("0", "1")
    """Names of the classes by the code that y holds, the same for every head."""
    auxiliary: AuxiliaryTargets | None = None
    """Further targets that train and judge nothing; of training rows alone."""

    def __post_init__(self) -> None:
        _check_matrix(self.x, self.features)
        if self.y.shape != (len(self.x), len(self.heads)):
            expected = f"({len(self.x)}, {len(self.heads)})"
            raise ValueError(f"y has shape {self.y.shape}, {expected} was expected")
        if self.weights is not None and self.weights.shape not in {(len(self.x),), self.y.shape}:
            raise ValueError(
                f"weights have shape {self.weights.shape}, ({len(self.x)},) or {self.y.shape} was expected"
            )
        if self.auxiliary is not None and len(self.auxiliary.y) != len(self.x):
            raise ValueError(f"auxiliary targets have {len(self.auxiliary.y)} rows, x has {len(self.x)}")

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.x)

    def select(self, features: Sequence[str]) -> Block:
        """The same rows with `features` in that order, read where they lie."""
        if tuple(features) == self.features:
            return self
        chosen = _positions(self.features, features)
        return replace(self, x=columns_of(self.x, chosen), features=tuple(features))


@dataclass(frozen=True)
class Dataset:
    """Rows in key order with everything that is known of them; the holdout's among them, so no fit takes
    one.
    """

    keys: pl.DataFrame
    """`symbol` str, `ts_recv` i64 ns, `ev_seq` u64, `ts_close` i64 ns."""
    x: Matrix
    """(n, k) float32, NaN for null; may be memory-mapped; where sequences are read, the last rows of their
    windows."""
    features: tuple[str, ...]
    y: Labels
    """(n, heads); NaN for null."""
    r_bps: NDArray[np.float64]
    """(n, heads) return that the label of the head is made of, bps; NaN for null."""
    t0: NDArray[np.int64]
    """(n,) ns: the labels' first instant."""
    t1: NDArray[np.int64]
    """(n, heads) ns: their last instants, included."""
    heads: tuple[str, ...] = ("",)
    """Names of the heads, suffixes of columns and keys: a horizon such as `300s`; empty for the only one."""
    classes: tuple[str, ...] = ("0", "1")
    """Names of the classes of every head, by the code that y holds."""
    spread_bps: NDArray[np.float64] | None = None
    """(n,) in force at the row, NaN for null; for labels whose threshold is one."""
    null_cause: NDArray[np.uint8] | None = None
    """(n, heads) why y is null: 0, or the place in `atc.labels.definitions.nulls_of`, from 1 on."""
    day_cut_utc_s: int = 0
    """When a business day begins, s after 00:00 UTC."""
    tz_offset_s: int = 0
    """What local time, which names it, is ahead of UTC, s."""
    auxiliary: AuxiliaryLabels | None = None
    """Labels of further horizons, which may train and judge nothing."""

    def __post_init__(self) -> None:
        _check_matrix(self.x, self.features)
        missing = [name for name in KEY_COLUMNS if name not in self.keys.columns]
        if missing:
            raise ValueError(f"keys lack {', '.join(missing)}; they have {', '.join(self.keys.columns)}")
        n = len(self.x)
        for name, table in (("y", self.y), ("r_bps", self.r_bps), ("t1", self.t1)):
            if table.shape != (n, len(self.heads)):
                raise ValueError(
                    f"{name} has shape {table.shape}, ({n}, {len(self.heads)}) was expected: {n} rows of the "
                    f"heads {', '.join(map(repr, self.heads))}"
                )
        columns: dict[str, pl.DataFrame | NDArray[Any]] = {"keys": self.keys, "t0": self.t0}
        if self.spread_bps is not None:
            columns["spread_bps"] = self.spread_bps
        if self.null_cause is not None:
            columns["null_cause"] = self.null_cause
        if self.auxiliary is not None:
            columns["auxiliary"] = self.auxiliary.y
        for name, column in columns.items():
            if len(column) != n:
                raise ValueError(f"{name} has {len(column)} rows, x has {n}")

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.x)

    @property
    def days(self) -> NDArray[np.datetime64]:
        """(n,) business day of t0, unit D; made anew at each call."""
        return days_of(self.t0, self.day_cut_utc_s, self.tz_offset_s)

    def days_among(self, rows: Rows) -> int:
        """On how many business days the rows of these positions lie."""
        found: set[np.datetime64] = set()
        for start in range(0, len(rows), CHUNK_ROWS):
            t0 = self.t0[rows[start : start + CHUNK_ROWS]]
            found.update(np.unique(days_of(t0, self.day_cut_utc_s, self.tz_offset_s)))
        return len(found)

    @property
    def last_t1(self) -> NDArray[np.int64]:
        """(n,) ns: the last instant that any label of the row looks at, one that only trains included."""
        last = latest(self.t1)
        return last if self.auxiliary is None else np.maximum(last, latest(self.auxiliary.t1))

    def take(self, rows: Rows) -> Dataset:
        """The rows of these positions, in this order: views where they are one run, else copies of all but
        the ends of windows.
        """
        some = places_of(rows)
        return replace(
            self,
            keys=self.keys[some],
            x=self.x.rows(rows) if isinstance(self.x, RowRuns) else self.x[some],
            y=self.y[some],
            r_bps=self.r_bps[some],
            t0=self.t0[some],
            t1=self.t1[some],
            spread_bps=None if self.spread_bps is None else self.spread_bps[some],
            null_cause=None if self.null_cause is None else self.null_cause[some],
            auxiliary=None if self.auxiliary is None else self.auxiliary.take(some),
        )

    def select(self, features: Sequence[str]) -> Dataset:
        """The same rows with `features` in that order, read where they lie."""
        if tuple(features) == self.features:
            return self
        chosen = _positions(self.features, features)
        return replace(self, x=columns_of(self.x, chosen), features=tuple(features))

    def block(self, rows: Rows) -> Block:
        """What a fit may see of these rows. Inputs are read where they lie; labels are copied, so that no
        array leads back to the other rows' labels. Those that only train are not among them: rows that select
        have none, `training_rows` gives them to those that train.
        """
        return Block(
            x=rows_of(self.x, rows),
            y=self.y[rows],
            features=self.features,
            heads=self.heads,
            classes=self.classes,
        )


def labelled(y: Labels) -> NDArray[np.bool_]:
    """(n,) true where at least one head of `y` (n,) or (n, heads) is not null."""
    return np.asarray(~np.isnan(y if y.ndim == 2 else y[:, None]).all(axis=1))


def latest(t1: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) the latest of `t1` (n, heads), ns: a row is purged for the label of it that looks furthest."""
    return t1[:, 0] if t1.shape[1] == 1 else np.asarray(t1.max(axis=1))


def require_two_classes(y: Labels, part: str) -> None:
    """Raise DataError if the codes `y` (n,) of the rows called `part` are of one class only."""
    if len(y) == 0 or bool(np.all(y == y[0])):
        raise DataError(
            f"{part}: all {len(y):,} labels are of class {int(y[0]) if len(y) else '(none)'}, at least two "
            "classes are needed; choose a longer window, another horizon or another threshold of the label"
        )


def _check_matrix(x: Matrix, features: Iterable[str]) -> None:
    names = tuple(features)
    if x.ndim != 2 or x.dtype != np.float32:
        raise ValueError(f"x is {x.dtype} of shape {x.shape}, a float32 matrix was expected")
    if x.shape[1] != len(names):
        raise ValueError(f"x has {x.shape[1]} columns, {len(names)} features are named")
    if len(set(names)) != len(names):
        raise ValueError(f"a feature is named twice: {', '.join(names)}")


def _positions(have: tuple[str, ...], want: Sequence[str]) -> Rows:
    position = {name: i for i, name in enumerate(have)}
    for name in want:
        if name not in position:
            raise UsageError(f"feature {name!r} is not in this dataset; {nearest(name, have)}")
    return np.array([position[name] for name in want], dtype=np.int64)
