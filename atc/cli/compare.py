"""`atc compare`: finished runs beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atc.errors import UsageError


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Run folders, or folders of runs; the others are compared with the first run.",
        ),
    ],
    *,
    markdown: Annotated[bool, typer.Option("--markdown", help="The tables as Markdown.")] = False,
    file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="The figures as JSON too.")
    ] = None,
) -> None:
    """Compare finished runs: lifts, paired differences on the same rows, looks at the holdout, track records.

    Runs that are judged on other rows or labels than the first are listed apart, with the reason.
    """
    from json import dumps

    from atc.opened_run import finished_runs, is_folder_of_runs, open_run
    from atc.report.comparison import compare_runs
    from atc.report.comparison_tables import comparison_json, comparison_lines

    opened = []
    for path in runs:
        if not is_folder_of_runs(path):
            opened.append(open_run(path))
            continue
        finished, unfinished = finished_runs(path)
        opened += finished
        for name in unfinished:
            typer.echo(f"{path / name} has not finished and is left out", err=True)
    if not opened:
        raise UsageError(f"no finished run in {', '.join(map(str, runs))}: expected at least one")
    ids = [run.run_id for run in opened]
    for run in opened:
        if ids.count(run.run_id) > 1:
            raise UsageError(f"{run.folder}: this run is given twice; expected each run once")
    found = compare_runs(opened)
    for line in comparison_lines(found, markdown=markdown):
        typer.echo(line)
    if file is not None:
        try:
            file.write_text(dumps(comparison_json(found), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--json {file}: cannot be written ({error.strerror})") from error
