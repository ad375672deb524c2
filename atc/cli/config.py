"""`atc config`: check all config files, show what one means, and how two differ."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from atc.errors import UsageError

Side = Annotated[
    str,
    typer.Argument(
        help="An experiment (with overrides: 'gbdt_36feat seed=2'), a run folder, or REV:experiment (with "
        "overrides too)."
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
def diff(
    left: Side,
    right: Side,
    *,
    markdown: Annotated[bool, typer.Option("--md", help="As Markdown.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    cost: Annotated[
        bool,
        typer.Option("--cost", help="Also what a run of the second takes after one of the first."),
    ] = False,
    records: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="With --cost: outputs whose finished runs say how long stages take; those of the second.",
        ),
    ] = None,
) -> None:
    """Print what differs in meaning, and what each difference changes: label first, never paths, tracking or
    runtime.

    Changes: the run id; files of events, features and labels that have to be made; what the labels are and
    which rows judge, by which figures are comparable; or only the training, the evaluation, the backtest, the
    explanation.
    """
    from json import dumps

    from atc.review.diff_lines import diff_json, diff_lines
    from atc.review.price_lines import NO_PRICE, price_json, price_lines
    from atc.review.reviewed import reviewed

    if markdown and json:
        raise UsageError("--md and --json are two forms: give one of them")
    if records is not None and not cost:
        raise UsageError("--records says what --cost learns from: give both")
    found = reviewed(left, right)
    price = found.price(records) if cost and found.has_price else None
    if json:
        content = diff_json(found.differences, left, right, found.code)
        content |= {"cost": None if price is None else price_json(price)} if cost else {}
        sys.stdout.write(dumps(content, indent=1, ensure_ascii=False) + "\n")
        return
    for line in diff_lines(found.differences, left, right, markdown=markdown, code=found.code):
        sys.stdout.write(f"{line}\n")
    for line in found.notes:
        sys.stderr.write(f"{line}\n")
    if price is not None:
        sys.stdout.write("\n")
        for line in price_lines(price, right, markdown=markdown):
            sys.stdout.write(f"{line}\n")
    elif cost:
        sys.stdout.write(f"\n{'- ' if markdown else ''}{NO_PRICE}\n")


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
