"""LightGBM behind ATC's face: the same trees as its own wrapper, and nothing that lets two runs differ."""

from __future__ import annotations

from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from planted_rows import planted_rows
from sklearn.metrics import log_loss, roc_auc_score

from atc.config.model import Gbdt
from atc.errors import DataError
from atc.models.base import FitReport, fit_model
from atc.models.gbdt import GbdtModel, parameters
from atc.protocol.dataset import Block

CONFIG = Gbdt(
    kind="gbdt",
    n_estimators=60,
    min_child_samples=40,
    num_leaves=15,
    early_stopping=8,
    learning_rate=0.15,
    num_threads=1,
)


@pytest.fixture(scope="module")
def blocks() -> tuple[Block, Block]:
    data = planted_rows(3000)
    known = np.flatnonzero(~np.isnan(data.r_bps[:, 0]))
    cut = int(len(known) * 0.8)
    return data.block(known[:cut]), data.block(known[cut:])


def fitted(config: Gbdt, blocks: tuple[Block, Block], seed: int = 1) -> tuple[GbdtModel, FitReport]:
    model = GbdtModel(config)
    return model, fit_model(model, *blocks, seed=seed)


def trees(text: str) -> str:
    """A model's text without the parameters at its end."""
    return text[: text.index("\nparameters:")]


def test_trees_are_those_of_lightgbms_own_wrapper(blocks: tuple[Block, Block]) -> None:
    train, valid = blocks
    model, report = fitted(CONFIG, blocks, seed=7)
    wrapper = lightgbm.LGBMClassifier(
        n_estimators=60,
        max_depth=8,
        num_leaves=15,
        min_child_samples=40,
        learning_rate=0.15,
        colsample_bytree=0.9,
        subsample=0.8,
        subsample_freq=5,
        max_bin=255,
        random_state=7,
        n_jobs=1,
        deterministic=True,
        force_col_wise=True,
        verbosity=-1,
        metric=["binary_logloss"],
        data_random_seed=7,
        feature_fraction_seed=7,
        bagging_seed=7,
        extra_seed=7,
        objective_seed=7,
        drop_seed=7,
    )
    wrapper.fit(
        train.x,
        train.y[:, 0],
        eval_X=(valid.x,),
        eval_y=(valid.y[:, 0],),
        feature_name=list(train.features),
        callbacks=[lightgbm.early_stopping(8, first_metric_only=True, verbose=False)],
    )
    assert wrapper.best_iteration_ == report.best_iteration
    expected = wrapper.booster_.predict(valid.x, num_iteration=report.best_iteration)
    assert model.predict(valid.x)[:, 0].tobytes() == expected.tobytes()
    ours = lightgbm.Booster(model_str=model._fitted().booster.model_to_string())
    theirs = wrapper.booster_.model_to_string(num_iteration=report.best_iteration)
    assert trees(ours.model_to_string()) == trees(theirs)


def test_it_stops_by_validation_loss_and_keeps_the_best(blocks: tuple[Block, Block]) -> None:
    _, valid = blocks
    model, report = fitted(CONFIG, blocks)
    losses = report.curves["valid/log_loss"]
    assert report.best_iteration == int(np.argmin(losses)) + 1
    assert report.iterations == len(losses) == report.best_iteration + CONFIG.early_stopping
    p = model.predict(valid.x)[:, 0]
    assert log_loss(valid.y[:, 0], p) == pytest.approx(min(losses), abs=1e-12)
    at_best = report.curves["valid/auc"][report.best_iteration - 1]
    assert roc_auc_score(valid.y[:, 0], p) == pytest.approx(at_best, abs=1e-12)
    # Training goes on improving; it decides nothing.
    assert np.all(np.diff(report.curves["train/log_loss"]) < 0)
    assert at_best > 0.7


def test_importance_finds_the_planted_columns(blocks: tuple[Block, Block]) -> None:
    _, report = fitted(CONFIG, blocks)
    assert {item.feature for item in report.importance[:3]} == {"interaction_a", "interaction_b", "linear"}
    assert report.importance_kind == "gain"
    assert [item.value for item in report.importance] == sorted(
        (i.value for i in report.importance), reverse=True
    )
    by_name = {item.feature: item for item in report.importance}
    assert by_name["constant"].splits == by_name["absent"].splits == 0
    assert (report.null_columns, report.constant_columns) == (("absent",), ("constant",))


def test_seeds_and_threads_are_recorded_and_repeat(blocks: tuple[Block, Block]) -> None:
    first, report = fitted(CONFIG, blocks, seed=5)
    second, _ = fitted(CONFIG, blocks, seed=5)
    other, _ = fitted(CONFIG, blocks, seed=6)
    x = blocks[1].x
    assert first.predict(x).tobytes() == second.predict(x).tobytes()
    assert first.predict(x).tobytes() != other.predict(x).tobytes()
    recorded = report.parameters
    assert {recorded[name] for name in recorded if name.endswith("seed")} == {5}
    assert (recorded["num_threads"], recorded["deterministic"], recorded["force_col_wise"]) == (1, True, True)
    assert recorded["force_row_wise"] is False
    assert recorded["metric"] == "binary_logloss"


