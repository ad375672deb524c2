"""The one loop of the nets against a loop written by hand, and the switches of `model.trainer`."""

from __future__ import annotations

import gc
import itertools
import logging
import signal
from typing import Any

import numpy as np
import pytest
import torch
from planted_heads import blocks, three_classes, two_heads
from torch import nn

from atc.config.nets import Multihorizon, Net, SoftmaxMlp, Trainer
from atc.models.base import Model, fit_model
from atc.models.build import build_model
from atc.models.nets import loop
from atc.models.nets.batches import Batches
from atc.models.nets.checkpoint import weights_of
from atc.models.nets.device import torch_as
from atc.models.nets.model import NetModel
from atc.models.nets.module import Sums
from atc.models.standardise import fit_standardiser
from atc.protocol.dataset import Block

ONE = Trainer(num_threads=1)
MLP = SoftmaxMlp(
    kind="softmax_mlp",
    hidden=(16, 8),
    batch_size=512,
    epochs=4,
    learning_rate=0.02,
    early_stopping=4,
    trainer=ONE,
)
HEADS = Multihorizon(
    kind="multihorizon",
    trunk=(8,),
    batch_size=700,
    epochs=4,
    learning_rate=0.02,
    early_stopping=4,
    trainer=ONE,
)
SEED = 5


@pytest.fixture(scope="module")
def rows() -> dict[str, tuple[Block, Block]]:
    return {"softmax_mlp": blocks(three_classes(3000)), "multihorizon": blocks(two_heads(3000))}


def with_trainer(config: Net, **changes: object) -> Net:
    return config.model_copy(update={"trainer": config.trainer.model_copy(update=changes)})


def fitted(config: Net, rows: dict[str, tuple[Block, Block]]) -> Model:
    model = build_model(config)  # type: ignore[arg-type]  # a Net is one of them
    train, _ = rows[config.kind]
    # Validated on the training rows, so that the last epoch is the best and its weights are kept.
    report = fit_model(model, train, train, seed=SEED)
    assert report.best_iteration == config.epochs
    return model


def weights(model: Model) -> list[torch.Tensor]:
    assert isinstance(model, NetModel)
    return list(weights_of(model._fitted().network).values())


