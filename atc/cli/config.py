"""`atc config`: check all config files, show what one means, and how two differ."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

Side = Annotated[
    str,
    typer.Argument(
        help="An experiment (with overrides: 'gbdt_36feat seed=2'), a run folder, or REV:experiment."
    ),
]


app = typer.Typer(no_args_is_help=True, help="Check, show and compare configs.")


@app.command()
def validate(
    every: Annotated[
        bool,
        typer.Option("--all", help="Also each option of each group, and each experiment on each data set."),
    ] = False,
) -> None:
    """Check every experiment and every job of every sweep."""
    from itertools import chain

    from atc.config.check import check_options, check_presets
    from atc.config.compose import Composer

    composer = Composer()
    wrong = 0
    for check in chain(check_presets(composer), check_options(composer) if every else ()):
        wrong += check.verdict == "FAIL"
        sys.stdout.write(f"{check.verdict:<4}  {check.composed}\n")
        sys.stdout.write("".join(f"      {line}\n" for line in check.why.splitlines()))
    if wrong:
        sys.stderr.write(f"{wrong} wrong\n")
        raise typer.Exit(2)


@app.command()
def show(
    of: Annotated[str, typer.Argument(metavar="X", help="An experiment, a run folder, or REV:experiment.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, for an experiment.")] = None,
) -> None:
    """Print the resolved config."""
    import yaml

    from atc.config.diff import load

    values = load(" ".join([of, *(overrides or [])]) if overrides else of)
    sys.stdout.write(yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100))


@app.command()
def diff(left: Side, right: Side) -> None:
    """Print what differs in meaning: label first, never paths, tracking or runtime."""
    from atc.config.diff import differences, load, table

    found = differences(load(left), load(right))
    sys.stdout.write(table(found, left, right) + "\n" if found else "no difference in meaning\n")


@app.command()
def snapshot() -> None:
    """Write the resolved config of each experiment to tests/golden/experiments/, for review."""
    from atc.config.compose import Composer
    from atc.config.snapshot import write

    composer = Composer()
    changed = write(composer)
    for path in changed:
        sys.stdout.write(f"{path.relative_to(composer.root.folder)}\n")
    sys.stdout.write(f"{len(changed)} changed\n")
