"""From a config to a model."""

from __future__ import annotations

from atc.config.model import Gbdt
from atc.config.model import Model as ModelConfig
from atc.models.base import Model
from atc.models.gbdt import GbdtModel
from atc.models.logistic import LogisticModel


def build_model(config: ModelConfig) -> Model:
    """The unfitted model of `config`."""
    return GbdtModel(config) if isinstance(config, Gbdt) else LogisticModel(config)
