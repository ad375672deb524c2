"""Labels that overlap (SPEC 5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Instants = NDArray[np.int64]


CHUNK_ROWS = 1 << 18
"""Rows that are compared at once: no copy of all their times is made."""


def overlaps_any(
    t0: Instants,
    t1: Instants,
    other_t0: Instants,
    other_t1: Instants,
    *,
    rows: NDArray[np.int64] | None = None,
) -> NDArray[np.bool_]:
    """(n,) true where the closed interval [t0, t1] shares an instant with any [other_t0, other_t1]; all ns.
    `rows`: positions (n,) of those that are asked about; None: all.

    Intervals are closed because a label reads the mid at both of its ends. Symbols are not told apart: two
    symbols move together, so a label of one says something about the other's. O((n + m) log m).
    """
    found = np.zeros(len(t0) if rows is None else len(rows), dtype=np.bool_)
    if len(other_t0) == 0:
        return found
    starts, ends = other_t0, other_t1
    if not bool(np.all(starts[1:] >= starts[:-1])):
        order = np.argsort(other_t0, kind="stable")
        starts, ends = other_t0[order], other_t1[order]
    # The latest end among the intervals that begin no later: one of them overlaps iff that end reaches t0.
    latest_end = np.maximum.accumulate(ends)
    for start in range(0, len(found), CHUNK_ROWS):
        here = slice(start, start + CHUNK_ROWS)
        some = here if rows is None else rows[here]
        begun = np.searchsorted(starts, t1[some], side="right")
        found[here] = (begun > 0) & (latest_end[np.maximum(begun - 1, 0)] >= t0[some])
    return found


def embargoed(t0: Instants, test_t1: Instants, embargo_ns: int) -> NDArray[np.bool_]:
    """(n,) true where a row at `t0` comes after the end of a test label, by at most `embargo_ns`.

    Such a row's features look back to t0 − `embargo_ns` (at least `max_lookback`), into what the label
    looked at. The row itself need not overlap any label, so the purge does not see it. All ns.
    """
    if len(test_t1) == 0 or embargo_ns <= 0:
        return np.zeros(len(t0), dtype=np.bool_)
    ends = np.sort(test_t1)
    # The latest end before t0 is the nearest one.
    before = np.searchsorted(ends, t0, side="left")
    return (before > 0) & (t0 - ends[np.maximum(before - 1, 0)] <= embargo_ns)
