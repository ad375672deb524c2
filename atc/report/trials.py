"""Track records of many runs at once: those that traded the same time of the same market are trials of one
search, whatever their labels (SPEC 6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from atc.opened_run import OpenedRun
from atc.report.alpha_curve import HOLDOUT, VALIDATION, Curve
from atc.report.sealed_trials import stream_of
from atc.report.track_records import RunTrack, TrackRecords, track_records, validation_records
from atc.report.trial_set import Ledgers, trial_set


@dataclass(frozen=True)
class Trials:
    """Runs that traded the same time."""

    split: str
    """`holdout` or `valid`."""
    records: TrackRecords

    @property
    def tracks(self) -> dict[str, RunTrack]:
        """By the name of the run's folder."""
        return {one.name: one for one in self.records.runs}


def trials_of(runs: Sequence[OpenedRun], ledgers: Ledgers) -> list[Trials]:
    """The records of `runs` that traded, on the holdout of those that opened it, on validation of the others;
    by market and time, in the order of their first runs.
    """
    opened = [run for run in runs if run.opened_holdout]
    sealed = [run for run in runs if not run.opened_holdout]
    return [
        *_by_time(opened, HOLDOUT, "holdout", lambda some, _: track_records(some, trial_set(some, ledgers))),
        *_by_time(
            sealed,
            VALIDATION,
            "valid",
            lambda some, curves: validation_records(
                some, curves, trial_set(some, ledgers, "judged", curves[0].span)
            ),
        ),
    ]


def _by_time(
    runs: Sequence[OpenedRun],
    file: str,
    split: str,
    of: Callable[[Sequence[OpenedRun], Sequence[Curve]], TrackRecords | None],
) -> list[Trials]:
    places: dict[tuple[object, ...], tuple[list[OpenedRun], list[Curve]]] = {}
    for run in runs:
        if (run.folder / file).is_file():
            curve = Curve(run, file)
            some, curves = places.setdefault(
                (*stream_of(run), run.manifest["data_digest"], curve.span), ([], [])
            )
            some.append(run)
            curves.append(curve)
    found = [of(some, curves) for some, curves in places.values()]
    return [Trials(split, records) for records in found if records is not None]
