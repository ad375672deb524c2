"""Tables of a comparison, as text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from atc.report.aligned import aligned

DASH = "–"
Row = list[str]
_SMALLEST_P = 0.0001


def number(value: float | None, sign: str) -> str:
    """Four decimals."""
    return DASH if value is None else f"{value:{sign}.4f}"


def p_value(value: float | None) -> str:
    """Four decimals; of what is smaller than they can show, that it is: no p-value is 0."""
    return f"< {_SMALLEST_P:.4f}" if value is not None and value < _SMALLEST_P else number(value, "")


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
