"""What columns there are, as tables."""

from __future__ import annotations

from atc.features.declarations import declarations


def markdown_table() -> str:
    """All declarations as a Markdown table, one line a column."""
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
