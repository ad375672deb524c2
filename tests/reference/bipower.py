"""Volatility that a single jump leaves alone: products of neighbouring mid changes, not squares."""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from itertools import pairwise

from .events import SECOND
from .exact import HALF_PI, Value, sqrt
from .state import State

BIPOWER = ("bv_30s", "bv_300s", "jump_share_300s")


def _changes(state: State, t: int, window_s: int) -> list[int]:
    """The sizes of the mid changes with time in the window, without sign, in units of 2^-40."""
    changes = state.mid_changes
    first = bisect_right(changes, t - window_s * SECOND, key=lambda change: change.ts)
    last = bisect_right(changes, t, key=lambda change: change.ts)
    return [abs(change.units) for change in changes[first:last]]


def _bipower(sizes: list[int]) -> Fraction:
    """In units of 2^-80."""
    return HALF_PI * sum(before * after for before, after in pairwise(sizes))


def bipower(state: State, t: int) -> tuple[dict[str, Value], dict[str, float]]:
    """The columns of the family at t, and what one 2^-40 of one mid change is worth in each."""
    columns: dict[str, Value] = {}
    one_unit: dict[str, float] = {}
    for window_s in (30, 300):
        sizes = _changes(state, t, window_s)
        value = sqrt(_bipower(sizes) / (1 << 80))
        columns[f"bv_{window_s}s"] = value
        # The sum is linear in each size: a unit of it is at most this share of the sum, and half of the root.
        one_unit[f"bv_{window_s}s"] = float(value) / min(sizes, default=1)
    sizes = _changes(state, t, 300)
    squares = sum(size * size for size in sizes)
    share = _bipower(sizes) / squares if squares else None
    columns["jump_share_300s"] = None if share is None else max(Fraction(0), 1 - share)
    one_unit["jump_share_300s"] = 0.0 if share is None else float(share) * 3 / min(sizes)
    return columns, one_unit
