"""weights.classes on the softmax regression and every net: against scikit-learn, torch and base rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from planted_heads import blocks, three_classes
from sklearn.linear_model import LogisticRegression
from test_class_weights import rare
from torch import nn

from atc.config.model import Softmax
from atc.config.nets import Multihorizon, MultihorizonTransformer, Net, SoftmaxMlp, Trainer
from atc.models.base import Scores, fit_model
from atc.models.build import build_model
from atc.models.nets.device import torch_as
from atc.models.nets.model import NetModel
from atc.models.standardise import fit_standardiser
from atc.protocol.class_weights import balanced, class_weighted, given
from atc.protocol.dataset import Block
from atc.protocol.row_windows import RowWindows

ONE = Trainer(accelerator="cpu", num_threads=1)
LENGTH = 4
FACTORS = (3.0, 1.0, 0.25)

NETS: dict[str, Net] = {
    "softmax_mlp": SoftmaxMlp(kind="softmax_mlp", hidden=(8,), epochs=4, batch_size=512, trainer=ONE),
    "heads": Multihorizon(kind="multihorizon", epochs=4, batch_size=512, trainer=ONE),
    "trunk": Multihorizon(kind="multihorizon", trunk=(8,), epochs=4, batch_size=512, trainer=ONE),
    "transformer": MultihorizonTransformer(
        kind="multihorizon_transformer",
        sequence_length=LENGTH,
        layers=1,
        d_model=8,
        nhead=2,
        dim_feedforward=8,
        dropout=0.0,
        epochs=2,
        batch_size=256,
        learning_rate=0.01,
        trainer=ONE,
    ),
}


def windows(block: Block, length: int) -> Block:
    """The rows at which a whole window ends."""
    if length == 1:
        return block
    ends = np.arange(length - 1, block.n_rows)
    return replace(
        block, x=RowWindows.ending_at(np.ascontiguousarray(block.x), ends, length), y=block.y[ends]
    )


def scores(config: Net, train: Block, valid: Block) -> Scores:
    model = build_model(config)  # type: ignore[arg-type]  # a Net is one of them
    fit_model(model, train, valid, seed=1)
    return model.predict(valid.x)


@pytest.mark.parametrize("name", NETS)
def test_balanced_classes_are_equally_likely_to_every_net(name: str) -> None:
    """With them the mean probability is ½, without them the base rate; head by head where there are two."""
    config = NETS[name]
    train, valid = (windows(block, config.length) for block in rare())
    if name != "softmax_mlp":
        train, valid = (
            replace(block, y=np.column_stack([block.y, 1.0 - block.y]), heads=("near", "far"))
            for block in (train, valid)
        )
    happened = valid.y.mean(axis=0)
    plain = scores(config, train, valid)[:, -len(happened) :].mean(axis=0)
    np.testing.assert_allclose(plain, happened, atol=0.08)
    factors = balanced(train)
    equal = scores(config, class_weighted(train, factors), class_weighted(valid, factors))
    np.testing.assert_allclose(equal[:, -len(happened) :].mean(axis=0), 0.5, atol=0.1)
    assert (np.abs(plain - 0.5) > 0.3).all()


def test_weights_of_the_softmax_regression_are_those_of_scikit_learn() -> None:
    train, valid = blocks(three_classes())
    model = build_model(Softmax(kind="softmax", l2=1e-3, tol=1e-10))
    fit_model(model, class_weighted(train, given(train, FACTORS)), valid, seed=1)
    scaler = fit_standardiser(train.x, 10.0)
    weights = np.asarray(FACTORS)[train.y[:, 0].astype(int)]
    # Its penalty is on the sum of the losses: of weights that sum to 1 it is the mean's.
    peer = LogisticRegression(
        C=1.0 / (1e-3 * weights.sum()), class_weight=dict(enumerate(FACTORS)), tol=1e-12, max_iter=10_000
    )
    peer.fit(scaler.apply(np.asarray(train.x)), train.y[:, 0])
    expected = peer.predict_proba(scaler.apply(np.asarray(valid.x)))
    np.testing.assert_allclose(model.predict(valid.x), expected, atol=2e-5)


def by_hand(config: SoftmaxMlp, train: Block) -> list[torch.Tensor]:
    """The weights after `epochs` steps on all rows by torch's own loss with class weights."""
    scaler = fit_standardiser(train.x, config.clip)
    x = torch.from_numpy(scaler.apply(np.asarray(train.x)).astype(np.float32))
    y = torch.from_numpy(train.y[:, 0]).long()
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(x.shape[1], 8), nn.ReLU(), nn.Linear(8, 3))
    factors = torch.tensor(FACTORS)
    shares = torch.bincount(y, weights=factors[y].double())
    with torch.no_grad():
        net[2].bias[:] = torch.log(shares / shares.sum())  # type: ignore[union-attr, operator]
    parameters = list(net.parameters())
    adam = torch.optim.Adam(
        [
            {"params": [value for value in parameters if value.ndim == 2], "weight_decay": config.l2},
            {"params": [value for value in parameters if value.ndim == 1]},
        ],
        lr=config.learning_rate,
    )
    for _ in range(config.epochs):
        adam.zero_grad()
        nn.functional.cross_entropy(net(x), y, weight=factors).backward()
        adam.step()
    return [value.detach() for value in parameters]


def test_weights_of_a_net_are_those_of_torch() -> None:
    train, _ = blocks(three_classes(3000))
    config = SoftmaxMlp(
        kind="softmax_mlp", hidden=(8,), epochs=6, batch_size=100_000, early_stopping=6, trainer=ONE
    )
    model = build_model(config)
    weighed = class_weighted(train, given(train, FACTORS))
    # Validated on the training rows, so that the last epoch is the best and its weights are kept.
    report = fit_model(model, weighed, weighed, seed=1)
    assert report.best_iteration == config.epochs
    with torch_as(ONE):
        expected = by_hand(config, train)
    assert isinstance(model, NetModel)
    for one, other in zip(model.weights.values(), expected, strict=True):
        np.testing.assert_allclose(one, other.numpy(), atol=5e-6)
