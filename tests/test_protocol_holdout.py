"""The holdout selects nothing: neither its type nor a fit that tries opens it."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from planted_rows import halves, planted_rows

from atc.config.model import Gbdt, Logistic
from atc.config.model import Model as ModelConfig
from atc.errors import UsageError
from atc.evaluation.metrics import auc
from atc.models.base import FitReport, Progress, fit_model
from atc.models.build import build_model
from atc.models.logistic import LogisticModel
from atc.protocol.dataset import Block, Dataset, labelled
from atc.protocol.sealed_holdout import Parts, SealBrokenError, SealedHoldout, seal, split

SMALL_TREES = Gbdt(kind="gbdt", n_estimators=25, min_child_samples=50, num_leaves=15, num_threads=1)
LINEAR = Logistic(kind="logistic")


def parts_of(data: Dataset, *, sealed: bool = False) -> Parts:
    rows = split(data.t0, data.last_t1, halves(data), 0.1, labelled=labelled(data.y))
    return seal(data, rows, sealed=sealed, on_open=lambda _reason: None)


class Curious(LogisticModel):
    """A model that was built with the holdout at hand, and looks."""

    def __init__(self, holdout: SealedHoldout, threaded: bool) -> None:
        super().__init__(LINEAR)
        self.holdout, self.threaded = holdout, threaded

    def fit(self, train: Block, valid: Block, *, seed: int, progress: Progress | None = None) -> FitReport:
        if self.threaded:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(self.holdout.open, "early stopping").result()
        self.holdout.open("early stopping")
        return super().fit(train, valid, seed=seed, progress=progress)


@pytest.mark.parametrize("threaded", [False, True])
def test_a_fit_cannot_open_it(threaded: bool) -> None:
    parts = parts_of(planted_rows(2000))
    with pytest.raises(SealBrokenError, match=r"early stopping.*while a model was being fitted"):
        fit_model(Curious(parts.holdout, threaded), parts.train, parts.valid, seed=1)
    # The seal is not left closed by the failure.
    assert parts.holdout.open("evaluation").n_rows == parts.holdout.n_rows


def test_it_is_no_block_and_shows_nothing() -> None:
    parts = parts_of(planted_rows(2000))
    holdout = parts.holdout
    for field in [*fields(Block), *fields(Dataset)]:
        assert not hasattr(holdout, field.name), field.name
    for name in ("__len__", "__iter__", "__getitem__", "__array__", "__dict__"):
        assert not hasattr(holdout, name), name
    for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="neither copied nor pickled"):
            duplicate(holdout)
    with pytest.raises(AttributeError):
        fit_model(build_model(LINEAR), parts.train, holdout, seed=1)  # type: ignore[arg-type]


def test_no_label_of_the_holdout_is_reachable_from_a_block() -> None:
    data = planted_rows(2000)
    parts = parts_of(data)
    for block in (parts.train, parts.valid):
        assert block.y.base is None
        assert not np.shares_memory(block.y, data.y)
        assert len(block.y) == block.n_rows < data.n_rows


def test_a_sealed_run_never_opens_and_reasons_come_first() -> None:
    data = planted_rows(2000)
    with pytest.raises(UsageError, match=r"sealed \(protocol\.sealed=true\)"):
        parts_of(data, sealed=True).holdout.open("evaluation")
    asked: list[str] = []
    rows = split(data.t0, data.last_t1, halves(data), 0.1, labelled=labelled(data.y))
    holdout = seal(data, rows, sealed=False, on_open=asked.append).holdout
    with pytest.raises(ValueError, match="stated reason"):
        holdout.open(" ")
    assert asked == []
    opened = holdout.open("auc")
    assert asked == ["auc"]
    # With the rows whose label the end of the data makes null: nobody could have left them out.
    np.testing.assert_array_equal(opened.t0, data.t0[rows.holdout_decisions])
    assert len(rows.holdout) < opened.n_rows
    np.testing.assert_array_equal(opened.t0[labelled(opened.y)], data.t0[rows.holdout])

    def refuse(reason: str) -> None:
        raise OSError("the ledger is full")

    with pytest.raises(OSError, match="ledger"):
        SealedHoldout(data, rows.holdout, sealed=False, on_open=refuse).open("auc")


@pytest.mark.parametrize("config", [SMALL_TREES, LINEAR], ids=["gbdt", "logistic"])
def test_no_holdout_value_reaches_the_fit(config: ModelConfig, tmp_path: Path) -> None:
    """Any inputs, labels and returns in the holdout, and any of its rows missing: the same model, byte for
    byte.
    """
    data = planted_rows(3000)
    rows = split(data.t0, data.last_t1, halves(data), 0.1, labelled=labelled(data.y))
    rng = np.random.default_rng(7)
    x, y, r_bps = data.x.copy(), data.y.copy(), data.r_bps.copy()
    after = slice(int(rows.holdout[0]), None)
    x[after] = rng.choice(np.array([np.nan, -1e30, 3e8, 0.0], dtype=np.float32), x[after].shape)
    y[after] = rng.choice([0.0, 1.0, np.nan], y[after].shape)
    y[rows.holdout[0]] = 1.0  # the first label is where the purge ends
    r_bps[after] = rng.standard_normal(r_bps[after].shape) * 1e6
    changed = replace(data, x=x, y=y, r_bps=r_bps)

    results = []
    for i, version in enumerate((data, changed)):
        parts = parts_of(version)
        model = build_model(config)
        report = fit_model(model, parts.train, parts.valid, seed=3)
        folder = tmp_path / str(i)
        folder.mkdir()
        (name,) = model.save(folder, "stem")
        area = auc(parts.valid.y[:, 0] == 1.0, model.predict(parts.valid.x)[:, 0])
        results.append(((folder / name).read_bytes(), report, area))
    assert results[0] == results[1]
