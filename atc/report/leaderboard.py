"""The leaderboard: experiments by what they add to their own baselines, for what they cost (SPEC 7).

Two orders, because figures of different questions cannot be held against each other. The ranking is of lifts,
each over the run's own baseline: of runs with a plan in units of its expectation, of others in the figure, of
runs that are judged alike; and for each core-hour. Only lifts that are still shown when all of the board are
looked at together have a rank. Absolute figures have places among runs of the same data, window, sampling,
label and protocol only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from atc.report.alike import Group, group_key, groups_of
from atc.report.beside import Beside, beside
from atc.report.candidates import Candidate, candidates_of
from atc.report.claims import SHOWN, Claim, Judged, claim_of, judged
from atc.report.run_cost import RunCost, cost_of, order_by_worth
from atc.report.searched import Best, Objective, best_of
from atc.report.track_records import RunTrack
from atc.report.trial_set import Ledgers
from atc.report.trials import Trials, trials_of

EXPECTATION = "expectation"
"""The unit of lifts over the plan's expectation of them."""
_CONTROL = "warning/random_split"


@dataclass(frozen=True)
class Entry:
    """A run on the board."""

    candidate: Candidate
    claim: Claim
    judged: Judged
    beside: Beside
    cost: RunCost
    group: Group
    place: int
    """From 1, by the absolute figure among those of the group; equal figures share it."""
    of: int
    """Runs of the group."""
    trials: Trials | None
    """Those it is one of; None where it has not traded."""
    looks: int | None
    """At its holdout, as `number_of_looks` counts; of a sealed run at its validation. None: in no ledger."""

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """Of the run."""
        assert self.candidate.run is not None
        return self.candidate.run.metrics

    def digest(self, of: Literal["code", "data"]) -> str:
        """The start of the digest of the code or the data that made its run."""
        assert self.candidate.run is not None
        return str(self.candidate.run.manifest.get(f"{of}_digest"))[:12]

    @property
    def track(self) -> RunTrack | None:
        """What it earned."""
        return None if self.trials is None else self.trials.tracks.get(self.candidate.folder_name)

    @property
    def gate(self) -> str:
        """The gate's verdict in a word; empty for a protocol that has none."""
        if self.metrics.get("gate/gap") is None:
            return ""
        verdict = self.metrics.get("gate/verdict")
        return "undecided" if verdict is None else "accepted" if verdict else "rejected"


@dataclass(frozen=True)
class Ranked:
    """An entry and where it stands."""

    entry: Entry
    rank: int | None
    """From 1; None for what is not shown to be above its baseline."""
    amount: float | None
    """The lift in the unit of the ranking."""
    per_core_hour: float | None
    """None of a lift that is not above 0: less of it for more cost would be better."""


@dataclass(frozen=True)
class Ranking:
    """Entries that can be ranked together, the best first."""

    split: str
    """`holdout`, or `valid`: the order by which sealed runs are chosen, which ranks nothing."""
    unit: str
    """`EXPECTATION`, or the name of the figure."""
    entries: tuple[Ranked, ...]
    group: Group | None = None
    """Whose runs they are; None in units of the expectation, in which those of several may stand together."""
    objective: Objective | None = None
    """Of trials of one search, which it orders."""


@dataclass(frozen=True)
class Leaderboard:
    """Everything that there is to say of some runs together."""

    name: str
    rankings: tuple[Ranking, ...]
    apart: tuple[tuple[Candidate, str], ...]
    """What is on no ranking, and why."""
    keys: tuple[str, ...]
    """In which the configs of the entries differ, most fundamental first."""
    trials: tuple[Trials, ...]
    claims: int
    """Lifts with an interval that were looked at together."""
    level: float
    """At which they were judged."""
    best: Best | None = None
    """Of a search."""

    @property
    def entries(self) -> list[Entry]:
        """Of all rankings."""
        return [one.entry for ranking in self.rankings for one in ranking.entries]


def print_leaderboard(folder: Path, file: TextIO | None = None) -> None:
    """Prints the leaderboard of the sweep in `folder` and brings its files there up to date.

    Raises DataError where there is no sweep or its manifest is damaged.
    """
    import sys

    from atc.report.leaderboard_files import write_files
    from atc.report.leaderboard_lines import leaderboard_lines
    from atc.sweep.opened import open_sweep

    out = file or sys.stdout
    board = leaderboard_of(candidates_of(open_sweep(folder)), folder.resolve().name)
    for line in leaderboard_lines(board):
        out.write(f"{line}\n")
    write_files(board, folder)
    out.flush()


