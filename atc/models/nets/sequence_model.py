"""Nets that read the windows which end at the rows."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from atc.config.nets import MultihorizonTransformer
from atc.models.base import FitReport, Progress, Scores
from atc.models.nets.model import NetModel
from atc.protocol.dataset import Block
from atc.protocol.row_runs import Matrix, rows_of
from atc.protocol.row_windows import RowWindows, require_windows
from atc.waiting_threads import spin_between_products

if TYPE_CHECKING:
    from torch import nn

_log = logging.getLogger(__name__)


class MultihorizonTransformerModel(NetModel[MultihorizonTransformer]):
    """A logistic head a horizon on an encoder of the window."""

    kind: ClassVar[str] = "multihorizon_transformer"

    @staticmethod
    def _wait() -> None:
        spin_between_products()

    def fit(self, train: Block, valid: Block, *, seed: int, progress: Progress | None = None) -> FitReport:
        """As every net; raises UsageError for rows without windows of the model's length or of more rows."""
        train, valid = (replace(block, x=self._windows(block.x)) for block in (train, valid))
        return super().fit(train, valid, seed=seed, progress=progress)

    def predict(self, x: Matrix) -> Scores:
        """P(class) of each head; raises UsageError as `fit`."""
        return super().predict(self._windows(x))

    def _windows(self, x: Matrix) -> RowWindows:
        """Windows of this model's length, once: another model of the run may read longer ones."""
        return require_windows(x, self._config.length, self.kind)

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
        every = self._config.valid_every
        # A head whose labels are few may have none among so few rows, and its loss would be of no row.
        while every > 1 and bool(np.isnan(valid.y[::every]).all(axis=0).any()):
            every //= 2
        if every < self._config.valid_every:
            _log.info(
                "model.valid_every=%d leaves a head no label to stop by; it is %d here",
                self._config.valid_every,
                every,
            )
        rows = np.arange(0, valid.n_rows, every, dtype=np.int64)
        weights = None if valid.weights is None else valid.weights[rows]
        return replace(valid, x=rows_of(valid.x, rows), y=valid.y[rows], weights=weights)
