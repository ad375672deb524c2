"""The one LightningModule: loss of all heads, optimiser, and the sums that the curves are made of."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from atc.config.nets import Net
from atc.models.nets.auxiliary import WithAuxiliary
from atc.models.nets.batches import Batch
from atc.models.nets.networks import Network, parameters_by_decay

_MOMENTUM = 0.9
_FIRST_ROOM = 1024
"""Batches that sums have room for at first."""


class NetModule(LightningModule):
    """Fits a network: each head's mean log loss over the rows that have its label, summed over the heads,
    those of auxiliary heads by their weight.
    """

    def __init__(self, trained: Network | WithAuxiliary, config: Net) -> None:
        super().__init__()
        self.trained = trained
        """What the optimiser moves and a checkpoint keeps."""
        self.net_config = config
        self.optimiser_state: dict[int, dict[str, Any]] | None = None
        """To begin with, of a checkpoint."""
        further = trained.heads if isinstance(trained, WithAuxiliary) else 0
        self.train_sums = Sums(self.network.heads + further)
        self.valid_sums = Sums(self.network.heads)

    @property
    def network(self) -> Network:
        """What judges, and what is kept."""
        trained = self.trained
        return trained.network if isinstance(trained, WithAuxiliary) else trained

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of a batch; the penalty is in the optimiser."""
        del batch_idx
        x, y, weights = batch
        trained, heads = self.trained, self.network.heads
        if isinstance(trained, WithAuxiliary):
            logits, further = trained(x)
            own = weighted_losses(logits, y[:, :heads], weights[:, :heads])
            beside = weighted_losses(further, y[:, heads:], weights[:, heads:])
            total, weight = (torch.cat(both) for both in zip(own, beside, strict=True))
        else:
            total, weight = weighted_losses(trained(x), y, weights)
        self.train_sums.add(total.detach(), weight)
        # A head without a label in the batch says nothing.
        means = total / weight.clamp_min(torch.finfo(weight.dtype).tiny)
        if isinstance(trained, WithAuxiliary):
            return means[:heads].sum() + trained.loss_weight * means[heads:].sum()
        return means.sum()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds up the losses of a batch, of the heads that judge; rows count the same, unless classes are
        weighed.
        """
        del batch_idx
        self.valid_sums.add(*weighted_losses(self.network(batch[0]), batch[1], batch[2]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Its `weight_decay` adds λw to the gradient, which is the gradient of λ/2·‖w‖²."""
        config = self.net_config
        weights, others = parameters_by_decay(self.trained)
        groups = [{"params": weights, "weight_decay": config.l2}, {"params": others, "weight_decay": 0.0}]
        optimiser: torch.optim.Optimizer
        if config.optimiser == "adam":
            optimiser = torch.optim.Adam(groups, lr=config.learning_rate)
        else:
            optimiser = torch.optim.SGD(groups, lr=config.learning_rate, momentum=_MOMENTUM, nesterov=True)
        if self.optimiser_state is not None:
            groups_now = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": self.optimiser_state, "param_groups": groups_now})
        return optimiser


class Sums:
    """Log losses of the heads, batch by batch, on the device where they were made."""

    def __init__(self, heads: int) -> None:
        self._heads = heads
        self._table: Tensor | None = None
        """(batches, 2, heads) totals and weights, and room for more."""
        self._batches = 0

    def clear(self) -> None:
        """Begin anew."""
        self._batches = 0

    def add(self, total: Tensor, weight: Tensor) -> None:
        """The losses of a batch, and the weight of the rows that have them, (heads,) each."""
        # All in one table: small tensors that stay until the epoch ends would lie between the large ones of
        # a step, whose room could then not be taken again as a whole by the next step's.
        if self._table is None:
            self._table = total.new_empty((_FIRST_ROOM, 2, self._heads))
        elif self._batches == len(self._table):
            self._table = torch.cat([self._table, torch.empty_like(self._table)])
        row = self._table[self._batches]
        row[0], row[1] = total, weight
        self._batches += 1

    def last(self) -> Tensor | None:
        """(heads,) the total of the batch that came last."""
        return None if self._table is None or not self._batches else self._table[self._batches - 1, 0]

    def means(self) -> list[float]:
        """The mean loss of each head; NaN without a label."""
        if self._table is None or not self._batches:
            return [float("nan")] * self._heads
        total, weight = self._table[: self._batches].cpu().double().sum(dim=0)
        return [float(mean) for mean in total / weight]


def weighted_losses(logits: Tensor, y: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Of each head (heads,) the sum of its rows' log losses times their weights, and of the weights, where
    there is a label; `logits` (m, heads, outputs), `y` (m, heads) class codes, NaN for none.
    """
    known = ~torch.isnan(y)
    weights = torch.where(known, weights, 0.0)
    codes = torch.where(known, y, 0.0)
    # In float32 also where the products are not.
    logits = logits.float()
    if logits.shape[2] == 1:
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            logits[:, :, 0], codes, reduction="none"
        )
    else:
        logs = torch.log_softmax(logits, dim=2)
        losses = -logs.gather(2, codes.long().unsqueeze(2)).squeeze(2)
    return (losses * weights).sum(dim=0), weights.sum(dim=0)
