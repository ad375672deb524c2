"""An epoch of `softmax_mlp` by the runner's loop, against a hand-written loop of torch in the same process.

46 M × 36 mapped float32 rows, batches of 65 536, three classes. Both read shuffled blocks of rows that lie
side by side, standardise them and take a step of Adam; they take turns, so that what else the machine does
meets both, and with threads that sleep while they wait, as in a run. What the first batches cost (imports,
thread pools, kernels) comes before the clock. The passes of a fit besides its epochs (scaler, infinite
values, constant columns) stand in a row of their own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from features_table import FeatureTable, Goal
from train import Case, Clock, Found
from train_rows import SyntheticRows

if TYPE_CHECKING:
    from atc.models.standardise import Standardiser
    from atc.protocol.dataset import Block

ROWS, COLUMNS = 46_000_000, 36
CLASSES = ("SHORT", "FLAT", "HOLD")
THREADS = 2
ROUNDS = 2
WARM_ROWS, VALID_ROWS = 200_000, 4096
EPOCH, FIT = "softmax_mlp", "softmax_mlp, the fit around its epoch"


def cases() -> list[Case]:
    """The epochs of both, and a whole fit of one epoch."""
    return [Case(EPOCH, ROWS, COLUMNS), Case(FIT, ROWS, COLUMNS)]


def run(case: str, data: SyntheticRows, clock: Clock) -> dict[str, float]:
    """Seconds of the epochs of each; of the fit, of its epoch."""
    from atc.waiting_threads import sleep_at_once

    sleep_at_once()
    import torch

    torch.set_num_threads(THREADS)
    train, valid = _block(data, data.rows), _block(data, VALID_ROWS)
    warm = _block(data, min(WARM_ROWS, data.rows))
    if case == FIT:
        return _fit(train, valid, warm, clock)
    from atc.models.standardise import fit_standardiser

    scaler = fit_standardiser(warm.x, _config().clip)
    seconds = {"runner": 0.0, "loop": 0.0, "runner_cpu": 0.0, "loop_cpu": 0.0}
    losses: dict[str, float] = {}
    for block in (warm, *[train] * ROUNDS):
        for name, epoch in (("loop", _loop), ("runner", _runner)):
            cpu, wall = time.process_time(), time.perf_counter()
            if block is train:
                with clock():
                    losses[f"{name}_loss"] = epoch(scaler, block, valid)
                seconds[name] += time.perf_counter() - wall
                seconds[f"{name}_cpu"] += time.process_time() - cpu
            else:
                epoch(scaler, block, valid)
    return {**seconds, **losses}


def tabulate(table: FeatureTable, found: Mapping[str, Found]) -> None:
    """Samples a second beside the loop's, by the clock and by processor time, and the memory."""
    if EPOCH in found:
        one = found[EPOCH]
        figures, samples = one.figures, one.rows * ROUNDS
        title = f"softmax_mlp, an epoch of {one.rows:,} × {COLUMNS}, batch 65 536"
        for name, key, goal in (("", "", Goal(0.97)), (", of processor time", "_cpu", None)):
            ours, loops = (samples / figures[f"{who}{key}"] for who in ("runner", "loop"))
            against = f"torch loop: {loops:,.0f}"
            table.add(title + name, ours, "rows/s", against=against, ratio=ours / loops, goal=goal)
        table.add(f"… peak anonymous memory, {one.before_mib:,.0f} MiB of it before", one.peak_mib, "MiB")
    if FIT in found:
        one = found[FIT]
        title = f"softmax_mlp, a fit of one epoch on {one.rows:,} × {COLUMNS}, all but the epoch"
        table.add(
            title, one.seconds - one.figures["epoch"], "s", against=f"the epoch: {one.figures['epoch']:.1f} s"
        )


def _config() -> Any:
    from atc.config.nets import SoftmaxMlp, Trainer

    trainer = Trainer(num_threads=THREADS, accelerator="cpu", checkpoints=False)
    return SoftmaxMlp(kind="softmax_mlp", epochs=1, trainer=trainer)


def _block(data: SyntheticRows, rows: int) -> Block:
    from atc.protocol.dataset import Block

    y = data.classes[:rows].astype(np.float32)[:, None]  # as a run has codes of classes
    return Block(data.x[:rows], y, data.features, classes=CLASSES)


def _network(scaler: Standardiser) -> Any:
    import torch

    from atc.models.nets.networks import Network, perceptron

    torch.manual_seed(1)
    body, width = perceptron(COLUMNS, _config().hidden)
    return Network(scaler, body, width, 1, len(CLASSES))


def _runner(scaler: Standardiser, train: Block, valid: Block) -> float:
    """The loop that all nets go through, with Lightning, validation and early stopping."""
    from atc.models.nets.batches import Batches
    from atc.models.nets.checkpoint import Checkpoint
    from atc.models.nets.loop import run_epochs
    from atc.models.nets.module import NetModule

    config = _config()
    state = run_epochs(
        NetModule(_network(scaler), config),
        Batches(train, config.batch_size, 1, seed=1),
        Batches(valid, VALID_ROWS, 1),
        state=Checkpoint(),
        keeper=None,
        progress=lambda done, of: None,
    )
    return state.train[0][0]


def _loop(scaler: Standardiser, train: Block, valid: Block) -> float:
    """As one writes it by hand: no framework, no validation, the same order and arithmetic."""
    del valid
    import torch
    from torch import nn

    config, x, y = _config(), train.x, train.y[:, 0]
    mean = torch.from_numpy(scaler.mean.astype(np.float32))
    scale = torch.from_numpy((1.0 / scaler.std).astype(np.float32))
    torch.manual_seed(1)
    net = nn.Sequential(
        *(nn.Linear(COLUMNS, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, len(CLASSES)))
    )
    biases = [value for value in net.parameters() if value.ndim == 1]
    weights = [value for value in net.parameters() if value.ndim == 2]
    optimiser = torch.optim.Adam(
        [{"params": weights, "weight_decay": config.l2}, {"params": biases}], lr=config.learning_rate
    )
    size = config.batch_size // 64
    starts = np.arange(0, len(y), size)
    batches = np.array_split(
        np.random.default_rng((1, 0)).permutation(starts), -(-len(y) // config.batch_size)
    )
    total = torch.zeros(())
    for batch in batches:
        rows = np.concatenate([x[start : start + size] for start in batch.tolist()])
        codes = np.concatenate([y[start : start + size] for start in batch.tolist()]).astype(np.int64)
        z = torch.nan_to_num((torch.from_numpy(rows) - mean) * scale, nan=0.0).clamp(
            -config.clip, config.clip
        )
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(net(z), torch.from_numpy(codes))
        loss.backward()
        optimiser.step()
        total += loss.detach()
    return float(total) / len(batches)


def _fit(train: Block, valid: Block, warm: Block, clock: Clock) -> dict[str, float]:
    from atc.models.base import fit_model
    from atc.models.build import build_model

    fit_model(build_model(_config()), warm, valid, seed=1)
    at: list[float] = []
    with clock():
        fit_model(
            build_model(_config()),
            train,
            valid,
            seed=1,
            progress=lambda done, of: at.append(time.perf_counter()),
        )
    steps = len(at)
    # The first step has no beginning here: the others stand for it.
    return {"epoch": (at[-1] - at[0]) * steps / max(1, steps - 1)}
