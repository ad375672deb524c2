"""Which of the training rows are fitted: the config group `thinning`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from atc.config.slices import Int, Share, Slice


class AllRows(Slice):
    """Every training row, as the plan has it."""

    kind: Literal["all"]


class EveryK(Slice):
    """Every k-th training row, the first of them included."""

    kind: Literal["every_k"]
    k: Int = Field(default=10, ge=2, le=1_000_000)


class Uniqueness(Slice):
    """Rows drawn in proportion to the uniqueness of their labels."""

    kind: Literal["uniqueness"]
    share: Share = 0.1
    """Of the training rows that are drawn."""


Thinning = Annotated[AllRows | EveryK | Uniqueness, Field(discriminator="kind")]
"""Of training rows alone, after split and purge; what selects and judges keeps every row."""
