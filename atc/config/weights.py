"""What a training row counts: the config group `weights`."""

from __future__ import annotations

from typing import Literal

from atc.config.slices import Slice


class Weights(Slice):
    """Sample weights of the training rows; figures are of rows that count the same."""

    kind: Literal["none", "uniqueness"]
    """none: all the same; uniqueness: by how much of a row's label no other label shares."""
