"""What nets compute: from raw inputs to a logit a head and class, the preprocessing included."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from atc.models.standardise import Standardiser


class Standardise(nn.Module):
    """`Standardiser.apply` in float32, on the last axis."""

    mean: Tensor
    scale: Tensor

    def __init__(self, standardiser: Standardiser) -> None:
        super().__init__()
        std = standardiser.std
        scale = np.divide(1.0, std, out=np.zeros_like(std), where=standardiser.active)
        self.register_buffer("mean", torch.from_numpy(standardiser.mean.astype(np.float32)))
        self.register_buffer("scale", torch.from_numpy(scale.astype(np.float32)))
        self.clip = standardiser.clip

    def forward(self, x: Tensor) -> Tensor:
        """(…, k) of raw inputs (…, k), NaN for null."""
        # In place, as nothing is differentiated here: four passes over a batch and one copy of it.
        z = torch.sub(x, self.mean).mul_(self.scale)
        return z.nan_to_num_(nan=0.0).clamp_(-self.clip, self.clip)


class Network(nn.Module):
    """Standardised inputs, a body that makes features of them, and a linear head for all logits."""

    def __init__(
        self, standardiser: Standardiser, body: nn.Module, width: int, heads: int, outputs: int
    ) -> None:
        """`width`: of what `body` gives; `outputs`: logits a head, 1 for two classes."""
        super().__init__()
        self.standardise = Standardise(standardiser)
        self.body = body
        self.head = nn.Linear(width, heads * outputs)
        self.heads, self.outputs = heads, outputs

    def forward(self, x: Tensor) -> Tensor:
        """Logits (m, heads, outputs) of raw inputs."""
        return self.logits(self.body(self.standardise(x)))

    def logits(self, features: Tensor) -> Tensor:
        """(m, heads, outputs) of what the body gives, (m, width)."""
        logits: Tensor = self.head(features)
        return logits.reshape(-1, self.heads, self.outputs)


class Probabilities(nn.Module):
    """A network with its scores at the end, as `predict` gives them: what is exported."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Scores (m, heads) of two classes, (m, heads · classes) of more."""
        logits = self.network(x)
        p = torch.sigmoid(logits) if self.network.outputs == 1 else torch.softmax(logits, dim=2)
        return p.flatten(1)


def perceptron(inputs: int, hidden: Sequence[int]) -> tuple[nn.Module, int]:
    """Linear layers with a rectifier after each, and the width of what they give; of none the inputs."""
    layers: list[nn.Module] = []
    width = inputs
    for wide in hidden:
        layers += [nn.Linear(width, wide), nn.ReLU(inplace=True)]
        width = wide
    return nn.Sequential(*layers), width


def start_at(head: nn.Linear, shares: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    """Sets the biases of a head to the logits of `shares` (heads, classes), so that a fit begins at the base
    rates.
    """
    logs = np.log(shares)
    logits = logs[:, 1:] - logs[:, :1] if shares.shape[1] == 2 else logs
    with torch.no_grad():
        head.bias.copy_(torch.from_numpy(logits.ravel()))


def parameters_by_decay(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The weights, and what is never penalised: biases, and the gains of norms."""
    weights: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for parameter in network.parameters():
        (weights if parameter.ndim > 1 else others).append(parameter)
    return weights, others
