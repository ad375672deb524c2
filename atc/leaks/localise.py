"""The search: windows laid at random, times t at which something became known, other events after t."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from atc.errors import AtcError
from atc.leaks.facts import Comparison, Facts, Moved, compare
from atc.leaks.perturb import KINDS, perturbed
from atc.leaks.stages import Stage
from atc.leaks.streams import Stream
from atc.protocol.window import Spans

R = TypeVar("R")

MakeRun = Callable[[Path, Spans], R]
"""A run on the events under a root, with a window."""

_SOON_SHARE, _SOON = 0.5, 0.1
"""So many times t are drawn from those that are followed soonest, and how many of them those are."""

ORIGINAL, PERTURBED = "original", "perturbed"


@dataclass(frozen=True)
class Effort:
    """How much is tried."""

    windows: int = 4
    """Places of the window; the runs on the original events are one a window. Two of them miss three of a
    hundred planted leaks (docs/leaks.md).
    """
    probes: int = 1
    """Times t a window and stage."""
    aims: int | None = None
    """How many stages a window are aimed at, drawn at random; None: all of them. All are compared."""
    seed: int = 1
    stop_at_first: bool = False
    """Nothing further once a leak is found: which stage is first is then decided by that probe alone, and no
    stage after it is looked at. Times of late stages come first: what is known there stands on most of all.
    """


@dataclass(frozen=True)
class Probe:
    """One t, and the events after it that were changed."""

    number: int
    t: int
    """ns; events with `ts_recv` <= t are as they were."""
    spans: Spans
    kinds: tuple[str, ...]
    seed: int
    aimed_at: str
    """The stage that had come to know something at t."""


@dataclass(frozen=True)
class Finding:
    """What one probe showed."""

    probe: Probe
    comparisons: tuple[Comparison, ...]
    not_run: str = ""
    """Why stages after those of `comparisons` have no figures: the changed events are too few for them."""

    @property
    def moved(self) -> Moved | None:
        """The first value of the first stage that moved."""
        return next((one.first for one in self.comparisons if one.first is not None), None)


@dataclass(frozen=True)
class StageSummary:
    """One stage over all probes."""

    stage: str
    checked: int
    moved: int
    first: Moved | None
    """Of the probe in which it was known longest before t."""
    t: int | None
    """That probe's t."""


@dataclass(frozen=True)
class Report:
    """All probes."""

    findings: tuple[Finding, ...]
    stages: tuple[StageSummary, ...]

    @property
    def leak(self) -> Finding | None:
        """The probe that shows the first stage that moved, from the nearest time."""
        for summary in self.stages:
            if summary.first is not None:
                return next(
                    one
                    for one in self.findings
                    if one.probe.t == summary.t and any(c.first is summary.first for c in one.comparisons)
                )
        return None


def _unwatched(done: int) -> None:
    """For searches that nobody looks at."""
    del done


class _Before(Generic[R]):
    """What the stages say of the original events, each asked once and when it is needed; the run is dropped
    with the last.
    """

    def __init__(self, stages: Sequence[Stage[R]], run: R) -> None:
        self._stages, self._run = stages, run
        self._found: list[tuple[Facts, ...]] = []

    def facts(self, place: int) -> tuple[Facts, ...]:
        """Of the stage at `place`."""
        while len(self._found) <= place:
            self._found.append(tuple(self._stages[len(self._found)].facts(self._run)))
            if len(self._found) == len(self._stages):
                del self._run
        return self._found[place]


