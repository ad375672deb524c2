"""Around a net's numbers: scores of logits, the base rates that a fit begins at, rows to try a graph on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atc.models.base import Scores
from atc.models.row_chunks import count_codes
from atc.models.softmax import probabilities
from atc.models.standardise import Standardiser
from atc.protocol.auxiliary import AuxiliaryTargets
from atc.protocol.class_weights import weights_of_codes
from atc.protocol.dataset import Block
from atc.protocol.row_runs import FloatMatrix


def scores_of(logits: NDArray[np.float64]) -> Scores:
    """(m, columns) of logits (m, heads, outputs)."""
    if logits.shape[2] == 1:
        small = np.exp(-np.abs(logits[:, :, 0]))
        return np.where(logits[:, :, 0] >= 0, 1.0, small) / (1.0 + small)
    return np.concatenate([probabilities(logits[:, head]) for head in range(logits.shape[1])], axis=1)


def base_shares(train: Block | AuxiliaryTargets) -> NDArray[np.float64]:
    """(heads, classes) of the rows with a label, by weight; a class without rows has half a row's."""
    found = np.empty((len(train.heads), len(train.classes)))
    for head in range(len(train.heads)):
        counts, _ = count_codes(train.y[:, head], len(train.classes))
        weight = (
            counts
            if train.weights is None
            else weights_of_codes(train.y, train.weights, head, len(train.classes))
        )
        found[head] = np.maximum(weight / weight.sum(), 0.5 / counts.sum())
    return found


def few_rows(standardiser: Standardiser, rows: int) -> FloatMatrix:
    """Some rows (rows, k) about where training's were, beyond the clip and null among them."""
    z = np.random.default_rng(0).normal(0.0, 3.0, (rows, len(standardiser.mean)))
    z[np.arange(rows) % 7 == 0] *= 10.0
    x = (standardiser.mean + z * np.where(standardiser.active, standardiser.std, 1.0)).astype(np.float32)
    x[np.arange(rows) % 5 == 0, ::2] = np.nan
    return x
