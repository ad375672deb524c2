"""Which days train and which are the holdout."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from atc.config.maintenance import Day
from atc.config.slices import Fraction, Int, Slice


class DatesWindow(Slice):
    """Business days from … to, both included."""

    kind: Literal["dates"]
    train_from: Day
    train_to: Day
    holdout_from: Day
    holdout_to: Day

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.train_from <= self.train_to < self.holdout_from <= self.holdout_to:
            raise ValueError(
                "the dates must be in the order train_from <= train_to < holdout_from <= holdout_to, found "
                f"{self.train_from}, {self.train_to}, {self.holdout_from}, {self.holdout_to}"
            )
        return self


class DaysWindow(Slice):
    """The first business days train, those after them are the holdout."""

    kind: Literal["days"]
    train_days: Int = Field(ge=1, le=100_000)
    holdout_days: Int = Field(ge=1, le=100_000)


class FractionWindow(Slice):
    """The first part of the time trains, the rest is the holdout."""

    kind: Literal["fraction"]
    train_fraction: Fraction = 0.7


Window = Annotated[DatesWindow | DaysWindow | FractionWindow, Field(discriminator="kind")]
