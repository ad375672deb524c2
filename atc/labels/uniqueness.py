"""How much of a label is its own, where labels overlap in time (López de Prado, *Advances in Financial
Machine Learning*, 2018, chapter 4).

A row a trade and a horizon of minutes make hundreds of labels of the same future: they are not so many
witnesses. Where c labels run at once, each counts 1/c there; the average of that over a label's own time is
its average uniqueness, and the sum over all labels is how long the time is that they cover, in horizons.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK_ROWS = 1 << 18
"""Rows, or their ends, that are looked at at once."""

Instants = NDArray[np.int64]
Vector = NDArray[np.float64]


def average_uniqueness(t0: Instants, t1: Instants) -> Vector:
    """(n,) mean of 1/c over (t0, t1] of each label, where c is how many of them run; in (0, 1].

    `t0` < `t1` (n,), ns. The mean is over time, not over rows as in the book, whose bars are evenly spaced.
    O(n log n).
    """
    if bool(np.any(t1 <= t0)):
        row = int(np.argmax(t1 <= t0))
        raise ValueError(f"row {row}: the label ends at {t1[row]}, it begins at {t0[row]}")
    if len(t0) == 0:
        return np.empty(0)
    edges = np.concatenate([t0, t1])
    # Rows come in the order of time, so these are two sorted runs, which a stable sort only merges.
    edges.sort(kind="stable")
    edges = edges[np.append(True, edges[1:] != edges[:-1])]  # the first is always new
    shared = _shared_out(edges, _in_order(t0), _in_order(t1))
    found = np.empty(len(t0))
    for start in range(0, len(t0), CHUNK_ROWS):
        here = slice(start, start + CHUNK_ROWS)
        begin, end = np.searchsorted(edges, t0[here]), np.searchsorted(edges, t1[here])
        found[here] = (shared[end] - shared[begin]) / (t1[here] - t0[here])
    return found


def _in_order(times: Instants) -> Instants:
    return times if bool(np.all(times[1:] >= times[:-1])) else np.sort(times)


def _shared_out(edges: Instants, begins: Instants, ends: Instants) -> Vector:
    """(edges,) the integral of 1/c from the first of `edges` to each; all three ascending, ns.

    In chunks, from edge to edge the same sums in the same order as in one go: what is made on the way would
    take more than what is found.
    """
    shared = np.zeros(len(edges))
    for start in range(0, len(edges) - 1, CHUNK_ROWS):
        here = edges[start : start + CHUNK_ROWS + 1]
        # How many labels have begun by each edge, and not ended.
        running = np.searchsorted(begins, here[:-1], side="right")
        running -= np.searchsorted(ends, here[:-1], side="right")
        # Where no label runs nothing is shared out, and no label reads it.
        share = np.divide(np.diff(here), running, out=np.zeros(len(running)), where=running > 0)
        share[0] += shared[start]
        np.cumsum(share, out=shared[start + 1 : start + 1 + len(share)])
    return shared


def uniqueness_weights(y: NDArray[np.floating[Any]], t0: Instants, t1: Instants) -> tuple[Vector, Vector]:
    """Weights (n, heads) of mean 1 over the rows that have a head's label, and how many labels of their own
    the rows of each head are worth, (heads,).

    `y` (n, heads), NaN for null, `t0` (n,) and `t1` (n, heads), ns: of the rows that are fitted, no others. A
    row without the label gets 1, which nobody reads.
    """
    weights, own = np.ones(y.shape), np.zeros(y.shape[1])
    for head in range(y.shape[1]):
        known = ~np.isnan(y[:, head])
        rows: slice | NDArray[np.bool_] = slice(None) if known.all() else known
        unique = average_uniqueness(t0[rows], t1[rows, head])
        if len(unique) == 0:
            continue
        own[head] = float(np.sum(unique))
        unique /= own[head] / len(unique)
        weights[rows, head] = unique
    return weights, own
