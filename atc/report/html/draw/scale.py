"""From values to pixels, and which values an axis names."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

DAY_S = 86_400
_STEPS_S = (
    *(60, 300, 900, 1800, 3600, 2 * 3600, 6 * 3600, 12 * 3600),
    *(days * DAY_S for days in (1, 2, 7, 14, 28, 56, 91, 182, 364, 728, 1820, 3640)),
)


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` over pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[tuple[float, str], ...]
    """Values that the axis names, and how."""

    def __call__(self, value: float) -> float:
        """The pixel of `value`; what lies outside is put on the edge."""
        part = (value - self.low) / (self.high - self.low)
        return self.start + min(max(part, 0.0), 1.0) * (self.end - self.start)


def readable(scale: Scale, character: float) -> list[tuple[float, str]]:
    """The ticks along a level axis, some without words where those of all would touch; `character`: px."""
    widest = max((len(said) for _, said in scale.ticks), default=0) * character + 10
    apart = abs(scale(scale.ticks[1][0]) - scale(scale.ticks[0][0])) if len(scale.ticks) > 1 else widest
    every = max(1, math.ceil(widest / max(apart, 1.0)))
    return [(value, said if number % every == 0 else "") for number, (value, said) in enumerate(scale.ticks)]


_LEAST_SPAN = 1e-300
"""Values that lie closer count as equal: a part of less is no float any more."""


def linear(
    values: Iterable[float | None],
    start: float,
    end: float,
    *,
    most: int = 6,
    wide: bool = True,
    sign: str = "",
) -> Scale:
    """A scale that holds all finite `values`, with at most `most` + 1 ticks at 1, 2 or 5 times a power of
    ten.

    `wide`: out to the next ticks; else with a little room. `sign` as in a format.
    """
    found = [float(value) for value in values if value is not None and math.isfinite(value)]
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    if high - low < _LEAST_SPAN:
        room = abs(low) * 0.1
        room = room if room >= _LEAST_SPAN else 1.0
        low, high = low - room, high + room
    step = nice_step(high - low, most)
    if wide:
        low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    else:
        room = 0.03 * (high - low)
        low, high = low - room, high + room
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    at = [place * step for place in range(first, last + 1)]
    return Scale(low, high, start, end, tuple((value, shown(value, decimals, sign)) for value in at))


def nice_step(span: float, most: int) -> float:
    """The least of 1, 2 and 5 times a power of ten that cuts `span` > 0 into no more than `most` parts."""
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def shown(value: float, decimals: int, sign: str = "") -> str:
    """A tick's number; no minus before a zero."""
    return f"{round(value, decimals) + 0.0:{sign},.{decimals}f}"


def of_time(first_ns: int, last_ns: int, start: float, end: float, *, most: int = 8) -> Scale:
    """A scale of times, ns UTC, with ticks at whole minutes, hours, days or weeks."""
    low, high = first_ns / 1e9, max(last_ns, first_ns + 1_000_000_000) / 1e9
    step = next((one for one in _STEPS_S if (high - low) / one <= most), _STEPS_S[-1])
    # Weeks and longer count from a Monday: 1970-01-05.
    origin = 4 * DAY_S if step >= 7 * DAY_S else 0
    first = math.ceil((low - origin) / step)
    last = math.floor((high - origin) / step)
    if step >= DAY_S:
        form = "%b %d" if high - low < 300 * DAY_S else "%Y-%m-%d"
    else:
        form = "%H:%M" if high - low < DAY_S else "%b %d %H:%M"
    at = [place * step + origin for place in range(first, last + 1)]
    ticks = tuple((value * 1e9, datetime.fromtimestamp(value, UTC).strftime(form)) for value in at)
    return Scale(low * 1e9, high * 1e9, start, end, ticks)


def minute(ts_ns: float) -> str:
    """A time to the minute, UTC."""
    return datetime.fromtimestamp(ts_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")
