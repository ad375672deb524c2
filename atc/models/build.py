"""From a config to a model."""

from __future__ import annotations

from atc.config.model import Model as ModelConfig
from atc.models.base import Model
from atc.models.per_head import PerHead


def build_model(config: ModelConfig) -> Model:
    """The unfitted model of `config`; how many heads and classes it has, its training rows say."""
    return PerHead(config)
