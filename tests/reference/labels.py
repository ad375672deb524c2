"""The forward return, with the interval that it looks at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from .events import Event, Spec, is_market, is_reset
from .exact import ln
from .state import State
from .stretches import Stretch, stretches


class Label(NamedTuple):
    """r in bps, null or not, over [t0, t1]."""

    r: Decimal | None
    t0: int
    t1: int


def fwd_logret(events: Sequence[Event], spec: Spec, ts: Iterable[int], horizon_ns: int) -> list[Label]:
    """r = 10^4 ln(m_{t+H} / m_t) at each t of `ts`."""
    parts = stretches(events, spec)
    states = [State(part.events, spec) for part in parts]
    begins = [_begin(part) for part in parts]
    market = [event.ts_recv for event in events if is_market(event)]
    resets = [event.ts_recv for event in events if is_reset(event)]
    silences = [(before, after) for before, after in pairwise(market) if after - before > spec.max_gap_ns]

    def mid_at(x: int) -> Fraction | None:
        """As of every event with ts_recv <= x: in the last stretch that has begun by then."""
        begun = [
            state for state, begin in zip(states, begins, strict=True) if begin is not None and begin <= x
        ]
        return begun[-1].mid_at(x) if begun else None

    def label(t0: int) -> Label:
        t1 = t0 + horizon_ns
        beyond_the_data = not market or t1 > market[-1]
        cut = any(t0 < tau <= t1 for tau in resets) or any(e1 < t1 and e2 > t0 for e1, e2 in silences)
        before, after = mid_at(t0), mid_at(t1)
        if beyond_the_data or cut or before is None or after is None:
            return Label(None, t0, t1)
        return Label(10_000 * ln(after / before), t0, t1)

    return [label(t0) for t0 in ts]


def _begin(part: Stretch) -> int | None:
    if part.opened_by is not None:
        return part.opened_by.ts_recv
    return part.events[0].ts_recv if part.events else None
