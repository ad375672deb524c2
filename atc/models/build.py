"""From a config, or from files, to a model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from atc.config.ensemble import Ensemble
from atc.config.model import Model as ModelConfig
from atc.config.nets import Net
from atc.errors import DataError
from atc.models import average
from atc.models.base import Model
from atc.models.kinds import NET_KINDS, net_class
from atc.models.per_head import PerHead
from atc.models.seeds import SeedsModel, why_seedless


def build_model(config: ModelConfig, seeds: int = 1, *, checkpoint: Path | None = None) -> Model:
    """The unfitted model of `config`; how many heads and classes it has, its training rows say.

    With several `seeds` the mean of as many fits, unless every seed would give the same. `checkpoint`: the
    start of the names of the files from which a net's fit goes on after its process died; None: it does not.
    """
    if isinstance(config, Ensemble):
        raise TypeError("an ensemble is gathered from finished runs, not built and fitted")
    if seeds > 1 and why_seedless(config) is None:
        return SeedsModel(config, seeds, partial(build_model, checkpoint=checkpoint))
    if isinstance(config, Net):
        return net_class(config.kind)(config, checkpoint=checkpoint)
    return PerHead(config)


def load_fitted(directory: Path, told: Mapping[str, Any]) -> Model:
    """The model of files that `save` wrote into `directory`; `told` is its manifest, or its entry in the list
    of members.

    Raises DataError for files that have other inputs or scores than is `told`.
    """
    model = _class_of(told["model_type"]).load(directory, told)
    for what, have in (("features", model.features), ("scores", model.score_names)):
        if list(have) != told[what]:
            raise DataError(
                f"{directory}: the model's files have the {what} {', '.join(have)}, its manifest has "
                f"{', '.join(told[what])}"
            )
    return model


def _class_of(kind: str) -> type[Model]:
    if kind in average.KINDS:
        return average.AverageModel
    return net_class(kind) if kind in NET_KINDS else PerHead
