"""What linear classifiers can learn and what not: planted classes of a line, and of a product."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from atc.config.model import Logistic, Softmax
from atc.models.base import fit_model
from atc.models.build import build_model
from atc.protocol.dataset import Block

CONFIGS: list[Logistic | Softmax] = [
    Logistic(kind="logistic"),
    Logistic(kind="logistic", solver="adam", batch_size=1024),
    Logistic(kind="logistic", solver="sgd", batch_size=256),
    Softmax(kind="softmax"),
]


def planted(n: int, seed: int, truth: str, classes: tuple[str, ...]) -> tuple[Block, np.ndarray[Any, Any]]:
    """Rows whose classes are those of a score, noise added; and the score."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4)).astype(np.float32)
    score = 2.0 * x[:, 0] - x[:, 1] if truth == "line" else 2.0 * x[:, 0] * x[:, 1]
    cuts = [0.0] if len(classes) == 2 else [-1.0, 1.0]
    codes = np.digitize(score + rng.standard_normal(n), cuts).astype(float)
    return Block(x, codes[:, None], ("a", "b", "c", "d"), classes=classes), score


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.kind}-{config.solver}")
@pytest.mark.parametrize("classes", [("FLAT", "HOLD"), ("SHORT", "FLAT", "HOLD")], ids=["two", "three"])
def test_a_line_is_recovered_and_a_product_is_not(
    config: Logistic | Softmax, classes: tuple[str, ...]
) -> None:
    areas = {}
    for truth in ("line", "product"):
        train, _ = planted(8000, 1, truth, classes)
        unseen, score = planted(4000, 2, truth, classes)
        model = build_model(config)
        fit_model(model, train, unseen, seed=1)
        held = unseen.y[:, 0] == len(classes) - 1
        areas[truth] = roc_auc_score(held, model.predict(unseen.x)[:, -1])
        best = roc_auc_score(held, score)
        assert best > 0.85, "there is something to be found"
        if truth == "line":
            assert areas[truth] > best - 0.005
    assert areas["product"] < 0.55
