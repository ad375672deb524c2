"""The planted rows with labels of three classes, or of several heads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from planted_rows import planted_rows

from atc.protocol.dataset import Block, Dataset

CLASSES = ("SHORT", "FLAT", "HOLD")


def three_classes(n: int = 4000, seed: int = 0) -> Dataset:
    """SHORT below −4 bps, FLAT to 1 bps, else HOLD."""
    data = planted_rows(n, seed=seed)
    codes = np.digitize(data.r_bps, [-4.0, 1.0], right=True).astype(np.float64)
    return replace(data, y=np.where(np.isnan(data.r_bps), np.nan, codes), classes=CLASSES)


def two_heads(n: int = 4000, seed: int = 0) -> Dataset:
    """`near` lacks a third of its labels, `far` turns the return around."""
    data = planted_rows(n, seed=seed)
    near = data.y[:, 0].copy()
    near[np.random.default_rng(seed).random(n) < 0.33] = np.nan
    heads = ("near", "far")
    r_bps, t1 = np.repeat(data.r_bps, 2, axis=1), np.repeat(data.t1, 2, axis=1)
    return replace(data, y=np.column_stack([near, 1.0 - data.y[:, 0]]), r_bps=r_bps, t1=t1, heads=heads)


def blocks(data: Dataset, share: float = 0.8) -> tuple[Block, Block]:
    """Rows with a label: the first part trains, the rest validates."""
    known = np.flatnonzero(~np.isnan(data.y).all(axis=1))
    cut = int(len(known) * share)
    return data.block(known[:cut]), data.block(known[cut:])
