"""Track records as text, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from atc.report.alpha_curve import POINT
from atc.report.cells import DASH, number, table
from atc.report.page import counted
from atc.report.sealed_trials import SealedTrials
from atc.report.track_records import MIN_PERIODS, TrackRecords

FLATTERS = (
    "these flatter: each policy chose its thresholds on this very time, each model stopped there, and "
    "the best of many trials is one of luck too. That last is what the PBO shows: how often the trial "
    "that is best on one half of the time is not among the better ones on the other. What the thresholds "
    "learnt of both halves it cannot show"
)
"""Of figures on validation."""
LOOKED, JUDGED = "looked at this time", "judged on this time"
"""What trials on the holdout, and on validation, have in common."""


def record_lines(records: TrackRecords, *, markdown: bool) -> Iterator[str]:
    """On the holdout."""
    yield (
        f"backtest, alpha over always HOLD; {luck(records, LOOKED)}; probability of backtest overfitting "
        f"{number(records.overfitting, '')}, by the {records.period}"
    )
    yield from _table(records, markdown=markdown)


def sealed_lines(sealed: SealedTrials, *, markdown: bool) -> Iterator[str]:
    """Of sealed trials, on validation."""
    records = sealed.records
    count = counted(len(records.runs), "sealed trial")
    yield (
        f"{count} ON VALIDATION, the holdout untouched: alpha over always HOLD, "
        f"everything by the {records.sharpe_period}; {luck(records, JUDGED)}; "
        f"probability of backtest overfitting {number(records.overfitting, '')}"
    )
    yield from _table(records, markdown=markdown)
    yield ""
    yield FLATTERS
    if records.overfitting is None:
        fewest = min(run.periods for run in records.runs)
        why = (
            "fewer than two trials"
            if len(records.runs) < 2
            else f"validation has {counted(fewest, 'gain')} by the {records.period}, {MIN_PERIODS} needed"
            if fewest < MIN_PERIODS
            else "none of them did anything but hold"
            if all(run.sharpe is None for run in records.runs)
            else "all of them earned the same: nothing was chosen"
            if len({(run.alpha, run.sharpe) for run in records.runs}) == 1
            else "their curves have other points"
        )
        yield ""
        yield f"no PBO: {why}"
    for name, why in sealed.apart:
        yield ""
        yield f"{name} is not among these trials: {why}"


def records_json(records: TrackRecords) -> dict[str, Any]:
    """The same figures."""
    return {
        "trials": records.trials,
        "trials_on_record": records.on_record,
        "trials_without_record": records.lost,
        "independent_trials": records.independent,
        "best_of_luck_sharpe": records.best_of_luck,
        "sharpe_period": records.sharpe_period,
        "pbo": records.overfitting,
        "pbo_period": records.period,
        "runs": [vars(run) for run in records.runs],
    }


def sealed_json(sealed: SealedTrials) -> dict[str, Any]:
    """The same figures."""
    apart = [{"run": name, "why": why} for name, why in sealed.apart]
    return {**records_json(sealed.records), "apart": apart}


def luck(records: TrackRecords, looked: str) -> str:
    """Of how many trials they are, and what the best of so many would show; `looked`: what the others did."""
    if records.trials is None:
        return "of how many trials is unknown, as the looks are, so no Sharpe ratio is deflated"
    told = (
        f"{counted(records.trials, 'trial')} (all that {looked}; Sharpe ratios on record: "
        f"{records.on_record}, of configs apart from the seed: {records.independent})"
    )
    if records.best_of_luck is None:
        return told
    best = f"{number(records.best_of_luck, '')} a {records.sharpe_period}"
    return f"{told}, the best of which would show a Sharpe ratio of {best} by luck"


def _table(records: TrackRecords, *, markdown: bool) -> Iterator[str]:
    period = records.sharpe_period
    unit = "point" if period == POINT else period
    head = ["run", "alpha", f"{unit}s", f"Sharpe a {unit}", "PSR", "DSR", "days needed"]
    rows = [
        [
            run.name,
            f"{run.alpha:+,.0f}",
            f"{run.periods:,}",
            number(run.sharpe, "+"),
            number(run.probabilistic, ""),
            number(run.deflated, ""),
            DASH if run.days_needed is None else f"{run.days_needed:,.0f}",
        ]
        for run in records.runs
    ]
    yield from table([head, *rows], markdown=markdown)
    reasons: dict[str, list[str]] = {}
    for run in records.runs:
        if run.why_not_deflated is not None:
            reasons.setdefault(run.why_not_deflated, []).append(run.name)
    for why, names in reasons.items():
        yield ""
        yield f"no DSR of {', '.join(names)}: {why}"
