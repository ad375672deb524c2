"""`atc export`: canonical events as files of other tools."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from atc.errors import UsageError

app = typer.Typer(no_args_is_help=True, help="Canonical events as files of other tools.")


@app.callback()
def _group() -> None:
    """Canonical events as files of other tools."""


@app.command("hftbacktest")
def hftbacktest(
    settings: Annotated[
        list[str], typer.Argument(help="data=NAME and other key=value of the config.", metavar="KEY=VALUE...")
    ],
    *,
    to: Annotated[Path, typer.Option(help="Folder of the files.", metavar="DIR")],
    day: Annotated[
        list[str] | None, typer.Option(help="A business day (may be given again); default: all.", metavar="D")
    ] = None,
    negative_latency: Annotated[
        str,
        typer.Option(
            help="Where the venue's clock is ahead of ours: shift all exchange times of the day, clip those "
            "messages, or keep them."
        ),
    ] = "shift",
    base_latency_ns: Annotated[int, typer.Option(help="The smallest latency after a shift.", min=0)] = 0,
    compress: Annotated[
        int, typer.Option(help="zlib's level; 0 stores, which hftbacktest loads faster.", min=0, max=9)
    ] = 6,
) -> None:
    """Write one npz a business day, which hftbacktest 2 reads and `atc ingest hftbacktest_npz` restores."""
    from atc.config.compose import compose
    from atc.events.export.exchange_order import NegativeLatency
    from atc.events.export.hftbacktest import export_hftbacktest
    from atc.events.filed import filed_events
    from atc.report.progress import Progress

    try:
        mode = NegativeLatency(negative_latency)
    except ValueError:
        names = ", ".join(NegativeLatency)
        raise UsageError(f"--negative-latency is '{negative_latency}'; expected one of {names}") from None
    days = [_date(text) for text in day] if day else None
    config = compose(settings)
    progress = Progress(config.runtime.progress)
    catalog, facts = filed_events(config, progress)
    with progress.bar("export", len(days) if days else None, "days") as bar:
        done = export_hftbacktest(
            catalog,
            facts.venue,
            facts.symbol,
            to,
            days=days,
            negative_latency=mode,
            base_latency_ns=base_latency_ns,
            compresslevel=compress,
            progress=bar.update,
        )
    for file in done:
        shifted = f", exchange clock {file.offset_ns} ns back" if file.offset_ns else ""
        size = file.path.stat().st_size
        typer.echo(f"{file.path}: {file.rows:,} rows, {file.split:,} of them twice{shifted}, {size:,} bytes")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--day is '{text}'; expected a date such as 2025-01-06") from None
