"""What a research plan hopes of an experiment, so that the leaderboard shows it beside what was measured."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from atc.config.slices import Float, Mismatch, Slice, Text

Lift = Annotated[str, StringConstraints(pattern=r"^lift/holdout/[a-z][a-z0-9_]*(@[0-9.]+s)?$")]
"""A lift over the run's own baseline as `metrics.json` names it, such as `lift/holdout/auc@300s`."""


class Plan(Slice):
    """The one figure that the experiment is about. It changes no result, and so is no part of the run id."""

    figure: Lift | None = None
    expects: Annotated[Float, Field(gt=0, le=1)] | None = None
    """The lift hoped for, in units of the figure."""
    source: Text | None = None
    """Where the expectation stands."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        missing = [name for name in ("figure", "expects", "source") if getattr(self, name) is None]
        if missing and len(missing) < 3:
            told = f"is null, but the plan's other keys are set; give {', '.join(missing)} too, or all null"
            raise Mismatch([(f"plan.{missing[0]}", told)])
        return self
