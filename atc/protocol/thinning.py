"""Fewer training rows: every k-th, or rows drawn by how unique their labels are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atc.protocol.row_runs import Rows

Vector = NDArray[np.float64]


def every_kth(rows: Rows, k: int) -> Rows:
    """Positions 0, k, 2k … of `rows`."""
    return np.ascontiguousarray(rows[::k])


def drawn(rows: Rows, worth: Vector, share: float, seed: int) -> Rows:
    """A draw without repeats of round(share·n) of the `rows` (n,), in their order; a row's chance is in
    proportion to its `worth` (n,), positive, and 1 where that exceeds 1.

    Systematic sampling (Madow, "On the theory of systematic sampling, II", *Annals of Mathematical
    Statistics* 20, 1949): the chances are laid end to end, and a row is taken where a comb of teeth 1 apart
    meets it; the seed places the comb. Chances are met exactly, so is the number of rows, and the rows lie as
    evenly as their worth lets them, which a draw of row by row would not give.
    """
    if len(rows) == 0:
        return rows
    if not bool(np.all(worth > 0.0)):
        raise ValueError("a row without worth has no chance to be drawn: leave it out")
    wanted = max(1, round(share * len(rows)))
    chance = _chances(worth, wanted)
    reached = np.cumsum(chance)
    # The sum is `wanted` but for rounding, which must not cost the last tooth.
    reached *= wanted / reached[-1]
    offset = np.random.default_rng(seed).random()
    teeth = np.floor(reached - offset)
    before = np.concatenate([[np.floor(-offset)], teeth[:-1]])
    taken: Rows = rows[teeth > before]
    return taken


def _chances(worth: Vector, wanted: int) -> Vector:
    """(n,) in proportion to `worth`, none above 1, of sum `wanted`, at most n."""
    sure = np.zeros(len(worth), dtype=np.bool_)
    while True:
        left = wanted - int(np.count_nonzero(sure))
        total = float(np.sum(worth[~sure]))
        if left <= 0 or total == 0.0:
            return sure.astype(np.float64)
        chance = np.where(sure, 1.0, worth * (left / total))
        above = chance > 1.0
        if not above.any():
            return chance
        sure |= above
