"""The questions that a label puts to a model."""

from __future__ import annotations

from atc.config.schema import RunConfig
from atc.evaluation.head import Head
from atc.tasks.loaded import Loaded

HOLD_OR_NOT = ("FLAT", "HOLD")


def heads_of(config: RunConfig, loaded: Loaded) -> tuple[Head, ...]:
    """The heads of the run's label, with what was fitted on the training rows."""
    return (
        Head(
            name="",
            classes=HOLD_OR_NOT,
            columns=(0,),
            horizon_ns=round(config.label.horizon_s * 1_000_000_000),
            exit_bps=loaded.label.exit_bps,
        ),
    )
