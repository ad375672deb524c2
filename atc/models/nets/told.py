"""What is told of a fit: its curves, its parameters, and which fit a checkpoint is of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from atc.config.nets import Net
from atc.models.standardise import Standardiser
from atc.protocol.dataset import Block

if TYPE_CHECKING:
    from atc.models.nets.checkpoint import Checkpoint


def curves(state: Checkpoint, heads: tuple[str, ...]) -> dict[str, list[float]]:
    """By name, such as `valid/log_loss@30s`: a mean loss an epoch."""
    found: dict[str, list[float]] = {}
    for part, epochs in (("train", state.train), ("valid", state.valid)):
        for number, head in enumerate(heads):
            name = f"{part}/log_loss@{head}" if head else f"{part}/log_loss"
            found[name] = [losses[number] for losses in epochs]
    return found


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of inner tables behind a point, lists as text."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= {f"{key}.{inner}": plain for inner, plain in flat(value).items()}
        else:
            found[key] = ",".join(map(str, value)) if isinstance(value, list) else value
    return found


def fit_key(config: Net, standardiser: Standardiser, train: Block, valid: Block, seed: int) -> dict[str, Any]:
    """What a checkpoint has to be of: the same config, rows and versions."""
    import torch

    rows = hashlib.sha256()
    for part in (standardiser.mean, standardiser.std, train.y, valid.y, train.weights):
        if part is not None:
            rows.update(np.ascontiguousarray(part).data.cast("B"))
    values = config.model_dump(mode="json")
    for beside in ("profiler", "checkpoints"):
        del values["trainer"][beside]
    return {
        "config": values,
        "seed": seed,
        "features": train.features,
        "heads": train.heads,
        "classes": train.classes,
        "rows": rows.hexdigest(),
        "torch": torch.__version__,
    }
