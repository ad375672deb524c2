"""Heads that a net has during its fit alone: they train the body beside the heads that judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor, nn

from atc.models.nets.networks import Network, start_at
from atc.models.nets.scores import base_shares
from atc.protocol.auxiliary import AuxiliaryTargets
from atc.protocol.dataset import Block


class WithAuxiliary(nn.Module):
    """A network and further heads on its body; what is kept of a fit is the network."""

    def __init__(self, network: Network, targets: AuxiliaryTargets) -> None:
        """The weights of the further heads are drawn here, after the network's: those are what they would be
        without.
        """
        super().__init__()
        self.network = network
        self.heads = len(targets.heads)
        self.outputs = 1 if len(targets.classes) == 2 else len(targets.classes)
        self.loss_weight = targets.loss_weight
        self.head = nn.Linear(network.head.in_features, self.heads * self.outputs)
        start_at(self.head, base_shares(targets))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of raw inputs: (m, heads, outputs) of the network, and of the further heads."""
        features = self.network.body(self.network.standardise(x))
        further: Tensor = self.head(features)
        return self.network.logits(features), further.reshape(-1, self.heads, self.outputs)


def taught(train: Block) -> Block:
    """`train` with its auxiliary targets as further columns of y, after those of the heads that judge; for
    batches, which know nothing of classes.
    """
    further = train.auxiliary
    if further is None:
        return train
    weights = None
    if train.weights is not None or further.weights is not None:
        own = np.ones(train.y.shape)
        if train.weights is not None:
            own[:] = train.weights.reshape(train.n_rows, -1)
        beside = np.ones(further.y.shape) if further.weights is None else further.weights
        weights = np.concatenate([own, beside], axis=1)
    return replace(
        train,
        y=np.concatenate([train.y, further.y], axis=1),
        weights=weights,
        heads=(*train.heads, *further.heads),
        auxiliary=None,
    )
