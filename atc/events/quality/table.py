"""Figures of days as people read them: one line a day, then what is wrong, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from atc.events.quality.severity import MISSING_DAYS, RULES, Finding, Rule, Severity

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from atc.events.quality.day import DayQuality
    from atc.events.quality.figures import Figures

WIDEST = 120
_DASH = "–"
_COLOUR = {
    Severity.OK: "green",
    Severity.INFO: "cyan",
    Severity.WARNING: "yellow",
    Severity.ERROR: "bold red",
}
_UNITS: Mapping[str, str] = {rule.figure: rule.unit for rule in RULES}
_LIST_DAYS = 6


@dataclass(frozen=True)
class _Column:
    heading: str
    """Two lines: what, and in which unit."""
    shown: Callable[[Figures], str]
    judged: tuple[str, ...] = ()
    """Figures whose findings colour the cell."""
    from_width: int = 0
    """Left out on narrower terminals."""


def _count(*names: str) -> Callable[[Figures], str]:
    def show(figures: Figures) -> str:
        values = [value for name in names if (value := figures.get(name)) is not None]
        return f"{sum(values):,.0f}" if values else _DASH

    return show


def _offset(figures: Figures) -> str:
    value = figures.get("offset_median_ms")
    return _DASH if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


_COLUMNS = (
    _Column("book\nmessages", _count("book_messages")),
    _Column("prints\n", _count("trade_messages")),
    _Column("quotes\n", _count("ticker_messages"), from_width=92),
    _Column("cros-\nsed", _count("crossed_books"), ("crossed_share",)),
    _Column("lock-\ned", _count("locked_books"), ("locked_share",), 92),
    _Column("gaps\n", _count("gaps"), ("gaps", "gap_s")),
    _Column("back\n", _count("time_regressions"), ("time_regression_share",)),
    _Column(
        "impos-\nsible",
        _count("impossible_prices", "impossible_sizes"),
        ("impossible_prices", "impossible_sizes"),
        92,
    ),
    _Column("twice\n", _count("duplicate_prints"), ("duplicate_share",)),
    _Column("silent\n", lambda f: span_text(f.get("silent_s")), ("silent_share", "book_silent_s")),
    _Column("cover\n", lambda f: percent(f.get("coverage"))),
    _Column("offset\nms", _offset, ("negative_latency_share", "clock_steps", "offset_drift_ms")),
)


def percent(share: float | None) -> str:
    """A share, never rounded to 0 % or 100 % unless it is."""
    if share is None:
        return _DASH
    if share and share < 0.0001:
        return "<0.01%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{share:.2%}" if 0 < share < 0.01 else f"{share:.1%}" if 0 < share < 1 else f"{share:.0%}"


def span_text(seconds: float | None) -> str:
    """A length of time in its natural unit."""
    if seconds is None:
        return _DASH
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6_000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h"


def plain_value(figure: str, value: float) -> str:
    """A figure in words, with its unit."""
    unit = _UNITS.get(figure) or _unit_of_name(figure)
    if unit == "share":
        return percent(value)
    if unit == "ms":
        return f"{value:,.1f} ms"
    if unit == "s":
        return f"{value:,.0f} s"
    return f"{value:,.0f}"


def _unit_of_name(figure: str) -> str:
    if figure.endswith("_share") or figure == "coverage":
        return "share"
    return {"_ms": "ms", "_s": "s"}.get(figure[figure.rfind("_") :], "count")


def day_table(days: Sequence[DayQuality], missing: Sequence[date], width: int) -> Table:
    """One line a business day; a missing one says so."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    columns = [column for column in _COLUMNS if width >= column.from_width]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0, show_edge=False)
    table.add_column("day\n", no_wrap=True)
    table.add_column("state\n", no_wrap=True)
    for column in columns:
        table.add_column(column.heading, justify="right", no_wrap=True)
    lines: dict[date, DayQuality | None] = {**dict.fromkeys(missing), **{day.date: day for day in days}}
    for when in sorted(lines):
        day = lines[when]
        if day is None:
            table.add_row(when.isoformat(), Text("missing", style=_COLOUR[MISSING_DAYS.severity(1)[0]]))
            continue
        found = {finding.rule.figure: finding.severity for finding in day.findings}
        cells = [
            Text(
                column.shown(day.figures),
                style=_style(max(map(_of(found), column.judged), default=Severity.OK)),
            )
            for column in columns
        ]
        table.add_row(when.isoformat(), Text(str(day.severity), style=_COLOUR[day.severity]), *cells)
    return table


def _of(found: Mapping[str, Severity]) -> Callable[[str], Severity]:
    return lambda figure: found.get(figure, Severity.OK)


def _style(severity: Severity) -> str:
    return "" if severity is Severity.OK else _COLOUR[severity]


