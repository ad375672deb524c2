"""What a training row counts: the config group `weights`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from atc.config.slices import Float, Slice


class Weights(Slice):
    """Sample weights of the training rows; figures are of rows that count the same."""

    kind: Literal["none", "uniqueness"]
    """none: all the same; uniqueness: by how much of a row's label no other label shares."""
    classes: (
        Literal["none", "balanced"]
        | Annotated[tuple[Annotated[Float, Field(gt=0)], ...], Field(min_length=2)]
    ) = "none"
    """What a row of a class counts, times the above. balanced: so much that all classes weigh the same; or a
    number a class in the order of their codes, FLAT before HOLD, such as [2,1].
    """
