"""Fewer training rows: which are kept, with what chance, and that nothing but training is thinned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import atc
from atc.labels.uniqueness import average_uniqueness
from atc.opened_run import OpenedRun
from atc.protocol.dataset import Dataset
from atc.protocol.thinning import drawn, every_kth
from atc.run import run
from atc.tasks.training_rows import training_rows
from tests.planted_rows import planted_rows

CONFIG = ("+experiment=logistic_13feat",)


def rows_of(data: Dataset) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.flatnonzero(~np.isnan(data.y[:, 0]))


def test_every_kth_row_from_the_first_on() -> None:
    rows = np.array([2, 3, 5, 8, 13, 21, 34])
    np.testing.assert_array_equal(every_kth(rows, 3), [2, 8, 34])
    np.testing.assert_array_equal(every_kth(rows, 100), [2])


def test_a_row_is_drawn_as_often_as_it_is_worth() -> None:
    rng = np.random.default_rng(3)
    worth = rng.exponential(size=400)
    rows = np.arange(1000, 1400)
    counts = np.zeros(400)
    for seed in range(2000):
        found = drawn(rows, worth, 0.05, seed)
        assert len(found) == 20
        assert np.all(np.diff(found) > 0)
        counts[found - 1000] += 1
    expected = 20 * worth / worth.sum()
    # 5 σ of a count among 2,000 draws.
    assert np.all(np.abs(counts / 2000 - expected) < 5 * np.sqrt(expected / 2000) + 1e-9)


def test_what_is_worth_more_than_a_whole_row_is_always_drawn() -> None:
    worth = np.ones(100)
    worth[[7, 50]] = 1000.0
    for seed in range(50):
        found = drawn(np.arange(100), worth, 0.1, seed)
        assert len(found) == 10
        assert {7, 50} <= set(found.tolist())
    np.testing.assert_array_equal(drawn(np.arange(100), worth, 1.0, 1), np.arange(100))


def test_the_seed_places_the_draw_and_no_row_is_without_worth() -> None:
    rows, worth = np.arange(1000), np.linspace(1, 2, 1000)
    np.testing.assert_array_equal(drawn(rows, worth, 0.1, 5), drawn(rows, worth, 0.1, 5))
    assert not np.array_equal(drawn(rows, worth, 0.1, 5), drawn(rows, worth, 0.1, 6))
    with pytest.raises(ValueError, match="without worth"):
        drawn(rows, worth - 1, 0.1, 5)


def test_busy_minutes_give_fewer_rows() -> None:
    """Drawn by uniqueness, a minute gives about as many rows as its labels are worth."""
    data = planted_rows(4000)
    rows = rows_of(data)
    asked = atc.compose([*CONFIG, "thinning=uniqueness", "thinning.share=0.25"])
    found = training_rows(asked, data, rows)
    assert len(found.positions) == round(0.25 * len(rows))
    assert found.figures["train/rows_before_thinning"] == len(rows)
    unique = average_uniqueness(data.t0[rows], data.t1[rows, 0])
    chance = len(found.positions) * unique / unique.sum()
    taken = np.isin(rows, found.positions)
    for part in np.array_split(np.argsort(unique, kind="stable"), 4):
        assert taken[part].sum() == pytest.approx(chance[part].sum(), rel=0.15)


def test_weights_are_of_the_rows_that_are_left() -> None:
    data = planted_rows(2000)
    rows = rows_of(data)
    asked = atc.compose([*CONFIG, "thinning=every_k", "thinning.k=4", "weights=uniqueness"])
    found = training_rows(asked, data, rows)
    np.testing.assert_array_equal(found.positions, rows[::4])
    np.testing.assert_array_equal(found.block.x[:], data.x[rows[::4]])
    alone = average_uniqueness(data.t0[rows[::4]], data.t1[rows[::4], 0])
    assert found.block.weights is not None
    np.testing.assert_allclose(found.block.weights[:, 0], alone / alone.mean())


SIX_DAYS = (
    *("data.days=6", "window.train_days=4", "window.holdout_days=2", "data.rate=0.1"),
    *("evaluation.resamples=50", "backtest=none", "tracking=none", "runtime.progress=off"),
    *("evaluation.adversarial.enabled=false", "explain=none"),
    *("protocol.valid_fraction=0.3", "protocol=walk_forward", "protocol.folds=2"),
    *("refit=expanding", "refit.every_days=1", "calibration=temperature"),
)
PLAIN = ("thinning=all",)
TENTH = ("thinning=every_k", "thinning.k=10")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


def made(outputs: Path, *words: str) -> OpenedRun:
    return atc.open_run(run(atc.compose([*CONFIG, *SIX_DAYS, *words, f"paths.outputs={outputs}"])))


def test_training_alone_is_thinned_in_folds_and_refits_too(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from atc.tasks import fitting

    fits: list[tuple[int, int]] = []
    fit_model = fitting.fit_model

    def watched(model, train, valid, **named):  # type: ignore[no-untyped-def]
        fits.append((train.n_rows, valid.n_rows))
        return fit_model(model, train, valid, **named)

    monkeypatch.setattr(fitting, "fit_model", watched)
    plain = made(outputs, *PLAIN)
    of_plain = list(fits)
    fits.clear()
    thin = made(outputs, *TENTH)
    assert len(fits) == len(of_plain) > 10
    for (train, valid), (of_all, of_valid) in zip(fits, of_plain, strict=True):
        assert train == -(-of_all // 10)
        assert valid == of_valid
    assert plain.metrics["train/rows"] == plain.metrics["train/rows_before_thinning"]
    assert thin.metrics["train/rows_before_thinning"] == plain.metrics["train/rows"]
    assert thin.metrics["train/rows"] == -(-plain.metrics["train/rows"] // 10)
    for part in ("valid", "holdout", "fold/1/test"):
        assert thin.metrics[f"{part}/rows"] == plain.metrics[f"{part}/rows"]
    of_fold = thin.manifest["spans"]["fold1"]
    assert of_fold["train_rows"] == -(-of_fold["train_rows_before_thinning"] // 10)
    assert thin.predictions.height == plain.predictions.height
    assert any("training rows are fitted" in note for note in thin.manifest["notes"])
    assert not any("training rows are fitted" in note for note in plain.manifest["notes"])
