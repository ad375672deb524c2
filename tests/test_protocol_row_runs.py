"""Runs of rows read where they lie are the rows, for models too, to the bit."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_rows import FEATURES, planted_rows

from atc.config.model import Gbdt, Logistic
from atc.config.model import Model as ModelConfig
from atc.models.base import fit_model
from atc.models.build import build_model
from atc.protocol.dataset import Block
from atc.protocol.row_runs import RowRuns, rows_of

MATRIX = np.arange(400, dtype=np.float32).reshape(100, 4)
positions = st.lists(st.integers(0, 99), min_size=1, max_size=100, unique=True).map(sorted)
columns = st.one_of(st.none(), st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True))


@given(positions, columns, st.data())
def test_they_index_as_the_matrix_of_these_rows(
    rows: list[int], chosen: list[int] | None, data: st.DataObject
) -> None:
    plain = MATRIX[rows]
    found = RowRuns.of(MATRIX, np.array(rows))
    if chosen is not None:
        plain, found = plain[:, chosen], found.columns(np.array(chosen))
    assert (found.shape, len(found)) == (plain.shape, len(plain))
    start, stop = sorted(data.draw(st.lists(st.integers(0, 120), min_size=2, max_size=2)))
    step = data.draw(st.integers(1, 3))
    np.testing.assert_array_equal(found[start:stop:step], plain[start:stop:step])
    some = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=10)), dtype=np.int64)
    np.testing.assert_array_equal(found[some], plain[some])
    np.testing.assert_array_equal(found[:, 0], plain[:, 0])
    few = np.unique(some)
    np.testing.assert_array_equal(np.asarray(rows_of(found, few)), plain[few])
    np.testing.assert_array_equal(np.asarray(found), plain)
    if chosen is None:
        pieces = found.pieces
        assert pieces is not None
        np.testing.assert_array_equal(np.concatenate(pieces), plain)
        assert all(np.shares_memory(piece, MATRIX) for piece in pieces)


def test_a_row_that_is_not_there_is_an_error() -> None:
    with pytest.raises(IndexError, match="rows 3 … 3 of 3"):
        RowRuns.of(MATRIX, np.array([0, 1, 7]))[np.array([3])]


def test_few_runs_are_read_where_they_lie_and_scattered_rows_are_copied() -> None:
    x = np.zeros((10_000, 2), dtype=np.float32)
    one = rows_of(x, np.arange(10, 500))
    assert isinstance(one, np.ndarray)
    assert np.shares_memory(one, x)
    assert isinstance(rows_of(x, np.r_[0:1000, 3000:9000]), RowRuns)
    assert isinstance(rows_of(x, np.arange(0, 10_000, 2)), np.ndarray)
    runs = rows_of(x, np.r_[0:1000, 3000:9000])
    fewer = rows_of(runs, np.r_[100:900, 1500:3000])
    assert isinstance(fewer, RowRuns)
    assert fewer.pieces is not None
    assert all(np.shares_memory(piece, x) for piece in fewer.pieces)


GBDT = Gbdt(kind="gbdt", n_estimators=15, min_child_samples=50, num_leaves=15, num_threads=1)


@pytest.mark.parametrize("few", [True, False], ids=["few rows", "many rows"])
@pytest.mark.parametrize("names", [FEATURES, FEATURES[:3], (FEATURES[4], FEATURES[2], FEATURES[0])])
@pytest.mark.parametrize(
    "config",
    [GBDT, Logistic(kind="logistic"), Logistic(kind="logistic", solver="adam", epochs=3, batch_size=700)],
    ids=["gbdt", "newton", "adam"],
)
def test_models_are_the_same_as_on_a_copy(
    config: ModelConfig, names: tuple[str, ...], few: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not few:
        monkeypatch.setattr("atc.models.lightgbm_rows.COPIED", 0)
    data = planted_rows(6000)
    train, valid = np.r_[0:1200, 1500:3900], np.r_[4000:4700, 4800:5400]
    files, scores = [], []
    for copied in (True, False):
        blocks = []
        for rows in (train, valid):
            block = data.block(rows)
            if copied:
                block = Block(data.x[rows], data.y[rows], data.features)
                block = Block(np.asarray(block.select(names).x), block.y, names)
            blocks.append(block.select(names))
        assert isinstance(blocks[0].x, np.ndarray) == copied
        model = build_model(config)
        fit_model(model, *blocks, seed=1)
        folder = tmp_path / str(copied)
        folder.mkdir()
        files.append((folder / model.save(folder, "stem")[0]).read_bytes())
        scores.append(model.predict(blocks[1].x))
    assert files[0] == files[1]
    np.testing.assert_array_equal(scores[0], scores[1])


def test_a_column_that_cannot_be_split_is_left_out_of_a_sequence_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each tree draws from the columns that are left: one more, and all trees are others."""
    data = planted_rows(3000)
    data.x[:, 1] = 1.0
    data.x[:30, 1] = 2.0  # more rows than LightGBM's default of 20, fewer than asked for
    names, few = FEATURES[:3], GBDT.model_copy(update={"feature_fraction": 0.5})
    texts = []
    for copied in (1 << 24, 0):
        monkeypatch.setattr("atc.models.lightgbm_rows.COPIED", copied)
        model = build_model(few)
        train, valid = (data.block(rows).select(names) for rows in (np.arange(2000), np.arange(2100, 2900)))
        fit_model(model, train, valid, seed=1)
        folder = tmp_path / str(copied)
        folder.mkdir()
        texts.append((folder / model.save(folder, "stem")[0]).read_text())
    assert "none" in texts[0].partition("feature_infos=")[2].partition("\n")[0]
    assert texts[0] == texts[1]


# Of picked columns LightGBM holds its own sample for the bin edges, 200 000 rows at most.
@pytest.mark.parametrize(
    ("config", "picked"),
    [(GBDT, 40), (Logistic(kind="logistic"), 40), (Logistic(kind="logistic"), 30)],
    ids=["gbdt", "logistic", "logistic, picked columns"],
)
def test_no_float_matrix_is_copied(config: ModelConfig, picked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that Python holds during a fit is less than a third of the rows that are fitted."""
    # A chunk and the rows of the curves are of fixed size: small ones show what grows with the rows.
    for module in ("base", "row_chunks", "lightgbm_rows", "gbdt"):
        monkeypatch.setattr(f"atc.models.{module}.CHUNK_ROWS", 2048)
    monkeypatch.setattr("atc.models.base.CURVE_ROWS", 2000)
    monkeypatch.setattr("atc.models.lightgbm_rows.COPIED", 1 << 20)
    n = 200_000
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 40)).astype(np.float32)
    y = (x[:, 0] + rng.standard_normal(n) > 0).astype(np.float64)[:, None]
    names = tuple(f"f{i}" for i in range(40))
    rows = np.r_[0 : n // 2, n // 2 + 50 : n - 2000]
    train = Block(RowRuns.of(x, rows), y[rows], names).select(names[:picked])
    valid = Block(x[n - 2000 :], y[n - 2000 :], names).select(names[:picked])
    few = config.model_copy(update={"n_estimators": 2, "max_bin": 15} if config.kind == "gbdt" else {})
    tracemalloc.start()
    try:
        fit_model(build_model(few), train, valid, seed=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < train.n_rows * picked * 4 / 3