@dataclass(frozen=True)
class Gathered:
    """One rule over all days."""

    rule: Rule
    severity: Severity
    """The worst."""
    days: tuple[tuple[date, float, float | None], ...]
    """Days that break it, with the figure, and how many where the figure is a share."""

    @property
    def worst(self) -> tuple[date, float, float | None]:
        return max(self.days, key=lambda item: abs(item[1]))


def gathered(days: Sequence[DayQuality], missing: Sequence[date]) -> list[Gathered]:
    """What is wrong, worst first; of equal severity in the order of the rules."""
    by_rule: dict[str, list[tuple[DayQuality, Finding]]] = {}
    for day in days:
        for finding in day.findings:
            by_rule.setdefault(finding.rule.figure, []).append((day, finding))
    found = [
        Gathered(
            rule,
            max(finding.severity for _, finding in by_rule[rule.figure]),
            tuple(
                (day.date, finding.value, day.figures.get(rule.count) if rule.count else None)
                for day, finding in by_rule[rule.figure]
            ),
        )
        for rule in RULES
        if rule.figure in by_rule
    ]
    if missing:
        severity, _ = MISSING_DAYS.severity(len(missing))
        found.append(Gathered(MISSING_DAYS, severity, tuple((day, 1.0, None) for day in missing)))
    return sorted(found, key=lambda item: -item.severity)


def headline(name: str, days: Sequence[DayQuality], found: Sequence[Gathered]) -> str:
    """One sentence: how many days, and the worst of them."""
    span = f"{days[0].date} … {days[-1].date}" if len(days) > 1 else f"{days[0].date}" if days else "no day"
    count = f"{len(days)} business day{'' if len(days) == 1 else 's'}"
    if not found:
        return f"{name}: {count}, {span}: nothing to report."
    first = found[0]
    if first.severity < Severity.WARNING:
        return f"{name}: {count}, {span}: nothing bad."
    return f"{name}: {count}, {span}. Worst: {first.severity}, {first.rule.title} {_extent(first)}."


def _extent(item: Gathered) -> str:
    if item.rule is MISSING_DAYS:
        return f"{len(item.days)} ({_listed([day for day, *_ in item.days])})"
    day, value, count = item.worst
    found = plain_value(item.rule.figure, value)
    return f"{found} on {day}" if count is None else f"{count:,.0f} ({found}) on {day}"


def _listed(days: Sequence[date]) -> str:
    shown = ", ".join(day.isoformat() for day in days[:_LIST_DAYS])
    return shown if len(days) <= _LIST_DAYS else f"{shown}, …"


def print_findings(console: Console, found: Sequence[Gathered], day_count: int) -> None:
    """Each rule that is broken: how bad, on how many days, the worst, and what it means."""
    from textwrap import fill

    from rich.text import Text

    for item in found:
        text = f"{item.rule.title}: {_extent(item)}"
        if item.rule is not MISSING_DAYS and day_count > 1:
            text += f", {len(item.days)} of {day_count} days"
        console.print(Text.assemble((f"{item.severity}  ", _COLOUR[item.severity]), text))
        console.print(fill(item.rule.words, console.width, initial_indent="  ", subsequent_indent="  "))


def print_ingest(console: Console, days: Sequence[DayQuality]) -> None:
    """What the ingests of all days repaired and flagged, by reason; nothing where no manifest says it."""
    from textwrap import fill

    for action in ("repaired", "flagged"):
        reasons: Counter[str] = Counter()
        for day in days:
            reasons.update(day.ingest.get(action, {}))
        if reasons:
            told = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
            console.print(fill(f"{action} at ingest: {told}", console.width, subsequent_indent="  "))


def print_places(console: Console, days: Sequence[DayQuality]) -> None:
    """The first places of every measure of every day: kind and row, time, found, expected. The file of a kind
    stands once.
    """
    for day in days:
        if not day.places:
            continue
        console.print()
        console.print(f"{day.date}, the first places of each", style="bold")
        for kind, file in dict.fromkeys((place.kind, place.file) for place in day.places if place.file):
            console.print(f"  {kind} = {file}", soft_wrap=True)
        for measure in dict.fromkeys(place.measure for place in day.places):
            console.print(f"  {measure}")
            for place in (p for p in day.places if p.measure == measure):
                where = f"{place.kind}:{place.row} " if place.kind else ""
                told = f"{where}{_time(place.ts_recv)} found {place.found}; expected {place.expected}"
                console.print(f"    {told}", soft_wrap=True)


def _time(ts_ns: int) -> str:
    whole, rest = divmod(ts_ns, 1_000_000_000)
    fraction = f"{rest:09d}".rstrip("0")
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}{'.' if fraction else ''}{fraction}Z"
