"""Solvers of linear models: one objective, given by value, gradient and Hessian at a point.

`newton` goes to the optimum; `sgd` and `adam` are the plan's schedule of epochs, by the optimiser that they
are named after. The gradient at the end says whether the optimum was reached, whoever went there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from atc.config.model import Linear
from atc.models.standardise import Vector

START_ROWS = 500_000
"""Of a sample whose optimum `newton` begins with where there are four times as many rows."""

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
    def complete(self) -> bool:
        """Whether every class has rows."""
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


def weights_of(weights: Vector | None, rows: slice, n_rows: int) -> Vector:
    """The weights of some of `n_rows` rows; the same share for each where there are none."""
    return np.full(rows.stop - rows.start, 1.0 / n_rows) if weights is None else weights[rows]


def shares_of(weights: Vector | None, rows: NDArray[np.int64]) -> Vector | None:
    """The weights of some of the rows, of sum 1."""
    if weights is None:
        return None
    chosen = weights[rows]
    return np.asarray(chosen / chosen.sum())


def newton(problem: Problem, seed: int, watch: Watch) -> tuple[Vector, Objective, int]:
    """Full-batch Newton with step halving, from the base rates. One pass over the rows an iteration.

    Of many rows it begins at the optimum of every so-manieth one, which is nearer than the base rates by all
    but the last steps.
    """
    del seed  # nothing is drawn
    config = problem.config
    free, theta = problem.free, _begin(problem)
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


def _begin(problem: Problem) -> Vector:
    n = problem.n_rows
    if n < 4 * START_ROWS:
        return problem.start
    sample = problem.batch(np.arange(0, n, n // START_ROWS, dtype=np.int64))
    if not sample.complete:
        return problem.start  # a class so rare that the sample lacks it would be sent to infinity
    theta, end, _ = newton(sample, 0, lambda *_: None)
    return theta if float(np.max(np.abs(end.gradient))) <= problem.config.tol else problem.start


def sgd(problem: Problem, seed: int, watch: Watch) -> tuple[Vector, Objective, int]:
    """Plain stochastic gradient descent over shuffled batches, from zero, at a constant rate."""
    rate = problem.config.learning_rate
    return _epochs(problem, seed, watch, lambda slope, _: rate * slope)


def adam(problem: Problem, seed: int, watch: Watch) -> tuple[Vector, Objective, int]:
    """Adam (Kingma and Ba, 2015) over shuffled batches, from zero, at a constant rate."""
    size = len(problem.free)
    first, second = np.zeros(size), np.zeros(size)

    def move(slope: Vector, updates: int) -> Vector:
        first[:] = _ADAM_BETA1 * first + (1 - _ADAM_BETA1) * slope
        second[:] = _ADAM_BETA2 * second + (1 - _ADAM_BETA2) * slope**2
        rate = problem.config.learning_rate / (1 - _ADAM_BETA1**updates)
        return np.asarray(rate * first / (np.sqrt(second / (1 - _ADAM_BETA2**updates)) + _ADAM_EPSILON))

    return _epochs(problem, seed, watch, move)


def _epochs(
    problem: Problem, seed: int, watch: Watch, move: Callable[[Vector, int], Vector]
) -> tuple[Vector, Objective, int]:
    """The plan's epochs: `move` makes the step of a gradient and the number of the update, from 1 on."""
    config = problem.config
    rng = np.random.default_rng(seed)
    n = problem.n_rows
    theta = np.zeros(len(problem.free))
    updates = 0
    for epoch in range(1, config.epochs + 1):
        order = rng.permutation(n)
        for start in range(0, n, config.batch_size):
            # Sorted, the same batch is read from the matrix in one direction.
            rows = np.sort(order[start : start + config.batch_size])
            updates += 1
            theta = theta - move(problem.batch(rows).at(theta, curvature=False).gradient, updates)
        watch(theta, epoch, config.epochs)
    return theta, problem.at(theta, curvature=False), config.epochs


SOLVERS: dict[str, Callable[[Problem, int, Watch], tuple[Vector, Objective, int]]] = {
    "newton": newton,
    "adam": adam,
    "sgd": sgd,
}
"""As configs name them."""
