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
from atc.models.row_chunks import add_gram, column_sums, room_of, summed
from atc.models.solvers import Objective, shares_of, weights_of
from atc.models.standardise import Standardiser, Vector
from atc.protocol.dataset import Block, Labels
from atc.protocol.row_runs import Matrix


@dataclass(frozen=True)
class _Problem:
    """What is minimised; parameters are `atc.models.linear.Weights` row by row."""

    config: Linear
    standardiser: Standardiser
    x: Matrix
    codes: NDArray[np.int8]
    """(n,)."""
    classes: int
    weights: Vector | None
    """(n,), of sum 1; None: all the same."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.codes)

    @property
    def free(self) -> NDArray[np.bool_]:
        """(classes·(k + 1),) all but the weights of columns that carry nothing."""
        return np.tile(np.append(self.standardiser.active, True), self.classes)

    @property
    def complete(self) -> bool:
        """Whether every class has rows."""
        return bool((np.bincount(self.codes, minlength=self.classes) > 0).all())

    @property
    def start(self) -> Vector:
        """(classes·(k + 1),) the biases of the base rates; a class without rows begins at half a row."""
        theta = np.zeros((self.classes, self.x.shape[1] + 1))
        shares = np.bincount(self.codes, weights=self.weights, minlength=self.classes).astype(np.float64)
        shares /= shares.sum()
        theta[:, -1] = np.log(np.maximum(shares, 0.5 / self.n_rows))
        return theta.ravel()

    def at(self, theta: Vector, *, curvature: bool) -> Objective:
        """The objective at `theta`, in one pass over the rows."""
        k, classes = self.x.shape[1], self.classes
        of_class = theta.reshape(classes, k + 1)
        pairs = [(one, other) for one in range(classes) for other in range(one)]

        def work(rows: slice) -> tuple[NDArray[np.float64], ...]:
            value, gradient = np.zeros(()), np.zeros((classes, k + 1))
            products = np.zeros((len(pairs), k + 1, k + 1) if curvature else (0, 0, 0))
            room = room_of(rows, k)
            for chunk, z in self.standardiser.chunks(self.x, rows):
                codes, weights = (
                    self.codes[chunk].astype(np.intp),
                    weights_of(self.weights, chunk, self.n_rows),
                )
                margins = np.stack([np.einsum("ij,j->i", z, row[:-1]) + row[-1] for row in of_class])
                top = margins.max(axis=0)
                raised = np.exp(margins - top)
                total = raised.sum(axis=0)
                happened = codes, np.arange(len(codes))
                value += np.sum(weights * (top + np.log(total) - margins[happened]))
                p = raised / total
                for one in range(classes):
                    error = weights * (p[one] - (codes == one))
                    gradient[one, :-1] += column_sums(z, error)
                    gradient[one, -1] += error.sum()
                if curvature:
                    for number, (one, other) in enumerate(pairs):
                        add_gram(products[number], z, weights * p[one] * p[other], room[: len(z)])
            return value, gradient, products

        value, gradient, products = summed(self.n_rows, work)
        penalised = of_class.copy()
        penalised[:, -1] = 0.0
        return Objective(
            float(value) + 0.5 * self.config.l2 * float(np.sum(penalised**2)),
            (gradient + self.config.l2 * penalised).ravel(),
            self._hessian(dict(zip(pairs, products, strict=True))) if curvature else None,
        )

    def _hessian(self, products: dict[tuple[int, int], NDArray[np.float64]]) -> NDArray[np.float64]:
        """Of the sums Σ p_one p_other aaᵀ of each pair of classes."""
        width, classes = self.x.shape[1] + 1, self.classes
        hessian = np.zeros((classes, width, classes, width))
        for (one, other), product in products.items():
            hessian[one, :, other] = hessian[other, :, one] = -product
            # p(1 − p) is the sum of its products with the other classes' p: a shift of all margins is flat.
            hessian[one, :, one] += product
            hessian[other, :, other] += product
        size = classes * width
        whole = hessian.reshape(size, size)
        penalised = np.tile(np.append(np.full(width - 1, self.config.l2), 0.0), classes)
        whole[np.arange(size), np.arange(size)] += penalised
        return whole

    def batch(self, rows: NDArray[np.int64]) -> _Problem:
        """The same problem on some of the rows, as if they were all."""
        return _Problem(
            config=self.config,
            standardiser=self.standardiser,
            x=self.x[rows],
            codes=self.codes[rows],
            classes=self.classes,
            weights=shares_of(self.weights, rows),
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
        self, standardiser: Standardiser, train: Block, codes: Labels, weights: Vector | None
    ) -> _Problem:
        classes = len(train.classes)
        return _Problem(self._config, standardiser, train.x, codes.astype(np.int8), classes, weights)

    @staticmethod
    def _scores(margins: NDArray[np.float64]) -> Scores:
        return probabilities(margins)

    @staticmethod
    def _watched(margins: NDArray[np.float64], codes: Labels) -> dict[str, float]:
        p = probabilities(margins)[np.arange(len(codes)), codes.astype(np.int64)]
        return {"log_loss": float(np.mean(-np.log(np.maximum(p, np.finfo(np.float64).tiny))))}


def probabilities(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, classes) softmax of each row."""
    raised = np.exp(margins - margins.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
