"""Which class is which kind of model: the one place that a new kind is entered in."""

from __future__ import annotations

from atc.config.model import Model as ModelConfig
from atc.models.gbdt import GbdtModel
from atc.models.logistic import LogisticModel
from atc.models.one_head import AnyOneHead
from atc.models.ridge import RidgeModel
from atc.models.softmax import SoftmaxModel

_ONE_HEAD: dict[str, type[AnyOneHead]] = {
    one.kind: one for one in (GbdtModel, LogisticModel, SoftmaxModel, RidgeModel)
}

KINDS = tuple(_ONE_HEAD)
"""As configs and manifests name them."""


def one_head_class(config: ModelConfig, classes: int) -> type[AnyOneHead]:
    """The class of the models of `config` for a head with so many classes."""
    # The logistic regression of more than two classes is the softmax regression.
    return SoftmaxModel if config.kind == "logistic" and classes > 2 else _ONE_HEAD[config.kind]
