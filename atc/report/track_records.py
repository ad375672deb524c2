"""What runs earned in their backtests, and how much of it the search explains (SPEC 6)."""

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

EQUITY = "equity.parquet"
DAY_NS = 86_400_000_000_000
HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True)
class RunTrack:
    """The daily alpha of a run: its PnL less that of always HOLD, in whole business days."""

    name: str
    alpha: float
    """Of the whole holdout, quote currency."""
    days: int
    sharpe: float | None
    """Of a day; None, as all that follows from it, for fewer days than a backtest needs for it."""
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
    """Runs that traded the same holdout."""

    runs: tuple[RunTrack, ...]
    trials: int | None
    """The larger of looks at the holdout and distinct configs among the runs; None where the looks are
    unknown, and with it all that follows: too small a number would flatter.
    """
    independent: int
    """Trials among the runs whose Sharpe ratios give the variance: one config under several seeds is one."""
    best_of_luck: float | None
    """Sharpe ratio of a day that the best of so many worthless trials is expected to show."""
    overfitting: float | None
    """PBO over the runs."""
    period: str
    """`day` or `hour`: what the PBO is counted in."""


def track_records(runs: Sequence[OpenedRun], looks: int | None) -> TrackRecords | None:
    """Of those of `runs` that have a backtest; None if none has. `looks`: at the holdout; None: unknown."""
    traded = [run for run in runs if (run.folder / EQUITY).is_file()]
    if not traded:
        return None
    curves = [_Curve(run) for run in traded]
    records = [track_record(curve.daily) if len(curve.daily) >= MIN_DAYS else None for curve in curves]
    configs = len({str(run.manifest["config_digest"]) for run in traded})
    trials = None if looks is None else max(looks, configs)
    sharpes = independent_sharpes(traded, records)
    variance = float(np.var(sharpes, ddof=1)) if len(sharpes) > 1 else None
    by_day = min(len(curve.daily) for curve in curves) >= CSCV_BLOCKS * MIN_BLOCK_PERIODS
    found = _overfitting([curve.daily if by_day else curve.hourly for curve in curves])
    return TrackRecords(
        runs=tuple(_track(*pair, trials, variance) for pair in zip(curves, records, strict=True)),
        trials=trials,
        independent=len(sharpes),
        best_of_luck=None if trials is None or variance is None else expected_best_sharpe(trials, variance),
        overfitting=found,
        period="day" if by_day else "hour",
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


def _track(curve: _Curve, record: TrackRecord | None, trials: int | None, variance: float | None) -> RunTrack:
    deflated = None
    if record is not None and trials is not None and variance is not None:
        deflated = deflated_sharpe(record, trials, variance)
    return RunTrack(
        name=curve.name,
        alpha=curve.alpha,
        days=len(curve.daily),
        sharpe=None if record is None else record.sharpe,
        probabilistic=None if record is None else probabilistic_sharpe(record),
        deflated=deflated,
        why_not_deflated=None
        if deflated is not None
        else _missing(len(curve.daily), record, trials, variance),
        days_needed=None if record is None else minimum_track_record(record),
    )


def _missing(days: int, record: TrackRecord | None, trials: int | None, variance: float | None) -> str:
    """Why a Sharpe ratio is not deflated."""
    if days < DAYS_TO_DEFLATE:
        return f"{days} whole days of PnL, {DAYS_TO_DEFLATE} needed"
    if record is None:
        return "its PnL never varies"
    if trials is None:
        return "nobody knows how often the holdout was looked at"
    if variance is None or trials < 2:
        return "no two trials that differ in more than the seed, so nothing tells how far luck reaches"
    return "its moments leave no standard error"


def _overfitting(series: Sequence[NDArray[np.float64]]) -> float | None:
    if len({len(one) for one in series}) > 1:
        return None  # of other times, although of the same rows: another grid of the curve
    found = backtest_overfitting(np.column_stack(series))
    return None if found is None else found.probability


class _Curve:
    """The curve of alpha of one run, quote currency."""

    def __init__(self, run: OpenedRun) -> None:
        from atc.events.business_day import day_start_ns, days_of

        curve = _read(run)
        data = run.config.data
        points, equity = curve["ts"].to_numpy(), curve["alpha"].to_numpy()
        # From the first instant of the holdout, at which nothing is gained yet.
        times, gained = points[1:], np.diff(equity)
        self.name = run.folder.name
        self.alpha = float(equity[-1])
        # What was gained up to a point belongs to the time before it.
        self.hourly = _summed((times - 1) // HOUR_NS, gained)
        days = days_of(times - 1, data.day_cut_utc_s, data.tz_offset_s)
        starts = np.array(
            [day_start_ns(day, data.day_cut_utc_s, data.tz_offset_s) for day in np.unique(days).tolist()]
        )
        whole = (starts >= points[0]) & (starts + DAY_NS <= points[-1])
        self.daily = _summed(days.astype(np.int64), gained)[whole]


def _read(run: OpenedRun) -> pl.DataFrame:
    import polars as pl

    from atc.errors import DataError

    path = run.folder / EQUITY
    try:
        return pl.read_parquet(path, columns=["ts", "alpha"])
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: no curve with ts and alpha in it ({error}); make the run again") from None


def _summed(place: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, index = np.unique(place, return_inverse=True)
    return np.asarray(np.bincount(index, weights=values), dtype=np.float64)
