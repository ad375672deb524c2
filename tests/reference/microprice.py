"""The mid weighted by the sizes opposite."""

from __future__ import annotations

from fractions import Fraction

from .events import SECOND
from .exact import Value, ln
from .state import State

MICROPRICE = ("microprice_dev_bps", "microprice_top5_dev_bps", "microprice_logret_1s")


def weighted_mid(state: State, x: int, levels: int) -> Fraction | None:
    """In ticks, as of x⁺, with the sizes of the best `levels` levels that exist."""
    book = state.book_at(x)
    if book is None:
        return None
    bid, ask = book.bids.best, book.asks.best
    if bid is None or ask is None or ask <= bid:
        return None
    bid_qty, ask_qty = book.bids.qty(1, levels) or 0, book.asks.qty(1, levels) or 0
    return Fraction(bid * ask_qty + ask * bid_qty, bid_qty + ask_qty)


def microprice(state: State, t: int) -> dict[str, Value]:
    """The columns of the family at t."""
    mid = state.mid_at(t)

    def dev_bps(levels: int) -> Fraction | None:
        weighted = weighted_mid(state, t, levels)
        return None if weighted is None or mid is None else 10_000 * (weighted / mid - 1)

    now, before = weighted_mid(state, t, 1), weighted_mid(state, t - SECOND, 1)
    return {
        "microprice_dev_bps": dev_bps(1),
        "microprice_top5_dev_bps": dev_bps(5),
        "microprice_logret_1s": None if now is None or before is None else ln(now / before),
    }