def leaderboard_of(candidates: Sequence[Candidate], name: str) -> Leaderboard:
    """The board of `candidates`. Raises DataError where a curve or a ledger cannot be read."""
    claimed: list[tuple[Candidate, Claim]] = []
    apart: list[tuple[Candidate, str]] = []
    for one in candidates:
        claim = None if one.run is None else claim_of(one.run.metrics, one.config)
        reason = _why_apart(one, claim)
        if reason or claim is None:
            apart.append((one, reason))
        else:
            claimed.append((one, claim))
    entries, trials = _entries(claimed)
    claims = [entry.claim for entry in entries if entry.judged.p_adjusted is not None]
    return Leaderboard(
        name=name,
        rankings=tuple(_rankings(entries)),
        apart=tuple(apart),
        keys=_differing_keys([one.config for one, _ in claimed]),
        trials=tuple(trials),
        claims=len(claims),
        level=1.0 - max((claim.confidence for claim in claims), default=0.95),
        best=best_of(candidates),
    )


def _why_apart(one: Candidate, claim: Claim | None) -> str:
    """Empty for what can be on the board."""
    if one.run is None:
        return one.unusable
    if one.run.metrics.get(_CONTROL):
        return "a control and no result: a random split flatters"
    if claim is None or (claim.split == "holdout" and claim.lift is None):
        return "it has no lift over its baseline: the figure is undefined on its rows"
    return ""


def _entries(claimed: Sequence[tuple[Candidate, Claim]]) -> tuple[list[Entry], list[Trials]]:
    runs = [one.run for one, _ in claimed if one.run is not None]
    ledgers = Ledgers()
    trials = trials_of(runs, ledgers)
    trials_by_folder = {name: some for some in trials for name in some.tracks}
    groups = groups_of(claimed)
    found = []
    for (one, claim), verdict in zip(claimed, judged([claim for _, claim in claimed]), strict=True):
        assert one.run is not None
        group, others = groups[group_key(one.run, one.config, claim)]
        figures = [other.value for other in others if other.value is not None]
        better = sum(claim.value is not None and value > claim.value for value in figures)
        found.append(
            Entry(
                candidate=one,
                claim=claim,
                judged=verdict,
                beside=beside(one.run.metrics, claim),
                cost=cost_of(one.run, claim.head),
                group=group,
                place=better + 1 if claim.value is not None else len(others),
                of=len(others),
                trials=trials_by_folder.get(one.run.folder.name),
                looks=ledgers.number(one.run, "look" if claim.split == "holdout" else "judged"),
            )
        )
    return found, trials


def _rankings(entries: Sequence[Entry]) -> Iterator[Ranking]:
    """Of the holdout first. Runs with an expectation in units of it, the others apart, group by group: raw
    lifts of other labels, windows or protocols are no more alike than the figures that they are lifts of.
    """
    for split in ("holdout", "valid"):
        some = [entry for entry in entries if entry.claim.split == split]
        planned = [entry for entry in some if entry.claim.expects is not None]
        if planned:
            yield _ranking(split, EXPECTATION, planned)
        others = [entry for entry in some if entry.claim.expects is None]
        for group in dict.fromkeys(entry.group for entry in others):
            own = [entry for entry in others if entry.group == group]
            yield _ranking(split, own[0].claim.measure, own, group)


def _ranking(split: str, unit: str, entries: Sequence[Entry], group: Group | None = None) -> Ranking:
    found = []
    for entry in sorted(entries, key=lambda one: _natural(one.candidate)):
        amount = entry.claim.share if unit == EXPECTATION else entry.claim.lift
        hours = entry.cost.core_hours
        worth = None if amount is None or amount <= 0.0 or hours is None else amount / hours
        found.append(Ranked(entry, None, amount, worth))
    shown = [one for one in found if one.entry.judged.verdict == SHOWN]
    others = [one for one in found if one.entry.judged.verdict != SHOWN]
    order = order_by_worth([one.amount or 0.0 for one in shown], [one.entry.cost.core_hours for one in shown])
    ranked = [
        Ranked(shown[place].entry, rank, shown[place].amount, shown[place].per_core_hour)
        for rank, place in enumerate(order, start=1)
    ]
    asked = {one.candidate.objective for one in entries}
    objective = asked.pop() if split == "valid" and len(asked) == 1 else None
    if objective is not None:
        others.sort(key=lambda one: objective.order(one.entry.metrics))
    else:
        others.sort(key=lambda one: float("inf") if one.amount is None else -one.amount)
    return Ranking(split, unit, (*ranked, *others), group, objective)


def _natural(one: Candidate) -> tuple[str, int, str]:
    """Jobs of one experiment in their order, else by name."""
    return one.experiment, one.number or 0, one.label


def _differing_keys(configs: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Keys in which any of `configs` differs from the first, as `atc config diff` orders them."""
    from atc.config.diff import BY_MEANING, differences

    found: dict[str, None] = {}
    for other in configs[1:]:
        found |= dict.fromkeys(one.key for one in differences(configs[0], other))
    order = {section: place for place, section in enumerate(BY_MEANING)}
    return tuple(sorted(found, key=lambda key: order.get(key.partition(".")[0], len(order))))
