"""How many rows a model reads for one answer."""

from __future__ import annotations

from atc.models.average import AverageModel
from atc.models.base import Model
from atc.models.nets.model import NetModel


def window_length(model: Model) -> int:
    """Rows of the window that ends at the row that is asked for; 1 for a model of rows."""
    if isinstance(model, AverageModel):
        return max(window_length(member.model) for member in model.members)
    return model.length if isinstance(model, NetModel) else 1
