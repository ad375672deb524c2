"""What each kind of model can learn, and what it cannot represent, whatever its fit: planted truths.

line        classes of 2a − b, noise added
product     classes of 2ab, noise added: no line knows it
beyond      classes of a, asked where a is larger than in any training row: a tree says the same of all
            that lies beyond its last edge
clipped     two sizes of a rare outlier, one a class, both beyond ±10 deviations, where inputs are clipped
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import test_models_ridge
import test_nets_transformer
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from atc.config.model import Gbdt, Logistic, Softmax
from atc.config.model import Model as ModelConfig
from atc.config.nets import Multihorizon, Net, SoftmaxMlp, Trainer
from atc.models.average import AverageModel, Member
from atc.models.base import Model, fit_model
from atc.models.build import build_model
from atc.models.kinds import KINDS
from atc.protocol.dataset import Block

ONE = Trainer(accelerator="cpu", num_threads=1)
NET: dict[str, Any] = {"batch_size": 512, "epochs": 15, "learning_rate": 0.02, "trainer": ONE}
CONFIGS: dict[str, ModelConfig] = {
    "logistic, newton": Logistic(kind="logistic"),
    "logistic, adam": Logistic(kind="logistic", solver="adam", batch_size=1024),
    "logistic, sgd": Logistic(kind="logistic", solver="sgd", batch_size=256),
    "softmax": Softmax(kind="softmax"),
    "multihorizon": Multihorizon(kind="multihorizon", **NET),
    "softmax_mlp": SoftmaxMlp(kind="softmax_mlp", hidden=(32, 16), **NET),
    "multihorizon, trunk": Multihorizon(kind="multihorizon", trunk=(32, 16), **NET),
    "gbdt": Gbdt(kind="gbdt", n_estimators=150, min_child_samples=20, num_leaves=15, num_threads=1),
}
LINES = ("logistic, newton", "logistic, adam", "logistic, sgd", "softmax", "multihorizon")
NETS = ("softmax_mlp", "multihorizon, trunk")
FEATURES = ("a", "b", "c", "d")
TWO, THREE = ("FLAT", "HOLD"), ("SHORT", "FLAT", "HOLD")


def planted(n: int, seed: int, truth: str, classes: tuple[str, ...] = TWO) -> tuple[Block, NDArray[Any]]:
    """Rows whose classes are those of a score, noise added; and the score."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4)).astype(np.float32)
    score = 2.0 * x[:, 0] - x[:, 1] if truth == "line" else 2.0 * x[:, 0] * x[:, 1]
    cuts = [0.0] if len(classes) == 2 else [-1.0, 1.0]
    codes = np.digitize(score + rng.standard_normal(n), cuts).astype(float)
    return Block(x, codes[:, None], FEATURES, classes=classes), score


def fitted(config: ModelConfig, train: Block, valid: Block) -> Model:
    model = build_model(config)
    fit_model(model, train, valid, seed=1)
    return model


def found_and_best(config: ModelConfig, truth: str, classes: tuple[str, ...] = TWO) -> tuple[float, float]:
    """AUC of the last class on unseen rows: of a model, and of the planted score itself."""
    train, _ = planted(8000, 1, truth, classes)
    valid, _ = planted(4000, 2, truth, classes)
    unseen, score = planted(4000, 3, truth, classes)
    held = unseen.y[:, 0] == len(classes) - 1
    best = float(roc_auc_score(held, score))
    assert best > 0.85, "there is something to be found"
    return float(roc_auc_score(held, fitted(config, train, valid).predict(unseen.x)[:, -1])), best


@pytest.mark.parametrize(
    ("name", "classes"),
    # The heads of a horizon are of two classes.
    [
        (name, classes)
        for name in LINES
        for classes in (TWO, THREE)
        if (name, classes) != ("multihorizon", THREE)
    ],
)
def test_a_line_is_recovered_and_a_product_is_not(name: str, classes: tuple[str, ...]) -> None:
    found, best = found_and_best(CONFIGS[name], "line", classes)
    assert found > best - 0.005
    found, _ = found_and_best(CONFIGS[name], "product", classes)
    assert abs(found - 0.5) < 0.05


@pytest.mark.parametrize("name", [*NETS, "gbdt"])
def test_a_product_is_recovered(name: str) -> None:
    found, best = found_and_best(CONFIGS[name], "product")
    assert found > best - 0.03


