"""Models and their hyper-parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from atc.config.ensemble import Ensemble
from atc.config.nets import Multihorizon, MultihorizonTransformer, SoftmaxMlp
from atc.config.slices import Count, Float, Int, Share, Slice


class Gbdt(Slice):
    """LightGBM; the names are LightGBM's, but `max_bag_rows` and `histogram`."""

    kind: Literal["gbdt"]
    n_estimators: Count = 500
    max_depth: Int = Field(default=8, ge=-1, le=1000)
    """−1: no limit."""
    num_leaves: Int = Field(default=63, ge=2, le=131_072)
    min_child_samples: Int = Field(default=1000, ge=1, lt=2**31)
    learning_rate: Share = 0.05
    feature_fraction: Share = 0.9
    bagging_fraction: Share = 0.8
    bagging_freq: Int = Field(default=5, ge=0, le=1_000_000)
    max_bag_rows: Annotated[Int, Field(ge=1000, lt=2**31)] | None = None
    """A tree sees no more rows than that, whatever `bagging_fraction` says; null: no limit."""
    early_stopping: Count = 50
    """Rounds without a better loss on the internal validation."""
    max_bin: Int = Field(default=255, ge=2, le=65_535)
    histogram: Literal["row", "col"] = "col"
    """Fixed, not chosen by a timing at run time, which would not repeat."""
    num_threads: Int = Field(default=2, ge=1, le=1024)
    """Fixed: the sums of a histogram depend on it."""

    def bagged(self, rows: int) -> float:
        """Share of so many training rows that a tree sees."""
        if self.max_bag_rows is None:
            return self.bagging_fraction
        return min(self.bagging_fraction, self.max_bag_rows / rows)

    @property
    def least_rows(self) -> int:
        """Training rows that can be split once."""
        return 2 * self.min_child_samples


class Linear(Slice):
    """A linear model of class probabilities on standardised inputs."""

    kind: Literal["logistic", "softmax"]
    solver: Literal["newton", "adam", "sgd"] = "newton"
    """newton goes to the optimum; adam and sgd are optimisers of the plan's schedule of epochs."""
    l2: Float = Field(default=1e-4, ge=0)
    """λ of λ/2·‖w‖² on the mean loss, bias excluded."""
    epochs: Count = 40
    """Of `adam` and `sgd`, like learning_rate and batch_size."""
    learning_rate: Share = 0.05
    batch_size: Int = Field(default=65_536, ge=1, lt=2**31)
    tol: Float = Field(default=1e-8, gt=0)
    """A largest gradient entry that is no optimum's; `newton` stops below it."""
    max_iter: Count = 50
    clip: Float = Field(default=10.0, gt=0)
    """Standardised inputs are clipped to ±clip."""

    @property
    def least_rows(self) -> int:
        """Training rows of two classes."""
        return 2


class Logistic(Linear):
    """Logistic regression; of three classes its multinomial form, which is the softmax regression."""

    kind: Literal["logistic"]


class Softmax(Linear):
    """Softmax regression, also of two classes."""

    kind: Literal["softmax"]
    epochs: Count = 60
    """Of `adam` and `sgd`, like learning_rate and batch_size."""


class Ridge(Slice):
    """Linear least squares of a return on standardised inputs, with a penalty; no solver, a closed form."""

    kind: Literal["ridge"]
    alpha: Float = Field(default=1.0, ge=0)
    """α of Σ(y − ŷ)² + α‖w‖², a sum over the rows and not their mean; the bias is excluded."""
    clip: Float = Field(default=10.0, gt=0)
    """Standardised inputs are clipped to ±clip."""

    @property
    def least_rows(self) -> int:
        """Training rows of two returns."""
        return 2


Model = Annotated[
    Gbdt | Logistic | Softmax | Ridge | SoftmaxMlp | Multihorizon | MultihorizonTransformer | Ensemble,
    Field(discriminator="kind"),
]

REGRESSORS = frozenset({"ridge"})
"""Kinds that predict a return; the others tell classes apart."""
