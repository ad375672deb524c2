"""The quality of the business days of a stream: read, checked, measured, a day at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from atc.config.data import InstrumentFacts
from atc.config.maintenance import maintenance_windows
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.catalog import Catalog
from atc.events.quality.figures import Figures, figures_of, ingest_figures
from atc.events.quality.measure import Neighbourhood, Yardsticks, measured
from atc.events.quality.problem import SHOWN, Problem
from atc.events.quality.severity import Finding, Severity, findings_of, worst
from atc.events.schema import ControlKind, Kind
from atc.events.validate import layout_problems, read_day, replay_promises, value_problems

_PLACE_KEYS = ("row", "ts_recv", "found", "expected")
_MARKET = (Kind.BOOK, Kind.TRADE, Kind.TICKER)
Ingest = dict[str, dict[str, int]]
"""`repaired` and `flagged`: count by reason."""


@dataclass(frozen=True)
class Place:
    """Where one finding of a measure lies."""

    measure: str
    kind: str
    """`book`, `trade`, `ticker`, `control`; empty for a stretch of time."""
    file: str
    """Relative to the canonical folder; empty for a stretch of time."""
    row: int | None
    """Of the kind's table, from 0."""
    ts_recv: int
    """ns UTC."""
    found: str
    expected: str


@dataclass(frozen=True)
class DayQuality:
    """What one business day of one symbol is worth."""

    date: date
    figures: Figures
    """Without the measures where broken promises of the layout let nothing be measured."""
    problems: tuple[str, ...]
    """Broken promises, in words."""
    places: tuple[Place, ...]
    ingest: Ingest
    """What the ingest of that day repaired and flagged; empty where its manifest does not say."""

    @property
    def findings(self) -> list[Finding]:
        """Figures beyond a threshold."""
        return findings_of(self.figures)

    @property
    def severity(self) -> Severity:
        """That of the worst finding."""
        return worst(finding.severity for finding in self.findings)


