"""Order-flow imbalance: what was added to and taken from each level between two looks at the book."""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from .events import SECOND
from .exact import Value, ratio
from .state import BookState, State

OFI = (
    "ofi_1s", "ofi_5s", "ofi_30s", "ofi_depth_ratio_30s",
    "mlofi_l2_5s", "mlofi_l3_5s", "mlofi_l4_5s", "mlofi_l5_5s", "mlofi_top10_5s",
)  # fmt: skip
DEEPEST = 10


class BookStep(NamedTuple):
    """Two consecutive closed book timestamps; `ts` is that of the later one, all else in lots."""

    ts: int
    flow: tuple[int, ...]  # e_1 … e_10
    touch: int  # q_1 + r_1 after it


def bid_flow(before: tuple[int, int] | None, after: tuple[int, int] | None) -> int:
    """(px, qty) of a bid level before and after. A level that is not there has price -inf and size 0."""
    if after is None:
        return 0 if before is None else -before[1]
    if before is None:
        return after[1]
    flow = 0
    if after[0] >= before[0]:
        flow += after[1]
    if after[0] <= before[0]:
        flow -= before[1]
    return flow


def ask_flow(before: tuple[int, int] | None, after: tuple[int, int] | None) -> int:
    """The same of an ask level, which grows better downwards: a bid level in a mirror."""
    return bid_flow(_mirrored(before), _mirrored(after))


def _mirrored(level: tuple[int, int] | None) -> tuple[int, int] | None:
    return None if level is None else (-level[0], level[1])


def _step(ts: int, before: BookState, after: BookState) -> BookStep:
    flow = tuple(
        bid_flow(before.bids.level(k), after.bids.level(k))
        - ask_flow(before.asks.level(k), after.asks.level(k))
        for k in range(1, DEEPEST + 1)
    )
    return BookStep(ts, flow, (after.bids.qty(1, 1) or 0) + (after.asks.qty(1, 1) or 0))


class OrderFlow:
    """The columns of the family at any time of a stretch."""

    def __init__(self, state: State) -> None:
        self.state = state

    @cached_property
    def _steps(self) -> list[BookStep]:
        found = []
        looks = self.state.book_looks
        for (earlier, before), (later, after) in pairwise(looks):
            if before is not None and after is not None and later - earlier <= self.state.spec.max_gap_ns:
                found.append(_step(later, before, after))
        return found

    def _window(self, t: int, window_s: int) -> list[BookStep]:
        first = bisect_right(self._steps, t - window_s * SECOND, key=lambda step: step.ts)
        last = bisect_right(self._steps, t, key=lambda step: step.ts)
        return self._steps[first:last]

    def at(self, t: int) -> dict[str, Value]:
        lot = Fraction(self.state.spec.lot)

        def flow(window_s: int, first: int, last: int) -> int:
            return sum(sum(step.flow[first - 1 : last]) for step in self._window(t, window_s))

        around = self._window(t, 30)
        depth = None if not around else Fraction(sum(step.touch for step in around), 2 * len(around))
        columns: dict[str, Value] = {f"ofi_{w}s": flow(w, 1, 1) * lot for w in (1, 5, 30)}
        columns["ofi_depth_ratio_30s"] = None if depth is None else ratio(flow(30, 1, 1), depth)
        columns |= {f"mlofi_l{k}_5s": flow(5, k, k) * lot for k in (2, 3, 4, 5)}
        columns["mlofi_top10_5s"] = flow(5, 1, DEEPEST) * lot
        return columns