def outliers(n: int, seed: int, share: float) -> Block:
    """Noise of which nothing is the class; in a `share` of the rows a is 75 or 80, and which is the class."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 1)).astype(np.float32)
    y = rng.integers(2, size=n).astype(np.float64)
    far = rng.random(n) < share
    x[far, 0] = np.where(y[far] == 1.0, 80.0, 75.0)
    return Block(x, y[:, None], ("a",), classes=TWO)


@pytest.mark.parametrize("name", ["logistic, newton", "softmax", "multihorizon", *NETS])
def test_what_is_clipped_looks_alike_and_trees_tell_it_apart(name: str) -> None:
    train, valid, unseen = outliers(12_000, 1, 0.008), outliers(500, 2, 0.5), outliers(500, 3, 1.0)
    # Beyond the clip both.
    assert (unseen.x.min() - train.x.mean()) / train.x.std() > 10.0
    trees = CONFIGS["gbdt"].model_copy(update={"max_bin": 1000})
    assert roc_auc_score(unseen.y[:, 0], fitted(trees, train, valid).predict(unseen.x)[:, 0]) == 1.0
    config = CONFIGS[name]
    if isinstance(config, Net):
        config = config.model_copy(update={"epochs": 3})
    assert np.ptp(fitted(config, train, valid).predict(unseen.x)) == 0.0


def beyond(n: int, seed: int, low: float, high: float) -> Block:
    """Classes of a, which lies between `low` and `high`, beside its middle; noise added."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(low, high, (n, 1)).astype(np.float32)
    y = x[:, 0] - (low + high) / 2 + 0.5 * rng.standard_normal(n) > 0
    return Block(x, y.astype(np.float64)[:, None], ("a",), classes=TWO)


def test_trees_know_nothing_beyond_their_training_rows_and_a_line_does() -> None:
    train, valid = beyond(4000, 1, -2.0, 2.0), beyond(2000, 2, -2.0, 2.0)
    unseen = beyond(2000, 3, 2.5, 6.5)
    line, trees = (fitted(CONFIGS[name], train, valid) for name in ("logistic, newton", "gbdt"))
    inside = [float(roc_auc_score(valid.y[:, 0], model.predict(valid.x)[:, 0])) for model in (line, trees)]
    assert min(inside) > 0.93
    assert roc_auc_score(unseen.y[:, 0], line.predict(unseen.x)[:, 0]) > 0.93
    assert np.ptp(trees.predict(unseen.x)) == 0.0


def of_columns(block: Block, names: tuple[str, ...]) -> Block:
    return replace(block.select(names), x=np.array(block.select(names).x))


def test_an_ensemble_adds_up_what_its_members_know_and_multiplies_nothing() -> None:
    """A member sees a, the other b: their mean ranks by both, and the product of both is in neither."""
    for truth in ("line", "product"):
        train, _ = planted(8000, 1, truth)
        valid, _ = planted(4000, 2, truth)
        unseen, score = planted(4000, 3, truth)
        config = CONFIGS["logistic, newton"]
        members = [
            Member(name, fitted(config, *(of_columns(part, (name,)) for part in (train, valid))), config, 0.5)
            for name in ("a", "b")
        ]
        both = AverageModel("ensemble", FEATURES, members)
        alone = [float(roc_auc_score(unseen.y[:, 0], one[:, 0])) for one in both.each(unseen.x)]
        found = float(roc_auc_score(unseen.y[:, 0], both.predict(unseen.x)[:, 0]))
        best = float(roc_auc_score(unseen.y[:, 0], score))
        if truth == "line":
            assert found > max(alone) + 0.02
            assert found > best - 0.02
        else:
            assert best > 0.85
            assert abs(found - 0.5) < 0.05


LINE_NOT_PRODUCT = test_a_line_is_recovered_and_a_product_is_not
SHOWN_BY: dict[str, tuple[Callable[..., None], ...]] = {
    "ridge": (test_models_ridge.test_it_recovers_a_line_and_not_a_product,),
    "logistic": (LINE_NOT_PRODUCT, test_what_is_clipped_looks_alike_and_trees_tell_it_apart),
    "softmax": (LINE_NOT_PRODUCT, test_what_is_clipped_looks_alike_and_trees_tell_it_apart),
    "softmax_mlp": (test_a_product_is_recovered, test_what_is_clipped_looks_alike_and_trees_tell_it_apart),
    "gbdt": (
        test_a_product_is_recovered,
        test_trees_know_nothing_beyond_their_training_rows_and_a_line_does,
    ),
    "multihorizon": (LINE_NOT_PRODUCT, test_a_product_is_recovered),
    "multihorizon_transformer": (
        test_nets_transformer.test_an_order_of_ticks_is_recovered_and_a_row_model_misses_it,
    ),
    "ensemble": (test_an_ensemble_adds_up_what_its_members_know_and_multiplies_nothing,),
}


def test_every_kind_is_shown_something_that_it_can_learn_and_something_that_it_cannot() -> None:
    assert set(SHOWN_BY) == {*KINDS, "ensemble"}
