"""The transformer: torch's own encoder, windows in the order of their rows, and what only an order tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from test_models_artifact import PROVENANCE
from torch import nn

from atc.config.model import Logistic
from atc.config.nets import MultihorizonTransformer, Trainer
from atc.errors import UsageError
from atc.models.artifact import load_model, save_model
from atc.models.average import AverageModel, Member
from atc.models.base import fit_model
from atc.models.build import build_model
from atc.models.checks import SAMPLE_ROWS
from atc.models.nets.device import torch_as
from atc.models.nets.export import onnx_scores
from atc.models.nets.model import NetModel
from atc.models.nets.transformer import EncoderLayer, WindowEncoder
from atc.models.profile import reference_profile
from atc.models.window_length import window_length
from atc.protocol.dataset import Block
from atc.protocol.row_runs import rows_of
from atc.protocol.row_windows import RowWindows
from atc.tasks.verifying_model import verify_model

LENGTH = 12
SMALL = MultihorizonTransformer(
    kind="multihorizon_transformer",
    sequence_length=LENGTH,
    layers=2,
    d_model=16,
    nhead=2,
    dim_feedforward=32,
    dropout=0.0,
    epochs=12,
    learning_rate=0.005,
    batch_size=64,
    trainer=Trainer(num_threads=1),
)
FEATURES = ("a", "b", "noise")


def torchs_own(layer: EncoderLayer, d_model: int, heads: int, wide: int) -> nn.TransformerEncoderLayer:
    """The same weights in torch's layer."""
    own = nn.TransformerEncoderLayer(d_model, heads, wide, 0.0, batch_first=True, norm_first=True)
    attention = own.self_attn
    with torch.no_grad():
        attention.in_proj_weight.copy_(torch.cat([layer.query.weight, layer.key_value.weight]))
        attention.in_proj_bias.copy_(torch.cat([layer.query.bias, layer.key_value.bias]))
        for ours, theirs in (
            (layer.out, attention.out_proj),
            (layer.widen, own.linear1),
            (layer.narrow, own.linear2),
            (layer.norm_attention, own.norm1),
            (layer.norm_feedforward, own.norm2),
        ):
            theirs.weight.copy_(ours.weight)
            theirs.bias.copy_(ours.bias)
    return own.eval()


def test_the_encoder_is_torchs_own_read_out_at_the_last_row() -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"d_model": 64, "heads": 4, "layers": 4, "dim_feedforward": 256}
    encoder = WindowEncoder(24, 128, **sizes, dropout=0.1).eval()
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.1)
    x = torch.randn(3, 128, 24)
    with torch.no_grad():
        z = encoder.embed(x) + encoder.position.weight
        for layer in encoder.layers:
            assert isinstance(layer, EncoderLayer)
            z = torchs_own(layer, 64, 4, 256)(z)
        expected = encoder.norm(z[:, -1])
        torch.testing.assert_close(encoder(x), expected, rtol=1e-4, atol=1e-4)
    # 4 layers of 64, 4 heads of them, 256 wide: the size that SPEC 4 asks for.
    assert (
        sum(parameter.numel() for parameter in encoder.parameters())
        == 4 * 49_984 + 24 * 64 + 64 + 128 * 64 + 128
    )


