"""Logistic regression: mean log loss + λ/2·‖w‖², bias excluded, on standardised inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from atc.config.model import Linear
from atc.models.base import Scores
from atc.models.linear import LinearClassifier
from atc.models.ranking import auc
from atc.models.row_chunks import add_gram, column_sums, room_of, summed
from atc.models.solvers import Objective, shares_of, weights_of
from atc.models.standardise import Standardiser, Vector
from atc.protocol.dataset import Block, Labels
from atc.protocol.row_runs import Matrix


@dataclass(frozen=True)
class _Problem:
    """What is minimised."""

    config: Linear
    standardiser: Standardiser
    x: Matrix
    y: Labels
    weights: Vector | None
    """(n,), of sum 1; None: all the same."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def free(self) -> NDArray[np.bool_]:
        """(k + 1,) all but the weights of columns that carry nothing."""
        return np.append(self.standardiser.active, True)

    @property
    def complete(self) -> bool:
        """Whether both classes have rows."""
        return 0.0 < self._base < 1.0

    @property
    def _base(self) -> float:
        # In float64: float32 counts to 16.7 million.
        mean = np.mean(self.y, dtype=np.float64) if self.weights is None else np.sum(self.weights * self.y)
        return float(mean)

    @property
    def start(self) -> Vector:
        """(k + 1,) the bias of the base rate."""
        theta = np.zeros(self.x.shape[1] + 1)
        base = self._base
        theta[-1] = np.log(base / (1.0 - base))
        return theta

    def at(self, theta: Vector, *, curvature: bool) -> Objective:
        """The objective at `theta` (k + 1,), the bias last, in one pass over the rows."""
        k = self.x.shape[1]

        def work(rows: slice) -> tuple[Vector, ...]:
            value, gradient = np.zeros(()), np.zeros(k + 1)
            hessian = np.zeros((k + 1, k + 1) if curvature else (0, 0))
            room = room_of(rows, k)
            for chunk, z in self.standardiser.chunks(self.x, rows):
                y, weights = self.y[chunk], weights_of(self.weights, chunk, self.n_rows)
                margin = np.einsum("ij,j->i", z, theta[:-1]) + theta[-1]
                # Of the smaller of both odds, which cannot overflow.
                odds = np.exp(-np.abs(margin))
                p = np.where(margin >= 0.0, 1.0, odds) / (1.0 + odds)
                value += np.sum(weights * (np.maximum(margin, 0.0) + np.log1p(odds) - y * margin))
                error = weights * (p - y)
                gradient[:-1] += column_sums(z, error)
                gradient[-1] += error.sum()
                if curvature:
                    add_gram(hessian, z, weights * (odds / (1.0 + odds) ** 2), room[: len(z)])
            return value, gradient, hessian

        value, gradient, hessian = summed(self.n_rows, work)
        penalised = np.append(theta[:-1], 0.0)
        if curvature:
            hessian[np.arange(k), np.arange(k)] += self.config.l2
        return Objective(
            float(value) + 0.5 * self.config.l2 * float(np.sum(penalised**2)),
            gradient + self.config.l2 * penalised,
            hessian if curvature else None,
        )

    def batch(self, rows: NDArray[np.int64]) -> _Problem:
        """The same problem on some of the rows, as if they were all."""
        return _Problem(
            self.config, self.standardiser, self.x[rows], self.y[rows], shares_of(self.weights, rows)
        )


class LogisticModel(LinearClassifier):
    """P(y = 1); one score column, `p`."""

    kind: ClassVar[str] = "logistic"
    file_format: ClassVar[str] = "atc-logistic-1"
    formula: ClassVar[str] = (
        "p = 1/(1 + exp(-(bias + sum(weight * clip((x - mean)/std, -clip, clip))))); "
        "null x and columns of std 0 count 0"
    )
    no_optimum: ClassVar[str] = "with model.l2=0 separable classes have no optimum"

    def _problem(
        self, standardiser: Standardiser, train: Block, codes: Labels, weights: Vector | None
    ) -> _Problem:
        return _Problem(self._config, standardiser, train.x, codes, weights)

    @staticmethod
    def _scores(margins: NDArray[np.float64]) -> Scores:
        return _sigmoid(margins)

    @staticmethod
    def _watched(margins: NDArray[np.float64], codes: Labels) -> dict[str, float]:
        margin = margins[:, 0]
        figures = {"log_loss": float(np.mean(np.logaddexp(0.0, margin) - codes * margin))}
        area = auc(codes == 1.0, margin)
        return figures if area is None else {**figures, "auc": area}


def _sigmoid(margin: NDArray[np.float64]) -> NDArray[np.float64]:
    small = np.exp(-np.abs(margin))
    return np.where(margin >= 0, 1.0, small) / (1.0 + small)
