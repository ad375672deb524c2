"""Tables of a comparison, as text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from atc.report.aligned import aligned

DASH = "–"
Row = list[str]


def number(value: float | None, sign: str) -> str:
    """Four decimals."""
    return DASH if value is None else f"{value:{sign}.4f}"


def table(rows: Sequence[Row], *, markdown: bool, words: tuple[int, ...] = (0,)) -> Iterator[str]:
    """`rows` (the first one names the columns) as text or as Markdown; `words`: columns to the left."""
    if not markdown:
        yield from aligned(rows, left=words)
        return
    yield ""
    yield f"| {' | '.join(rows[0])} |"
    yield "|" + "|".join("---" if place in words else "--:" for place in range(len(rows[0]))) + "|"
    for row in rows[1:]:
        yield f"| {' | '.join(row)} |"