@pytest.mark.parametrize("histogram", ["col", "row"])
def test_one_thread_and_two_grow_the_same_trees(blocks: tuple[Block, Block], histogram: str) -> None:
    texts = []
    for threads in (1, 2):
        config = CONFIG.model_copy(update={"num_threads": threads, "histogram": histogram, "n_estimators": 6})
        model, _ = fitted(config, blocks)
        texts.append(trees(model._fitted().booster.model_to_string()))
    assert texts[0] == texts[1]


def test_bin_edges_come_from_the_training_rows_alone(blocks: tuple[Block, Block]) -> None:
    """Stretching validation inputs monotonically beyond the training range moves no bin edge and no tree."""
    train, valid = blocks
    config = CONFIG.model_copy(update={"early_stopping": 1000, "n_estimators": 10})
    stretched = Block(valid.x * np.float32(1e6), valid.y, valid.features)
    plain, first = fitted(config, (train, valid))
    other, second = fitted(config, (train, stretched))
    k = min(first.best_iteration, second.best_iteration)
    a = plain._fitted().booster.predict(train.x, num_iteration=k)
    b = other._fitted().booster.predict(train.x, num_iteration=k)
    assert a.tobytes() == b.tobytes()


def test_progress_counts_trees(blocks: tuple[Block, Block]) -> None:
    calls: list[tuple[int, int]] = []
    model = GbdtModel(CONFIG)
    report = fit_model(model, *blocks, seed=1, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i + 1, 60) for i in range(report.iterations)]


def test_too_few_rows_for_one_split_are_refused(blocks: tuple[Block, Block]) -> None:
    train, valid = blocks
    with pytest.raises(
        DataError, match=r"2,\d+ training rows cannot be split.*min_child_samples=1500.*3,000"
    ):
        fitted(CONFIG.model_copy(update={"min_child_samples": 1500}), (train, valid))


def test_a_model_without_a_split_says_so(blocks: tuple[Block, Block]) -> None:
    blind = tuple(block.select(("constant", "absent")) for block in blocks)
    model, report = fitted(CONFIG, (blind[0], blind[1]))
    assert "no split" in report.notes[0]
    assert len(np.unique(model.predict(blind[1].x))) == 1


def test_a_run_that_still_improves_says_so(blocks: tuple[Block, Block]) -> None:
    _, report = fitted(CONFIG.model_copy(update={"n_estimators": 3}), blocks)
    assert "still improved" in report.notes[0]


def test_nothing_is_printed(blocks: tuple[Block, Block], capfd: pytest.CaptureFixture[str]) -> None:
    fitted(CONFIG.model_copy(update={"n_estimators": 3}), blocks)
    assert capfd.readouterr() == ("", "")


def test_a_head_beside_others_is_read_without_a_warning(blocks: tuple[Block, Block]) -> None:
    """Its labels and weights are columns of theirs; LightGBM warns of what is no run of memory."""
    config = CONFIG.model_copy(update={"n_estimators": 3})
    alone, beside = [], []
    for one in blocks:
        y, weights = one.y.astype(np.float32), np.linspace(0.5, 1.5, one.n_rows, dtype=np.float32)
        alone.append(replace(one, y=y, weights=weights))
        of_three = np.repeat(weights[:, None], 3, axis=1)
        beside.append(replace(one, y=np.repeat(y, 3, axis=1)[:, 1:2], weights=of_three[:, 1]))
    texts = []
    for train, valid in (alone, beside):
        model, _ = fitted(config, (train, valid))
        models = (model, model.grown(valid, trees=2, seed=1))
        texts.append([trees(one._fitted().booster.model_to_string()) for one in models])
    assert texts[0] == texts[1]


def test_a_bag_has_no_more_rows_than_it_may(blocks: tuple[Block, Block]) -> None:
    texts = [
        trees(fitted(Gbdt(kind="gbdt", n_estimators=7, min_child_samples=50, **bags), blocks)[0].text)
        for bags in (
            {"max_bag_rows": 1000},
            {"bagging_fraction": 1000 / blocks[0].n_rows},
            {"max_bag_rows": 1_000_000},
            {},
        )
    ]
    assert texts[0] == texts[1]
    assert texts[2] == texts[3]
    assert texts[1] != texts[2]


def test_every_default_of_the_plan_is_passed_on() -> None:
    chosen = parameters(Gbdt(kind="gbdt"), 1, 10_000_000)
    expected = {"max_depth": 8, "num_leaves": 63, "min_child_samples": 1000, "learning_rate": 0.05}
    expected |= {"feature_fraction": 0.9, "bagging_fraction": 0.8, "bagging_freq": 5}
    assert {name: chosen[name] for name in expected} == expected
