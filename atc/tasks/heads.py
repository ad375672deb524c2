"""The questions that a label puts to a model."""

from __future__ import annotations

from atc.config.schema import RunConfig
from atc.evaluation.head import Head
from atc.labels.definitions import label_spec
from atc.tasks.loaded import Loaded


def heads_of(config: RunConfig, loaded: Loaded) -> tuple[Head, ...]:
    """The heads of the run's label, with what was fitted on the training rows."""
    label = loaded.label
    width = len(label.classes) if len(label.classes) > 2 else 1
    return tuple(
        Head(
            name=name,
            classes=label.classes,
            columns=tuple(range(number * width, (number + 1) * width)),
            horizon_ns=horizon_ns,
            exit_bps=label.exit_bps,
        )
        for number, (name, horizon_ns) in enumerate(label_spec(config.label).heads)
    )
