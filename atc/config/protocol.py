"""Evaluation protocols: which rows train, which select, which judge (SPEC 5). One that leaks is refused."""

from __future__ import annotations

from math import comb
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from atc.config.model import Logistic
from atc.config.slices import Float, Fraction, Int, Slice


class ProtocolBase(Slice):
    """What every protocol has: the final fit on the train window, with an internal validation."""

    valid_fraction: Fraction = 0.1
    """The last part of the time of the rows that a fit sees; it selects and trains nothing."""
    sealed: bool | None = None
    """Leave the holdout alone. null: true in a multirun that varies what its figures could choose, which is
    all but experiments, data sets, seeds and the machine.
    """


class PurgedProtocol(ProtocolBase):
    """A protocol whose figures are results."""

    purge: bool = True
    """Only true: rows leave whose label overlaps a label that selects or judges."""

    @model_validator(mode="after")
    def _purged(self) -> Self:
        if not self.purge:
            raise ValueError(
                "purge=false would train on labels that look at the seconds that judge: neighbouring labels "
                "overlap, so scores of such a split are too good by what was leaked. It cannot be turned "
                "off; protocol=random_split is the control that shows what that is worth"
            )
        return self


class SealedHoldout(PurgedProtocol):
    """Train, internal validation, and a holdout that selects nothing."""

    kind: Literal["sealed_holdout"]


class Gate(Slice):
    """When a model is rejected for learning its training rows by heart."""

    max_gap: Float = Field(default=0.03, gt=0, lt=1)
    """Largest mean difference of train and validation AUC over the folds."""
    max_half_width: Float = Field(default=0.03, gt=0, lt=1)
    """With a wider interval of the gap there is no verdict, unless all of it is on one side of `max_gap`."""
    confidence: Fraction = 0.95
    fallback: Logistic = Logistic(kind="logistic")
    """Fitted on the rows and columns of a rejected model."""


class WalkForward(PurgedProtocol):
    """Test blocks in a row inside the train window, each judged by what was learnt before it."""

    kind: Literal["walk_forward"]
    folds: Int = Field(default=6, ge=2, le=1000)
    block_months: Annotated[Int, Field(ge=1, le=1200)] | None = None
    """Length of a test block, counted back from the end of the train window."""
    block_days: Annotated[Int, Field(ge=1, le=36_500)] | None = None
    """The same in business days. Both null: equal blocks after `first_train_fraction`."""
    first_train_fraction: Fraction = 0.1
    """Of the train window's time, before the first test block."""
    gate: Gate = Gate()

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.block_months is not None and self.block_days is not None:
            raise ValueError(
                f"block_months={self.block_months} and block_days={self.block_days} both give the length of "
                "a test block: set one of them to null"
            )
        return self


class Cpcv(PurgedProtocol):
    """Combinatorial purged cross-validation inside the train window."""

    kind: Literal["cpcv"]
    groups: Int = Field(default=8, ge=2, le=100)
    """Parts of equal time of the train window."""
    test_groups: Int = Field(default=2, ge=1, le=99)
    """How many of them judge in a fold; all choices of so many are folds."""
    embargo_s: Annotated[Float, Field(ge=0, le=31_622_400)] | None = None
    """Fitting rows that come so soon after a test label leave. null: `max_lookback` of the columns."""

    @model_validator(mode="after")
    def _few_enough(self) -> Self:
        if self.test_groups >= self.groups:
            raise ValueError(
                f"test_groups={self.test_groups} of groups={self.groups} leave nothing to fit on: "
                "test_groups must be smaller"
            )
        folds = comb(self.groups, self.test_groups)
        if folds > 1000:
            raise ValueError(
                f"test_groups={self.test_groups} of groups={self.groups} are {folds:,} folds, at most 1,000 "
                "are taken on; choose fewer groups"
            )
        return self


class RandomSplit(ProtocolBase):
    """A control and no protocol: rows drawn at random judge a fit on their neighbours."""

    kind: Literal["random_split"]
    test_fraction: Fraction = 0.2

    @model_validator(mode="after")
    def _always_sealed(self) -> Self:
        if self.sealed is False:
            raise ValueError(
                "sealed=false: random_split is a control that shows what a leak is worth, and a look at the "
                "holdout is never spent on it; leave sealed null"
            )
        return self


Protocol = Annotated[SealedHoldout | WalkForward | Cpcv | RandomSplit, Field(discriminator="kind")]
