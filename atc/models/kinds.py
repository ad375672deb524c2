"""Which class is which kind of model: the one place that a new kind is entered in."""

from __future__ import annotations

from atc.config.model import Model as ModelConfig
from atc.models.gbdt import GbdtModel
from atc.models.logistic import LogisticModel
from atc.models.nets.model import AnyNet
from atc.models.nets.perceptron_model import MultihorizonModel, SoftmaxMlpModel
from atc.models.nets.sequence_model import MultihorizonTransformerModel
from atc.models.one_head import AnyOneHead
from atc.models.ridge import RidgeModel
from atc.models.softmax import SoftmaxModel

_ONE_HEAD: dict[str, type[AnyOneHead]] = {
    one.kind: one for one in (GbdtModel, LogisticModel, SoftmaxModel, RidgeModel)
}

_NETS: dict[str, type[AnyNet]] = {
    one.kind: one for one in (SoftmaxMlpModel, MultihorizonModel, MultihorizonTransformerModel)
}

NET_KINDS = tuple(_NETS)
"""Those that fit all heads of a label at once."""
KINDS = (*_ONE_HEAD, *_NETS)
"""As configs and manifests name them."""


def one_head_class(config: ModelConfig, classes: int) -> type[AnyOneHead]:
    """The class of the models of `config` for a head with so many classes."""
    # The logistic regression of more than two classes is the softmax regression.
    return SoftmaxModel if config.kind == "logistic" and classes > 2 else _ONE_HEAD[config.kind]


def net_class(kind: str) -> type[AnyNet]:
    """The class of the nets of a kind."""
    return _NETS[kind]
