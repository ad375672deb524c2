"""`atc tracking`: what was recorded offline goes to W&B, with the dashboard that compares it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atc.errors import UsageError

if TYPE_CHECKING:
    from atc.report.publishing import Publication

app = typer.Typer(help="Weights & Biases.", no_args_is_help=True)
app.callback()(lambda: None)  # without it a lone command would lose its name

_ENTITY = "ENTITY"
"""Stands for the team in a dashboard that is only written down."""


@app.command()
def publish(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A run, a sweep or a folder of runs.")],
    *,
    entity: Annotated[
        str | None,
        typer.Option(help="Team or user of the dashboard; else tracking.entity, else the account's own."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Only write the dashboard's JSON; needs no account."),
    ] = None,
) -> None:
    """Send offline runs to W&B with their reports, and save the dashboard that compares them.

    What was sent before is not sent again. Without an account: says what would be sent, exit code 2.
    """
    from atc.report.publishing import publication_of
    from atc.report.sweep_tracking import track_sweep

    found = publication_of(path)
    for reason in found.left_out:
        typer.echo(f"left out: {reason}", err=True)
    if file is not None:
        _write(found, entity or found.entity or _ENTITY, file)
        return
    if found.sweep is not None:
        track_sweep(found.sweep.folder)
    _send(found, entity or found.entity)


def _write(found: Publication, entity: str, file: Path) -> None:
    from json import dumps

    from atc.tracking.workspace import workspace_json

    try:
        file.write_text(dumps(workspace_json(found.shown(entity)), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--json {file}: cannot be written ({error.strerror})") from error
    typer.echo(f"dashboard: {file}")


def _send(found: Publication, entity: str | None) -> None:
    from dataclasses import replace

    from atc.report.wandb_additions import add_reports, settle
    from atc.tracking.wandb_account import account_entity, save, send
    from atc.tracking.wandb_session import Surroundings
    from atc.tracking.workspace import workspace_of

    surroundings = Surroundings(found.outputs)
    surroundings.enter()
    try:
        try:
            own = account_entity()
        except UsageError as none:
            raise UsageError(f"{none}\n{_would_send(found)}") from none
        to = entity or own
        if to not in (found.entity, own):
            raise UsageError(
                f"--entity {to}: these runs were recorded for {found.entity or own!r}, and W&B's sync leaves "
                f"their artifacts there; run with tracking.entity={to}, or make it the account's default"
            )
        for entry in found.entries:
            if entry.died:
                typer.echo(f"{entry.run.folder.name} died; W&B shows it as failed", err=True)
        found = replace(found, entries=tuple(map(settle, found.entries)))
        with add_reports(found) as added:
            features, runs = found.features_to_send, found.runs_to_send
            for folders in (features, [*runs, *added]):
                send(folders, found.outputs, entity=to, project=found.project)
        typer.echo(f"sent: {len(runs)} runs, {len(features)} sets of features, {len(added)} reports")
        typer.echo(f"dashboard: {save(workspace_of(found.shown(to)))}")
    finally:
        surroundings.leave()


def _would_send(found: Publication) -> str:
    pages = sum(entry.page_to_send is not None for entry in found.entries)
    return (
        f"ready to be sent: {len(found.runs_to_send)} runs, {pages} reports, and the dashboard of "
        f"{found.name!r}, which --json FILE writes without an account"
    )
