"""What a research plan hopes of an experiment, so that the leaderboard shows it beside what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from atc.config.figures import OF_CLASSES, OF_RETURNS, SMALL_IS_GOOD
from atc.config.slices import Float, Mismatch, Slice, Text
from atc.errors import nearest

if TYPE_CHECKING:
    from atc.config.schema import RunConfig

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


def wrong_figure(config: RunConfig, *, of_this_run: bool) -> str | None:
    """Why `plan.figure` is no lift, of this run's label or else of any; None where it is one.

    An experiment's file may be composed with another label; its plan is then left out (`Composer.job`).
    """
    from atc.features.label_spec import LabelSpec  # not atc.labels: a config is judged without NumPy

    figure = config.plan.figure
    if figure is None:
        return None
    measure, at, rest = figure.removeprefix("lift/holdout/").partition("@")
    heads = [f"@{name}" if name else "" for name in LabelSpec.over(config.label.all_horizons_s).names]
    returns = (*OF_RETURNS, "direction_auc")
    mine = returns if config.label.kind == "fwd_logret" else OF_CLASSES
    known = [one for one in (mine if of_this_run else {*OF_CLASSES, *returns}) if one not in SMALL_IS_GOOD]
    if measure in SMALL_IS_GOOD:
        return (
            f"found {figure}: less of {measure} is better, so a lift above 0 would be that of a worse model; "
            f"expected one of {', '.join(sorted(known))}"
        )
    if measure not in known:
        return f"no lift '{measure}'{' of this label' * of_this_run}; {nearest(measure, known)}"
    if of_this_run and at + rest not in heads:
        expected = " or ".join(f"lift/holdout/{measure}{head}" for head in heads)
        return f"found {figure}; of this label's horizons {expected} was expected"
    return None
