"""The transformer through the runner's path, against the same network in a hand-written loop of torch.

8 M rows × 24, windows of 128; both see the same windows, 200,000 of them with `--scale 1`, in 3,125 steps.
A window takes about 3.5 ms of processor time, so all 8 M are for a GPU. A quarter of the rows and of the
windows shows whether the memory grows with either. What the first batches cost (imports, thread pools,
kernels) comes before the clock.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from features_table import FeatureTable, Goal
from numpy.typing import NDArray
from train import Case, Clock, Found
from train_rows import SyntheticRows

LENGTH, COLUMNS = 128, 24
ROWS, FEW_ROWS, FEWEST_ROWS = 8_000_000, 2_000_000, 800_000
SEQUENCES = 200_000
"""Of `ROWS`; in proportion of fewer."""
THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))
RUNNER, LOOP, FEW = "runner", "torch loop", "runner, a quarter of all"
OWN = "torch loop, nn.TransformerEncoder"


def cases() -> list[Case]:
    """The runner's fit, the hand-written loop, the fit on a quarter of the rows and windows, and, on a tenth,
    the loop with torch's encoder, which reads out the last row in the end and drops attention weights and
    hidden units too.
    """
    few = Case(FEW, FEW_ROWS, COLUMNS)
    return [Case(RUNNER, ROWS, COLUMNS), Case(LOOP, ROWS, COLUMNS), few, Case(OWN, FEWEST_ROWS, COLUMNS)]


def run(case: str, data: SyntheticRows, clock: Clock) -> dict[str, float]:
    """Samples a second of an epoch."""
    sequences = max(256, round(SEQUENCES * data.rows / ROWS))
    ends = np.linspace(LENGTH - 1, data.rows - 1, sequences).astype(np.int64)
    of_torch = case == OWN
    done = _loop(data, ends, clock, of_torch=of_torch) if "loop" in case else _runner(data, ends, clock)
    return {"sequences": float(sequences), "loss": done}


def tabulate(table: FeatureTable, found: Mapping[str, Found]) -> None:
    """Samples a second, beside the loop's, and the memory at both sizes."""
    per_second = {name: one.figures["sequences"] / one.seconds for name, one in found.items()}
    for name, one in found.items():
        count, rows = f"{one.figures['sequences']:,.0f}", f"{one.rows:,}"
        title = f"transformer, {name}: {count} sequences of {rows} × {COLUMNS}"
        against, ratio, goal = "", None, None
        if name == RUNNER and LOOP in found:
            against = f"torch loop: {per_second[LOOP]:,.0f}"
            ratio, goal = per_second[RUNNER] / per_second[LOOP], Goal(0.9)
        table.add(title, per_second[name], "sequences/s", against=against, ratio=ratio, goal=goal)
        if ratio is not None:
            # Of a machine that does other things as well the clock says little.
            own, other = (
                found[case].cpu_seconds / found[case].figures["sequences"] for case in (RUNNER, LOOP)
            )
            against = f"torch loop: {1e3 * other:.2f}"
            table.add("… CPU time a sequence", 1e3 * own, "ms", against=against, ratio=other / own)
        table.add(f"… peak anonymous memory, {one.before_mib:,.0f} MiB of it before", one.peak_mib, "MiB")
    if LOOP in found and OWN in found:
        ours, theirs = (found[case].cpu_seconds / found[case].figures["sequences"] for case in (LOOP, OWN))
        against = f"ours: {1e3 * ours:.2f}"
        table.add(
            "… CPU time a sequence, torch's encoder", 1e3 * theirs, "ms", against=against, ratio=ours / theirs
        )
    if RUNNER in found and FEW in found:
        grown = found[RUNNER].peak_mib / found[FEW].peak_mib
        name = f"… memory at {found[RUNNER].rows:,} rows by that at {found[FEW].rows:,}"
        table.add(name, grown, "×", goal=Goal(0.95, upper=1.05))


