"""Structures of the Numba peer: a sorted book side, sorted windows for order statistics, look-ups by pointer.

The book has few levels and the windows of order statistics hold some hundred values, so medians and their
deviations come from sorted arrays: an insertion moves less than a page, and every rank is one load. A single
quantile comes from a Fenwick tree over lots. Each was tried the other way and was slower.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

FAST = {"error_model": "numpy", "_nrt": False}
"""No Python errors of division; no reference counts of the day's arrays, which outlive the call."""


@njit(**FAST)
def set_level(px: NDArray[np.int64], qty: NDArray[np.int64], n: int, at_px: int, lots: int) -> int:
    """Sets a level of a side that is sorted with the best level last; the number of levels then."""
    at = n
    while at > 0 and px[at - 1] > at_px:
        at -= 1
    if at > 0 and px[at - 1] == at_px:
        if lots > 0:
            qty[at - 1] = lots
            return n
        for i in range(at, n):
            px[i - 1], qty[i - 1] = px[i], qty[i]
        return n - 1
    if lots == 0:
        return n
    for i in range(n, at, -1):
        px[i], qty[i] = px[i - 1], qty[i - 1]
    px[at], qty[at] = at_px, lots
    return n + 1


@njit(**FAST)
def depth(qty: NDArray[np.int64], n: int, first: int, last: int) -> int:
    """Lots on levels `first` to `last`, counted from 1 at the touch, as far as there are any."""
    total = 0
    for level in range(first, min(last, n) + 1):
        total += qty[n - level]
    return total


@njit(**FAST)
def imbalance(bid: int, ask: int) -> float:
    """(bid - ask)/(bid + ask), null without either."""
    return (bid - ask) / (bid + ask) if bid + ask > 0 else np.nan


@njit(**FAST)
def passed(times: NDArray[np.int64], at: int, end: int, limit: int) -> int:
    """The first index from `at` on, below `end`, whose time is later than `limit`."""
    while at < end and times[at] <= limit:
        at += 1
    return at


@njit(**FAST)
def _after(values: NDArray[np.int32], n: int, x: int) -> int:
    """The number of the `n` sorted values that are at most `x`."""
    low, high = 0, n
    while low < high:
        middle = (low + high) >> 1
        if values[middle] <= x:
            low = middle + 1
        else:
            high = middle
    return low


@njit(**FAST)
def insert(values: NDArray[np.int32], n: int, x: int) -> None:
    """Adds `x` to the `n` sorted values. Unsigned indices, or the shift is not vectorised."""
    at = _after(values, n, x)
    tail, k, one = values[at : n + 1], np.uint64(n - at), np.uint64(1)
    while k >= one:
        tail[k] = tail[k - one]
        k -= one
    values[at] = x


@njit(**FAST)
def remove(values: NDArray[np.int32], n: int, x: int) -> None:
    """Takes one `x` out of the `n` sorted values, the last of equal ones."""
    at = _after(values, n, x)
    tail, into = values[at:n], values[at - 1 : n]
    for k in range(np.uint64(n - at)):
        into[k] = tail[k]


@njit(**FAST)
def count(tree: NDArray[np.int32], x: int, change: int) -> None:
    """Adds `change` to the count of `x` in a Fenwick tree over 0 … its length - 2."""
    at = x + 1
    while at < len(tree):
        tree[at] += change
        at += at & -at


@njit(**FAST)
def smallest(tree: NDArray[np.int32], k: int) -> int:
    """The `k`-th smallest, from 0; the tree's length is a power of two and one."""
    at, step = 0, (len(tree) - 1) >> 1
    while step > 0:
        if tree[at + step] <= k:
            at += step
            k -= tree[at]
        step >>= 1
    return at


@njit(**FAST)
def _deviation(values: NDArray[np.int32], n: int, k: int, median: float) -> float:
    """The `k`-th smallest |value - median|, from 0: the k + 1 nearest values stand side by side."""
    low, high = 0, n - k - 1
    while low < high:
        middle = (low + high) // 2
        if median - values[middle] > values[middle + k + 1] - median:
            low = middle + 1
        else:
            high = middle
    return max(median - values[low], values[low + k] - median)


@njit(**FAST)
def robust(values: NDArray[np.int32], n: int, x: int, min_values: int) -> float:
    """(x - median)/(1.4826 MAD) of the `n` sorted values."""
    if n < min_values:
        return np.nan
    low, high = (n - 1) // 2, n // 2
    median = 0.5 * (values[low] + values[high])
    mad = 0.5 * (_deviation(values, n, low, median) + _deviation(values, n, high, median))
    return (x - median) / (1.4826 * mad) if mad > 0 else np.nan
