"""Solvers of linear models: one objective, given by value, gradient and Hessian at a point.

`newton` goes to the optimum and says whether it got there; `adam` is the plan's schedule of epochs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from atc.config.model import Linear
from atc.models.standardise import Vector

_GRAM_ROWS = 64

_ADAM_BETA1, _ADAM_BETA2, _ADAM_EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Objective:
    """The objective at one point, with as many derivatives as were asked for."""

    value: float
    gradient: Vector
    """(parameters,)."""
    hessian: NDArray[np.float64] | None
    """(parameters, parameters)."""


class Problem(Protocol):
    """What is minimised."""

    @property
    def config(self) -> Linear:
        """Of the model."""
        ...

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        ...

    @property
    def free(self) -> NDArray[np.bool_]:
        """(parameters,) those that the rows say something about."""
        ...

    @property
    def start(self) -> Vector:
        """(parameters,) those of the base rates."""
        ...

    def at(self, theta: Vector, *, curvature: bool) -> Objective:
        """The objective at `theta` (parameters,), in one pass over the rows."""
        ...

    def batch(self, rows: NDArray[np.int64]) -> Self:
        """The same problem on some of the rows, as if they were all."""
        ...


Watch = Callable[[Vector, int, int], None]
"""Of a solver: parameters, iterations done, iterations at most."""


def gram(a: NDArray[np.float64], weights: Vector) -> NDArray[np.float64]:
    """Σ weightᵢ aᵢaᵢᵀ, (k, k), the same to the last bit whatever the number of BLAS threads.

    Products of so few rows stay below the size from which a BLAS shares one out, and their sum is NumPy's.
    """
    n, k = a.shape
    whole = n - n % _GRAM_ROWS
    blocks = a[:whole].reshape(-1, _GRAM_ROWS, k)
    scaled = blocks * weights[:whole].reshape(-1, _GRAM_ROWS, 1)
    tail = (a[whole:] * weights[whole:, None]).T @ a[whole:]
    return np.asarray(np.matmul(scaled.transpose(0, 2, 1), blocks).sum(axis=0) + tail)


def newton(problem: Problem, seed: int, watch: Watch) -> tuple[Vector, Objective, int]:
    """Full-batch Newton with step halving, from the base rates. One pass over the rows an iteration."""
    del seed  # nothing is drawn
    config = problem.config
    free, theta = problem.free, problem.start
    here = problem.at(theta, curvature=True)
    step = 0
    while step < config.max_iter and float(np.max(np.abs(here.gradient))) > config.tol:
        assert here.hessian is not None
        direction = np.zeros_like(theta)
        # Least squares: collinear inputs (`ttc_sec_norm`, `biz_day_frac`) leave it singular when λ = 0.
        direction[free] = np.linalg.lstsq(here.hessian[np.ix_(free, free)], -here.gradient[free])[0]
        # Near the optimum a step changes the objective by less than its rounding.
        bound = here.value + 1e-12 * max(1.0, abs(here.value))
        length = 1.0
        there = problem.at(theta + direction, curvature=True)
        while not there.value <= bound and length > 1e-6:
            length *= 0.5
            there = problem.at(theta + length * direction, curvature=True)
        if not there.value <= bound:
            break  # no length of this direction is better: rounding rules here
        theta, here = theta + length * direction, there
        step += 1
        watch(theta, step, config.max_iter)
    return theta, here, step


def adam(problem: Problem, seed: int, watch: Watch) -> tuple[Vector, Objective, int]:
    """Adam over shuffled batches, from zero, at a constant rate: the plan's 40 epochs."""
    config = problem.config
    rng = np.random.default_rng(seed)
    n = problem.n_rows
    theta = np.zeros(len(problem.free))
    first, second = np.zeros_like(theta), np.zeros_like(theta)
    updates = 0
    for epoch in range(1, config.epochs + 1):
        order = rng.permutation(n)
        for start in range(0, n, config.batch_size):
            # Sorted, the same batch is read from the matrix in one direction.
            rows = np.sort(order[start : start + config.batch_size])
            slope = problem.batch(rows).at(theta, curvature=False).gradient
            updates += 1
            first = _ADAM_BETA1 * first + (1 - _ADAM_BETA1) * slope
            second = _ADAM_BETA2 * second + (1 - _ADAM_BETA2) * slope**2
            rate = config.learning_rate / (1 - _ADAM_BETA1**updates)
            theta = theta - rate * first / (np.sqrt(second / (1 - _ADAM_BETA2**updates)) + _ADAM_EPSILON)
        watch(theta, epoch, config.epochs)
    return theta, problem.at(theta, curvature=False), config.epochs
