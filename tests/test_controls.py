"""Controls with a known result: shuffled labels score chance, and a column leaked by one event raises the
alarm.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from planted_rows import SECOND, halves, planted_rows, planted_signal

from atc.config.model import Gbdt, Logistic
from atc.config.model import Model as ModelConfig
from atc.evaluation.blocks import blocks_of, disjoint_windows
from atc.evaluation.bootstrap import Interval
from atc.evaluation.controls import (
    LEAKED,
    PLAUSIBLE_JUMP,
    auc_jump,
    jump_is_suspicious,
    leaked_by,
    plant_column,
    screen_features,
    shuffled_control,
)
from atc.evaluation.lift import Estimate, Resampling, resampling
from atc.models.base import Model
from atc.models.build import build_model
from atc.protocol.dataset import Block, Dataset, labelled
from atc.protocol.sealed_holdout import Split, split

HORIZON = 60 * SECOND
MODELS: dict[str, ModelConfig] = {
    "gbdt": Gbdt(kind="gbdt", n_estimators=30, min_child_samples=50, num_leaves=15, num_threads=1),
    "logistic": Logistic(kind="logistic"),
}


@pytest.fixture(scope="module")
def data() -> Dataset:
    return planted_rows(6000, seed=5)


@pytest.fixture(scope="module")
def rows(data: Dataset) -> Split:
    return split(data.t0, data.last_t1, halves(data), 0.25, labelled=labelled(data.y))


def draws_of(data: Dataset, rows: Split) -> Resampling:
    t0 = data.t0[rows.valid]
    blocks = blocks_of(t0, data.days[rows.valid], HORIZON, min_blocks=20)
    assert blocks.enough
    return resampling(blocks.index, blocks.count, enough=True, resamples=300, confidence=0.95, seed=1)


def builder(name: str) -> Model:
    return build_model(MODELS[name])


def leaks_of(data: Dataset) -> dict[str, NDArray[np.float64]]:
    """Columns that look ahead by one event and tell its label outright, each in its own way."""
    label = leaked_by(data.y[:, 0])
    return {
        "the label of the next event": label,
        "the return of the next event": leaked_by(data.r_bps[:, 0]),
        "null unless the next event holds": np.where(label == 1.0, 1.0, np.nan),
    }


def drowned(data: Dataset) -> NDArray[np.float64]:
    """The return of the next event under noise of its own size."""
    noise = np.random.default_rng(1).standard_normal(data.n_rows)
    return leaked_by(data.r_bps[:, 0]) + np.nanstd(data.r_bps) * noise


LEAKS = sorted(leaks_of(planted_rows(10)))
SEEDS = range(8)


def case(seed: int) -> tuple[Dataset, Split, int]:
    """Rows, their split, and how many disjoint label windows validation has."""
    rows = planted_rows(6000, seed=seed)
    parts = split(rows.t0, rows.last_t1, halves(rows), 0.25, labelled=labelled(rows.y))
    return rows, parts, disjoint_windows(rows.t0[parts.valid], HORIZON)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("leak", LEAKS)
def test_a_column_leaked_by_one_event_is_caught_by_the_screen(leak: str, seed: int) -> None:
    data, rows, windows = case(seed)
    found = screen_features(plant_column(data.block(rows.valid), leaks_of(data)[leak][rows.valid]), windows)
    assert [item.feature for item in found] == [LEAKED]
    assert found[0].by_nulls == leak.startswith("null")


# To a linear model a null is the mean, so it cannot use a leak by nulls.
USABLE = [
    (leak, model) for leak in LEAKS for model in MODELS if model == "gbdt" or not leak.startswith("null")
]


@pytest.mark.parametrize(("leak", "model"), USABLE)
def test_a_column_leaked_by_one_event_is_caught_by_the_jump(
    data: Dataset, rows: Split, leak: str, model: str
) -> None:
    column = leaks_of(data)[leak]
    train, valid = (plant_column(data.block(part), column[part]) for part in (rows.train, rows.valid))
    jump = auc_jump(lambda: builder(model), train, valid, LEAKED, draws_of(data, rows), seed=1)
    assert jump.interval is not None
    assert jump_is_suspicious(jump)


@pytest.mark.parametrize("seed", SEEDS)
def test_honest_columns_raise_no_alarm_in_the_screen(seed: int) -> None:
    """Nor does `linear`, whose true AUC of 0.72 is near the bound, so that its sample is often beyond it."""
    data, rows, windows = case(seed)
    assert screen_features(data.block(rows.valid), windows) == ()


def test_what_the_statistics_cannot_tell(data: Dataset, rows: Split) -> None:
    """The limits that the module states: a drowned leak passes the screen, a strong honest column jumps."""
    windows = disjoint_windows(data.t0[rows.valid], HORIZON)
    assert screen_features(plant_column(data.block(rows.valid), drowned(data)[rows.valid]), windows) == ()
    train, valid = data.block(rows.train), data.block(rows.valid)
    jump = auc_jump(lambda: builder("logistic"), train, valid, "linear", draws_of(data, rows), seed=1)
    assert jump.value is not None
    assert jump.value > PLAUSIBLE_JUMP


@pytest.mark.parametrize("column", ["noise", "volatility"])
def test_an_honest_column_makes_no_jump(data: Dataset, rows: Split, column: str) -> None:
    train, valid = data.block(rows.train), data.block(rows.valid)
    jump = auc_jump(lambda: builder("gbdt"), train, valid, column, draws_of(data, rows), seed=1)
    assert jump.value is not None
    assert not jump_is_suspicious(jump)


def test_few_windows_raise_no_alarm_in_the_screen() -> None:
    """Three independent labels let anything rank well: that is chance, not a leak."""
    y = np.repeat([1.0, 0.0, 1.0], 50)[:, None]
    column = np.repeat([2.0, 1.0, 3.0], 50).astype(np.float32)[:, None]
    block = Block(column, y, ("lucky",))
    assert screen_features(block, windows=3) == ()
    assert [item.feature for item in screen_features(block, windows=150)] == ["lucky"]


def test_columns_that_rank_backwards_are_seen_too(data: Dataset, rows: Split) -> None:
    valid = plant_column(data.block(rows.valid), -leaked_by(data.r_bps[:, 0])[rows.valid])
    windows = disjoint_windows(data.t0[rows.valid], HORIZON)
    (found,) = screen_features(valid, windows)
    assert found.auc < 0.25


def test_leaked_by_looks_ahead_and_ends_null() -> None:
    values = np.arange(5.0)
    np.testing.assert_array_equal(leaked_by(values, 2), [2.0, 3.0, 4.0, np.nan, np.nan])
    with pytest.raises(ValueError, match="at least one event"):
        leaked_by(values, 0)


def test_a_jump_needs_size_and_more_than_chance() -> None:
    assert not jump_is_suspicious(Estimate(None, None))
    assert not jump_is_suspicious(Estimate(0.04, None))
    assert jump_is_suspicious(Estimate(0.06, None))
    assert not jump_is_suspicious(Estimate(0.2, Interval(0.04, 0.36, 0)))
    assert jump_is_suspicious(Estimate(0.2, Interval(0.06, 0.34, 0)))


@pytest.mark.parametrize("model", sorted(MODELS))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_shuffled_labels_score_chance(data: Dataset, rows: Split, model: str, seed: int) -> None:
    train, valid, judged = (data.block(part) for part in (rows.train, rows.valid, rows.holdout))
    control = shuffled_control(lambda: builder(model), train, valid, judged, seed=seed)
    assert control.scores_chance
    assert control.standard_error < 0.02


def test_the_shuffled_control_can_fail(data: Dataset, rows: Split) -> None:
    """A pipeline that peeks at what it is judged by scores above chance on shuffled labels."""

    class Peeking:
        def __init__(self) -> None:
            self.model = builder("gbdt")

        def __getattr__(self, name: str) -> object:
            return getattr(self.model, name)

        def predict(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
            judged = np.random.default_rng(1 + 2).permutation(len(x))
            target = data.block(rows.holdout).y[judged]
            return np.asarray(self.model.predict(x) + 0.1 * target)

    train, valid, judged = (data.block(part) for part in (rows.train, rows.valid, rows.holdout))
    control = shuffled_control(Peeking, train, valid, judged, seed=1)  # type: ignore[arg-type]
    assert not control.scores_chance


def test_the_planted_truth_is_found_by_trees_and_half_missed_by_a_line(data: Dataset, rows: Split) -> None:
    """The interaction needs trees: what the controls judge is a pipeline that can learn."""
    train, valid = data.block(rows.train), data.block(rows.valid)
    draws = draws_of(data, rows)
    positive = valid.y[:, 0] == 1.0
    areas = {}
    for name in MODELS:
        model = builder(name)
        model.fit(train, valid, seed=1)
        areas[name] = draws.auc(positive, model.predict(valid.x)[:, 0])
    lift = areas["gbdt"].minus(areas["logistic"])
    assert lift.interval is not None
    assert lift.interval.lo > 0
    best = draws.auc(positive, planted_signal(data)[rows.valid]).value
    found = areas["gbdt"].value
    assert best is not None
    assert found is not None
    assert found < best + 0.02
