"""Business days: 24 hours from the venue's cut, named by the local date on which they start.

GMO Coin cuts at 06:00 JST (75 600 s after 00:00 UTC, offset 32 400 s): its day 2026-02-17 runs from
2026-02-16 21:00 UTC to 2026-02-17 21:00 UTC. With a cut at 00:00 UTC the day is the UTC date, whatever the
offset.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NS_PER_S = 1_000_000_000
DAY_S = 86_400
DAY_NS = DAY_S * NS_PER_S
_EPOCH = date(1970, 1, 1)


def _first_start_s(day_cut_utc_s: int, tz_offset_s: int) -> int:
    """Start of business day 1970-01-01, seconds after the epoch."""
    # The local date at the cut can be the UTC date or a neighbour of it.
    return day_cut_utc_s - (day_cut_utc_s + tz_offset_s) // DAY_S * DAY_S


def day_start_ns(day: date, day_cut_utc_s: int, tz_offset_s: int) -> int:
    """The first ns of business day `day`; its last is the next day's first minus 1."""
    return ((day - _EPOCH).days * DAY_S + _first_start_s(day_cut_utc_s, tz_offset_s)) * NS_PER_S


def day_number(ts_ns: int, day_cut_utc_s: int, tz_offset_s: int) -> int:
    """The business day of `ts_ns` as days since 1970-01-01."""
    return (ts_ns - _first_start_s(day_cut_utc_s, tz_offset_s) * NS_PER_S) // DAY_NS


def day_of(ts_ns: int, day_cut_utc_s: int, tz_offset_s: int) -> date:
    """The business day of `ts_ns` (ns UTC)."""
    return _EPOCH + timedelta(days=day_number(ts_ns, day_cut_utc_s, tz_offset_s))


def days_of(ts_ns: npt.NDArray[np.int64], day_cut_utc_s: int, tz_offset_s: int) -> npt.NDArray[np.datetime64]:
    """`day_of` of a whole array, as `datetime64[D]`."""
    days = (ts_ns - _first_start_s(day_cut_utc_s, tz_offset_s) * NS_PER_S) // DAY_NS
    return days.astype("datetime64[D]")
