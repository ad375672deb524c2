"""Where torch computes and with what settings; loaded without Lightning, as scoring needs none of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from atc.config.nets import Trainer
from atc.errors import UsageError


def accelerator_of(config: Trainer) -> str:
    """Lightning's name of the device that `config` asks for. Raises UsageError where it is not there."""
    cuda, apple = torch.cuda.is_available(), torch.backends.mps.is_available()
    wanted = config.accelerator
    if wanted == "auto":
        wanted = "gpu" if cuda else "mps" if apple else "cpu"
    if (wanted == "gpu" and not cuda) or (wanted == "mps" and not apple):
        there = "gpu" if cuda else "mps" if apple else "none"
        raise UsageError(
            f"model.trainer.accelerator={wanted} is not on this machine (found: {there}); choose auto or cpu"
        )
    if wanted != "gpu" and config.precision == "16-mixed":
        raise UsageError(
            f"model.trainer.precision=16-mixed needs a GPU, and this fit is on {wanted}; choose 32-true or "
            "bf16-mixed"
        )
    return "cuda" if wanted == "gpu" else wanted


@contextmanager
def torch_as(config: Trainer) -> Iterator[None]:
    """Threads and random numbers of torch for the body; what the process had before comes back."""
    threads = torch.get_num_threads()
    strict, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    gpus = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    torch.set_num_threads(config.num_threads)
    try:
        with torch.random.fork_rng(gpus):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
