"""Softmax regression: mean log loss + λ/2·‖W‖², biases excluded, on standardised inputs.

Every class has weights of its own; the penalty makes them unique, and only a shift of all biases by the same
amount changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from atc.config.model import Linear
from atc.models.base import Scores
from atc.models.linear import LinearClassifier
from atc.models.solvers import Objective, gram
from atc.models.standardise import Standardiser, Vector
from atc.protocol.dataset import Block
from atc.protocol.row_runs import Matrix


@dataclass(frozen=True)
class _Problem:
    """What is minimised; parameters are `atc.models.linear.Weights` row by row."""

    config: Linear
    standardiser: Standardiser
    x: Matrix
    codes: NDArray[np.int64]
    classes: int
    weights: Vector
    """(n,), of sum 1."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.codes)

    @property
    def free(self) -> NDArray[np.bool_]:
        """(classes·(k + 1),) all but the weights of columns that carry nothing."""
        return np.tile(np.append(self.standardiser.active, True), self.classes)

    @property
    def start(self) -> Vector:
        """(classes·(k + 1),) the biases of the base rates; a class without rows begins at half a row."""
        theta = np.zeros((self.classes, self.x.shape[1] + 1))
        shares = np.bincount(self.codes, weights=self.weights, minlength=self.classes)
        theta[:, -1] = np.log(np.maximum(shares, 0.5 / self.n_rows))
        return theta.ravel()

    def at(self, theta: Vector, *, curvature: bool) -> Objective:
        """The objective at `theta`, in one pass over the rows."""
        width = self.x.shape[1] + 1
        of_class = theta.reshape(self.classes, width)
        penalised = of_class.copy()
        penalised[:, -1] = 0.0
        value = 0.5 * self.config.l2 * float(np.sum(penalised**2))
        gradient = self.config.l2 * penalised
        hessian = np.zeros((self.classes, width, self.classes, width)) if curvature else None
        for rows, z in self.standardiser.chunks(self.x):
            codes, weights = self.codes[rows], self.weights[rows]
            a = np.concatenate([z, np.ones((len(z), 1))], axis=1)
            margins = np.einsum("ij,cj->ic", a, of_class)
            p = probabilities(margins)
            happened = np.arange(len(codes)), codes
            top = margins.max(axis=1)
            log_sum = top + np.log(np.exp(margins - top[:, None]).sum(axis=1))
            value += float(np.sum(weights * (log_sum - margins[happened])))
            error = p.copy()
            error[happened] -= 1.0
            gradient += np.einsum("ij,ic->cj", a, weights[:, None] * error)
            if hessian is not None:
                for one in range(self.classes):
                    for other in range(one):
                        hessian[one, :, other] -= gram(a, weights * p[:, one] * p[:, other])
        if hessian is None:
            return Objective(value, gradient.ravel(), None)
        for one in range(self.classes):
            for other in range(one):
                hessian[other, :, one] = hessian[one, :, other].T
        for one in range(self.classes):
            # p(1 − p) is the sum of its products with the other classes' p: a shift of all margins is flat.
            hessian[one, :, one] = -sum(
                hessian[one, :, other] for other in range(self.classes) if other != one
            ) + np.diag(np.append(np.full(width - 1, self.config.l2), 0.0))
        size = self.classes * width
        return Objective(value, gradient.ravel(), hessian.reshape(size, size))

    def batch(self, rows: NDArray[np.int64]) -> _Problem:
        """The same problem on some of the rows, as if they were all."""
        weights = self.weights[rows]
        return _Problem(
            config=self.config,
            standardiser=self.standardiser,
            x=self.x[rows],
            codes=self.codes[rows],
            classes=self.classes,
            weights=weights / weights.sum(),
        )


class SoftmaxModel(LinearClassifier):
    """P(class), of as many classes as there are; also the logistic regression of three."""

    kind: ClassVar[str] = "softmax"
    file_format: ClassVar[str] = "atc-softmax-1"
    formula: ClassVar[str] = (
        "p_c = exp(m_c)/sum(exp(m)), m_c = bias_c + sum(weight_c * clip((x - mean)/std, -clip, clip)); "
        "null x and columns of std 0 count 0"
    )
    no_optimum: ClassVar[str] = "a class without rows or, with model.l2=0, separable classes have no optimum"

    def _problem(
        self, standardiser: Standardiser, train: Block, codes: NDArray[np.float64], weights: Vector
    ) -> _Problem:
        classes = len(train.classes)
        return _Problem(self._config, standardiser, train.x, codes.astype(np.int64), classes, weights)

    @staticmethod
    def _scores(margins: NDArray[np.float64]) -> Scores:
        return probabilities(margins)

    @staticmethod
    def _watched(margins: NDArray[np.float64], codes: NDArray[np.float64]) -> dict[str, float]:
        p = probabilities(margins)[np.arange(len(codes)), codes.astype(np.int64)]
        return {"log_loss": float(np.mean(-np.log(np.maximum(p, np.finfo(np.float64).tiny))))}


def probabilities(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, classes) softmax of each row."""
    raised = np.exp(margins - margins.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
