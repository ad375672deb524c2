"""Exponential kernel sums over the taker groups: what a Hawkes intensity is linear in."""

from __future__ import annotations

from decimal import Decimal
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


def kernel_sum(state: State, t: int, side: int, tau_s: int) -> int:
    """In units of 2^-40, over the groups of a side at most 30 tau old."""
    groups = state.groups_at(t, REACH * tau_s * SECOND)
    return sum(kernel_units(t - group.ts, tau_s) for group in groups if group.side == side)


def hawkes(state: State, t: int) -> tuple[dict[str, Value], dict[str, float]]:
    """The columns of the family at t, and what one 2^-40 of one term is worth in each."""
    columns: dict[str, Value] = {}
    one_unit: dict[str, float] = {}
    for tau_s in (1, 10):
        for name, side in (("buy", 1), ("sell", -1)):
            columns[f"hawkes_{name}_{tau_s}s"] = Fraction(kernel_sum(state, t, side, tau_s), ONE * tau_s)
            one_unit[f"hawkes_{name}_{tau_s}s"] = float(Decimal(2) ** -FIXED_POINT_BITS) / tau_s
    buy, sell = kernel_sum(state, t, 1, 10), kernel_sum(state, t, -1, 10)
    columns["hawkes_imbalance_10s"] = ratio(buy - sell, buy + sell)
    one_unit["hawkes_imbalance_10s"] = 2 / (buy + sell) if buy + sell else 0.0
    return columns, one_unit