def _block(data: SyntheticRows, ends: NDArray[np.int64]) -> Any:
    from atc.protocol.dataset import Block
    from atc.protocol.row_windows import RowWindows

    up = (data.r_bps[ends] > 0).astype(np.float64)
    return Block(
        x=RowWindows.ending_at(data.x, ends, LENGTH),
        y=np.repeat(up[:, None], 4, axis=1),
        features=data.features,
        heads=("1s", "5s", "30s", "300s"),
    )


def _config() -> Any:
    from atc.config.nets import MultihorizonTransformer, Trainer

    trainer = Trainer(num_threads=THREADS, accelerator="cpu", checkpoints=False, gradient_clip=1.0)
    return MultihorizonTransformer(kind="multihorizon_transformer", epochs=1, trainer=trainer)


def _runner(data: SyntheticRows, ends: NDArray[np.int64], clock: Clock) -> float:
    """The fit itself: standardiser, Lightning, validation on as few rows as it takes."""
    from atc.models.base import fit_model
    from atc.models.build import build_model

    config = _config()
    warm = _block(data, ends[:256])
    fit_model(build_model(config), warm, warm, seed=1)
    model, train = build_model(config), _block(data, ends)
    with clock():
        report = fit_model(model, train, warm, seed=1)
    return next(iter(report.curves.values()))[-1]


def _ours(config: Any) -> Any:
    from atc.models.nets.transformer import WindowEncoder

    return WindowEncoder(
        COLUMNS,
        LENGTH,
        d_model=config.d_model,
        heads=config.nhead,
        layers=config.layers,
        dim_feedforward=config.dim_feedforward,
        dropout=config.dropout,
    )


def _torchs_own(config: Any) -> Any:
    import torch
    from torch import nn

    class Encoder(nn.Module):
        """What torch brings, read out at the last row."""

        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Linear(COLUMNS, config.d_model)
            self.position = nn.Parameter(0.02 * torch.randn(LENGTH, config.d_model))
            sizes = (config.d_model, config.nhead, config.dim_feedforward, config.dropout)
            layer = nn.TransformerEncoderLayer(*sizes, batch_first=True, norm_first=True)
            self.layers = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            state: torch.Tensor = self.layers(self.embed(x) + self.position)[:, -1]
            return state

    return Encoder()


def _loop(data: SyntheticRows, ends: NDArray[np.int64], clock: Clock, *, of_torch: bool) -> float:
    """As one writes it: the same network and optimiser, windows gathered by index, no framework."""
    import torch
    from torch import nn

    from atc.models.nets.networks import Network
    from atc.models.standardise import fit_standardiser

    config = _config()
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    encoder = _torchs_own(config) if of_torch else _ours(config)

    def epoch(net: nn.Module, optimiser: torch.optim.Optimizer, some: NDArray[np.int64]) -> float:
        order = np.random.default_rng(1).permutation(len(some))
        back = np.arange(1 - LENGTH, 1)
        total = torch.zeros(())
        for start in range(0, len(some), config.batch_size):
            at = some[order[start : start + config.batch_size]]
            x = torch.from_numpy(data.x[at[:, None] + back])
            up = torch.from_numpy((data.r_bps[at] > 0).astype(np.float32))
            y = up[:, None].expand(-1, 4)
            optimiser.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(net(x)[:, :, 0], y)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), config.trainer.gradient_clip)
            optimiser.step()
            total += loss.detach()
        return float(total) * config.batch_size / len(some)

    standardiser = fit_standardiser(data.x[ends[:4096]], config.clip)
    net = Network(standardiser, encoder, config.d_model, 4, 1).train()
    optimiser = torch.optim.Adam(net.parameters(), lr=config.learning_rate)
    epoch(net, optimiser, ends[:256])
    with clock():
        fit_standardiser(data.x[ends], config.clip)
        return epoch(net, optimiser, ends)
