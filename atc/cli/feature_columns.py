"""`atc features list` and `schemas`: what columns there are, and in which schemas."""

from __future__ import annotations

from typing import Annotated

import typer


def list_columns(
    markdown: Annotated[bool, typer.Option("--markdown", help="The table of docs/features.md.")] = False,
) -> None:
    """Every column: family, inputs, window, unit, formula, source."""
    typer.echo(markdown_table() if markdown else plain_table(), nl=False)


def list_schemas(
    write: Annotated[
        bool, typer.Option("--write", help="Write tests/golden/feature_schemas.json of this build.")
    ] = False,
    same_values: Annotated[
        bool,
        typer.Option("--same-values", help="The code has changed, but no value has: no version is raised."),
    ] = False,
) -> None:
    """Every schema: version, digest of its code, how far it looks back, columns."""
    from atc.features.declarations import schemas
    from atc.features.golden_schemas import write_golden

    if write:
        write_golden(same_values=same_values)
    for schema in schemas():
        typer.echo(
            f"{schema.name}-{schema.version}  {schema.code[:12]}  {schema.lookback_s:>5} s  "
            f"{len(schema.columns):>3} columns"
        )


def markdown_table() -> str:
    """All declarations as a Markdown table, one line a column."""
    from atc.features.declarations import declarations

    lines = [
        "| column | schema | family | from | looks back, s | unit | formula | source |",
        "|---|---|---|---|---:|---|---|---|",
    ]
    lines += [
        f"| `{d.name}` | {d.schema} | {d.family} | {d.inputs} | {'' if d.window_s is None else d.window_s} "
        f"| {d.unit} | {d.formula.replace('|', chr(92) + '|')} | {d.source} |"
        for d in declarations()
    ]
    return "\n".join(lines) + "\n"


def plain_table() -> str:
    """All declarations as aligned text."""
    from atc.features.declarations import declarations

    rows = [("column", "family", "s", "unit", "formula")]
    rows += [
        (d.name, d.family, "" if d.window_s is None else str(d.window_s), d.unit, d.formula)
        for d in declarations()
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "".join(
        "  ".join(
            cell.rjust(width) if i == 2 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=False))
        )
        + f"  {row[4]}\n"
        for row in rows
    )
