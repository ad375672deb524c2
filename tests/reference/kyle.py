"""Price impact: the slope of mid changes on signed volume, over bars of whole seconds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import NamedTuple

from .events import SECOND, Trade
from .exact import Value
from .state import State

KYLE = ("kyle_lambda_300s", "kyle_lambda_1800s")


class Bar(NamedTuple):
    """One second: signed lots `x`, and by how many half-ticks the mid moved, `y`."""

    x: int
    y: int


class PriceImpact:
    """The columns of the family at any time of a stretch."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._prints = [event for event in state.events if isinstance(event, Trade)]
        self._bar_ending: Callable[[int], Bar | None] = cache(self._make_bar)

    def _make_bar(self, k: int) -> Bar | None:
        """The bar (k - 1 s, k]; null if it does not count."""
        before, after = self.state.mid_at(k - SECOND), self.state.mid_at(k)
        if before is None or after is None:
            return None
        first = bisect_right(self._prints, k - SECOND, key=lambda e: e.ts_recv)
        last = bisect_right(self._prints, k, key=lambda e: e.ts_recv)
        y = 2 * after - 2 * before
        assert y.denominator == 1
        return Bar(sum(e.side * e.qty for e in self._prints[first:last]), y.numerator)

    def _bars(self, t: int, window_s: int) -> list[Bar]:
        """Those that count of the bars with t - W < k <= t."""
        oldest = (t - window_s * SECOND) // SECOND + 1
        bars = [self._bar_ending(k * SECOND) for k in range(oldest, t // SECOND + 1)]
        return [bar for bar in bars if bar is not None]

    def _lambda(self, t: int, window_s: int) -> Fraction | None:
        """Half-ticks a lot."""
        bars = self._bars(t, window_s)
        n = len(bars)
        if n < self.state.spec.min_values:
            return None
        sum_x, sum_y = sum(bar.x for bar in bars), sum(bar.y for bar in bars)
        variance = n * sum(bar.x * bar.x for bar in bars) - sum_x * sum_x
        covariance = n * sum(bar.x * bar.y for bar in bars) - sum_x * sum_y
        return None if variance == 0 else Fraction(covariance, variance)

    def at(self, t: int) -> dict[str, Value]:
        mid = self.state.mid_at(t)

        def bps_a_base_asset(window_s: int) -> Fraction | None:
            impact = self._lambda(t, window_s)
            if impact is None or mid is None:
                return None
            return 10_000 * impact / (2 * Fraction(self.state.spec.lot) * mid)

        return {f"kyle_lambda_{w}s": bps_a_base_asset(w) for w in (300, 1800)}
