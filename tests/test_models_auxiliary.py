"""Auxiliary heads of a net: they train the body, and nothing that is asked of a model afterwards has them."""

from __future__ import annotations

import itertools
import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from planted_heads import blocks, three_classes
from safetensors.numpy import load_file
from sklearn.metrics import roc_auc_score
from test_models_artifact import PROVENANCE
from torch import nn

from atc.config.model import Gbdt, Logistic, Ridge
from atc.config.model import Model as ModelConfig
from atc.config.nets import Multihorizon, SoftmaxMlp, Trainer
from atc.errors import DataError, UsageError
from atc.evaluation.controls import shuffled
from atc.models.artifact import load_model, save_model
from atc.models.base import fit_model
from atc.models.build import build_model
from atc.models.nets.device import torch_as
from atc.models.nets.export import onnx_scores
from atc.models.nets.model import NetModel
from atc.models.profile import reference_profile
from atc.models.standardise import fit_standardiser
from atc.protocol.auxiliary import AuxiliaryTargets
from atc.protocol.dataset import Block

ONE = Trainer(accelerator="cpu", num_threads=1)
MLP = SoftmaxMlp(
    kind="softmax_mlp", hidden=(16, 8), batch_size=512, epochs=8, learning_rate=0.02, trainer=ONE
)
SEED = 5


def with_targets(
    train: Block, y: np.ndarray[tuple[int, ...], np.dtype[np.float64]], weight: float = 1.0
) -> Block:
    """`train` with up or down of as many horizons as `y` (n, m) has columns."""
    heads = tuple(f"{number}s" for number in range(1, y.shape[1] + 1))
    return replace(train, auxiliary=AuxiliaryTargets(heads, ("DOWN", "UP"), y, weight))


@pytest.fixture(scope="module")
def rows() -> tuple[Block, Block]:
    """Three classes to judge by; beside them the sign of the first input and of noise, a third unknown."""
    train, valid = blocks(three_classes(3000))
    rng = np.random.default_rng(3)
    y = np.column_stack([np.nan_to_num(train.x[:, 0]) > 0, rng.random(train.n_rows) > 0.4]).astype(np.float64)
    y[rng.random(train.n_rows) < 0.33, 0] = np.nan
    return with_targets(train, y, 0.5), valid


def interaction(n: int, seed: int) -> tuple[Block, Block]:
    """The sign of a product of two inputs of eight: nearly drowned in the label that judges, clear in the
    auxiliary one. The judged rows have the clear one as their label.
    """
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2 * n, 8)).astype(np.float32)
    signal = (x[:, 0] * x[:, 1]).astype(np.float64)
    noisy = (signal + 3.0 * rng.standard_normal(2 * n) > 0).astype(np.float64)
    clear = (signal + 0.1 * rng.standard_normal(2 * n) > 0).astype(np.float64)
    names = tuple(f"x{number}" for number in range(8))
    train = with_targets(Block(x[:n], noisy[:n, None], names), clear[:n, None])
    return train, Block(x[n:], noisy[n:, None], names)


def test_a_clearer_horizon_teaches_the_trunk_what_the_label_hides() -> None:
    """And one of noise teaches nothing: the gain is of the target, not of a further loss."""
    config = MLP.model_copy(update={"epochs": 30, "early_stopping": 10, "batch_size": 256})
    found: dict[str, list[float]] = {"alone": [], "clear": [], "noise": []}
    for seed in range(3):
        train, valid = interaction(2500, seed)
        assert train.auxiliary is not None
        order = np.random.default_rng(seed).permutation(train.n_rows)
        kinds = {
            "alone": replace(train, auxiliary=None),
            "clear": train,
            "noise": replace(train, auxiliary=train.auxiliary.take(order)),
        }
        truth = np.prod(valid.x[:, :2], axis=1) > 0
        for name, block in kinds.items():
            model = build_model(config)
            fit_model(model, block, valid, seed=seed)
            found[name].append(float(roc_auc_score(truth, model.predict(valid.x)[:, 0])))
    alone, clear, noise = (np.array(found[name]) for name in ("alone", "clear", "noise"))
    assert (clear > 0.9).all(), found
    assert (clear - alone > 0.05).all(), found
    assert (noise < alone + 0.05).all(), found


