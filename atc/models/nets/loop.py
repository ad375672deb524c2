"""The one loop that fits nets: Lightning's trainer, early stopping, curves, checkpoints, nothing printed."""

from __future__ import annotations

import logging
import math
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Callback, LightningModule
from lightning.pytorch import Trainer as LightningTrainer
from lightning.pytorch.profilers import SimpleProfiler

from atc.config.nets import Net
from atc.errors import DataError
from atc.models.base import Progress
from atc.models.nets.batches import Batch, Batches
from atc.models.nets.checkpoint import Checkpoint, Keeper, weights_of
from atc.models.nets.device import accelerator_of, torch_as
from atc.models.nets.module import NetModule

_log = logging.getLogger(__name__)

_LOOK_EVERY_STEPS = 50
"""A look at the loss waits for the device."""


class Watch(Callback):
    """Looks at each epoch: curves, the best weights, when to stop, a checkpoint."""

    def __init__(
        self,
        config: Net,
        batches: Batches,
        state: Checkpoint,
        keeper: Keeper | None,
        progress: Progress | None,
    ) -> None:
        self._config, self._batches, self._keeper = config, batches, keeper
        self._progress = progress
        self.state = state
        self._step = 0

    def on_fit_start(self, trainer: LightningTrainer, pl_module: LightningModule) -> None:
        """The scaler of 16-bit gradients goes on where it stood."""
        del pl_module
        if self.state.scaler:
            trainer.precision_plugin.load_state_dict(dict(self.state.scaler))

    def on_train_epoch_start(self, trainer: LightningTrainer, pl_module: LightningModule) -> None:
        """Every epoch draws from a source of its own, so that one can begin at any of them."""
        del trainer
        seed = self._batches.seed or 0
        torch.manual_seed((seed << 24) + self.state.epoch + 1)
        _net(pl_module).train_sums.clear()
        _net(pl_module).valid_sums.clear()
        self._step = 0

    def on_train_batch_end(
        self, trainer: LightningTrainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Shows the step, and looks at the loss now and then."""
        del trainer, outputs, batch
        self._step = batch_idx + 1
        if self._step % _LOOK_EVERY_STEPS == 0:
            last = _net(pl_module).train_sums.last()
            if last is not None:
                self._require_finite(last.tolist())
        if self._progress is not None:
            per_epoch = len(self._batches)
            self._progress(self.state.epoch * per_epoch + self._step, self._config.epochs * per_epoch)

    def on_train_epoch_end(self, trainer: LightningTrainer, pl_module: LightningModule) -> None:
        """Validation is over; the epoch is judged and kept."""
        module = _net(pl_module)
        train, valid = module.train_sums.means(), module.valid_sums.means()
        self._require_finite(train)
        self._require_finite(valid)
        state = self.state
        state.epoch += 1
        state.train.append(train)
        state.valid.append(valid)
        loss = sum(valid)
        if loss < state.best_loss:
            state.best_loss, state.best_epoch = loss, state.epoch
            state.best = weights_of(module.trained)
        state.stopped = state.epoch - state.best_epoch >= self._config.early_stopping
        trainer.should_stop = state.stopped
        if self._keeper is not None:
            state.weights = weights_of(module.trained)
            state.optimiser = trainer.optimizers[0].state_dict()["state"]
            state.scaler = trainer.precision_plugin.state_dict()
            self._keeper.write(state)

    def _require_finite(self, losses: list[float]) -> None:
        if all(math.isfinite(loss) for loss in losses):
            return
        config = self._config
        clip = "set" if config.trainer.gradient_clip is None else "lower"
        half = config.trainer.precision == "16-mixed"
        raise DataError(
            f"{config.kind} diverged: the loss is not finite in epoch {self.state.epoch + 1} "
            f"(step {self._step} of {len(self._batches)}); lower model.learning_rate="
            f"{config.learning_rate:g} or {clip} model.trainer.gradient_clip"
            + (", or take model.trainer.precision=bf16-mixed" if half else "")
        )


def run_epochs(
    module: NetModule,
    train: Batches,
    valid: Batches,
    *,
    state: Checkpoint,
    keeper: Keeper | None,
    progress: Progress | None,
) -> Checkpoint:
    """Fits `module` from `state` on until `epochs` are done or validation has not improved for
    `early_stopping` of them; the state that it is in then, with the best weights.

    Raises DataError for a loss that is not finite, UsageError for a trainer that this machine cannot give.
    """
    config = module.net_config
    left = config.epochs - state.epoch
    if left <= 0 or state.stopped:
        return state
    trainer_config = config.trainer
    watch = Watch(config, train, state, keeper, progress)
    with quiet(), torch_as(trainer_config):
        profiler = SimpleProfiler() if trainer_config.profiler == "simple" else None
        trainer = LightningTrainer(
            accelerator=accelerator_of(trainer_config),
            devices=1,
            precision=trainer_config.precision,
            max_epochs=left,
            gradient_clip_val=trainer_config.gradient_clip,
            deterministic=trainer_config.deterministic,
            profiler=profiler,
            callbacks=[watch],
            # Of its own it would look for a cluster, write logs and checkpoints, and draw bars.
            plugins=[LightningEnvironment()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        module.optimiser_state = state.optimiser
        with _interrupts_as_python_has_them():
            trainer.fit(module, train_dataloaders=_InOrderOf(train, state), val_dataloaders=valid)
        if profiler is not None:
            _log.info("profile of %s\n%s", config.kind, profiler.summary())
    return state


@dataclass
class _InOrderOf:
    """The batches of the epoch that the state is at."""

    batches: Batches
    state: Checkpoint

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        # Not before the first batch is asked for, as Lightning asks for an iterator ahead of the epoch.
        yield from self.batches.of_epoch(self.state.epoch)


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning says what it found and what else one could install; a run says what matters itself."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for text in _BESIDE_THE_POINT:
                warnings.filterwarnings("ignore", message=text)
            yield
    finally:
        for logger, level in before:
            logger.setLevel(level)


_BESIDE_THE_POINT = (
    # Lightning 2.6 asks torch 2.15 in an old way.
    r".*isinstance\(treespec, LeafSpec\)",
    # Their own batches; nothing waits for them.
    r".*does not have many workers",
    # Chosen with open eyes: `accelerator=cpu` beside a GPU.
    r".*available but not used",
)


@contextmanager
def _interrupts_as_python_has_them() -> Iterator[None]:
    """Lightning turns Ctrl-C into an exit with code 1 and leaves Ctrl-C without effect."""
    here = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT) if here else None
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


def _net(module: LightningModule) -> NetModule:
    assert isinstance(module, NetModule)
    return module
