"""Where a fit stands after an epoch, as one file of tensors: what the next attempt of a run goes on from.

Lightning's own are pickles; this is safetensors with JSON in its header. A file is whole or not there: it is
written under a hidden name, brought to the disk, and renamed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from atc.errors import DataError
from atc.tracking import durable
from atc.tracking.cpu import CpuTime, take_over

_log = logging.getLogger(__name__)

FORMAT = "atc-checkpoint-2"

Tensors = dict[str, Tensor]
"""On the processor, by name."""


@dataclass
class Checkpoint:
    """What decides everything that comes after an epoch; random numbers are of seed and epoch alone."""

    epoch: int = 0
    """Epochs done."""
    weights: Tensors = field(default_factory=dict)
    """Of the last epoch, like the optimiser's."""
    optimiser: dict[int, dict[str, Any]] | None = None
    scaler: Mapping[str, Any] = field(default_factory=dict)
    """Of 16-bit gradients; plain numbers."""
    best: Tensors = field(default_factory=dict)
    best_epoch: int = 0
    best_loss: float = math.inf
    stopped: bool = False
    """Validation has not improved for long enough."""
    train: list[list[float]] = field(default_factory=list)
    """An epoch each, a mean loss a head."""
    valid: list[list[float]] = field(default_factory=list)


def weights_of(network: nn.Module) -> Tensors:
    """A copy of the parameters of `network`; its buffers are the preprocessing's."""
    return {name: value.detach().cpu().clone() for name, value in network.named_parameters()}


def put_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Sets the parameters of `network`."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(weights[name])


class Keeper:
    """The checkpoint of one fit, at `path`; `key` says which fit it is of. What it costs counts from here."""

    def __init__(self, path: Path, key: Mapping[str, Any]) -> None:
        self._cpu = CpuTime()
        self._cpu.start()
        self.path = path
        self._key = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()

    def write(self, state: Checkpoint) -> None:
        """Replaces the file in one step; what the fit has cost so far stands in it."""
        tensors = {f"weights/{name}": value for name, value in state.weights.items()}
        tensors |= {f"best/{name}": value for name, value in state.best.items()}
        plain: dict[str, dict[str, Any]] = {}
        for number, values in (state.optimiser or {}).items():
            for name, value in values.items():
                if isinstance(value, Tensor):
                    tensors[f"optimiser/{number}/{name}"] = value.detach().cpu()
                else:
                    plain.setdefault(str(number), {})[name] = value
        content = {
            "key": self._key,
            "epoch": state.epoch,
            "best_epoch": state.best_epoch,
            "best_loss": state.best_loss,
            "stopped": state.stopped,
            "scaler": dict(state.scaler),
            "optimiser": plain,
            "train": state.train,
            "valid": state.valid,
            "tensors": _digest(tensors),
            "cpu_seconds": self._cpu.stop(),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {name: value.contiguous() for name, value in tensors.items()}
        told = json.dumps(content)
        header = {"format": FORMAT, "state": told, "state_sha256": _digest_of_text(told)}
        durable.write_bytes(self.path, save(tensors, header))

    def read(self) -> Checkpoint | None:
        """The state that was written last; None without a file, or with one of another fit. What it cost is
        taken over.

        Raises DataError for a damaged file.
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                header = file.metadata() or {}
                tensors: Tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if header.get("format") != FORMAT:
                raise ValueError(f"format {header.get('format')!r}, {FORMAT!r} was expected")
            if header["state_sha256"] != _digest_of_text(header["state"]):
                raise ValueError("its state is not the one that was written")
            content = json.loads(header["state"])
            if content["tensors"] != _digest(tensors):
                raise ValueError("its tensors are not those that were written")
        except (SafetensorError, ValueError, KeyError, OSError) as error:
            raise DataError(
                f"{self.path} is a damaged checkpoint: {error}; remove it, and the fit begins anew"
            ) from None
        if content["key"] != self._key:
            _log.warning("%s is of another fit; this one begins anew", self.path)
            return None
        optimiser: dict[int, dict[str, Any]] = {
            int(number): dict(values) for number, values in content["optimiser"].items()
        }
        for name in tensors:
            if name.startswith("optimiser/"):
                _, number, value = name.split("/")
                optimiser.setdefault(int(number), {})[value] = tensors[name]
        _log.info("%s: going on after epoch %d", self.path.name, content["epoch"])
        take_over(content.get("cpu_seconds", 0.0))
        return Checkpoint(
            epoch=content["epoch"],
            weights=_under("weights/", tensors),
            optimiser=optimiser,
            scaler=content["scaler"],
            best=_under("best/", tensors),
            best_epoch=content["best_epoch"],
            best_loss=content["best_loss"],
            stopped=content["stopped"],
            train=content["train"],
            valid=content["valid"],
        )


def _under(prefix: str, tensors: Tensors) -> Tensors:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _digest(tensors: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        found.update(tensors[name].contiguous().numpy().tobytes())
    return found.hexdigest()


def _digest_of_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
