"""The base of models of one head, by the smallest model that can be built on it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pytest
from numpy.typing import NDArray
from planted_heads import blocks, three_classes
from planted_rows import FEATURES, planted_rows

from atc.config.model import Softmax
from atc.errors import DataError
from atc.models.base import FitReport, Progress, Scores, class_scores, fit_model
from atc.models.one_head import OneHeadModel, fit_report
from atc.protocol.dataset import Block
from atc.protocol.row_runs import Matrix

CONFIG = Softmax(kind="softmax")


@dataclass(frozen=True)
class Shares:
    shares: tuple[float, ...]
    features: tuple[str, ...]
    score_names: tuple[str, ...]


class ShareModel(OneHeadModel[Softmax, Shares]):
    """The shares of the classes in training, whatever the inputs."""

    kind: ClassVar[str] = "shares"

    def _fit(
        self,
        train: Block,
        valid: Block,
        codes: tuple[NDArray[np.float64], NDArray[np.float64]],
        *,
        seed: int,
        progress: Progress | None,
    ) -> tuple[Shares, FitReport]:
        del valid, seed, progress
        shares = [float(np.mean(codes[0] == code)) for code in range(len(train.classes))]
        report = fit_report(
            train,
            parameters={},
            curves={"train/shares": shares},
            iterations=1,
            best_iteration=1,
            importance_kind="none",
            importance=np.arange(len(train.features), dtype=np.float64),
        )
        return Shares(tuple(shares), train.features, class_scores(train.classes)), report

    def _outputs(self, state: Shares, x: Matrix) -> Scores:
        return np.tile(state.shares, (len(x), 1))

    def save(self, directory: Path, stem: str) -> tuple[str, ...]:
        (directory / f"{stem}.json").write_text(json.dumps([self._fitted().shares, self.features]))
        return (f"{stem}.json",)

    @classmethod
    def load(cls, config: Softmax, path: Path, score_names: tuple[str, ...]) -> Self:
        shares, features = json.loads(path.read_text())
        return cls(config, Shares(tuple(shares), tuple(features), score_names))


def fitted(rows: tuple[Block, Block]) -> tuple[ShareModel, FitReport]:
    model = ShareModel(CONFIG)
    return model, fit_model(model, *rows, seed=1)


def test_of_two_classes_the_score_is_that_of_the_last() -> None:
    train, valid = blocks(planted_rows(1000))
    model, _ = fitted((train, valid))
    assert model.score_names == ("p",)
    assert model.features == FEATURES
    p = model.predict(valid.x)
    assert p.shape == (valid.n_rows, 1)
    assert set(p[:, 0]) == {float(np.mean(train.y))}


def test_of_three_classes_each_has_its_column() -> None:
    rows = blocks(three_classes(1000))
    model, _ = fitted(rows)
    assert model.score_names == ("p_short", "p_flat", "p_hold")
    np.testing.assert_allclose(model.predict(rows[1].x).sum(axis=1), 1.0)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    rows = blocks(three_classes(1000))
    model, _ = fitted(rows)
    (name,) = model.save(tmp_path, "stem")
    loaded = ShareModel.load(CONFIG, tmp_path / name, model.score_names)
    assert loaded.predict(rows[1].x).tobytes() == model.predict(rows[1].x).tobytes()
    assert (loaded.features, loaded.score_names) == (model.features, model.score_names)


def test_the_report_names_what_the_inputs_lack_and_orders_them() -> None:
    _, report = fitted(blocks(planted_rows(1000)))
    assert (report.null_columns, report.constant_columns) == (("absent",), ("constant",))
    assert [item.feature for item in report.importance] == list(reversed(FEATURES))
    assert {item.splits for item in report.importance} == {None}


def test_nothing_is_asked_of_a_model_that_is_not_fitted() -> None:
    model = ShareModel(CONFIG)
    for ask in (lambda: model.features, lambda: model.score_names, lambda: model.predict(planted_rows(5).x)):
        with pytest.raises(RuntimeError, match="not fitted"):
            ask()


def test_labels_that_are_no_codes_of_one_head_are_refused_before_a_fit() -> None:
    train, valid = blocks(planted_rows(1000))
    y = valid.y.copy()
    y[3] = 2.0
    with pytest.raises(DataError, match=r"validation rows: label 2\.0 in row 3"):
        ShareModel(CONFIG).fit(train, replace(valid, y=y), seed=1)
    two = replace(train, y=np.repeat(train.y, 2, axis=1), heads=("a", "b"))
    with pytest.raises(ValueError, match="training rows: 2 heads, this model has one"):
        ShareModel(CONFIG).fit(two, valid, seed=1)


def test_inputs_of_another_width_are_refused() -> None:
    model, _ = fitted(blocks(planted_rows(1000)))
    with pytest.raises(ValueError, match=r"float32 \(n, 7\) was expected"):
        model.predict(np.zeros((3, 6), dtype=np.float32))
