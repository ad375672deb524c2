"""A table of numbers as colours, with the numbers in it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from atc.report.html.draw.frame import THIRD
from atc.report.html.draw.marks import CHARACTER, Drawing, rectangle, words

LEVELS = 5
"""Of colour on each side of 0."""
_CELL, _TOP, _BOTTOM = 34, 22, 24


def heat_map(
    cells: Sequence[Sequence[float | None]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    largest: float,
    row_title: str = "",
    column_title: str = "",
    width: int = THIRD,
    own: tuple[int, int] | None = None,
) -> Drawing:
    """`cells` by row and column; the colour says how far from 0, of `largest` at most (the same in drawings
    that stand beside each other), and which way. `own`: a cell to mark.
    """
    left = 14 + max((len(row) for row in rows), default=0) * CHARACTER + (16 if row_title else 0)
    wide = (width - left - 4) / max(len(columns), 1)
    height = _TOP + _CELL * len(rows) + _BOTTOM
    parts = []
    for number, name in enumerate(columns):
        parts.append(words(left + (number + 0.5) * wide, _TOP - 8, name, at="middle"))
    for number, (name, values) in enumerate(zip(rows, cells, strict=True)):
        top = _TOP + number * _CELL
        parts.append(words(left - 8, top + _CELL / 2 + 4, name, at="end"))
        for place, value in enumerate(values):
            x = left + place * wide
            tip = f"{row_title} {name}, {column_title} {columns[place]}\n{_said(value)}"
            look = f"cell h{level(value, largest)}" if value is not None else "cell none"
            if own == (number, place):
                look += " own"
            parts.append(rectangle(x + 1, top + 1, wide - 2, _CELL - 2, look, data_tip=tip))
            parts.append(
                words(x + wide / 2, top + _CELL / 2 + 4, _short(value, wide), at="middle", look="incell")
            )
    if column_title:
        parts.append(
            words(left + wide * len(columns) / 2, height - 6, column_title, at="middle", look="name")
        )
    if row_title:
        middle = _TOP + _CELL * len(rows) / 2
        turned = f"rotate(-90 11 {middle:.0f})"
        parts.append(words(11, middle, row_title, at="middle", look="name", transform=turned))
    return Drawing(width, height, "".join(parts))


def level(value: float, largest: float) -> int:
    """From −5 to 5; 0 for 0 alone, so that a loss never looks like nothing."""
    if value == 0 or largest <= 0:
        return 0
    return int(math.copysign(max(1, min(LEVELS, math.ceil(LEVELS * abs(value) / largest - 1e-9))), value))


def _said(value: float | None) -> str:
    return "–" if value is None else f"{value:+,.0f}" if round(value) else "0"


def _short(value: float | None, wide: float) -> str:
    """The number if it fits, else in thousands."""
    said = _said(value)
    if value is None or len(said) * CHARACTER <= wide - 4:
        return said
    return f"{value / 1e6:+.1f}M" if abs(value) >= 1e6 else f"{value / 1e3:+.0f}k"
