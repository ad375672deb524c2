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
from atc.models.solvers import Objective, gram
from atc.models.standardise import Standardiser, Vector
from atc.protocol.dataset import Block
from atc.protocol.row_runs import Matrix


@dataclass(frozen=True)
class _Problem:
    """What is minimised."""

    config: Linear
    standardiser: Standardiser
    x: Matrix
    y: Vector
    weights: Vector
    """(n,), of sum 1."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def free(self) -> NDArray[np.bool_]:
        """(k + 1,) all but the weights of columns that carry nothing."""
        return np.append(self.standardiser.active, True)

    @property
    def start(self) -> Vector:
        """(k + 1,) the bias of the base rate."""
        theta = np.zeros(self.x.shape[1] + 1)
        base = float(np.sum(self.weights * self.y))
        theta[-1] = np.log(base / (1.0 - base))
        return theta

    def at(self, theta: Vector, *, curvature: bool) -> Objective:
        """The objective at `theta` (k + 1,), the bias last, in one pass over the rows."""
        k = self.x.shape[1]
        penalised = np.append(theta[:-1], 0.0)
        value = 0.5 * self.config.l2 * float(np.sum(penalised**2))
        gradient = self.config.l2 * penalised
        hessian = np.diag(np.append(np.full(k, self.config.l2), 0.0)) if curvature else None
        for rows, z in self.standardiser.chunks(self.x):
            y, weights = self.y[rows], self.weights[rows]
            a = np.concatenate([z, np.ones((len(z), 1))], axis=1)
            margin = np.einsum("ij,j->i", a, theta)
            p = _sigmoid(margin)
            value += float(np.sum(weights * (np.logaddexp(0.0, margin) - y * margin)))
            gradient += np.einsum("ij,i->j", a, weights * (p - y))
            if hessian is not None:
                hessian += gram(a, weights * p * (1.0 - p))
        return Objective(value, gradient, hessian)

    def batch(self, rows: NDArray[np.int64]) -> _Problem:
        """The same problem on some of the rows, as if they were all."""
        weights = self.weights[rows]
        return _Problem(self.config, self.standardiser, self.x[rows], self.y[rows], weights / weights.sum())


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
        self, standardiser: Standardiser, train: Block, codes: NDArray[np.float64], weights: Vector
    ) -> _Problem:
        return _Problem(self._config, standardiser, train.x, codes, weights)

    @staticmethod
    def _scores(margins: NDArray[np.float64]) -> Scores:
        return _sigmoid(margins)

    @staticmethod
    def _watched(margins: NDArray[np.float64], codes: NDArray[np.float64]) -> dict[str, float]:
        margin = margins[:, 0]
        figures = {"log_loss": float(np.mean(np.logaddexp(0.0, margin) - codes * margin))}
        area = auc(codes == 1.0, margin)
        return figures if area is None else {**figures, "auc": area}


def _sigmoid(margin: NDArray[np.float64]) -> NDArray[np.float64]:
    small = np.exp(-np.abs(margin))
    return np.where(margin >= 0, 1.0, small) / (1.0 + small)
