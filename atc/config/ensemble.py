"""Several finished runs as one model: the option `model=ensemble`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from atc.config.slices import Float, Slice, Text


class Ensemble(Slice):
    """The mean of what the models of finished runs say; nothing is fitted."""

    kind: Literal["ensemble"]
    runs: tuple[Text, ...] = ()
    """A run each: its folder, its name under `<paths.outputs>/runs`, the start of its run id, or the name of
    an experiment of which one finished run fits. Empty: not said yet, which no run takes.
    """
    weights: tuple[Annotated[Float, Field(gt=0)], ...] | None = None
    """One a run, in their order, divided by their sum; null: all the same."""

    @property
    def least_rows(self) -> int:
        """Training rows of two classes, for what it is compared with."""
        return 2

    @property
    def shares(self) -> tuple[float, ...]:
        """The weights, of sum 1."""
        weights = self.weights or (1.0,) * len(self.runs)
        return tuple(weight / sum(weights) for weight in weights)

    @model_validator(mode="after")
    def _a_weight_a_run(self) -> Self:
        if len(self.runs) == 1:
            raise ValueError(f"runs: only {self.runs[0]!r}, at least two finished runs are averaged")
        if len(set(self.runs)) < len(self.runs):
            twice = next(run for run in self.runs if self.runs.count(run) > 1)
            raise ValueError(f"runs: {twice!r} is named twice; give it a larger weight instead")
        if self.weights is not None and len(self.weights) != len(self.runs):
            raise ValueError(
                f"weights: {len(self.weights)} of them for {len(self.runs)} runs; give one a run, or null"
            )
        return self
