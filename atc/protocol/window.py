"""From the window of a config and the days of the data to two spans of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from atc.config.window import DatesWindow, DaysWindow, Window
from atc.errors import DataError
from atc.events.business_day import day_of, day_start_ns

Span = tuple[int, int]
"""Start (included) and end (excluded), ns UTC."""


@dataclass(frozen=True)
class Spans:
    """Where training ends and judging begins; a row belongs to the span that its t lies in."""

    train: Span
    """Training and internal validation."""
    holdout: Span

    def __post_init__(self) -> None:
        if not self.train[0] < self.train[1] <= self.holdout[0] < self.holdout[1]:
            raise ValueError(f"spans are not in order: train {self.train}, holdout {self.holdout}")


def spans_of(
    window: Window, days: Sequence[date], time_range: Span, *, day_cut_utc_s: int, tz_offset_s: int
) -> Spans:
    """The spans of `window` in data that have `days` (business days with events) and events in `time_range`.

    `dates`: whole business days, both ends included, each of which the data must have. `days`: the first
    `train_days` of the data's days, and the `holdout_days` after them. `fraction`: the parts of the time
    from the first event to the last (`time_range`: ns of both, included), whatever the days.

    Raises DataError, naming what is missing, when the data do not cover the window.
    """
    have = sorted(set(days))
    if not have or time_range[1] < time_range[0]:
        raise DataError(
            "the data have no events, so no window covers anything; ingest or simulate some days first"
        )

    def whole_days(first: date, last: date) -> Span:
        return (
            day_start_ns(first, day_cut_utc_s, tz_offset_s),
            day_start_ns(last + timedelta(days=1), day_cut_utc_s, tz_offset_s),
        )

    if isinstance(window, DatesWindow):
        _require_days(window, have)
        return Spans(
            train=whole_days(window.train_from, window.train_to),
            holdout=whole_days(window.holdout_from, window.holdout_to),
        )
    if isinstance(window, DaysWindow):
        needed = window.train_days + window.holdout_days
        if len(have) < needed:
            raise DataError(
                f"window.train_days={window.train_days} and window.holdout_days={window.holdout_days} need "
                f"{needed} "
                f"business days, the data have {len(have)} ({_listed(have)}); shorten the window or add days"
            )
        return Spans(
            train=whole_days(have[0], have[window.train_days - 1]),
            holdout=whole_days(have[window.train_days], have[needed - 1]),
        )
    first, last = time_range
    # Exact, so that the cut is the nanosecond that the config's decimal names.
    cut = first + round((last + 1 - first) * Fraction(str(window.train_fraction)))
    if not first < cut <= last:
        raise DataError(
            f"window.train_fraction={window.train_fraction} leaves one side of the data empty: they span "
            "only "
            f"{(last - first) / 1e9:.3f} s"
        )
    return Spans(train=(first, cut), holdout=(cut, last + 1))


def span_dates(span: Span, *, day_cut_utc_s: int, tz_offset_s: int) -> tuple[date, date]:
    """The business days of the first and the last instant of `span`."""
    return day_of(span[0], day_cut_utc_s, tz_offset_s), day_of(span[1] - 1, day_cut_utc_s, tz_offset_s)


def _require_days(window: DatesWindow, have: Sequence[date]) -> None:
    present = set(have)
    for part, first, last in (
        ("train", window.train_from, window.train_to),
        ("holdout", window.holdout_from, window.holdout_to),
    ):
        wanted = [first + timedelta(days=i) for i in range((last - first).days + 1)]
        missing = [day for day in wanted if day not in present]
        if missing:
            raise DataError(
                f"the data do not cover the {part} window {first} … {last}: {len(missing)} of "
                f"{len(wanted)} business "
                f"days are missing ({_listed(missing)}); the data have {_listed(have)}. Ingest the missing "
                "days or "
                f"set window.{part}_from and window.{part}_to to days that are there"
            )


def _listed(days: Sequence[date]) -> str:
    """Days as ranges, such as `2026-01-01 … 2026-01-03, 2026-01-07`; at most six of them are spelled out."""
    runs: list[tuple[date, date]] = []
    for day in days:
        if runs and day - runs[-1][1] == timedelta(days=1):
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    text = ", ".join(str(a) if a == b else f"{a} … {b}" for a, b in runs[:6])
    return text if len(runs) <= 6 else f"{text} and {len(runs) - 6} more stretches"