def by_hand(config: SoftmaxMlp, train: Block) -> list[torch.Tensor]:
    """The weights of the network after as many steps on all rows, without any of the project's loop."""
    targets = train.auxiliary
    assert targets is not None
    x = np.asarray(train.x)
    scaler = fit_standardiser(x, config.clip)
    z = torch.from_numpy(scaler.apply(x).astype(np.float32))
    torch.manual_seed(SEED)
    widths = (x.shape[1], *config.hidden)
    layers: list[nn.Module] = []
    for one, other in itertools.pairwise(widths):
        layers += [nn.Linear(one, other), nn.ReLU()]
    body = nn.Sequential(*layers)
    judges, beside = nn.Linear(widths[-1], 3), nn.Linear(widths[-1], 2)
    y = torch.from_numpy(train.y[:, 0]).long()
    known = [torch.from_numpy(~np.isnan(column)) for column in targets.y.T]
    codes = [torch.from_numpy(column).float() for column in targets.y.T]
    with torch.no_grad():
        judges.bias[:] = torch.log(torch.bincount(y) / len(y))
        for head in range(2):
            beside.bias[head] = torch.logit(codes[head][known[head]].mean())
    parameters = [*body.parameters(), *judges.parameters(), *beside.parameters()]
    adam = torch.optim.Adam(
        [
            {"params": [value for value in parameters if value.ndim == 2], "weight_decay": config.l2},
            {"params": [value for value in parameters if value.ndim == 1]},
        ],
        lr=config.learning_rate,
    )
    cross = nn.functional.binary_cross_entropy_with_logits
    for _ in range(config.epochs):
        features = body(z)
        loss = nn.functional.cross_entropy(judges(features), y)
        for head in range(2):
            own = beside(features)[known[head], head]
            loss = loss + targets.loss_weight * cross(own, codes[head][known[head]])
        adam.zero_grad()
        loss.backward()
        adam.step()
    return [value.detach() for value in (*body.parameters(), *judges.parameters())]


def test_a_loop_written_by_hand_gives_the_same_weights(rows: tuple[Block, Block]) -> None:
    train, _ = rows
    config = MLP.model_copy(update={"batch_size": 100_000, "early_stopping": 8})
    model = build_model(config)
    # Validated on the training rows, so that the last epoch is the best and its weights are kept.
    report = fit_model(model, train, replace(train, auxiliary=None), seed=SEED)
    assert report.best_iteration == config.epochs
    with torch_as(ONE):
        expected = by_hand(config, train)
    assert isinstance(model, NetModel)
    found = [torch.from_numpy(values) for values in model.weights.values()]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=2e-6)


def test_what_is_kept_knows_nothing_of_them(rows: tuple[Block, Block], tmp_path: Path) -> None:
    train, valid = rows
    model, alone = build_model(MLP), build_model(MLP)
    report = fit_model(model, train, valid, seed=1)
    fit_model(alone, replace(train, auxiliary=None), valid, seed=1)
    p = model.predict(valid.x)
    assert model.score_names == ("p_short", "p_flat", "p_hold") == alone.score_names
    assert p.shape == (valid.n_rows, 3)
    assert p.tobytes() != alone.predict(valid.x).tobytes()
    folder = tmp_path / "model"
    save_model(
        model,
        folder,
        config=MLP,
        provenance=PROVENANCE,
        report=report,
        valid_metrics={},
        profile=reference_profile(train.x, train.features),
    )
    loaded = load_model(folder)
    assert loaded.manifest["scores"] == list(model.score_names)
    assert loaded.model.predict(valid.x).tobytes() == p.tobytes()
    (graph,), (tensors,) = folder.glob("*.onnx"), folder.glob("*.safetensors")
    assert onnx_scores(graph, np.ascontiguousarray(valid.x)).shape == p.shape
    assert isinstance(alone, NetModel)
    shapes = {name: values.shape for name, values in load_file(tensors).items()}
    assert shapes == {name: values.shape for name, values in alone.weights.items()}
    # That they were there stands in what the fit was made with, and nowhere else.
    told = loaded.manifest["fit"]["parameters"]
    assert (told["auxiliary.heads"], told["auxiliary.weight"]) == ("1s,2s", 0.5)
    (content,) = folder.glob("softmax*.json")
    assert "auxiliary" not in json.dumps(json.loads(content.read_text()))


def test_they_decide_no_stop_and_have_a_curve_of_training_alone(rows: tuple[Block, Block]) -> None:
    train, valid = rows
    model = build_model(MLP)
    report = fit_model(model, train, valid, seed=1)
    own = report.curves["valid/log_loss"]
    assert own[report.best_iteration - 1] == min(own)
    p, y = model.predict(valid.x), valid.y[:, 0].astype(int)
    assert float(np.mean(-np.log(p[np.arange(len(y)), y]))) == pytest.approx(min(own), rel=1e-5)
    assert {name for name in report.curves if "auxiliary" in name} == {
        f"train/auxiliary_log_loss@{number}s" for number in (1, 2)
    }
    # The first is learnt, the second is noise.
    first, second = (report.curves[f"train/auxiliary_log_loss@{number}s"] for number in (1, 2))
    assert first[-1] < 0.5 * first[0]
    assert second[-1] > 0.9 * second[0]
    with pytest.raises(ValueError, match="validation rows have auxiliary targets"):
        fit_model(build_model(MLP), train, train, seed=1)


