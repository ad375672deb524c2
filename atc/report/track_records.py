"""What runs earned in their backtests, and how much of it the search explains (SPEC 6): on the holdout, and
of trials that may not open it on validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atc.backtest.statistics import MIN_DAYS
from atc.config.digest import config_digest
from atc.evaluation.overfitting import (
    CSCV_BLOCKS,
    DAYS_TO_DEFLATE,
    MIN_BLOCK_PERIODS,
    TrackRecord,
    backtest_overfitting,
    deflated_sharpe,
    expected_best_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    track_record,
)
from atc.opened_run import OpenedRun

if TYPE_CHECKING:
    import polars as pl

HOLDOUT, VALIDATION = "equity.parquet", "equity_valid.parquet"
"""Where the curves lie: of the holdout, and of the time on which the policy was chosen."""
HOUR_NS = 3_600_000_000_000
MIN_PERIODS = CSCV_BLOCKS * MIN_BLOCK_PERIODS
"""Of the PBO, and of every statistic of validation, which has few days."""
DAY, HOUR, POINT = "day", "hour", "point of the curve"


@dataclass(frozen=True)
class RunTrack:
    """The alpha of a run: its PnL less that of always HOLD, in whole business days or shorter periods."""

    name: str
    alpha: float
    """Of the whole time, quote currency."""
    days: int
    """Whole business days."""
    periods: int
    """What the Sharpe ratio is made of; of a holdout the days."""
    sharpe: float | None
    """Of a period; None, as all that follows from it, for fewer periods than a backtest needs for it."""
    probabilistic: float | None
    """Probability that the true Sharpe ratio is above 0."""
    deflated: float | None
    """Probability that it is above what the best of so many worthless trials shows."""
    why_not_deflated: str | None
    """What is missing where there is no such probability."""
    days_needed: float | None
    """Days until it is above 0 with 95 %."""


@dataclass(frozen=True)
class TrackRecords:
    """Runs that traded the same time."""

    runs: tuple[RunTrack, ...]
    trials: int | None
    """The larger of looks at that time and distinct configs among the runs; None where the looks are
    unknown, and with it all that follows: too small a number would flatter.
    """
    independent: int
    """Trials among the runs whose Sharpe ratios give the variance: one config under several seeds is one."""
    best_of_luck: float | None
    """Sharpe ratio of a period that the best of so many worthless trials is expected to show."""
    overfitting: float | None
    """PBO over the runs."""
    period: str
    """`day`, `hour` or `point of the curve`: what the PBO is counted in."""
    sharpe_period: str
    """What the Sharpe ratios are of."""


def track_records(runs: Sequence[OpenedRun], looks: int | None) -> TrackRecords | None:
    """On the holdout, of those of `runs` that have a backtest there; None if none has. `looks`: at the
    holdout; None: unknown.
    """
    traded = [run for run in runs if (run.folder / HOLDOUT).is_file()]
    if not traded:
        return None
    curves = [Curve(run, HOLDOUT) for run in traded]
    by_day = min(len(curve.daily) for curve in curves) >= MIN_PERIODS
    found = _overfitting([curve.daily if by_day else curve.hourly for curve in curves])
    return _records(traded, curves, looks, (DAY, MIN_DAYS), (DAY if by_day else HOUR, found))


def validation_records(runs: Sequence[OpenedRun], curves: Sequence[Curve], looks: int | None) -> TrackRecords:
    """The same on validation, of `runs` that have the `curves` there, of the same span. `looks`: at it.

    Validation has few days, so everything is counted in the longest of days, hours and points of the curve of
    which there are `MIN_PERIODS`; of a validation too short for the shortest nothing is given.
    """
    kinds = (DAY, HOUR, POINT)
    enough = (kind for kind in kinds if min(len(one.gains(kind)) for one in curves) >= MIN_PERIODS)
    period = next(enough, POINT)
    found = _overfitting([curve.gains(period) for curve in curves])
    return _records(runs, curves, looks, (period, MIN_PERIODS), (period, found))


def _records(
    runs: Sequence[OpenedRun],
    curves: Sequence[Curve],
    looks: int | None,
    judged: tuple[str, int],
    overfitting: tuple[str, float | None],
) -> TrackRecords:
    """`judged`: the period of the Sharpe ratios, and how many they need. `overfitting`: period and PBO."""
    period, least = judged
    gains = [curve.gains(period) for curve in curves]
    records = [track_record(one) if len(one) >= least else None for one in gains]
    configs = len({str(run.manifest["config_digest"]) for run in runs})
    trials = None if looks is None else max(looks, configs)
    sharpes = independent_sharpes(runs, records)
    variance = float(np.var(sharpes, ddof=1)) if len(sharpes) > 1 else None
    return TrackRecords(
        runs=tuple(
            _track(curve, period, least, record, trials, variance)
            for curve, record in zip(curves, records, strict=True)
        ),
        trials=trials,
        independent=len(sharpes),
        best_of_luck=None if trials is None or variance is None else expected_best_sharpe(trials, variance),
        overfitting=overfitting[1],
        period=overfitting[0],
        sharpe_period=period,
    )


def independent_sharpes(runs: Sequence[OpenedRun], records: Sequence[TrackRecord | None]) -> list[float]:
    """The Sharpe ratios of the independent trials among `runs`: of runs that differ in the seed alone their
    mean.

    The V of the deflated Sharpe ratio is a variance over independent trials (Bailey and López de Prado,
    2014); seeds of one config say nearly the same, and one by one they would shrink it and flatter the best.
    """
    of_config: dict[str, list[float]] = {}
    for run, record in zip(runs, records, strict=True):
        if record is not None:
            same = config_digest(run.config.model_copy(update={"seed": 0}))
            of_config.setdefault(same, []).append(record.sharpe)
    return [float(np.mean(sharpes)) for sharpes in of_config.values()]


def _track(  # noqa: PLR0917  # all of them are different things
    curve: Curve,
    period: str,
    least: int,
    record: TrackRecord | None,
    trials: int | None,
    variance: float | None,
) -> RunTrack:
    deflated = None
    if record is not None and trials is not None and variance is not None:
        deflated = deflated_sharpe(record, trials, variance)
    periods = len(curve.gains(period))
    needed = None if record is None else minimum_track_record(record)
    missing = _missing(periods, period, max(least, DAYS_TO_DEFLATE), record, trials, variance)
    return RunTrack(
        name=curve.name,
        alpha=curve.alpha,
        days=len(curve.daily),
        periods=periods,
        sharpe=None if record is None else record.sharpe,
        probabilistic=None if record is None else probabilistic_sharpe(record),
        deflated=deflated,
        why_not_deflated=missing if deflated is None else None,
        days_needed=None if needed is None else needed * curve.days_of(period),
    )


def _missing(  # noqa: PLR0917  # all of them are different things
    periods: int,
    period: str,
    least: int,
    record: TrackRecord | None,
    trials: int | None,
    variance: float | None,
) -> str:
    """Why a Sharpe ratio is not deflated."""
    if periods < least:
        what = "whole days of PnL" if period == DAY else f"gains by the {period}"
        return f"{periods} {what}, {least} needed"
    if record is None:
        return "its PnL never varies"
    if trials is None:
        return "nobody knows how often that time was looked at"
    if variance is None or trials < 2:
        return "no two trials that differ in more than the seed, so nothing tells how far luck reaches"
    return "its moments leave no standard error"


def _overfitting(series: Sequence[NDArray[np.float64]]) -> float | None:
    if len({len(one) for one in series}) > 1:
        return None  # of other times, although of the same rows: another grid of the curve
    found = backtest_overfitting(np.column_stack(series))
    return None if found is None else found.probability


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
