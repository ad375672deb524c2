"""How many seeds the named model is fitted with: the config key `seeds`."""

from __future__ import annotations

from pydantic import Field

from atc.config.slices import Int, Slice


class Seeds(Slice):
    """The named model once a seed on the same rows; its scores are the mean of the seeds' scores."""

    count: Int = Field(default=1, ge=1, le=100)
    """Fits with the seeds `seed`, `seed` + 1, …; 1: a single fit."""

    def of(self, first: int) -> tuple[int, ...]:
        """The seeds, from `first` on."""
        return tuple(range(first, first + self.count))