def test_a_row_without_such_a_label_says_nothing_of_it(rows: tuple[Block, Block]) -> None:
    """Its inputs can be anything for that head: a label that is null is no label of any class."""
    train, valid = rows
    assert train.auxiliary is not None
    y = train.auxiliary.y.copy()
    y[:, 1] = np.nan
    y[: train.n_rows // 2, 1] = train.auxiliary.y[: train.n_rows // 2, 1]
    half = replace(train, auxiliary=replace(train.auxiliary, y=y))
    weights = np.ones_like(y)
    weights[np.isnan(y)] = 1e6
    heavy = replace(train, auxiliary=replace(train.auxiliary, y=y, weights=weights))
    one, other = build_model(MLP), build_model(MLP)
    fit_model(one, half, valid, seed=1)
    fit_model(other, heavy, valid, seed=1)
    np.testing.assert_allclose(one.predict(valid.x), other.predict(valid.x), atol=1e-6)


def test_a_fit_goes_on_where_it_stopped_and_no_other_fit_does(
    rows: tuple[Block, Block], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train, valid = rows
    whole = build_model(MLP)
    fit_model(whole, train, valid, seed=1)

    class Stop(Exception):
        pass

    def stop(done: int, of: int) -> None:
        if done > of // 2:
            raise Stop

    def scores(block: Block) -> bytes:
        model = build_model(MLP, checkpoint=tmp_path / "fit")
        fit_model(model, block, valid, seed=1)
        return model.predict(valid.x).tobytes()

    with pytest.raises(Stop):
        fit_model(build_model(MLP, checkpoint=tmp_path / "fit"), train, valid, seed=1, progress=stop)
    caplog.set_level(logging.INFO)
    assert scores(train) == whole.predict(valid.x).tobytes()
    assert "going on after epoch" in caplog.text
    assert train.auxiliary is not None
    others = (
        replace(train, auxiliary=None),
        replace(train, auxiliary=replace(train.auxiliary, loss_weight=0.25)),
        replace(train, auxiliary=replace(train.auxiliary, y=1.0 - train.auxiliary.y)),
        replace(train, auxiliary=replace(train.auxiliary, weights=np.full_like(train.auxiliary.y, 2.0))),
    )
    for other in others:
        caplog.clear()
        scores(other)
        assert "is of another fit; this one begins anew" in caplog.text


def test_shuffled_labels_leave_no_way_around(rows: tuple[Block, Block]) -> None:
    """What trains beside the label moves with it: else a control would find what it should not."""
    train, _ = rows
    found = shuffled(train, 4)
    assert found.auxiliary is not None and train.auxiliary is not None
    order = np.random.default_rng(4).permutation(train.n_rows)
    np.testing.assert_array_equal(found.y, train.y[order])
    np.testing.assert_array_equal(found.auxiliary.y, train.auxiliary.y[order])


@pytest.mark.parametrize(
    "config",
    [Gbdt(kind="gbdt"), Logistic(kind="logistic"), Ridge(kind="ridge")],
    ids=lambda config: config.kind,
)
def test_models_of_single_heads_refuse_them(config: ModelConfig, rows: tuple[Block, Block]) -> None:
    train, valid = rows
    if config.kind == "ridge":
        train, valid = (replace(block, classes=()) for block in (train, valid))
    said = (
        rf"auxiliary heads 1s, 2s .*model\.kind={config.kind} fits each head by itself.*auxiliary\.horizons_s"
    )
    with pytest.raises(UsageError, match=said):
        fit_model(build_model(config), train, valid, seed=1)


def test_labels_that_teach_nothing_are_refused(rows: tuple[Block, Block]) -> None:
    train, valid = rows
    assert train.auxiliary is not None
    y = train.auxiliary.y.copy()
    y[:, 1] = 1.0
    flat = replace(train, auxiliary=replace(train.auxiliary, y=y))
    with pytest.raises(DataError, match=r"training rows of the auxiliary head 2s: all .* are of class 1"):
        fit_model(build_model(MLP), flat, valid, seed=1)
    y[0, 1] = 7.0
    with pytest.raises(DataError, match=r"auxiliary head 2s: label 7\.0 in row 0"):
        fit_model(build_model(MLP), flat, valid, seed=1)


def test_heads_of_several_horizons_share_a_trunk_with_them(rows: tuple[Block, Block]) -> None:
    train, valid = rows
    two = tuple(
        replace(
            block,
            y=np.repeat((block.y > 0).astype(np.float64), 2, axis=1),
            heads=("a", "b"),
            classes=("0", "1"),
        )
        for block in (train, valid)
    )
    model = build_model(
        Multihorizon(
            kind="multihorizon", trunk=(8,), batch_size=512, epochs=2, learning_rate=0.02, trainer=ONE
        )
    )
    report = fit_model(model, *two, seed=1)
    assert model.score_names == ("p_a", "p_b")
    assert model.predict(valid.x).shape == (valid.n_rows, 2)
    assert {"train/log_loss@b", "valid/log_loss@b", "train/auxiliary_log_loss@1s"} <= set(report.curves)