def windows_of(n: int, seed: int, y_of: Any) -> Block:
    """Spikes of a and b at random rows, and noise; `y_of` says the codes of the windows, (m, heads)."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3)).astype(np.float32) * np.float32(0.1)
    spikes = rng.random((n, 2)) < 0.15
    x[:, :2] += spikes.astype(np.float32)
    ends = np.arange(60, n)
    y = y_of(spikes, ends)
    return Block(x=RowWindows.ending_at(x, ends, LENGTH), y=y, features=FEATURES, heads=("near", "far"))


def came_last(spikes: NDArray[np.bool_], ends: NDArray[np.int64], shift: int = 0) -> NDArray[np.float64]:
    """1 where the last spike before `ends` − `shift`, and not at it, was one of a, 0 where one of b; NaN
    where both or neither.
    """
    found = np.full(len(ends), np.nan)
    for back in range(LENGTH - 1, 0, -1):
        a, b = (spikes[ends - shift - back, column] for column in (0, 1))
        found = np.where(a & b, np.nan, np.where(a, 1.0, np.where(b, 0.0, found)))
    return found


def order(spikes: NDArray[np.bool_], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """`near`: whose spike came last within the window; `far`: the same of the rows before the window."""
    return np.column_stack([came_last(spikes, ends), came_last(spikes, ends, shift=LENGTH)])


@pytest.fixture(scope="module")
def blocks() -> tuple[Block, Block]:
    return windows_of(5000, 0, order), windows_of(2500, 1, order)


def areas(scores: NDArray[np.float64], y: NDArray[np.float64]) -> list[float]:
    known = ~np.isnan(y)
    return [
        float(roc_auc_score(y[known[:, head], head], scores[known[:, head], head]))
        for head in range(y.shape[1])
    ]


@pytest.fixture(scope="module")
def fitted(blocks: tuple[Block, Block]) -> tuple[Any, Any]:
    model = build_model(SMALL)
    return model, fit_model(model, *blocks, seed=1)


def test_an_order_of_ticks_is_recovered_and_a_row_model_misses_it(
    fitted: tuple[Any, Any], blocks: tuple[Block, Block]
) -> None:
    train, valid = blocks
    near, far = areas(fitted[0].predict(valid.x), valid.y)
    assert near > 0.95
    # What lies before the window cannot be represented, whatever the fit.
    assert abs(far - 0.5) < 0.06
    row_model = build_model(Logistic(kind="logistic"))
    fit_model(row_model, train, valid, seed=1)
    assert max(abs(area - 0.5) for area in areas(row_model.predict(valid.x), valid.y)) < 0.06


def test_a_row_depends_on_its_window_alone(fitted: tuple[Any, Any], blocks: tuple[Block, Block]) -> None:
    model, x = fitted[0], blocks[1].x
    assert isinstance(x, RowWindows)
    whole = model.predict(x)
    some = np.random.default_rng(3).permutation(len(x))[:700]
    np.testing.assert_allclose(model.predict(x.rows(some)), whole[some], atol=1e-6)
    with pytest.raises(UsageError, match="windows"):
        model.predict(x[:])


def test_the_same_seed_gives_the_same_weights(blocks: tuple[Block, Block]) -> None:
    short = SMALL.model_copy(update={"epochs": 1, "dropout": 0.1})
    found = []
    for seed in (1, 1, 2):
        model = build_model(short)
        fit_model(model, *blocks, seed=seed)
        found.append(model.predict(blocks[1].x))
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def longer(block: Block) -> Block:
    """The same rows with the windows that a longer model of the run reads."""
    assert isinstance(block.x, RowWindows)
    return replace(block, x=RowWindows.ending_at(block.x._matrix, np.arange(60, 60 + block.n_rows), 20))


def test_a_longer_window_holds_the_shorter_one(fitted: tuple[Any, Any], blocks: tuple[Block, Block]) -> None:
    model, (train, valid) = fitted[0], blocks
    narrow, wide = (rows_of(block.x, np.arange(400)) for block in (valid, longer(valid)))
    np.testing.assert_array_equal(model.predict(wide), model.predict(narrow))
    short = SMALL.model_copy(update={"epochs": 1})
    found = []
    for pair in ((train, valid), (longer(train), longer(valid))):
        one = build_model(short)
        fit_model(one, *pair, seed=1)
        found.append(one.predict(narrow))
    np.testing.assert_array_equal(found[0], found[1])
    twenty = build_model(SMALL.model_copy(update={"epochs": 1, "sequence_length": 20}))
    fit_model(twenty, longer(train), longer(valid), seed=1)
    both = AverageModel(
        "ensemble", FEATURES, [Member("a", model, SMALL, 0.5), Member("b", twenty, SMALL, 0.5)]
    )
    assert window_length(both) == 20
    mean = (model.predict(wide) + twenty.predict(wide)) / 2
    np.testing.assert_allclose(both.predict(wide), mean, rtol=1e-12)
    with pytest.raises(UsageError, match="reads windows of 20 rows, and was given windows of 12 rows"):
        both.predict(narrow)


def test_a_head_with_few_labels_still_stops_a_fit(blocks: tuple[Block, Block]) -> None:
    """Early stopping looks at every 16th row; a head may have its labels among the others."""
    train, valid = blocks
    y = valid.y.copy()
    y[:, 0] = np.nan
    y[2::4, 0] = np.arange(len(y[2::4])) % 2
    assert np.isnan(y[:: SMALL.valid_every, 0]).all()
    report = fit_model(
        build_model(SMALL.model_copy(update={"epochs": 1})), train, replace(valid, y=y), seed=1
    )
    assert np.isfinite(report.curves["valid/log_loss@near"]).all()


def by_hand(config: MultihorizonTransformer, train: Block, seed: int) -> list[torch.Tensor]:
    """The weights after the same fit without any of the project's loop, batches or loss."""
    assert isinstance(train.x, RowWindows)
    windows = torch.from_numpy(train.x.windows(slice(0, train.n_rows)))
    rows = np.asarray(train.x[:], dtype=np.float64)
    mean, scale = (torch.from_numpy(v.astype(np.float32)) for v in (rows.mean(axis=0), 1 / rows.std(axis=0)))
    y = torch.from_numpy(train.y.astype(np.float32))
    torch.manual_seed(seed)
    encoder = WindowEncoder(
        len(FEATURES),
        LENGTH,
        d_model=config.d_model,
        heads=config.nhead,
        layers=config.layers,
        dim_feedforward=config.dim_feedforward,
        dropout=config.dropout,
    )
    head = nn.Linear(config.d_model, 2)
    shares = np.array([np.mean(of_head[~np.isnan(of_head)]) for of_head in train.y.T])
    with torch.no_grad():
        head.bias.copy_(torch.from_numpy(np.log(shares / (1 - shares))))
    values = [*encoder.parameters(), *head.parameters()]
    adam = torch.optim.Adam(
        [
            {"params": [value for value in values if value.ndim > 1], "weight_decay": config.l2},
            {"params": [value for value in values if value.ndim == 1]},
        ],
        lr=config.learning_rate,
    )
    for epoch in range(config.epochs):
        order = np.random.default_rng((seed, epoch)).permutation(train.n_rows)
        torch.manual_seed((seed << 24) + epoch + 1)  # what dropout draws
        for some in np.array_split(order, -(-train.n_rows // config.batch_size)):
            logits = head(encoder(((windows[some] - mean) * scale).clamp(-config.clip, config.clip)))
            known = ~torch.isnan(y[some])
            losses = [
                nn.functional.binary_cross_entropy_with_logits(
                    logits[known[:, number], number], y[some][known[:, number], number]
                )
                for number in range(2)
            ]
            adam.zero_grad()
            torch.stack(losses).sum().backward()
            nn.utils.clip_grad_norm_(values, 1.0)
            adam.step()
    return [value.detach() for value in values]


def test_a_loop_written_by_hand_gives_the_same_weights() -> None:
    """Windows, their order, dropout, clipping, penalty and all."""
    changes = {"epochs": 2, "early_stopping": 2, "dropout": 0.1, "l2": 1e-3, "valid_every": 1}
    trainer = Trainer(accelerator="cpu", num_threads=1, gradient_clip=1.0)
    config = SMALL.model_copy(update={**changes, "trainer": trainer})
    train = windows_of(800, 0, order)
    with torch_as(trainer):
        expected, others = by_hand(config, train, seed=4), by_hand(config, train, seed=5)
    model = build_model(config)
    # Validated on the training rows, so that the last epoch is the best and its weights are kept.
    report = fit_model(model, train, train, seed=4)
    assert report.best_iteration == config.epochs
    assert isinstance(model, NetModel)
    for (name, found), one, other in zip(model.weights.items(), expected, others, strict=True):
        # What all keys have in common changes no attention: that gradient is 0 but for its rounding, of which
        # Adam makes steps of the learning rate.
        moved = slice(config.d_model, None) if name.endswith("key_value.bias") else slice(None)
        np.testing.assert_allclose(found[moved], one.numpy()[moved], rtol=0, atol=1e-4, err_msg=name)
        assert np.abs(found[moved] - other.numpy()[moved]).max() > 1e-3, f"{name}: as with another seed"


def test_saved_loaded_and_by_onnxruntime_it_scores_the_same(
    fitted: tuple[Any, Any],
    blocks: tuple[Block, Block],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, report = fitted
    x = blocks[1].x
    assert isinstance(x, RowWindows)
    save_model(
        model,
        tmp_path,
        config=SMALL,
        provenance=PROVENANCE,
        report=report,
        valid_metrics={},
        profile=reference_profile(x, FEATURES),
    )
    expected = model.predict(x)
    np.testing.assert_array_equal(load_model(tmp_path, features=FEATURES).model.predict(x), expected)
    (file,) = tmp_path.glob("*.onnx")
    windows = x.windows(slice(0, 300))
    windows[7, :, 0] = np.nan
    found = onnx_scores(file, windows)
    np.testing.assert_allclose(found, model.predict(alone(windows)), atol=1e-6)
    assert not np.allclose(found[7], expected[7], atol=1e-4)
    # A window may be longer than the sample that a model of rows is checked with.
    seen, own_checks = [], NetModel.own_checks

    def seeing(self: NetModel[Any], directory: Path, sample: NDArray[np.float32]) -> Any:
        seen.append(len(sample))
        return own_checks(self, directory, sample)

    monkeypatch.setattr(NetModel, "own_checks", seeing)
    checks = {check.name: check.passed for check in verify_model(tmp_path, None)}
    assert checks["scores"] and checks["onnx"], checks
    assert seen == [SAMPLE_ROWS + LENGTH - 1]


def alone(windows: NDArray[np.float32]) -> RowWindows:
    """These windows, one after the other in a matrix of their own."""
    m, length, k = windows.shape
    return RowWindows.ending_at(windows.reshape(m * length, k), np.arange(1, m + 1) * length - 1, length)
