"""How far an input's distribution in the holdout is from training's, beside what sampling alone makes of it.

The population stability index (PSI) of shares p and q of the same bins is Σ (p − q)·ln(p/q). Rows of
neighbouring time are nearly copies, so the usual (bins − 1)·(1/n + 1/m) of independent rows (Yurdakul and
Naranjo, Journal of Risk Model Validation 2020) is far too small here: what varies independently are
stretches of time. The covariances of p and q are those of 20 contiguous stretches of each side; the error of
the PSI follows by the delta method, and what it would be without any drift as the weighted χ² of Rao and
Scott (JASA 1981), approximated by one χ² with the same mean and variance (Satterthwaite).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10
"""Of equal count in training; nulls are a further one."""
STRETCHES = 20
"""Of equal count and whole in time, on each side. Longer than a bootstrap's blocks, since inputs hang
together for longer than labels do.
"""
_NORMAL_95 = 1.6448536269514722

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Stability:
    """One input."""

    psi: float
    se: float | None
    """Standard error of `psi`; None with fewer rows than stretches."""
    chance: float | None
    """What the PSI stays below in 95 % of cases where nothing has changed."""


def stability(train: NDArray[np.floating], holdout: NDArray[np.floating]) -> Stability:
    """Training values (n,) against holdout values (m,), each in order of time, NaN for null; n, m ≥ 1.

    Half a row is added to each bin, so that an empty one leaves the PSI finite.
    """
    edges = _edges(train)
    members = [_bins(side, edges) for side in (train, holdout)]
    bins = len(edges) + 2
    p, q = ((np.bincount(member, minlength=bins) + 0.5) / (len(member) + 0.5 * bins) for member in members)
    used = sum(np.bincount(member, minlength=bins) for member in members) > 0
    psi = float(np.sum(((p - q) * np.log(p / q))[used]))
    if min(len(train), len(holdout)) < STRETCHES:
        return Stability(psi, None, None)
    ratio = np.log(p / q)
    slopes = (ratio + 1 - q / p, -ratio + 1 - p / q)
    own = [_deviations(member, bins) for member in members]
    variance = sum(float(np.sum((one @ slope) ** 2)) for one, slope in zip(own, slopes, strict=True))
    return Stability(psi, float(np.sqrt(variance)), _chance(own, np.sqrt(p * q)))


def _edges(train: NDArray[np.floating]) -> Vector:
    """Inner edges of the bins: deciles of training, equal ones once."""
    known = train[~np.isnan(train)].astype(np.float64)
    if not len(known):
        return np.zeros(0)
    return np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="inverted_cdf"))


def _bins(values: NDArray[np.floating], edges: Vector) -> NDArray[np.int64]:
    """The bin (n,) of each value; nulls are in the last one. A value at an edge is below it."""
    found = np.searchsorted(edges, values.astype(np.float64), side="left")
    return np.where(np.isnan(values), len(edges) + 1, found).astype(np.int64)


def _deviations(member: NDArray[np.int64], bins: int) -> Vector:
    """(stretches, bins) whose products, summed over stretches, are the covariance of the shares."""
    n = len(member)
    stretch = np.arange(n) * STRETCHES // n
    counts = np.bincount(stretch * bins + member, minlength=STRETCHES * bins).reshape(STRETCHES, bins)
    share = counts.sum(axis=0) / n
    rows = counts.sum(axis=1, keepdims=True)
    return np.asarray((counts - rows * share) / n * np.sqrt(STRETCHES / (STRETCHES - 1)))


def _chance(own: list[Vector], scale: Vector) -> float | None:
    """The 95 % point of Σ (p − q)²/π without drift, whose covariance both sides' stretches tell."""
    weighted = np.concatenate(own) / np.sqrt(scale)
    products = weighted @ weighted.T  # the same non-zero eigenvalues as the covariance
    mean, square = float(np.trace(products)), float(np.sum(products**2))
    if mean == 0:
        return 0.0
    degrees = mean**2 / square
    # Wilson and Hilferty (1931).
    cube = 1 - 2 / (9 * degrees) + _NORMAL_95 * np.sqrt(2 / (9 * degrees))
    return float(mean * max(cube, 0.0) ** 3)
