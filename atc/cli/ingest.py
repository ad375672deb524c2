"""`atc ingest`: a venue's recordings become canonical events."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atc.errors import DataError, UsageError

if TYPE_CHECKING:
    from atc.events.report import Finding, IngestReport


def _list_formats(wanted: bool) -> None:
    if not wanted:
        return
    from atc.events.adapters import adapters

    there = adapters()
    width = max(map(len, there))
    for adapter in there.values():
        typer.echo(f"{adapter.name:{width}}  {adapter.about}")
    raise typer.Exit


def ingest(
    adapter: Annotated[str, typer.Argument(help="The format; `atc ingest --formats` lists them.")],
    files: Annotated[
        list[Path], typer.Argument(help="All files of the stream: a business day belongs to one ingest.")
    ],
    *,
    root: Annotated[
        Path, typer.Option(help="Events root; the events lie under DIR/canonical.", metavar="DIR")
    ],
    symbol: Annotated[str | None, typer.Option(help="The symbol, where files hold several.")] = None,
    venue: Annotated[str | None, typer.Option(help="The venue's name in the events.")] = None,
    tick: Annotated[str | None, typer.Option(help="Price step, where the adapter's is not right.")] = None,
    lot: Annotated[str | None, typer.Option(help="Size step, where the adapter's is not right.")] = None,
    day_cut_utc_s: Annotated[
        int | None, typer.Option(help="Start of the business day, s after 00:00 UTC.")
    ] = None,
    tz_offset_s: Annotated[int | None, typer.Option(help="Local time minus UTC, s.")] = None,
    recorded_depth: Annotated[int | None, typer.Option(help="Levels a side that the feed shows.")] = None,
    report: Annotated[
        str | None,
        typer.Option(
            help="Write each repaired or flagged row to FILE (- prints), tab-separated.", metavar="FILE|-"
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Stand in for earlier ingests of the same days.")
    ] = False,
    progress: Annotated[bool, typer.Option(help="A progress bar, if this is a terminal.")] = True,
    formats: Annotated[  # noqa: ARG001
        bool, typer.Option("--formats", help="List the formats.", is_eager=True, callback=_list_formats)
    ] = False,
) -> None:
    """Read recordings into canonical events, whole or not at all; the same files again change nothing."""
    from atc.events.adapters import Asked
    from atc.events.ingest import ingest as ingest_files

    asked = Asked(
        venue=venue,
        symbol=symbol,
        tick=decimal_step("--tick", tick),
        lot=decimal_step("--lot", lot),
        day_cut_utc_s=day_cut_utc_s,
        tz_offset_s=tz_offset_s,
        recorded_depth=recorded_depth,
    )
    with ExitStack() as open_things:
        counted = open_things.enter_context(_reported(report))
        told = open_things.enter_context(_bar(files, shown=progress))
        done = ingest_files(
            adapter,
            files,
            root,
            asked,
            report=counted,
            progress=told,
            replace=replace,
            audit=report is not None,
        )
    instrument, counts = done.manifest.instrument, done.manifest.counts
    days = sorted({entry.date for entry in done.manifest.files})
    span = f"{days[0]} … {days[-1]}" if len(days) > 1 else str(days[0])
    typer.echo(
        f"{'already ingested' if done.already else 'ingested'}: {instrument.venue} {instrument.symbol}, "
        f"{len(days)} business day{'s' if len(days) > 1 else ''} {span}, ingest "
        f"{done.manifest.id[:12]}"
    )
    for action, reasons in (("repaired", counted.repaired), ("flagged", counted.flagged)):
        for reason, count in reasons.most_common():
            typer.echo(f"  {action} {count:,}: {reason}")
    typer.echo(
        f"messages read {counts['messages_read']:,}, events written {counts['events_written']:,}, "
        f"repaired {counts['repaired']:,}, flagged {counts['flagged']:,}"
    )


def decimal_step(option: str, text: str | None) -> Decimal | None:
    """A price or size step as typed. Raises UsageError for what is no positive decimal."""
    if text is None:
        return None
    try:
        step = Decimal(text)
    except InvalidOperation:
        step = Decimal(0)
    if not step.is_finite() or step <= 0:
        raise UsageError(f"{option} is {text!r}; expected a positive decimal such as 0.01")
    return step


@contextmanager
def _reported(target: str | None) -> Iterator[IngestReport]:
    from atc.events.report import IngestReport

    if target is None:
        yield IngestReport()
        return
    with ExitStack() as open_things:
        try:
            file = sys.stdout if target == "-" else open_things.enter_context(Path(target).open("w"))
        except OSError as error:
            raise DataError(f"{target}: the report cannot be written ({error.strerror})") from error

        def write(finding: Finding) -> None:
            action, reason, origin, detail = finding
            file.write("\t".join((action, reason, origin.file, str(origin.row), detail)) + "\n")

        file.write("\t".join(("action", "reason", "file", "row", "detail")) + "\n")
        yield IngestReport(write)


@contextmanager
def _bar(files: list[Path], *, shown: bool) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("ingest"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not (shown and console.is_terminal)
    ) as bar:
        task = bar.add_task("ingest", total=sum(path.stat().st_size for path in files if path.is_file()))
        yield lambda count: bar.advance(task, count)
