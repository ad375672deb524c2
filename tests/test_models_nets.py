"""Nets: what they can represent is found, repeats by its seed, and comes back from its files."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_heads import blocks, three_classes, two_heads
from planted_rows import planted_rows
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from test_models_artifact import PROVENANCE

from atc.config.model import Model as ModelConfig
from atc.config.nets import Multihorizon, SoftmaxMlp, Trainer
from atc.errors import DataError, UsageError
from atc.models.artifact import load_model, save_model
from atc.models.base import FitReport, Model, fit_model
from atc.models.build import build_model
from atc.models.checks import BringsChecks
from atc.models.nets.export import onnx_scores
from atc.models.nets.model import NetModel
from atc.models.nets.module import weighted_losses
from atc.models.profile import reference_profile
from atc.models.standardise import fit_standardiser
from atc.protocol.dataset import Block
from atc.protocol.row_runs import RowRuns

ONE = Trainer(num_threads=1)
MLP = SoftmaxMlp(
    kind="softmax_mlp", hidden=(16, 8), batch_size=512, epochs=12, learning_rate=0.02, trainer=ONE
)
HEADS = Multihorizon(kind="multihorizon", batch_size=512, epochs=12, learning_rate=0.02, trainer=ONE)


def fitted(config: ModelConfig, rows: tuple[Block, Block], seed: int = 1) -> tuple[Model, FitReport]:
    model = build_model(config)
    return model, fit_model(model, *rows, seed=seed)


@pytest.fixture(scope="module")
def classes() -> tuple[Block, Block]:
    return blocks(three_classes(3000))


@pytest.fixture(scope="module")
def heads() -> tuple[Block, Block]:
    return blocks(two_heads(3000))


@pytest.fixture(scope="module")
def mlp(classes: tuple[Block, Block]) -> tuple[Model, FitReport]:
    return fitted(MLP, classes)


def xor(n: int = 4000, seed: int = 0) -> tuple[Block, Block]:
    """Two heads: whether two inputs have the same sign, and the sign of the first."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3)).astype(np.float32)
    flips = rng.random(n) < 0.1
    same = ((x[:, 0] * x[:, 1] > 0) ^ flips).astype(np.float64)
    first = ((x[:, 0] > 0) ^ flips).astype(np.float64)
    block = Block(x, np.column_stack([same, first]), ("a", "b", "noise"), heads=("1s", "5s"))
    cut = int(0.75 * n)
    return tuple(replace(block, x=x[s], y=block.y[s]) for s in (slice(0, cut), slice(cut, n)))  # type: ignore[return-value]


def areas(model: Model, valid: Block) -> list[float]:
    p = model.predict(valid.x)
    known = [~np.isnan(y) for y in valid.y.T]
    return [float(roc_auc_score(valid.y[rows, head], p[rows, head])) for head, rows in enumerate(known)]


def test_a_trunk_finds_what_heads_on_the_inputs_cannot_represent() -> None:
    rows = xor()
    without, _ = fitted(HEADS.model_copy(update={"epochs": 20}), rows)
    shared, _ = fitted(HEADS.model_copy(update={"trunk": (16,), "epochs": 20}), rows)
    assert abs(areas(without, rows[1])[0] - 0.5) < 0.05
    assert areas(shared, rows[1])[0] > 0.85
    assert min(areas(without, rows[1])[1], areas(shared, rows[1])[1]) > 0.85


def test_three_classes(mlp: tuple[Model, FitReport], classes: tuple[Block, Block]) -> None:
    model, report = mlp
    assert model.score_names == ("p_short", "p_flat", "p_hold")
    p = model.predict(classes[1].x)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)
    y = classes[1].y[:, 0]
    for code in (0, 2):
        assert roc_auc_score(y == code, p[:, code]) > 0.6
    assert report.curves["valid/log_loss"][report.best_iteration - 1] == min(report.curves["valid/log_loss"])
    # The kept weights are the best epoch's.
    own = float(np.mean(-np.log(p[np.arange(len(y)), y.astype(int)])))
    assert own == pytest.approx(min(report.curves["valid/log_loss"]), rel=1e-5)
    assert report.null_columns == ("absent",)


