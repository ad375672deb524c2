"""The screamer peer: where a window of rows is a window of time.

screamer's windows count values, ATC's are times. On inputs one second apart the last 300 values are those of
the last 300 s, so both compute the same. Each is handed an array: ATC's structures stand beside screamer's
operators, not the engine. z-scores are of columns of a row a second, order statistics of the sizes of taker
groups as if one came every second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import screamer
from features_compare import F64, check_values
from features_day import fastest
from features_table import FeatureTable

from atc import _rust

SECOND = 1_000_000_000


@dataclass(frozen=True)
class Operator:
    """A row statistic of ATC and how screamer computes it."""

    statistic: str
    """As `measure_window` calls it."""
    input: str
    rows: int
    compute: Callable[[F64], F64]
    name: str
    """Of screamer's operators."""


def _z(rows: int) -> Callable[[F64], F64]:
    return lambda x: screamer.RollingZscore(rows)(x)  # noqa: PLW0108  # a new operator knows nothing yet


def _robust(rows: int) -> Callable[[F64], F64]:
    def compute(x: F64) -> F64:
        median, mad = screamer.RollingMedian(rows)(x), screamer.RollingMedianAD(rows)(x)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(mad > 0, (x - median) / (1.4826 * mad), np.nan)

    return compute


def _p95(rows: int) -> Callable[[F64], F64]:
    return lambda x: screamer.RollingQuantile(rows, 0.95)(x)  # noqa: PLW0108


OPERATORS = (
    Operator("z", "spread_bps", 300, _z(300), "RollingZscore"),
    Operator("z", "rv_30s", 1_800, _z(1_800), "RollingZscore"),
    Operator("robust", "group size", 300, _robust(300), "RollingMedian, RollingMedianAD"),
    Operator("p95", "group size", 1_801, _p95(1_801), "RollingQuantile"),
)
"""Of 1,801 values the interpolated 95 % quantile is a value: the nearest rank."""


def compare(table: FeatureTable, seconds: pa.RecordBatch, sizes: F64, runs: int) -> None:
    """`seconds`: rows of whole seconds; `sizes`: of taker groups, lots. One thread, CPU time a value."""
    for operator in OPERATORS:
        if operator.input == "group size":
            x = sizes
        else:
            column = seconds.column(operator.input).cast(pa.float64())
            x = column.drop_null().to_numpy()
        rows = pa.record_batch({"t": np.arange(len(x)) * SECOND, "x": x})
        window = operator.rows * SECOND

        def ours(operator: Operator = operator, rows: pa.RecordBatch = rows, window: int = window) -> F64:
            return _rust.measure_window(operator.statistic, rows, window, operator.rows)["value"].to_numpy()

        check_values(f"screamer: {operator.name} of {operator.input}", ours(), operator.compute(x))
        atc = fastest(ours, runs)
        theirs = fastest(lambda operator=operator, x=x: operator.compute(x), runs)
        table.add(
            f"{operator.statistic} of the last {operator.rows} values, {operator.input}",
            1e9 * atc.cpu / len(x),
            "ns a value",
            against=f"screamer {operator.name}: {1e9 * theirs.cpu / len(x):,.0f} ns",
            ratio=theirs.cpu / atc.cpu,
        )
