"""Arithmetic without rounding where that is possible, and with 50 digits where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

Exact = Fraction | Decimal
Value = Exact | None

FIXED_POINT_BITS = 40
_DIGITS = Context(prec=50)
_PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
HALF_PI = Fraction(_PI) / 2


def decimal(x: Exact | int) -> Decimal:
    """`x` to 50 digits."""
    if isinstance(x, Decimal):
        return x
    x = Fraction(x)
    return _DIGITS.divide(Decimal(x.numerator), Decimal(x.denominator))


@lru_cache(maxsize=1 << 18)
def ln(x: Fraction) -> Decimal:
    """Natural logarithm of a positive rational."""
    return _DIGITS.ln(decimal(x))


def exp(x: Fraction) -> Decimal:
    return _DIGITS.exp(decimal(x))


def sqrt(x: Fraction) -> Decimal:
    return _DIGITS.sqrt(decimal(x))


def _alternating_series(angle: Decimal, first: Decimal, power: int) -> Decimal:
    """The Taylor series of sine or cosine from its `first` term, of degree `power`, on."""
    with localcontext(_DIGITS):
        total, term = first, first
        while abs(term) > Decimal("1e-45"):
            term = -term * angle * angle / ((power + 1) * (power + 2))
            total, power = total + term, power + 2
        return total


def sin_cos_of_turn(turn: Fraction) -> tuple[Decimal, Decimal]:
    """Sine and cosine of `turn` full turns, 0 <= turn < 1."""
    angle = _DIGITS.multiply(decimal(2 * turn), _PI)
    return _alternating_series(angle, angle, 1), _alternating_series(angle, Decimal(1), 0)


def to_units(x: Exact) -> int:
    """`x` as a whole number of 2^-40, ties to even: what a window sum is made of."""
    return round(Fraction(x) * (1 << FIXED_POINT_BITS))


class ZScore(NamedTuple):
    """A z-score, and what one unit of an input is worth in it: 1/std."""

    value: Decimal
    one_unit: Decimal


def z_score(x: int, window: Sequence[int], min_values: int) -> ZScore | None:
    """(x - mean) / std with ddof 1, of whole units; null below `min_values` values or at zero variance."""
    n = len(window)
    if n < min_values:
        return None
    total = sum(window)
    square_deviations = Fraction(n * sum(v * v for v in window) - total * total, n)
    if square_deviations == 0:
        return None
    std = sqrt(square_deviations / (n - 1))
    return ZScore(_DIGITS.divide(decimal(x - Fraction(total, n)), std), _DIGITS.divide(Decimal(1), std))


def median(values: Sequence[int]) -> Fraction:
    """The middle value, or the mean of the two middle ones."""
    ordered = sorted(values)
    n = len(ordered)
    return Fraction(ordered[(n - 1) // 2] + ordered[n // 2], 2)


def robust_score(x: int, window: Sequence[int], min_values: int) -> Fraction | None:
    """(x - median) / (1.4826 MAD); null below `min_values` values or at zero MAD."""
    if len(window) < min_values:
        return None
    middle = median(window)
    twice = int(2 * middle)
    mad = median([abs(2 * v - twice) for v in window]) / 2
    if mad == 0:
        return None
    return (x - middle) / (Fraction("1.4826") * mad)


def nearest_rank(values: Sequence[int], percent: int) -> int:
    """The ⌈percent n / 100⌉-th smallest of n values."""
    rank = -(-percent * len(values) // 100)
    return sorted(values)[rank - 1]


def ratio(numerator: Exact | int, denominator: Exact | int) -> Fraction | None:
    """The quotient, or null where the denominator is zero."""
    return None if denominator == 0 else Fraction(numerator) / Fraction(denominator)
