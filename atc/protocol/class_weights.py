"""Weights of classes, beside those of rows: a rare class that counts more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from atc.protocol.dataset import Block

Matrix = NDArray[np.float64]


def balanced(train: Block) -> Matrix:
    """(heads, classes) factors with which the classes of `train` weigh the same: W/(C·W_c), of the sum W of a
    head's weights, W_c of a class's and C classes (what scikit-learn calls balanced). 1 for a class without
    rows.
    """
    classes = len(train.classes)
    found = np.ones((len(train.heads), classes))
    for head in range(len(train.heads)):
        known = ~np.isnan(train.y[:, head])
        codes = train.y[known, head].astype(np.int64)
        of_class = np.bincount(codes, weights=_weights(train)[known, head], minlength=classes)
        there = of_class > 0
        found[head, there] = of_class.sum() / (np.count_nonzero(there) * of_class[there])
    return found


def given(train: Block, weights: Sequence[float]) -> Matrix:
    """(heads, classes) the same `weights` (classes,) for every head of `train`."""
    return np.tile(np.asarray(weights, dtype=np.float64), (len(train.heads), 1))


def class_weighted(block: Block, factors: Matrix) -> Block:
    """`block` with each row's weight times the factor (heads, classes) of its class, of mean 1 over the rows
    that have a head's label; a row without the label gets 1, which nobody reads.
    """
    weights = np.ones(block.y.shape)
    before = _weights(block)
    for head in range(len(block.heads)):
        known = np.flatnonzero(~np.isnan(block.y[:, head]))
        own = before[known, head] * factors[head, block.y[known, head].astype(np.int64)]
        weights[known, head] = own / own.mean() if len(own) else own
    return replace(block, weights=weights)


def _weights(block: Block) -> Matrix:
    if block.weights is None:
        return np.ones(block.y.shape)
    return np.broadcast_to(block.weights.reshape(block.n_rows, -1), block.y.shape)
