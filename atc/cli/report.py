"""`atc report`: a run or a sweep as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The folder of a finished run, or of a sweep.")
    ],
    *,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FILE", help="The page to write; default: outputs/reports/<folder>.html."
        ),
    ] = None,
) -> None:
    """Write a run, or a sweep, as one HTML page that works offline and asks for nothing from anywhere.

    The record is read and never changed. Prints `report: <file>` on the last line.
    """
    from atc.report.html.written import write_report
    from atc.report.summary import bytes_said, shown_path

    file = write_report(path, to)
    typer.echo(f"report: {shown_path(file)} ({bytes_said(file.stat().st_size)})")