def test_the_seed_decides_and_nothing_else(
    mlp: tuple[Model, FitReport], classes: tuple[Block, Block]
) -> None:
    np.random.default_rng().random(3)
    again, report = fitted(MLP, classes)
    x = classes[1].x
    assert again.predict(x).tobytes() == mlp[0].predict(x).tobytes()
    assert report.curves == mlp[1].curves
    other, _ = fitted(MLP, classes, seed=2)
    assert other.predict(x).tobytes() != mlp[0].predict(x).tobytes()


def test_a_row_scores_the_same_wherever_it_stands(
    mlp: tuple[Model, FitReport], classes: tuple[Block, Block]
) -> None:
    x = np.asarray(classes[1].x)
    whole = mlp[0].predict(x)
    for start in (0, 3, 17):
        assert mlp[0].predict(x[start : start + 5]).tobytes() == whole[start : start + 5].tobytes()
    runs = RowRuns(np.ascontiguousarray(x), np.array([0, 40]), np.array([20, len(x)]))
    assert mlp[0].predict(runs)[20:].tobytes() == whole[40:].tobytes()


def test_heads_on_the_inputs_are_logistic_regressions_of_their_own_rows(heads: tuple[Block, Block]) -> None:
    """Long enough and slow enough, each head comes to the optimum that scikit-learn finds for it alone."""
    train, valid = heads
    config = HEADS.model_copy(
        update={"epochs": 400, "learning_rate": 0.02, "l2": 1e-2, "batch_size": 10_000, "early_stopping": 400}
    )
    model, _ = fitted(config, (train, train))  # validation stops nothing here
    assert model.score_names == ("p_near", "p_far")
    p = model.predict(valid.x)
    standardiser = fit_standardiser(train.x, config.clip)
    for head in range(2):
        rows = ~np.isnan(train.y[:, head])
        peer = LogisticRegression(C=1 / (config.l2 * rows.sum()), tol=1e-10, max_iter=2000)
        peer.fit(standardiser.apply(np.asarray(train.x)[rows]), train.y[rows, head])
        expected = peer.predict_proba(standardiser.apply(np.asarray(valid.x)))[:, 1]
        np.testing.assert_allclose(p[:, head], expected, atol=5e-3)


def test_a_head_says_nothing_of_rows_without_its_label(heads: tuple[Block, Block]) -> None:
    """What stands in the other head's column does not move this head, where they share no weights."""
    train, valid = heads
    y = train.y.copy()
    y[::2, 1] = np.nan
    (_, one), (_, other) = fitted(HEADS, heads), fitted(HEADS, (replace(train, y=y), valid))
    known = {f"{part}/log_loss@{head}" for part in ("train", "valid") for head in ("near", "far")}
    assert set(one.curves) == set(other.curves) == known
    epochs = min(one.iterations, other.iterations)
    for part in ("train", "valid"):
        near, far = (
            [fit.curves[f"{part}/log_loss@{head}"][:epochs] for fit in (one, other)] for head in train.heads
        )
        np.testing.assert_allclose(near[0], near[1], rtol=1e-6)
        assert far[0] != far[1]


@pytest.mark.parametrize("outputs", [1, 3])
def test_weights_count_rows(outputs: int) -> None:
    """A row of weight 2 is two rows, and one without a label is none, whatever its weight."""
    import torch

    rng = np.random.default_rng(1)
    logits = torch.from_numpy(rng.standard_normal((50, 2, outputs)).astype(np.float32))
    y = torch.from_numpy(rng.integers(max(2, outputs), size=(50, 2)).astype(np.float32))
    y[5:9, 0] = torch.nan
    twice = torch.arange(50) % 3 == 0
    total, weight = weighted_losses(logits, y, torch.where(twice, 2.0, 1.0)[:, None].expand(50, 2))
    order = torch.sort(torch.cat([torch.arange(50), torch.arange(50)[twice]])).values
    peer, rows = weighted_losses(logits[order], y[order], torch.ones(len(order), 2))
    torch.testing.assert_close((total, weight), (peer, rows))
    assert rows.tolist() == [len(order) - 5, len(order)]


