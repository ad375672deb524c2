"""Track records of many runs at once: those that traded the same time of the same market are trials of one
search, whatever their labels (SPEC 6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from atc.opened_run import OpenedRun
from atc.protocol.ledger import Ledger, distinct_runs
from atc.protocol.ledger_lines import Kind, Look
from atc.report.sealed_trials import stream_of
from atc.report.track_records import (
    HOLDOUT,
    VALIDATION,
    Curve,
    RunTrack,
    TrackRecords,
    track_records,
    validation_records,
)


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


class Looks:
    """The ledgers beside the data of some runs, each read once."""

    def __init__(self) -> None:
        self._of_root = cache(_looks_in)

    def at_time_of(self, run: OpenedRun, kind: Kind = "look") -> int | None:
        """How many different runs have looked at the time that `run` looked at (`judged`: that it validated
        on), this one included; None where its own look is in no ledger. A run that was killed and looked
        again counts once: it knows no more than before.
        """
        events = run.config.paths.events_dir
        own = [one for one in self._of_root(events) if (one.run_id, one.kind) == (run.run_id, kind)]
        if not own:
            return None
        last = own[-1]
        return distinct_runs(Ledger(events).looks(last.venue, last.symbol, last.span))


def _looks_in(events: Path) -> tuple[Look, ...]:
    return tuple(Ledger(events).every())


def trials_of(runs: Sequence[OpenedRun], looks: Looks) -> list[Trials]:
    """The records of `runs` that traded, on the holdout of those that opened it, on validation of the others;
    by market and time, in the order of their first runs.
    """
    opened = [run for run in runs if run.opened_holdout]
    sealed = [run for run in runs if not run.opened_holdout]
    return [
        *_by_time(opened, HOLDOUT, "holdout", lambda some, _: track_records(some, looks.at_time_of(some[0]))),
        *_by_time(
            sealed,
            VALIDATION,
            "valid",
            lambda some, curves: validation_records(some, curves, looks.at_time_of(some[0], "judged")),
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
