"""Exponential kernel sums over the taker groups: what a Hawkes intensity is linear in."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from .events import SECOND
from .exact import FIXED_POINT_BITS, Value, exp, ratio, to_units
from .state import State

HAWKES = (
    "hawkes_buy_1s", "hawkes_sell_1s", "hawkes_buy_10s", "hawkes_sell_10s", "hawkes_imbalance_10s",
)  # fmt: skip
REACH = 30  # time constants
ONE = 1 << FIXED_POINT_BITS


@lru_cache(maxsize=1 << 18)
def kernel_units(age_ns: int, tau_s: int) -> int:
    """exp(-age / tau) as a whole number of 2^-40, ties to even."""
    return to_units(exp(-Fraction(age_ns, tau_s * SECOND)))


def kernel_sums(state: State, t: int, tau_s: int) -> tuple[int, int]:
    """Of buyers and of sellers, in units of 2^-40, over the groups at most 30 tau old."""
    sums = {1: 0, -1: 0, 0: 0}
    for group in state.groups_at(t, REACH * tau_s * SECOND):
        sums[group.side] += kernel_units(t - group.ts, tau_s)
    return sums[1], sums[-1]


def hawkes(state: State, t: int) -> tuple[dict[str, Value], dict[str, float]]:
    """The columns of the family at t, and what one 2^-40 of one term is worth in each."""
    columns: dict[str, Value] = {}
    one_unit: dict[str, float] = {}
    for tau_s in (1, 10):
        buy, sell = kernel_sums(state, t, tau_s)
        for name, units in (("buy", buy), ("sell", sell)):
            columns[f"hawkes_{name}_{tau_s}s"] = Fraction(units, ONE * tau_s)
            one_unit[f"hawkes_{name}_{tau_s}s"] = 1 / (ONE * tau_s)
    columns["hawkes_imbalance_10s"] = ratio(buy - sell, buy + sell)
    one_unit["hawkes_imbalance_10s"] = 2 / (buy + sell) if buy + sell else 0.0
    return columns, one_unit