def by_hand(config: Net, train: Block) -> list[torch.Tensor]:
    """The weights, layer by layer, of the same fit without any of the project's loop."""
    x = np.asarray(train.x)
    scaler = fit_standardiser(x, config.clip)
    scale = np.where(scaler.active, 1.0 / np.where(scaler.active, scaler.std, 1.0), 0.0).astype(np.float32)
    mean = torch.from_numpy(scaler.mean.astype(np.float32))
    classes, heads = len(train.classes), train.y.shape[1]
    outputs = 1 if classes == 2 else classes
    torch.manual_seed(SEED)
    widths = [x.shape[1], *(config.hidden if isinstance(config, SoftmaxMlp) else config.trunk)]
    layers: list[nn.Module] = []
    for one, other in itertools.pairwise(widths):
        layers += [nn.Linear(one, other), nn.ReLU()]
    last = nn.Linear(widths[-1], heads * outputs)
    net = nn.Sequential(*layers, last)
    shares = [[np.mean(y[~np.isnan(y)] == code) for code in range(classes)] for y in train.y.T]
    logs = np.log(np.array(shares))
    with torch.no_grad():
        last.bias[:] = torch.from_numpy((logs[:, 1] - logs[:, 0] if classes == 2 else logs).ravel())
    everything = list(net.parameters())
    adam = torch.optim.Adam(
        [
            {"params": [value for value in everything if value.ndim == 2], "weight_decay": config.l2},
            {"params": [value for value in everything if value.ndim == 1]},
        ],
        lr=config.learning_rate,
    )
    size = config.batch_size // 64
    groups = np.array_split(np.arange(len(x)), range(size, len(x), size))
    for epoch in range(config.epochs):
        order = np.random.default_rng((SEED, epoch)).permutation(len(groups))
        for batch in np.array_split(order, -(-len(x) // config.batch_size)):
            some = np.concatenate([groups[number] for number in batch])
            z = (torch.from_numpy(x[some]) - mean) * torch.from_numpy(scale)
            logits = net(torch.nan_to_num(z, nan=0.0).clamp(-config.clip, config.clip))
            loss = torch.zeros(())
            for head in range(heads):
                known = ~np.isnan(train.y[some, head])
                codes = torch.from_numpy(train.y[some, head][known])
                own = logits[torch.from_numpy(known), head * outputs : (head + 1) * outputs]
                loss = loss + (
                    nn.functional.binary_cross_entropy_with_logits(own[:, 0], codes.float())
                    if classes == 2
                    else nn.functional.cross_entropy(own, codes.long())
                )
            adam.zero_grad()
            loss.backward()
            if config.trainer.gradient_clip is not None:
                nn.utils.clip_grad_norm_(everything, config.trainer.gradient_clip)
            adam.step()
    return [value.detach() for value in everything]


@pytest.mark.parametrize(
    "config",
    [MLP, HEADS, with_trainer(MLP, gradient_clip=0.05)],
    ids=["softmax_mlp", "multihorizon", "gradient_clip"],
)
def test_a_loop_written_by_hand_gives_the_same_weights(
    config: Net, rows: dict[str, tuple[Block, Block]]
) -> None:
    with torch_as(ONE):
        expected = by_hand(config, rows[config.kind][0])
    found = weights(fitted(config, rows))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=2e-6)


def test_the_norm_of_a_gradient_is_clipped(rows: dict[str, tuple[Block, Block]]) -> None:
    free, clipped = (weights(fitted(config, rows)) for config in (MLP, with_trainer(MLP, gradient_clip=0.05)))
    assert any(not torch.equal(one, other) for one, other in zip(free, clipped, strict=True))


def test_mixed_precision_is_near_and_keeps_float32_weights(rows: dict[str, tuple[Block, Block]]) -> None:
    whole, mixed = fitted(MLP, rows), fitted(with_trainer(MLP, precision="bf16-mixed"), rows)
    x = rows["softmax_mlp"][1].x
    assert {value.dtype for value in weights(mixed)} == {torch.float32}
    assert 0 < np.abs(whole.predict(x) - mixed.predict(x)).max() < 0.1


def test_a_profile_goes_to_the_log_and_nowhere_else(
    rows: dict[str, tuple[Block, Block]],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.INFO, logger="atc")
    fitted(with_trainer(MLP, profiler="simple"), rows)
    assert "run_training_batch" in caplog.text
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("deterministic", [True, False])
def test_what_may_not_repeat_is_refused_unless_it_is_allowed(
    rows: dict[str, tuple[Block, Block]], monkeypatch: pytest.MonkeyPatch, deterministic: bool
) -> None:
    seen: list[tuple[object, bool]] = []

    class Trainer(loop.LightningTrainer):
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            seen.append((given["deterministic"], torch.are_deterministic_algorithms_enabled()))

    monkeypatch.setattr(loop, "LightningTrainer", Trainer)
    config = with_trainer(MLP.model_copy(update={"epochs": 1}), deterministic=deterministic)
    fitted(config, rows)
    assert seen == [(deterministic, deterministic)]
    assert not torch.are_deterministic_algorithms_enabled()


def test_ctrl_c_is_an_interrupt_and_stays_one(rows: dict[str, tuple[Block, Block]]) -> None:
    """Lightning alone would end the process with code 1 and leave Ctrl-C without effect."""
    # What started this process may have had it ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def stop(done: int, of: int) -> None:
        if done == 3:
            signal.raise_signal(signal.SIGINT)

    try:
        with pytest.raises(KeyboardInterrupt):
            fit_model(build_model(MLP), *rows["softmax_mlp"], seed=SEED, progress=stop)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_epoch_has_each_row_once_in_batches_of_nearly_equal_size(
    rows: dict[str, tuple[Block, Block]],
) -> None:
    train, _ = rows["softmax_mlp"]
    numbered = Block(np.arange(3 * 2000, dtype=np.float32).reshape(2000, 3), train.y[:2000], ("a", "b", "c"))
    batches = Batches(numbered, 640, seed=1)
    seen = [[batch[0][:, 0].numpy() for batch in batches.of_epoch(epoch)] for epoch in (0, 1, 0)]
    for epoch in seen:
        assert len(epoch) == len(batches) == 4
        assert max(map(len, epoch)) - min(map(len, epoch)) <= 10
        np.testing.assert_array_equal(np.sort(np.concatenate(epoch)), numbered.x[:, 0])
    assert not np.array_equal(seen[0][0], seen[1][0])
    np.testing.assert_array_equal(seen[0][0], seen[2][0])
    in_order = np.concatenate([batch[0][:, 0].numpy() for batch in Batches(numbered, 640)])
    np.testing.assert_array_equal(in_order, numbered.x[:, 0])


def test_sums_are_means_of_all_batches_and_of_none_before_them() -> None:
    """Also of more batches than there is room for at first, and again after they were cleared."""
    rng = np.random.default_rng(1)
    sums = Sums(2)
    assert sums.last() is None
    assert np.isnan(sums.means()).all()
    for batches in (2500, 3):
        totals, weights = rng.random((2, batches, 2)).astype(np.float32) + np.float32(0.5)
        sums.clear()
        for total, weight in zip(torch.from_numpy(totals), torch.from_numpy(weights), strict=True):
            sums.add(total, weight)
        last = sums.last()
        assert last is not None
        assert last.tolist() == totals[-1].tolist()
        expected = totals.sum(axis=0, dtype=np.float64) / weights.sum(axis=0, dtype=np.float64)
        np.testing.assert_allclose(sums.means(), expected, rtol=1e-14)


def test_sums_keep_no_tensor_a_batch() -> None:
    """Small ones that stay break up the heap between the large ones of the steps, and memory grows."""

    def tensors() -> int:
        return sum(type(one) is torch.Tensor for one in gc.get_objects())

    sums = Sums(2)
    sums.add(torch.ones(2), torch.ones(2))
    before = tensors()
    for _ in range(500):
        sums.add(torch.ones(2), torch.ones(2))
    assert tensors() == before
    assert sums.means() == [1.0, 1.0]
    kept = torch.ones(2)
    assert tensors() == before + 1, "tensors are not counted"
    del kept


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_comes_near_the_processor(rows: dict[str, tuple[Block, Block]]) -> None:
    x = rows["softmax_mlp"][1].x
    one, other = (fitted(with_trainer(MLP, accelerator=name), rows) for name in ("cpu", "gpu"))
    np.testing.assert_allclose(one.predict(x), other.predict(x), atol=1e-3)
    again = fitted(with_trainer(MLP, accelerator="gpu"), rows)
    assert other.predict(x).tobytes() == again.predict(x).tobytes()
    half = fitted(with_trainer(MLP, accelerator="gpu", precision="16-mixed"), rows)
    np.testing.assert_allclose(one.predict(x), half.predict(x), atol=0.1)
