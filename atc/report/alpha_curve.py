"""The curve of a run's alpha over always HOLD, and what it gains by day, hour or point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atc.opened_run import OpenedRun

if TYPE_CHECKING:
    import polars as pl

HOLDOUT, VALIDATION = "equity.parquet", "equity_valid.parquet"
"""Where the curves lie: of the holdout, and of the time on which the policy was chosen."""
HOUR_NS = 3_600_000_000_000
DAY, HOUR, POINT = "day", "hour", "point of the curve"


class Curve:
    """A curve of alpha of one run, quote currency."""

    def __init__(self, run: OpenedRun, file: str) -> None:
        from atc.events.business_day import DAY_NS, day_start_ns, days_of

        curve = _read(run, file)
        data = run.config.data
        points, equity = curve["ts"].to_numpy(), curve["alpha"].to_numpy()
        # From the first instant of the time, at which nothing is gained yet.
        times, gained = points[1:], np.diff(equity)
        self.name = run.folder.name
        self.alpha = float(equity[-1])
        self.span = int(points[0]), int(points[-1])
        self._points: NDArray[np.float64] = gained
        # What was gained up to a point belongs to the time before it.
        self.hourly = _summed((times - 1) // HOUR_NS, gained)
        days = days_of(times - 1, data.day_cut_utc_s, data.tz_offset_s)
        starts = np.array(
            [day_start_ns(day, data.day_cut_utc_s, data.tz_offset_s) for day in np.unique(days).tolist()]
        )
        whole = (starts >= points[0]) & (starts + DAY_NS <= points[-1])
        self.daily: NDArray[np.float64] = _summed(days.astype(np.int64), gained)[whole]

    def gains(self, period: str) -> NDArray[np.float64]:
        """(periods,) what was gained in each `DAY`, `HOUR` or between points of the curve."""
        kinds: dict[str, NDArray[np.float64]] = {DAY: self.daily, HOUR: self.hourly, POINT: self._points}
        return kinds[period]

    def days_of(self, period: str) -> float:
        """How many days a period is long."""
        from atc.events.business_day import DAY_NS

        if period == DAY:
            return 1.0
        if period == HOUR:
            return HOUR_NS / DAY_NS
        return (self.span[1] - self.span[0]) / len(self._points) / DAY_NS


def _read(run: OpenedRun, file: str) -> pl.DataFrame:
    import polars as pl

    from atc.errors import DataError

    path = run.folder / file
    try:
        return pl.read_parquet(path, columns=["ts", "alpha"])
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: no curve with ts and alpha in it ({error}); make the run again") from None


def _summed(place: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, index = np.unique(place, return_inverse=True)
    return np.asarray(np.bincount(index, weights=values), dtype=np.float64)