@dataclass
class Localiser(Generic[R]):
    """Probes a list of stages on one stream of events."""

    stream: Stream
    stages: Sequence[Stage[R]]
    make_run: MakeRun[R]
    folder: Path
    """For the events of both streams; removed by whoever made it."""
    effort: Effort = field(default_factory=Effort)
    watch: Callable[[int], object] = _unwatched
    """Called with the number of probes done."""

    def run(self) -> Report:
        """Every probe. Raises AtcError where the original events are too few for a stage."""
        rng = np.random.default_rng(self.effort.seed)
        self.stream.write(self.folder / ORIGINAL, ORIGINAL)
        findings: list[Finding] = []
        tables = self._tables_in_turn(rng)
        for _ in range(self.effort.windows):
            for finding in self._probe_window(self._spans(rng), rng, tables, len(findings)):
                findings.append(finding)
                self.watch(len(findings))
                if self.effort.stop_at_first and finding.moved is not None:
                    return self._report(findings)
        return self._report(findings)

    def _spans(self, rng: np.random.Generator) -> Spans:
        """Training from the first day on, up to a random instant in the middle of the days."""
        begin, end = self.stream.begin_ns, self.stream.end_ns
        cut = begin + round((end - begin) * float(rng.uniform(0.5, 0.75)))
        return Spans((begin, cut), (cut, end))

    def _tables_in_turn(self, rng: np.random.Generator) -> Sequence[Iterator[int]]:
        """Of each stage, which of its tables is aimed at next: all in turn from a random one on, because
        chance would leave one of two tables out of every second pair of probes.
        """
        return [itertools.count(int(rng.integers(2**16))) for _ in self.stages]

    def _probe_window(
        self, spans: Spans, rng: np.random.Generator, tables: Sequence[Iterator[int]], number: int
    ) -> Iterator[Finding]:
        before = _Before(self.stages, self.make_run(self.folder / ORIGINAL, spans))
        if not self.effort.stop_at_first:
            # Events that are too few for a stage are told before a probe is made.
            before.facts(len(self.stages) - 1)
        for place in self._aims(before, rng):
            for _ in range(self.effort.probes):
                t = self._aim(before.facts(place), next(tables[place]), rng)
                if t is None:
                    continue
                for kinds in _mixes(rng):
                    name = self.stages[place].name
                    probe = Probe(number, t, spans, kinds, int(rng.integers(2**31)), name)
                    finding = self._finding(probe, before)
                    if not finding.not_run:
                        break
                number += 1
                yield finding

    def _aims(self, before: _Before[R], rng: np.random.Generator) -> Sequence[int]:
        """Places of the stages that are aimed at: all, or some of those that say something."""
        places = list(range(len(self.stages)))
        if self.effort.aims is not None:
            saying = [place for place in places if before.facts(place)]
            count = min(self.effort.aims, len(saying))
            places = sorted(int(place) for place in rng.choice(saying, count, replace=False))
        return places[::-1] if self.effort.stop_at_first else places

    def _aim(self, facts: Sequence[Facts], turn: int, rng: np.random.Generator) -> int | None:
        """A time at which a table of the stage came to know something, with enough of the stream around it.
        Which table, `turn` says.

        One time in two it is one that is soon followed by the table's next: a look ahead of a second shows
        only where something happens within a second. None where the stage knows nothing in time.
        """
        begin, end = self.stream.begin_ns, self.stream.end_ns
        low, high = begin + (end - begin) // 5, end - (end - begin) // 50
        tables = []
        for one in facts:
            known = np.unique(one.known_ns)
            if len(within := known[(known >= low) & (known <= high)]):
                tables.append((within, np.diff(known, append=end)[(known >= low) & (known <= high)]))
        if not tables:
            return None
        known, gaps = tables[turn % len(tables)]
        if rng.random() < _SOON_SHARE:
            known = known[gaps <= np.quantile(gaps, _SOON)]
        return int(rng.choice(known))

    def _finding(self, probe: Probe, before: _Before[R]) -> Finding:
        root = self.folder / f"{PERTURBED}-{probe.number}-{len(probe.kinds)}"
        other = changed(self.stream, probe)
        other.write(root, root.name)
        run = self.make_run(root, probe.spans)
        comparisons: list[Comparison] = []
        for place, stage in enumerate(self.stages):
            ours = before.facts(place)
            if not any((one.known_ns <= probe.t).any() for one in ours):
                # Nothing was known; a leak into later stages would show in probes at their own times.
                continue
            try:
                theirs = list(stage.facts(run))
            except (AtcError, ValueError) as why:
                return Finding(probe, tuple(comparisons), not_run=f"{stage.name}: {why}")
            comparisons += compared(stage.name, ours, theirs, probe.t)
            if self.effort.stop_at_first and any(one.first is not None for one in comparisons):
                break
        return Finding(probe, tuple(comparisons))

    def _report(self, findings: Sequence[Finding]) -> Report:
        summaries = []
        for stage in self.stages:
            of_stage = [
                (comparison, finding.probe.t)
                for finding in findings
                for comparison in finding.comparisons
                if comparison.stage == stage.name
            ]
            moved = [(one.first, t) for one, t in of_stage if one.first is not None]
            first, t = max(moved, key=lambda one: one[0].distance_ns(one[1]), default=(None, None))
            summaries.append(
                StageSummary(
                    stage.name,
                    checked=sum(one.checked for one, _ in of_stage),
                    moved=sum(one.moved for one, _ in of_stage),
                    first=first,
                    t=t,
                )
            )
        return Report(tuple(findings), tuple(summaries))


def compared(stage: str, before: Sequence[Facts], after: Sequence[Facts], t: int) -> list[Comparison]:
    """The tables of a stage on both streams; one that only one of them has is compared with an empty one."""
    others = {one.table: one for one in after}
    return [compare(stage, one, others.get(one.table, _empty(one)), t) for one in before]


def changed(stream: Stream, probe: Probe) -> Stream:
    """`stream` with other events after `probe.t`."""
    tables = perturbed(stream.tables, probe.t, probe.kinds, probe.seed, stream.end_ns)
    return Stream(stream.instrument, stream.days, tables)


def _mixes(rng: np.random.Generator) -> Iterator[tuple[str, ...]]:
    """All changes at once, and, where that leaves too little of a market, single ones."""
    yield tuple(KINDS)
    for name in rng.permutation(["prices", "sizes", "sides", "delayed"]):
        yield (str(name),)


def _empty(facts: Facts) -> Facts:
    return Facts(facts.table, facts.key, facts.frame[:0], facts.known_ns[:0], facts.lasting)
