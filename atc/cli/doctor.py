"""`atc doctor`: can the filed events be trusted?"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atc.errors import UsageError, nearest

if TYPE_CHECKING:
    from rich.console import Console

    from atc.config.data import InstrumentFacts
    from atc.events.quality.day import DayQuality

_PLACES = 5
"""Places of each measure and day that --all and the JSON hold."""


def doctor(
    settings: Annotated[list[str], typer.Argument(help="data=NAME and other key=value of the config.")],
    *,
    day: Annotated[
        list[str] | None, typer.Option(help="Look at this business day alone; may be given again.")
    ] = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Also list the first places of every finding: file, row, time.")
    ] = False,
    json: Annotated[
        Path | None, typer.Option(help="Write all figures to FILE (docs/quality.md).", metavar="FILE")
    ] = None,
) -> None:
    """Measure the quality of a data set, day by day, and check what its canonical events promise.

    Prints a line for each business day and what is wrong, worst first; the last line is `days …, errors …,
    warnings …`. Exit code 1 if there is an error.
    """
    from rich.console import Console

    from atc.config.compose import compose
    from atc.events.filed import filed_events
    from atc.events.quality.day import Stream, measure_days
    from atc.events.quality.document import counts, document
    from atc.events.quality.measure import Yardsticks
    from atc.events.quality.table import WIDEST
    from atc.report.progress import Progress

    config = compose(settings)
    progress = Progress(config.runtime.progress)
    catalog, facts = filed_events(config, progress)
    stream = Stream(catalog, facts, Yardsticks.of(config.quality.measure))
    days, missing = _asked(day, stream.days, config.data.name), stream.missing_days
    if day:
        missing = []
    with progress.bar("quality", len(days), "days") as bar:
        measured = list(measure_days(stream, days, places=_PLACES, progress=bar.advance))
    console = Console(highlight=False, emoji=False, markup=False)
    console.width = min(console.width, WIDEST)
    _print(console, config.data.name, facts, measured, missing, show_all=show_all)
    if json is not None:
        _write(json, document(facts, measured, missing))
    errors, warnings = counts(measured, missing)
    typer.echo(f"days {len(days)}, errors {errors}, warnings {warnings}")
    if errors:
        raise typer.Exit(1)


def _asked(words: list[str] | None, filed: list[date], name: str) -> list[date]:
    if not words:
        return filed
    known = {day.isoformat(): day for day in filed}
    for word in words:
        if word not in known:
            raise UsageError(f"--day {word}: data={name} has no such business day; {nearest(word, known)}")
    return sorted({known[word] for word in words})


def _print(
    console: Console,
    name: str,
    facts: InstrumentFacts,
    days: list[DayQuality],
    missing: list[date],
    *,
    show_all: bool,
) -> None:
    from atc.events.quality.table import (
        day_table,
        gathered,
        headline,
        print_findings,
        print_ingest,
        print_places,
    )

    found = gathered(days, missing)
    console.print(headline(f"{name} ({facts.venue} {facts.symbol})", days, found), style="bold")
    console.print()
    console.print(day_table(days, missing, console.width))
    if found:
        console.print()
        print_findings(console, found, len(days))
    print_ingest(console, days)
    for day in days:
        for problem in day.problems:
            console.print(f"{day.date}  {problem}", soft_wrap=True)
    if show_all:
        print_places(console, days)
    console.print()


def _write(file: Path, content: dict[str, Any]) -> None:
    from json import dumps

    try:
        file.write_text(dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--json {file}: cannot be written ({error.strerror})") from error
