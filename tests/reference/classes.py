"""The class of a return, from SPEC 3 and docs/labels.md: exact numbers, one row at a time."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

Exact = Fraction | Decimal | None


def hold10_oracle(r: Exact, exit_bps: Exact) -> int | None:
    """HOLD 1 unless r <= -exit."""
    if r is None or exit_bps is None:
        return None
    return 0 if Fraction(r) <= -Fraction(exit_bps) else 1


def hold10_3class(r: Exact, short_cost: Exact, flat_cost: Exact) -> int | None:
    """SHORT 0, FLAT 1, HOLD 2."""
    if r is None or short_cost is None or flat_cost is None:
        return None
    if Fraction(r) <= -Fraction(short_cost):
        return 0
    return 1 if Fraction(r) <= -Fraction(flat_cost) else 2


def tlob(r: Exact, theta: Exact) -> int | None:
    """SHORT 0, FLAT 1, HOLD 2; at -theta SHORT, at theta FLAT."""
    if r is None or theta is None:
        return None
    if Fraction(r) <= -Fraction(theta):
        return 0
    return 2 if Fraction(r) > Fraction(theta) else 1


def up(r: Exact) -> int | None:
    """UP 1, DOWN 0; an unchanged mid has no label."""
    if r is None or r == 0:
        return None
    return 1 if r > 0 else 0


def mean(values: Sequence[Exact]) -> Fraction:
    """Of those that are not null."""
    known = [Fraction(value) for value in values if value is not None]
    return sum(known, Fraction(0)) / len(known)
