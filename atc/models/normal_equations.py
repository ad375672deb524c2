"""Least squares from sums over the rows: second moments in one pass, and a solve that says what it stands on.

Inputs come standardised, and moments are taken about the means, so that no digits are lost to offsets or to
units of columns. What the sums cannot tell apart, collinear columns, shows as eigenvalues near 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.models.row_chunks import column_sums, gram, summed
from atc.models.standardise import Standardiser, Vector
from atc.protocol.dataset import Labels
from atc.protocol.row_runs import Matrix

RANK_TOLERANCE = 1e-12
"""Of the largest eigenvalue: smaller ones, the penalty included, are rounding of the sums and are not divided
by."""
COLLINEAR = 1e-8
"""Of the largest eigenvalue: in a direction with less, the columns are copies of each other up to about four
digits more than float32 has of a difference."""


@dataclass(frozen=True)
class Moments:
    """Weighted moments of standardised inputs (k,) and a target, about their means."""

    weight: float
    """Sum of the weights."""
    mean_inputs: Vector
    """(k,); near 0, and not 0: nulls count 0, and values are clipped."""
    mean_target: float
    inputs: NDArray[np.float64]
    """(k, k) Σ w (z − z̄)(z − z̄)ᵀ."""
    cross: Vector
    """(k,) Σ w (z − z̄)(y − ȳ)."""
    target: float
    """Σ w (y − ȳ)²."""


@dataclass(frozen=True)
class Solved:
    """Weights of the standardised inputs, and how far they can be trusted."""

    weights: Vector
    """(k,)."""
    bias: float
    rank: int
    """Directions of the inputs that were told apart."""
    condition: float | None
    """Largest by smallest eigenvalue of what was solved, with the penalty; None: not told from infinite."""
    condition_of_inputs: float | None
    """The same without the penalty."""
    collinear: tuple[int, ...]
    """Columns with a share in a direction of nearly no spread."""
    gradient_norm: float
    """Largest entry of the gradient of the mean squared error plus penalty, at the end."""
    r_squared: float
    """Share of the target's spread in the rows of the sums that is explained."""


def moments(standardiser: Standardiser, x: Matrix, y: Labels, weights: Vector | None) -> Moments:
    """The moments of the rows of `x` (n, k), `y` (n,) and `weights` (n,), positive; None: 1 for each."""
    n, k = len(y), x.shape[1]
    total = float(n if weights is None else np.sum(weights))
    centre = float(np.mean(y, dtype=np.float64) if weights is None else np.sum(weights * y) / total)

    def work(rows: slice) -> tuple[NDArray[np.float64], ...]:
        squares, sums, cross = np.zeros((k, k)), np.zeros(k), np.zeros(k)
        of_target = np.zeros(2)
        for chunk, z in standardiser.chunks(x, rows):
            target, root = np.asarray(y[chunk] - centre, dtype=np.float64), None
            if weights is not None:
                root = np.sqrt(weights[chunk])
                np.multiply(z, root[:, None], out=z)
                target *= root
            squares += gram(z)
            # The ones of the mean are weighted like the rest.
            ones = np.ones(len(z)) if root is None else root
            sums += column_sums(z, ones)
            cross += column_sums(z, target)
            of_target += ones @ target, target @ target
        return squares, sums, cross, of_target

    squares, sums, cross, of_target = summed(n, work)
    mean_inputs, mean_target = sums / total, float(of_target[0]) / total
    # The means are small beside the spread, so that these differences lose no digits.
    return Moments(
        weight=total,
        mean_inputs=mean_inputs,
        mean_target=centre + mean_target,
        inputs=squares - total * np.outer(mean_inputs, mean_inputs),
        cross=cross - total * mean_inputs * mean_target,
        target=float(of_target[1]) - total * mean_target**2,
    )


def solve(found: Moments, alpha: float, active: NDArray[np.bool_]) -> Solved:
    """The least of Σ w (y − b − z·v)² + α‖v‖², v of the `active` (k,) columns, 0 of the others.

    By the eigenvectors of the inputs' moments, with one step of refinement; directions that even the penalty
    does not lift above the rounding of the sums get no weight (the least-norm solution).
    """
    weights = np.zeros(len(active))
    if not active.any():
        return Solved(weights, found.mean_target, 0, None, None, (), 0.0, 0.0)
    inputs, cross = found.inputs[np.ix_(active, active)], found.cross[active]
    values, vectors = np.linalg.eigh(inputs)
    values = np.maximum(values, 0.0)
    largest = float(values[-1])
    lifted = values + alpha
    told = lifted > RANK_TOLERANCE * (largest + alpha)
    inverse = np.divide(1.0, lifted, out=np.zeros_like(lifted), where=told)

    def applied(right: Vector) -> Vector:
        return np.asarray(vectors @ (inverse * (vectors.T @ right)))

    own = applied(cross)
    own = own + applied(cross - inputs @ own - alpha * own)
    weights[active] = own
    gradient = inputs @ own + alpha * own - cross
    near = values <= COLLINEAR * largest
    shares = np.abs(vectors[:, near])
    involved = (shares > 0.1).any(axis=1)
    left = found.target - 2.0 * float(own @ cross) + float(own @ inputs @ own)
    return Solved(
        weights=weights,
        bias=found.mean_target - float(found.mean_inputs[active] @ own),
        rank=int(np.count_nonzero(values > RANK_TOLERANCE * largest)),
        condition=_ratio(lifted),
        condition_of_inputs=_ratio(values),
        collinear=tuple(np.flatnonzero(active)[involved].tolist()),
        gradient_norm=2.0 * float(np.max(np.abs(gradient))) / found.weight,
        r_squared=1.0 - left / found.target,
    )


def _ratio(ascending: Vector) -> float | None:
    smallest, largest = float(ascending[0]), float(ascending[-1])
    return largest / smallest if smallest > RANK_TOLERANCE * 1e-3 * largest else None
