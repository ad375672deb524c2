"""A peer's values against ATC's: nobody is timed who computes something else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

F32 = np.ndarray[Any, np.dtype[np.float32]]
F64 = np.ndarray[Any, np.dtype[np.float64]]

RELATIVE = 2e-4
"""ATC's sums are exact, a peer's are running sums of floats, whose last digits a quiet window sees."""
ABSOLUTE = {"rv": 1e-9, "default": 2e-5}
"""Of the value itself; `rv` columns are near 1e-5 themselves."""
CRUMBS = 2e-4
"""Share of a z-score's rows that may be null on one side alone: exact zero variance is a crumb in floats."""


class PeerDisagrees(AssertionError):
    """A peer's values are not ATC's."""


def check(peer: str, ours: pa.RecordBatch, theirs: dict[str, F32]) -> dict[str, float]:
    """The largest difference of each column, in units of its tolerance; raises PeerDisagrees above 1."""
    return {
        name: _check_column(f"{peer}: {name}", name, _floats(ours, name), found)
        for name, found in theirs.items()
    }


def _floats(batch: pa.RecordBatch, name: str) -> F32:
    values = batch.column(name).fill_null(float("nan")).to_numpy(zero_copy_only=False)
    return values.astype(np.float32)


def _check_column(where: str, name: str, ours: F32, theirs: F32) -> float:
    absolute = ABSOLUTE["rv" if "rv_" in name and "_z_" not in name else "default"]
    return check_values(where, ours, theirs, absolute, CRUMBS if "_z_" in name else 0.0)


def check_values(
    where: str, ours: F32 | F64, theirs: F32 | F64, absolute: float = ABSOLUTE["default"], crumbs: float = 0.0
) -> float:
    """The largest difference in units of its tolerance; raises PeerDisagrees above 1, and if more than the
    share `crumbs` of the values is NaN on one side alone.
    """
    if len(ours) != len(theirs):
        raise PeerDisagrees(f"{where}: {len(theirs):,} rows, ATC has {len(ours):,}")
    null, other_null = np.isnan(ours), np.isnan(theirs)
    apart = np.flatnonzero(null != other_null)
    if len(apart) > crumbs * len(ours):
        at = int(apart[0])
        raise PeerDisagrees(
            f"{where}: null in {len(apart):,} of {len(ours):,} rows on one side alone, first row {at}: "
            f"{theirs[at]}, ATC {ours[at]}"
        )
    both = ~null & ~other_null
    if not both.any():
        return 0.0
    excess = np.abs(ours[both] - theirs[both]) / (absolute + RELATIVE * np.abs(ours[both]))
    worst = int(np.argmax(excess))
    if excess[worst] > 1:
        at = int(np.flatnonzero(both)[worst])
        raise PeerDisagrees(
            f"{where}: row {at} is {theirs[at]!r}, ATC {ours[at]!r}; {int((excess > 1).sum()):,} of "
            f"{int(both.sum()):,} values are off by more than {RELATIVE} of their size and {absolute}"
        )
    return float(excess[worst])
