"""What a reader of a leaderboard has to know beside its tables, in sentences, whatever its form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from atc.report.cells import number
from atc.report.leaderboard import Entry
from atc.report.page import counted, listed
from atc.report.record_tables import FLATTERS, JUDGED, LOOKED, luck
from atc.report.trials import Trials
from atc.report.verdict import BELOW_POWER

MARKED = (
    f"{BELOW_POWER} smaller than the holdout was said to show in 80 % of cases: probably too large a figure, "
    "to be confirmed on more data"
)


def warnings_on(entries: Sequence[Entry], *, brief: bool = False) -> Iterator[str]:
    """Each sentence once, after the names of the runs that it is of; `brief`: but those that a comparison of
    the same runs says as well.
    """
    codes: dict[str, list[str]] = {}
    for entry in entries:
        codes.setdefault(entry.digest("code"), []).append(entry.candidate.label)
    if len(codes) > 1:
        made = "; ".join(f"{code} made {listed(labels)}" for code, labels in codes.items())
        yield f"made by different code, so what differs may be the code's and not the configs': {made}"
    names: dict[str, list[str]] = {}
    for entry in entries:
        for told in (*_of_claim(entry), *(() if brief else _of_run(entry))):
            names.setdefault(told, []).append(entry.candidate.label)
    for told, whose in names.items():
        yield f"{listed(whose)}: {told}"


def _of_claim(entry: Entry) -> Iterator[str]:
    if entry.candidate.other_plan:
        yield (
            f"the sweep froze another plan ({entry.candidate.other_plan}) than the run was first made with: "
            "the board keeps to the run's"
        )
    if entry.candidate.restated:
        yield entry.candidate.restated
    if entry.beside.may_be_volatility:
        yield (
            "not shown to be better than volatility and time of day alone: its lift over the baseline may be "
            "knowing how much the price moves, and not where to"
        )


def _of_run(entry: Entry) -> Iterator[str]:
    warned = [key for key, value in entry.metrics.items() if key.startswith("warning/") and value]
    if warned:
        yield f"warns {', '.join(key.removeprefix('warning/') for key in warned)}; its notes say why"
    if entry.gate == "rejected":
        yield "its gate rejected the model that these figures are of"
    if entry.looks is None and entry.claim.split == "holdout":
        yield "its look is in no ledger beside its data, so nobody knows how many there were"


def told_of(trials: Trials) -> Iterator[str]:
    """Of how many trials the figures are, what the best of so many would show by luck, why one has none."""
    records = trials.records
    on_validation = trials.split == "valid"
    looked, where = (JUDGED, "validation, sealed") if on_validation else (LOOKED, "the holdout")
    yield (
        f"alpha over always HOLD on {where}, {counted(len(records.runs), 'run')}: {luck(records, looked)}; "
        f"probability of backtest overfitting {number(records.overfitting, '')}, by the {records.period}"
    )
    reasons: dict[str, list[str]] = {}
    for run in records.runs:
        if run.why_not_deflated is not None:
            reasons.setdefault(run.why_not_deflated, []).append(run.name)
    for why, names in reasons.items():
        whose = "any of them" if len(names) == len(records.runs) else listed(names)
        yield f"no DSR of {whose}: {why}"
    if on_validation:
        yield FLATTERS
