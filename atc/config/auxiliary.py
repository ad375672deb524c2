"""Further horizons that train a net beside the label that judges: the config key `auxiliary`."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from atc.config.slices import Float, Horizon, Slice


class Auxiliary(Slice):
    """Heads that the named model has during its fit alone: they train what it shares, and no score, no stop
    and no threshold comes of them.
    """

    horizons_s: tuple[Horizon, ...] = ()
    """Ascending, beside those of the label; none: no such heads."""
    target: Literal["direction", "label"] = "direction"
    """direction: whether the mid is higher then, and an equal one has no label; label: what the run's label
    says of that horizon, its fitted constants fitted to it."""
    weight: Float = Field(default=1.0, gt=0, le=1000)
    """What the loss of each such head counts; that of a head that judges counts 1."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if any(later <= one for one, later in pairwise(self.horizons_s)):
            found = ", ".join(f"{horizon:g}" for horizon in self.horizons_s)
            raise ValueError(f"horizons_s must ascend, each named once; found [{found}]")
        return self
