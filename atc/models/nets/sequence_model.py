"""Nets that read the windows which end at the rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from atc.config.nets import MultihorizonTransformer
from atc.models.base import Scores
from atc.models.nets.model import NetModel
from atc.protocol.dataset import Block
from atc.protocol.row_runs import Matrix, rows_of
from atc.protocol.row_windows import require_windows
from atc.waiting_threads import spin_between_products

if TYPE_CHECKING:
    from torch import nn


class MultihorizonTransformerModel(NetModel[MultihorizonTransformer]):
    """A logistic head a horizon on an encoder of the window."""

    kind: ClassVar[str] = "multihorizon_transformer"

    @staticmethod
    def _wait() -> None:
        spin_between_products()

    def predict(self, x: Matrix) -> Scores:
        """P(class) of each head; raises UsageError for rows without windows of the model's length."""
        require_windows(x, self._config.length, self.kind)
        return super().predict(x)

    def _body(self, inputs: int) -> tuple[nn.Module, int]:
        from atc.models.nets.transformer import WindowEncoder

        config = self._config
        encoder = WindowEncoder(
            inputs,
            config.length,
            d_model=config.d_model,
            heads=config.nhead,
            layers=config.layers,
            dim_feedforward=config.dim_feedforward,
            dropout=config.dropout,
        )
        return encoder, config.d_model

    def _stopping(self, valid: Block) -> Block:
        rows = np.arange(0, valid.n_rows, self._config.valid_every, dtype=np.int64)
        weights = None if valid.weights is None else valid.weights[rows]
        return replace(valid, x=rows_of(valid.x, rows), y=valid.y[rows], weights=weights)
