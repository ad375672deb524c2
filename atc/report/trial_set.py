"""Of which trials some runs are a part: of everything that looked at the time that they traded (SPEC 6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from atc.errors import DataError
from atc.opened_run import OpenedRun, open_run
from atc.protocol.ledger import Ledger, number_of_looks
from atc.protocol.ledger_lines import Kind, Look
from atc.protocol.window import Span
from atc.tracking.run_files import FINISHED, run_folder


@dataclass(frozen=True)
class TrialSet:
    """Everything that looked at some time, the runs of a table among it."""

    number: int | None
    """How many looks; None where one of the runs is in no ledger: too small a number would flatter."""
    others: tuple[OpenedRun, ...] = ()
    """Finished runs that are not in the table, and lie beside those that are."""
    lost: int = 0
    """Of how many runs there is no record beside them, so that nobody can say what they earned."""


class Ledgers:
    """The ledgers beside the data of some runs, each read once."""

    def __init__(self) -> None:
        self._every = cache(_every)
        self._at = cache(_at)

    def entries(self, run: OpenedRun, kind: Kind = "look", span: Span | None = None) -> tuple[Look, ...]:
        """All at the time that `run` looked at (`judged`: that it validated on), or at `span`; nothing where
        its own is not in the ledger.
        """
        events = run.config.paths.events_dir
        own = [one for one in self._every(events) if (one.run_id, one.kind) == (run.run_id, kind)]
        if not own:
            return ()
        last = own[-1]
        return self._at(events, last.venue, last.symbol, last.span if span is None else span)

    def number(self, run: OpenedRun, kind: Kind = "look") -> int | None:
        """How many looks there were, its own included; None where it is in no ledger."""
        return number_of_looks(self.entries(run, kind)) or None


def trial_set(
    runs: Sequence[OpenedRun], ledgers: Ledgers, kind: Kind = "look", span: Span | None = None
) -> TrialSet:
    """The trials that `runs`, which traded the same time, are some of; of sealed ones (`judged`) those that
    judged on `span`. Raises DataError as reading a ledger does.
    """
    found: dict[Look, None] = {}
    for run in runs:
        entries = ledgers.entries(run, kind, span)
        if run.run_id not in {entry.run_id for entry in entries}:
            return TrialSet(None)
        found |= dict.fromkeys(entries)
    own = {run.run_id for run in runs}
    further = {entry.run_id: entry.name for entry in found if entry.run_id not in own}
    outputs = {run.folder.resolve().parent.parent for run in runs}
    others: list[OpenedRun] = []
    lost = 0
    for run_id, name in sorted(further.items()):
        there = _recorded(outputs, name, run_id)
        lost += there is None
        if there is not None and there.manifest["status"] == FINISHED:
            others.append(there)
    return TrialSet(number_of_looks(list(found)), tuple(others), lost)


def _every(events: Path) -> tuple[Look, ...]:
    return tuple(Ledger(events).every())


def _at(events: Path, venue: str, symbol: str, span: Span) -> tuple[Look, ...]:
    return tuple(Ledger(events).looks(venue, symbol, span))


def _recorded(outputs: Iterable[Path], name: str, run_id: str) -> OpenedRun | None:
    """The run of that id, finished or not; None where there is none that this version can read."""
    for folder in outputs:
        try:
            run = open_run(run_folder(folder, name, run_id), finished=False)
            if run.run_id == run_id and run.config is not None:
                return run
        except DataError:
            continue
    return None
