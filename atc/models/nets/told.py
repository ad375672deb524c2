"""What is told of a fit: its curves, its parameters, and which fit a checkpoint is of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from atc.config.leaves import leaves
from atc.config.nets import Net
from atc.models.base import Plain
from atc.models.standardise import Standardiser
from atc.protocol.dataset import Block

if TYPE_CHECKING:
    from atc.models.nets.checkpoint import Checkpoint


def curves(state: Checkpoint, train: Block) -> dict[str, list[float]]:
    """By name, such as `valid/log_loss@30s`: a mean loss an epoch. Auxiliary heads have one of training
    alone, such as `train/auxiliary_log_loss@30s`.
    """
    names = [f"log_loss@{head}" if head else "log_loss" for head in train.heads]
    found: dict[str, list[float]] = {}
    for part, epochs in (("train", state.train), ("valid", state.valid)):
        for number, name in enumerate(names):
            found[f"{part}/{name}"] = [losses[number] for losses in epochs]
    for number, head in enumerate(() if train.auxiliary is None else train.auxiliary.heads, len(names)):
        found[f"train/auxiliary_log_loss@{head}"] = [losses[number] for losses in state.train]
    return found


def auxiliary_parameters(train: Block) -> dict[str, Plain]:
    """What the fit's parameters say of auxiliary heads; nothing where there are none."""
    targets = train.auxiliary
    if targets is None:
        return {}
    return {
        "auxiliary.heads": ",".join(targets.heads),
        "auxiliary.classes": ",".join(targets.classes),
        "auxiliary.weight": targets.loss_weight,
    }


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of inner tables behind a point, lists as text."""
    return {
        key: ",".join(map(str, value)) if isinstance(value, list) else value for key, value in leaves(config)
    }


def fit_key(config: Net, standardiser: Standardiser, train: Block, valid: Block, seed: int) -> dict[str, Any]:
    """What a checkpoint has to be of: the same config, rows and versions."""
    import torch

    rows = hashlib.sha256()
    tables = [standardiser.mean, standardiser.std, train.y, valid.y, train.weights]
    if train.auxiliary is not None:
        tables += [train.auxiliary.y, train.auxiliary.weights]
    for part in tables:
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
        **auxiliary_parameters(train),
        "rows": rows.hexdigest(),
        "torch": torch.__version__,
    }