def test_validation_alone_decides_when_to_stop(classes: tuple[Block, Block]) -> None:
    config = MLP.model_copy(update={"epochs": 60, "early_stopping": 3, "learning_rate": 0.05})
    _, report = fitted(config, classes)
    assert report.iterations == report.best_iteration + 3 < 60
    short = MLP.model_copy(update={"epochs": 1})
    _, report = fitted(short, classes)
    assert "still improved on validation at model.epochs=1" in report.notes[0]


def test_fewer_rows_than_a_batch_are_one_batch(classes: tuple[Block, Block]) -> None:
    model, report = fitted(SoftmaxMlp(kind="softmax_mlp", epochs=3, trainer=ONE), classes)
    assert report.iterations == 3
    assert np.isfinite(model.predict(classes[1].x)).all()


def test_a_diverging_loss_names_the_setting(classes: tuple[Block, Block]) -> None:
    config = MLP.model_copy(update={"learning_rate": 1.0, "l2": 1e30, "optimiser": "sgd"})
    with pytest.raises(DataError, match=r"diverged.*lower model\.learning_rate=1 or set model\.trainer\.gra"):
        fitted(config, classes)


def test_a_device_that_is_not_there_is_named(classes: tuple[Block, Block]) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    config = MLP.model_copy(update={"trainer": Trainer(accelerator="gpu")})
    with pytest.raises(UsageError, match=r"accelerator=gpu is not on this machine .*choose auto or cpu"):
        fitted(config, classes)
    config = MLP.model_copy(update={"trainer": Trainer(accelerator="cpu", precision="16-mixed")})
    with pytest.raises(UsageError, match=r"16-mixed needs a GPU"):
        fitted(config, classes)


@pytest.mark.parametrize("config", [MLP, HEADS.model_copy(update={"trunk": (8,)})], ids=lambda c: c.kind)
def test_the_files_are_the_model(
    config: ModelConfig, heads: tuple[Block, Block], classes: tuple[Block, Block], tmp_path: Path
) -> None:
    train, valid = classes if config.kind == "softmax_mlp" else heads
    model, report = fitted(config, (train, valid))
    folder = tmp_path / "model"
    save_model(
        model,
        folder,
        config=config,
        provenance=PROVENANCE,
        report=report,
        valid_metrics={},
        profile=reference_profile(train.x, train.features),
    )
    loaded = load_model(folder, features=train.features).model
    assert (loaded.kind, loaded.score_names, loaded.features) == (
        config.kind,
        model.score_names,
        train.features,
    )
    assert loaded.predict(valid.x).tobytes() == model.predict(valid.x).tobytes()
    (graph,) = folder.glob("*.onnx")
    x = np.ascontiguousarray(valid.x)
    assert np.isnan(x).any()
    np.testing.assert_allclose(onnx_scores(graph, x), model.predict(x), rtol=0, atol=1e-6)
    assert isinstance(loaded, BringsChecks)
    assert [check.passed for check in loaded.own_checks(folder, x)] == [True]
    again = tmp_path / "again"
    again.mkdir()
    for name in loaded.save(again, graph.stem):
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    for path in list(folder.iterdir()):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(DataError, match=path.name.replace(".", r"\.")):
            load_model(folder)
        path.write_bytes(content)
    load_model(folder)


def saved(fit: tuple[Model, FitReport], config: ModelConfig, train: Block, folder: Path) -> Path:
    model, report = fit
    profile = reference_profile(train.x, train.features)
    told: dict[str, Any] = {"config": config, "report": report, "profile": profile}
    save_model(model, folder, **told, provenance=PROVENANCE, valid_metrics={})
    return folder


