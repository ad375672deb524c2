"""The screamer peer: where a window of rows is a window of time.

screamer's windows count values. On rows of whole seconds (`sampling=clock_1s`) without nulls the last 300 rows
are the last 300 s, so its operators give the columns of ATC's row statistics. It is handed the inputs of the
operator as an array; beside it stand ATC's own structures on the same input, not the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import screamer
from features_compare import F32

FLOATS = np.ndarray


@dataclass(frozen=True)
class Operator:
    """A column of ATC, its input column, and how screamer computes it."""

    column: str
    input: str
    rows: int
    kind: str
    """`z` or `robust`."""
    compute: Callable[[FLOATS], FLOATS]


def _z(rows: int) -> Callable[[FLOATS], FLOATS]:
    return lambda x: screamer.RollingZscore(rows)(x)


def _robust(rows: int) -> Callable[[FLOATS], FLOATS]:
    def compute(x: FLOATS) -> FLOATS:
        median, mad = screamer.RollingMedian(rows)(x), screamer.RollingMedianAD(rows)(x)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(mad > 0, (x - median) / (1.4826 * mad), np.nan)

    return compute


OPERATORS = (
    *(
        Operator(f"{name}_z_300s", name, 300, "z", _z(300))
        for name in ("spread_bps", "ob_imbalance_top1", "ob_imbalance_top5", "tk_spread_bps", "logret_1s")
    ),
    Operator("rv_30s_z_1800s", "rv_30s", 1_800, "z", _z(1_800)),
    Operator("trade_vol_1s_robust_1800s", "trade_vol_1s", 1_800, "robust", _robust(1_800)),
)
