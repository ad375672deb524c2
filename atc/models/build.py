"""From a config, or from files, to a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atc.config.model import Model as ModelConfig
from atc.models import average
from atc.models.base import Model
from atc.models.per_head import PerHead
from atc.models.seeds import SeedsModel, why_seedless


def build_model(config: ModelConfig, seeds: int = 1) -> Model:
    """The unfitted model of `config`; how many heads and classes it has, its training rows say.

    With several `seeds` the mean of as many fits, unless every seed would give the same.
    """
    if seeds > 1 and why_seedless(config) is None:
        return SeedsModel(config, seeds, build_model)
    return PerHead(config)


def load_fitted(directory: Path, told: Mapping[str, Any]) -> Model:
    """The model of files that `save` wrote into `directory`; `told` is its manifest, or its entry in the list
    of members.
    """
    if told["model_type"] in average.KINDS:
        return average.AverageModel.load(directory, told)
    return PerHead.load(directory, told)
