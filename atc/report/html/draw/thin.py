"""Fewer points of a curve, such that it looks the same."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Places = NDArray[np.int64]


def keep_extremes(y: Vector, most: int) -> Places:
    """Places, ascending, of at most `most` (from 4 on) of the points `y` (n,), the first and the last among
    them, and of each stretch of equal count its least and its largest: no peak and no fall is lost.

    NaN: a stretch without a number keeps its first place, so that a gap stays one.
    """
    n = len(y)
    if n <= most:
        return np.arange(n, dtype=np.int64)
    stretches = max((most - 2) // 2, 1)
    edges = np.linspace(0, n, stretches + 1).astype(np.int64)
    chosen = {0, n - 1}
    for begin, end in pairwise(edges):
        part = y[begin:end]
        if np.isnan(part).all():
            chosen.add(int(begin))
        else:
            chosen |= {int(begin + np.nanargmin(part)), int(begin + np.nanargmax(part))}
    return np.array(sorted(chosen), dtype=np.int64)


def along(x: Vector, y: Vector, most: int) -> Places:
    """Places, ascending, of at most `most` points of a curve that only rises or only falls, in the unit
    square: evenly by the way along it, the first and the last among them.
    """
    n = len(x)
    if n <= most:
        return np.arange(n, dtype=np.int64)
    way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    places = np.searchsorted(way, np.linspace(0.0, way[-1], most))
    return np.unique(np.concatenate([[0], np.minimum(places, n - 1), [n - 1]])).astype(np.int64)[: most + 2]


def evenly(n: int, most: int) -> Places:
    """At most `most` of `n` places, evenly spread, the first and the last among them."""
    if n <= most:
        return np.arange(n, dtype=np.int64)
    return np.unique(np.linspace(0, n - 1, most).round().astype(np.int64))
