"""`atc sweep`: where a sweep stands, and the rest of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from atc.config.launcher import Launcher

Folder = Annotated[Path, typer.Argument(metavar="PATH", help="The folder of a sweep: outputs/sweeps/…")]

app = typer.Typer(no_args_is_help=True, help="Sweeps that `python -m atc.run -m` has started.")


@app.command()
def status(path: Folder) -> None:
    """Print what has become of each job, whether the sweep is running or not."""
    from rich.console import Console

    from atc.report.sweep_lines import status_tables
    from atc.sweep.opened import open_sweep

    sentences, table = status_tables(open_sweep(path))
    console = Console(highlight=False, emoji=False, markup=False)
    console.print(table)
    console.print()
    for sentence in sentences:
        typer.echo(sentence)


@app.command()
def resume(
    path: Folder,
    *,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="KIND", help="basic, joblib or ray; else as it was started."),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Jobs at a time, of joblib and ray.")] = None,
    address: Annotated[str | None, typer.Option(help="HOST:PORT of a Ray cluster.")] = None,
) -> None:
    """Run what is not finished, from the manifest alone: a YAML that was edited since changes nothing."""
    from atc.run import run
    from atc.run_sweep import resume_sweep

    sys.exit(resume_sweep(path, run, _launcher(path, on, workers, address)))


def _launcher(path: Path, on: str | None, workers: int | None, address: str | None) -> Launcher:
    from pydantic import ValidationError

    from atc.config.launcher import Launching
    from atc.errors import UsageError
    from atc.sweep.manifest import read_manifest

    header, _ = read_manifest(path)
    section = dict(header.launcher)
    if on is not None and on != section["kind"]:
        section = {"kind": on, "on_error": section["on_error"]}
    asked = {"workers": workers, "address": address}
    section.update({key: value for key, value in asked.items() if value is not None})
    try:
        return Launching.model_validate({"launcher": section}).launcher
    except ValidationError as why:
        words = "; ".join(error["msg"] for error in why.errors())
        raise UsageError(f"--on, --workers, --address: {section} is no launcher ({words})") from None