class Stream:
    """The filed days of one symbol, with what the measures of a day need to know of the others."""

    def __init__(
        self, catalog: Catalog, facts: InstrumentFacts, yardsticks: Yardsticks | None = None
    ) -> None:
        self.catalog = catalog
        self.facts = facts
        self.yardsticks = yardsticks or Yardsticks()
        self.days = catalog.days(facts.venue, facts.symbol)
        self._gaps: dict[date, bool] | None = None

    @property
    def missing_days(self) -> list[date]:
        """Business days between the first and the last that have no file."""
        if not self.days:
            return []
        span = (self.days[-1] - self.days[0]).days
        filed = set(self.days)
        return [
            day for day in (self.days[0] + timedelta(days=n) for n in range(span + 1)) if day not in filed
        ]

    def neighbourhood(self, day: date) -> Neighbourhood:
        """What the measures of `day` need to know of the rest."""
        begin = day_start_ns(day, self.facts.day_cut_utc_s, self.facts.tz_offset_s)
        end = begin + DAY_NS
        closed = maintenance_windows(self.facts.maintenance, self.facts.tz_offset_s, begin - DAY_NS, end)
        return Neighbourhood(
            begin_ns=begin,
            end_ns=end,
            before_ns=self._edge(day, -1, _MARKET, begin),
            after_ns=self._edge(day, 1, _MARKET, end),
            book_before_ns=self._edge(day, -1, (Kind.BOOK,), begin),
            book_after_ns=self._edge(day, 1, (Kind.BOOK,), end),
            in_gap=self._open_gaps()[day],
            closed=_joined((start, opened) for start, _, opened in closed),
        )

    def _edge(self, day: date, step: int, kinds: Sequence[Kind], cut: int) -> int | None:
        """The event of `kinds` nearest to `day` in the next filed day before (−1) or after (1) it."""
        place = self.days.index(day) + step
        if not 0 <= place < len(self.days):
            return None
        near = self.days[place]
        files = self.catalog.day(self.facts.venue, self.facts.symbol, near).files
        entries = [entry for kind in kinds for entry in files.get(kind, ())]
        if near != day + timedelta(days=step) or not entries:
            # A day is missing, or none of it: the silence of this day begins at its cut.
            return cut
        return max(e.last_ts for e in entries) if step < 0 else min(e.first_ts for e in entries)

    def _open_gaps(self) -> dict[date, bool]:
        """Of each day, whether the update chain is broken when it begins.

        An ingest begins with a book of its own and ends the gaps that it tells of, no others: what the one
        before left open, as a recorder that was stopped does, nothing would ever end.
        """
        if self._gaps is None:
            self._gaps = {}
            broken = False
            before: str | None = None
            for day in self.days:
                ingest = self._ingest_of(day)
                broken &= ingest == before
                before = ingest
                self._gaps[day] = broken
                for entry in self.catalog.day(self.facts.venue, self.facts.symbol, day).files.get(
                    Kind.CONTROL, ()
                ):
                    broken = _ends_broken(self.catalog.path(entry), broken)
        return self._gaps

    def _ingest_of(self, day: date) -> str | None:
        """The id of the ingest that filed `day`."""
        for manifest in self.catalog.manifests.values():
            key = (manifest.instrument.venue, manifest.instrument.symbol)
            if key == (self.facts.venue, self.facts.symbol) and any(e.date == day for e in manifest.files):
                return manifest.id
        return None

    def quality(self, day: date, *, places: int = 0) -> DayQuality:
        """Reads, checks and measures one day; raises nothing for bad data: it is reported."""
        files = self.catalog.day(self.facts.venue, self.facts.symbol, day)
        tables, names, problems = read_day(self.catalog, files)
        broken = layout_problems(tables, files.instrument, day, names)
        unread = bool(set(files.files) - set(tables))
        if broken or unread:
            problems += broken
            return self._made(day, {"broken_promises": _broken(problems)}, problems, ())
        problems += value_problems(tables, names)
        largest = self.facts.largest_order
        found = measured(
            tables,
            around=self.neighbourhood(day),
            yardsticks=self.yardsticks,
            recorded_depth=self.facts.recorded_depth,
            largest_order_lots=None if largest is None else int(largest / self.facts.lot),
            places=max(places, SHOWN),
        )
        problems += replay_promises(found, names.get(Kind.BOOK, ""))
        shown = tuple(
            Place(
                measure,
                p["kind"],
                names[Kind(p["kind"])] if p["kind"] else "",
                *(p[key] for key in _PLACE_KEYS),
            )
            for measure, of_measure in found["places"].items()
            for p in of_measure[:places]
        )
        return self._made(day, figures_of(found["figures"], _broken(problems)), problems, shown)

    def _made(
        self, day: date, figures: Figures, problems: Sequence[Problem], places: tuple[Place, ...]
    ) -> DayQuality:
        ingest = self.ingest(day)
        all_figures = {**figures, **ingest_figures(ingest)}
        return DayQuality(day, all_figures, tuple(map(str, problems)), places, ingest)

    def ingest(self, day: date) -> Ingest:
        """What the ingest of `day` repaired and flagged; empty where its manifest does not say."""
        name = self._ingest_of(day)
        return {} if name is None else self.catalog.manifests[name].findings.get(day.isoformat(), {})


def _broken(problems: Sequence[Problem]) -> int:
    return sum(problem.count for problem in problems)


def measure_days(
    stream: Stream, days: Sequence[date], *, places: int = 0, progress: Callable[[int], Any] | None = None
) -> Iterator[DayQuality]:
    """The quality of `days` in order; two days are in memory, however many there are."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2, thread_name_prefix="quality") as pool:
        coming = [pool.submit(stream.quality, day, places=places) for day in days[:2]]
        for number in range(len(days)):
            done = coming.pop(0).result()
            if number + 2 < len(days):
                coming.append(pool.submit(stream.quality, days[number + 2], places=places))
            yield done
            if progress is not None:
                progress(1)


def _ends_broken(path: Any, broken: bool) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            table = file.read(["control_kind", "ts_recv"])
    except (pa.ArrowException, OSError):
        return broken  # the day that holds the file says so
    told_within: int | None = None
    for kind, ts in zip(table["control_kind"].to_pylist(), table["ts_recv"].to_pylist(), strict=True):
        within, told_within = told_within, None
        if kind == ControlKind.GAP_START:
            told_within = ts if broken else None
            broken = True
        # Missing trades are a gap that ends where it begins; within one of the book they end nothing.
        elif kind == ControlKind.GAP_END and within != ts:
            broken = False
    return broken


def _joined(spans: Iterator[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Spans in order, those that touch or overlap as one."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)
