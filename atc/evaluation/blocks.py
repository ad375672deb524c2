"""The blocks of time that a bootstrap resamples, because neighbouring labels overlap (SPEC 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HOUR_NS = 3_600_000_000_000
DAYS_FOR_DAY_BLOCKS = 30
_SINGLE_SEARCH = 20
"""What a search alone costs, in searches of many at once."""


@dataclass(frozen=True)
class Blocks:
    """Which block each row is in."""

    index: NDArray[np.int64]
    """(n,) from 0 to `count` − 1, each of which has rows."""
    count: int
    length_ns: int | None
    """Length of a block; None for whole business days."""
    enough: bool
    """Whether there are as many as an interval needs."""

    @property
    def described(self) -> str:
        """Such as `360 blocks of 3600 s`."""
        if self.length_ns is None:
            return f"{self.count} business days"
        return f"{self.count} blocks of {self.length_ns / 1e9:g} s"


def blocks_of(
    t0: NDArray[np.int64], days: NDArray[np.datetime64], horizon_ns: int, *, min_blocks: int
) -> Blocks:
    """Blocks of rows with label starts `t0` (n,) ns, on business days `days` (n,).

    Whole business days from 30 on. Else max(1 h, 10 H); if that gives fewer than `min_blocks`, the length
    that gives that many of the rows' time, but no shorter than 2 H; if gaps leave too many of those empty,
    2 H. The last block takes the rest of the time, so that none is shorter. All symbols of an instant are
    in one block.
    """
    if len(t0) == 0:
        return Blocks(index=np.zeros(0, dtype=np.int64), count=0, length_ns=None, enough=False)
    distinct, index = numbered(days)
    if len(distinct) >= DAYS_FOR_DAY_BLOCKS:
        return Blocks(index, len(distinct), None, len(distinct) >= min_blocks)
    start, span = int(t0.min()), int(t0.max()) - int(t0.min()) + 1
    shortest = 2 * horizon_ns
    found: Blocks | None = None
    for length in (max(HOUR_NS, 10 * horizon_ns), max(shortest, span // min_blocks), shortest):
        last = max(span // length, 1) - 1
        used, index = numbered(np.minimum((t0 - start) // length, last))
        found = Blocks(index, len(used), length, len(used) >= min_blocks)
        if found.enough:
            break
    assert found is not None
    return found


def disjoint_rows(t0: NDArray[np.int64], t1: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of rows whose labels over [t0, t1] (n,) ns, both included as in the purge, do not overlap:
    the first row, then ever the next one that begins after the last one has ended.

    `t0` ascending.
    """
    if len(t0) == 0:
        return np.zeros(0, dtype=np.int64)
    most = int(t0[-1] - t0[0]) // max(int(np.min(t1 - t0)), 1) + 1
    # A search at once for every row costs about what one alone for a twentieth of them does.
    following = np.searchsorted(t0, t1, side="right") if _SINGLE_SEARCH * most > len(t0) else None
    chosen, row = [], 0
    while row < len(t0):
        chosen.append(row)
        row = int(np.searchsorted(t0, t1[row], side="right") if following is None else following[row])
    return np.array(chosen, dtype=np.int64)


def numbered(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The distinct `values` (n,), ascending, and the place of each value among them (n,); no sort where they
    ascend already.
    """
    if len(values) and bool(np.all(values[1:] >= values[:-1])):
        begins = np.ones(len(values), dtype=np.bool_)
        np.not_equal(values[1:], values[:-1], out=begins[1:])
        return values[begins], np.cumsum(begins) - 1
    distinct, index = np.unique(values, return_inverse=True)
    return distinct, index.astype(np.int64)


def disjoint_windows(t0: NDArray[np.int64], horizon_ns: int) -> int:
    """How many label windows that do not overlap the rows have room for: what they hold of independent
    evidence.
    """
    if len(t0) == 0:
        return 0
    return len(numbered((t0 - t0.min()) // horizon_ns)[0])


def chance_standard_error(windows: int, base_rate: float) -> float | None:
    """Standard error of the AUC of a worthless score on `windows` independent labels (Mann and Whitney 1947).

    √((n + 1)/(12·n₁·n₀)); for 288 windows of equal classes 0.034. None without both classes.
    """
    positives = windows * base_rate
    negatives = windows - positives
    if positives <= 0 or negatives <= 0:
        return None
    return float(np.sqrt((windows + 1) / (12 * positives * negatives)))


def auc_standard_error(windows: int, base_rate: float, area: float) -> float | None:
    """Standard error of an AUC whose true value is `area`, on `windows` independent labels (Hanley and
    McNeil 1982).

    None without both classes.
    """
    positives = windows * base_rate
    negatives = windows - positives
    if positives <= 0 or negatives <= 0:
        return None
    both_beaten = area / (2 - area)  # two positives above one negative
    beats_both = 2 * area**2 / (1 + area)  # one positive above two negatives
    pairs = area * (1 - area)
    pairs += max(positives - 1, 0) * (both_beaten - area**2) + max(negatives - 1, 0) * (beats_both - area**2)
    return float(np.sqrt(pairs / (positives * negatives)))
