"""The track records of sealed trials, which traded on validation alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atc.opened_run import OpenedRun
from atc.report.alpha_curve import VALIDATION, Curve
from atc.report.track_records import TrackRecords, validation_records
from atc.report.trial_set import Ledgers, trial_set

_STREAM = ("venue", "symbol")


@dataclass(frozen=True)
class SealedTrials:
    """Trials of a search, compared on the time by which they are chosen."""

    records: TrackRecords
    """Of validation: the models stopped there and the thresholds were chosen there, so all of it flatters."""
    apart: tuple[tuple[str, str], ...]
    """Names of the other sealed runs, and why each is not among them."""


def sealed_trials(runs: Sequence[OpenedRun], ledgers: Ledgers) -> SealedTrials | None:
    """Of those of `runs` that have no holdout figures, the ones that validate on the first one's time; None
    where none of them traded there. Raises DataError as reading runs and ledgers does.
    """
    sealed = [run for run in runs if not run.opened_holdout]
    traded = [run for run in sealed if (run.folder / VALIDATION).is_file()]
    if not traded:
        return None
    curves = [Curve(run, VALIDATION) for run in traded]
    places = [(*stream_of(run), curve.span) for run, curve in zip(traded, curves, strict=True)]
    same = [place == places[0] for place in places]
    apart = [(run.folder.name, f"it has no {VALIDATION}") for run in sealed if run not in traded]
    apart += [
        (run.folder.name, "it validates on other time or another stream")
        for run, is_same in zip(traded, same, strict=True)
        if not is_same
    ]
    trials = [run for run, is_same in zip(traded, same, strict=True) if is_same]
    own = [curve for curve, is_same in zip(curves, same, strict=True) if is_same]
    among = trial_set(trials, ledgers, "judged", own[0].span)
    return SealedTrials(validation_records(trials, own, among), tuple(apart))


def stream_of(run: OpenedRun) -> tuple[object, ...]:
    """Venue and symbol of what the run traded."""
    data = run.raw_config.get("data")
    return tuple(data.get(name) for name in _STREAM) if isinstance(data, dict) else ()
