"""Strategies that know nothing, beside which a policy has to stand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Lots = NDArray[np.int64]

NEAREST = 0.05
"""Share of the decisions by which a draw is moved at least."""


def random_targets(targets: Lots, *, draws: int, seed: int, of: str = "") -> dict[str, Lots]:
    """By name, the `targets` (n,) of a policy moved by a random number of decisions, what leaves at the end
    coming in at the begin.

    So a draw wishes the same positions in the same order, trades about as often, stays as long in each, and
    knows nothing of when.
    """
    n = len(targets)
    generator = np.random.default_rng(seed)
    moved = np.floor(generator.uniform(NEAREST, 1.0 - NEAREST, draws) * n).astype(np.int64)
    return {random_name(number, of): np.roll(targets, by) for number, by in enumerate(moved)}


def random_name(number: int, of: str = "") -> str:
    """Of a draw, from 0; `of`: the rival whose wishes are moved."""
    return f"{of}_random_{number}" if of else f"random_{number}"
