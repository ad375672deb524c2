"""How a model is kept young while it judges: when it is fitted anew, on which rows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from atc.config.slices import Float, Int, Slice

Days = Annotated[Int, Field(ge=1, le=36_500)]


class Never(Slice):
    """The model of the final fit judges to the end."""

    kind: Literal["never"]


class RepeatedFit(Slice):
    """A cadence, and when a label is known."""

    every_days: Days = 7
    """From one fit to the next."""
    label_delay_s: Annotated[Float, Field(ge=0, le=31_622_400)] = 0.0
    """From the end of a label until it can be learnt from."""


class Expanding(RepeatedFit):
    """On all rows since the start of the train window."""

    kind: Literal["expanding"]


class Rolling(RepeatedFit):
    """On the latest rows alone."""

    kind: Literal["rolling"]
    window_days: Days = 30


class DailyUpdate(RepeatedFit):
    """The model goes on: further trees, grown on the latest rows."""

    kind: Literal["daily_update"]
    every_days: Days = 1
    window_days: Days = 1
    trees: Annotated[Int, Field(ge=1, le=100_000)] = 20
    """Grown at each update."""


Refit = Annotated[Never | Expanding | Rolling | DailyUpdate, Field(discriminator="kind")]
