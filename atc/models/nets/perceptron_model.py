"""Nets that read a row at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from atc.config.nets import Multihorizon, SoftmaxMlp
from atc.models.nets.model import NetModel

if TYPE_CHECKING:
    from torch import nn


class SoftmaxMlpModel(NetModel[SoftmaxMlp]):
    """A multilayer perceptron."""

    kind: ClassVar[str] = "softmax_mlp"

    def _body(self, inputs: int) -> tuple[nn.Module, int]:
        from atc.models.nets.networks import perceptron

        return perceptron(inputs, self._config.hidden)


class MultihorizonModel(NetModel[Multihorizon]):
    """A logistic head a horizon, on the inputs or on a perceptron that they share."""

    kind: ClassVar[str] = "multihorizon"

    def _body(self, inputs: int) -> tuple[nn.Module, int]:
        from atc.models.nets.networks import perceptron

        return perceptron(inputs, self._config.trunk)