def test_it_scores_on_the_processor_wherever_it_was_fitted(
    mlp: tuple[Model, FitReport], classes: tuple[Block, Block], tmp_path: Path
) -> None:
    trainer = Trainer(num_threads=1, accelerator="gpu", precision="16-mixed")
    folder = saved(mlp, MLP.model_copy(update={"trainer": trainer}), classes[0], tmp_path / "model")
    loaded, x = load_model(folder).model, np.ascontiguousarray(classes[1].x)
    assert loaded.predict(x).tobytes() == mlp[0].predict(x).tobytes()
    assert isinstance(loaded, BringsChecks)
    assert [check.passed for check in loaded.own_checks(folder, x)] == [True]
    assert len(loaded.save(tmp_path, "again")) == 3


def by_onnx_and(monkeypatch: pytest.MonkeyPatch, more: float) -> None:
    from atc.models.nets import export, files

    monkeypatch.setattr(files, "onnx_scores", lambda path, x: export.onnx_scores(path, x) + more)


def test_a_graph_that_scores_otherwise_is_not_kept_and_the_fit_is(
    mlp: tuple[Model, FitReport],
    classes: tuple[Block, Block],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    x = np.ascontiguousarray(classes[1].x)
    for more in (2e-6, np.nan):
        by_onnx_and(monkeypatch, more)
        caplog.clear()
        folder = saved(mlp, MLP, classes[0], tmp_path / str(more))
        assert "the graph is not kept, the model is" in caplog.text
        assert list(folder.glob("*.onnx")) == []
        loaded = load_model(folder).model
        assert loaded.predict(x).tobytes() == mlp[0].predict(x).tobytes()
        assert isinstance(loaded, BringsChecks)
        (check,) = loaded.own_checks(folder, x)
        assert (check.name, check.passed) == ("onnx", False)
        assert "no graph" in check.said and "1e-06 allowed" in check.said


def test_terms_that_cancel_may_round_and_no_more(
    classes: tuple[Block, Block], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hidden units that are the same, with weights of 3000 against each other: no sum in float32 has the
    digits that are left, in whatever order it is made.
    """
    import torch

    fit = fitted(MLP.model_copy(update={"epochs": 1}), classes)
    assert isinstance(fit[0], NetModel)
    network = fit[0]._fitted().network
    last, head = network.body[2], network.head
    with torch.no_grad():
        for value in (last.weight, last.bias):
            value[1] = value[0] = value[0].abs()
        head.weight[0, :2] = torch.tensor([3000.0, -3000.0])
    by_onnx_and(monkeypatch, 2e-6)
    assert len(fit[0].save(tmp_path, "rounds")) == 3
    by_onnx_and(monkeypatch, 1e-2)
    assert len(fit[0].save(tmp_path, "wrong")) == 2


def test_nothing_is_printed(
    classes: tuple[Block, Block], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    steps: list[tuple[int, int]] = []
    model = build_model(MLP)
    fit_model(model, *classes, seed=1, progress=lambda done, of: steps.append((done, of)))
    model.predict(classes[1].x)
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""
    assert steps == sorted(steps)
    assert steps[0][1] == steps[-1][1] >= steps[-1][0]


def test_what_torch_was_set_to_comes_back(classes: tuple[Block, Block]) -> None:
    import torch

    torch.manual_seed(5)
    before = torch.get_rng_state(), torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    fitted(MLP.model_copy(update={"epochs": 1}), classes)
    after = torch.get_rng_state(), torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_an_offset_costs_no_digits() -> None:
    """Inputs far from 0 are standardised in float32 as well as float32 has them."""
    train, valid = blocks(planted_rows(1500))
    shifted = tuple(replace(part, x=np.asarray(part.x) + np.float32(1000.0)) for part in (train, valid))
    one, _ = fitted(MLP, (train, valid))
    other, _ = fitted(MLP, shifted)
    np.testing.assert_allclose(one.predict(valid.x), other.predict(shifted[1].x), atol=5e-3)
