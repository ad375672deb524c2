"""`atc leaks`: does anything that was known at t depend on what came after?"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from atc.errors import UsageError


def leaks(  # noqa: PLR0917  # typer makes options of them
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="+experiment=NAME and other settings of a run."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Business days of the train range, from its start.")] = 4,
    windows: Annotated[int, typer.Option(min=1, help="Random places of the window over these days.")] = 4,
    probes: Annotated[int, typer.Option(min=1, help="Times t a window and stage.")] = 1,
    aims: Annotated[
        int | None, typer.Option(min=1, help="So many stages a window, drawn at random. Default: each.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of windows, times and changes.")] = 1,
    reproducer: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Where a leak is written to. Default: leaks/ in the outputs, by time t."
        ),
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Show the leak of this reproducer again.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="The table as JSON too.")
    ] = None,
) -> None:
    """Changes the events after random times t and reruns every stage, from event to fill, on both streams.

    Whatever was known at t has to stay as it was, bit for bit; what a fit learns is fitted anew with its
    window up to t. Ends with 0 if nothing moved, with 1 if something did: then it names the first stage,
    column and row, and leaves a folder that shows it again.
    """
    from atc.config.compose import compose
    from atc.leaks.command import localise, show_again
    from atc.leaks.localise import Effort

    if replay is not None:
        if words:
            raise UsageError("--replay has its own config: give no settings with it")
        raise typer.Exit(show_again(replay, typer.echo))
    config = compose(words or [])
    with tempfile.TemporaryDirectory(prefix="atc-leaks-") as scratch:
        found = localise(
            config,
            days,
            Effort(windows=windows, probes=probes, aims=aims, seed=seed),
            Path(scratch),
            reproducer,
            typer.echo,
        )
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(found.content, indent=1) + "\n", encoding="utf-8")
    raise typer.Exit(0 if found.clean else 1)
