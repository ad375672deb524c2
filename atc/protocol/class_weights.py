"""Weights of classes, beside those of rows: a rare class that counts more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from atc.protocol.dataset import CHUNK_ROWS, Block, Labels

Matrix = NDArray[np.float64]


def balanced(train: Block) -> Matrix:
    """(heads, classes) factors with which the classes of `train` weigh the same: W/(C·W_c), of the sum W of a
    head's weights, W_c of a class's and C classes (what scikit-learn calls balanced). 1 for a class without
    rows.
    """
    classes = len(train.classes)
    found = np.ones((len(train.heads), classes))
    for head in range(len(train.heads)):
        of_class = weights_of_codes(train.y, train.weights, head, classes)
        there = of_class > 0
        found[head, there] = of_class.sum() / (np.count_nonzero(there) * of_class[there])
    return found


def weights_of_codes(
    y: Labels, weights: NDArray[np.float64] | None, head: int, classes: int
) -> NDArray[np.float64]:
    """(classes,) the weights, summed up, of the rows of each class of a head of the codes `y` (n, heads), NaN
    for none; `weights` (n,) or (n, heads), None: all 1.
    """
    total = np.zeros(classes)
    for rows in _chunks(len(y)):
        codes, own, _ = _known(y, weights, head, rows)
        total += np.bincount(codes, own, minlength=classes)
    return total


def given(train: Block, weights: Sequence[float]) -> Matrix:
    """(heads, classes) the same `weights` (classes,) for every head of `train`."""
    return np.tile(np.asarray(weights, dtype=np.float64), (len(train.heads), 1))


def class_weighted(block: Block, factors: Matrix) -> Block:
    """`block` with each row's weight times the factor (heads, classes) of its class, of mean 1 over the rows
    that have a head's label; a row without the label gets 1, which nobody reads.
    """
    found = np.ones(block.y.shape)
    for head in range(len(block.heads)):
        total, count = 0.0, 0
        for rows in _chunks(block.n_rows):
            codes, own, known = _known(block.y, block.weights, head, rows)
            own = own * factors[head, codes]
            total, count = total + float(own.sum()), count + len(own)
            found[rows, head][known] = own
        for rows in _chunks(block.n_rows):
            np.divide(
                found[rows, head],
                total / count if count else 1.0,
                out=found[rows, head],
                where=~np.isnan(block.y[rows, head]),
            )
    return replace(block, weights=found)


def _chunks(n: int) -> Iterator[slice]:
    """Rows that are looked at at once: what is made of them needs no memory of all rows' length."""
    for start in range(0, n, CHUNK_ROWS):
        yield slice(start, start + CHUNK_ROWS)


def _known(
    y: Labels, weights: NDArray[np.float64] | None, head: int, rows: slice
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Codes and weights of those of the `rows` that have the label, and which they are."""
    of_head = y[rows, head]
    known = ~np.isnan(of_head)
    codes = of_head[known].astype(np.int64)
    if weights is None:
        return codes, np.ones(len(codes)), known
    return codes, (weights if weights.ndim == 1 else weights[:, head])[rows][known], known
