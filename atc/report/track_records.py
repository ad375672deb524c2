"""What runs earned in their backtests, and how much of it the search explains (SPEC 6): on the holdout, and
of trials that may not open it on validation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    variance_of_trials,
)
from atc.opened_run import OpenedRun
from atc.report.alpha_curve import DAY, HOLDOUT, HOUR, POINT, VALIDATION, Curve
from atc.report.page import counted
from atc.report.trial_set import TrialSet

MIN_PERIODS = CSCV_BLOCKS * MIN_BLOCK_PERIODS
"""Of the PBO, and of every statistic of validation, which has few days."""


@dataclass(frozen=True)
class Luck:
    """How far luck reaches among trials."""

    trials: int | None
    variance: float | None
    """Of their Sharpe ratios; None where too few are on record."""
    why_not: str
    """What is missing where a Sharpe ratio cannot be deflated by it; empty where it can."""

    @property
    def best(self) -> float | None:
        """The Sharpe ratio that the best of so many worthless ones is expected to show."""
        known = self.trials is not None and self.variance is not None
        return expected_best_sharpe(self.trials or 0, self.variance or 0.0) if known else None


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
    """N: everything that looked at that time, the runs among it; None where that is unknown, and with it all
    that follows.
    """
    on_record: int
    """Trials of the N whose Sharpe ratios give the variance V: those of the runs, and of others that lie
    beside them.
    """
    lost: int
    """Trials of the N whose record is nowhere."""
    independent: int
    """Configs among those on record: one under several seeds is one."""
    best_of_luck: float | None
    """Sharpe ratio of a period that the best of so many worthless trials is expected to show."""
    overfitting: float | None
    """PBO over the runs."""
    period: str
    """`day`, `hour` or `point of the curve`: what the PBO is counted in."""
    sharpe_period: str
    """What the Sharpe ratios are of."""


def track_records(runs: Sequence[OpenedRun], among: TrialSet) -> TrackRecords | None:
    """On the holdout, of those of `runs` that have a backtest there; None if none has. `among`: the trials
    that `runs` are some of.
    """
    traded = [run for run in runs if (run.folder / HOLDOUT).is_file()]
    if not traded:
        return None
    curves = [Curve(run, HOLDOUT) for run in traded]
    by_day = min(len(curve.daily) for curve in curves) >= MIN_PERIODS
    found = _overfitting([curve.daily if by_day else curve.hourly for curve in curves])
    others = _others(among, curves, HOLDOUT)
    return _records(traded, curves, (among, others), (DAY, MIN_DAYS), (DAY if by_day else HOUR, found))


def validation_records(runs: Sequence[OpenedRun], curves: Sequence[Curve], among: TrialSet) -> TrackRecords:
    """The same on validation, of `runs` that have the `curves` there, of the same span.

    Validation has few days, so everything is counted in the longest of days, hours and points of the curve of
    which there are `MIN_PERIODS`; of a validation too short for the shortest nothing is given.
    """
    kinds = (DAY, HOUR, POINT)
    enough = (kind for kind in kinds if min(len(one.gains(kind)) for one in curves) >= MIN_PERIODS)
    period = next(enough, POINT)
    found = _overfitting([curve.gains(period) for curve in curves])
    others = _others(among, curves, VALIDATION)
    return _records(runs, curves, (among, others), (period, MIN_PERIODS), (period, found))


def _others(among: TrialSet, curves: Sequence[Curve], file: str) -> list[tuple[OpenedRun, Curve]]:
    """The other trials that traded the same time, each with its curve."""
    spans = {curve.span for curve in curves}
    found = []
    for run in among.others:
        if (run.folder / file).is_file():
            curve = Curve(run, file)
            if curve.span in spans:
                found.append((run, curve))
    return found


def _records(
    runs: Sequence[OpenedRun],
    curves: Sequence[Curve],
    trials: tuple[TrialSet, Sequence[tuple[OpenedRun, Curve]]],
    judged: tuple[str, int],
    overfitting: tuple[str, float | None],
) -> TrackRecords:
    """`trials`: all, and those of them that are not among `runs` and traded the same time. `judged`: the
    period of the Sharpe ratios, and how many they need. `overfitting`: period and PBO.
    """
    (period, least), (among, others) = judged, trials
    records = [_record(curve, period, least) for curve in curves]
    of_config: dict[str, list[float]] = {}
    for run, record in (
        *zip(runs, records, strict=True),
        *((run, _record(curve, period, least)) for run, curve in others),
    ):
        if record is not None:
            same = config_digest(run.config.model_copy(update={"seed": 0}))
            of_config.setdefault(same, []).append(record.sharpe)
    luck = _luck(among, of_config)
    return TrackRecords(
        runs=tuple(
            _track(curve, period, least, record, luck) for curve, record in zip(curves, records, strict=True)
        ),
        trials=luck.trials,
        on_record=sum(map(len, of_config.values())),
        lost=among.lost,
        independent=len(of_config),
        best_of_luck=luck.best,
        overfitting=overfitting[1],
        period=overfitting[0],
        sharpe_period=period,
    )


def _luck(among: TrialSet, of_config: Mapping[str, Sequence[float]]) -> Luck:
    """`of_config`: Sharpe ratios on record, those of one config but for the seed together."""
    if among.number is None:
        return Luck(None, None, "nobody knows how often that time was looked at")
    known = sum(map(len, of_config.values()))
    if among.lost > known:
        why = (
            f"of {among.lost} of the {among.number} trials no record lies beside these runs, and the Sharpe "
            f"ratios of {known} would not tell how far luck reaches among all"
        )
        return Luck(among.number, None, why)
    variance = variance_of_trials(list(of_config.values()))
    why = "no two trials that differ in more than the seed, so nothing tells how far luck reaches"
    return Luck(among.number, variance, why if variance is None or among.number < 2 else "")


def _record(curve: Curve, period: str, least: int) -> TrackRecord | None:
    gains = curve.gains(period)
    return track_record(gains) if len(gains) >= least else None


def _track(curve: Curve, period: str, least: int, record: TrackRecord | None, luck: Luck) -> RunTrack:
    deflated = None
    if record is not None and luck.trials is not None and luck.variance is not None:
        deflated = deflated_sharpe(record, luck.trials, luck.variance)
    periods = len(curve.gains(period))
    needed = None if record is None else minimum_track_record(record)
    missing = _missing(periods, period, max(least, DAYS_TO_DEFLATE), record, luck)
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


def _missing(periods: int, period: str, least: int, record: TrackRecord | None, luck: Luck) -> str:
    """Why a Sharpe ratio is not deflated."""
    if periods < least:
        what = counted(periods, "whole day" if period == DAY else "gain")
        return f"{what} {'of PnL' if period == DAY else f'by the {period}'}, {least} needed"
    if record is None:
        return "its PnL never varies"
    return luck.why_not or "its moments leave no standard error"


def _overfitting(series: Sequence[NDArray[np.float64]]) -> float | None:
    if len({len(one) for one in series}) > 1:
        return None  # of other times, although of the same rows: another grid of the curve
    found = backtest_overfitting(np.column_stack(series))
    return None if found is None else found.probability
