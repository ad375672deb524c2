"""What a fitted network says of rows: on a device, in float32; or exactly, to tell rounding from mistakes."""

from __future__ import annotations

import copy

import numpy as np
import torch

from atc.config.nets import Net
from atc.models.base import Scores, check_width
from atc.models.nets.batches import batch_shape, read
from atc.models.nets.device import torch_as
from atc.models.nets.scores import scores_of
from atc.models.nets.state import NetState
from atc.protocol.row_runs import Matrix


def network_scores(state: NetState, config: Net, x: Matrix, device: str, *, exact: bool = False) -> Scores:
    """(n, columns) of inputs `x` (n, k), or of the windows that end at them, computed on `device` in float32
    whatever precision the fit had; `exact`: in float64, which the processor has.
    """
    check_width(x, state.features)
    out = np.empty((len(x), len(state.score_names)))
    step = scored_rows(config.length)
    dtype = torch.float64 if exact else torch.float32
    with torch_as(config.trainer), torch.inference_mode():
        network = copy.deepcopy(state.network).to(dtype) if exact else state.network.to(device)
        # Always as many rows at once: how a product is summed may depend on it, and a row's score must not
        # depend on what it is scored with. Of layers with a few units it may still depend on the row's place,
        # in the last bit.
        rows = torch.zeros(batch_shape(x, step, config.length))
        for start in range(0, len(x), step):
            stop = min(start + step, len(x))
            rows.numpy()[: stop - start] = read(x, start, stop, config.length)
            logits = network(rows.to(device, dtype))[: stop - start]
            out[start:stop] = scores_of(logits.cpu().double().numpy())
        state.network.to("cpu")
    return out


def scored_rows(length: int) -> int:
    """Rows that are scored at once."""
    return max(64, 4096 // length)
