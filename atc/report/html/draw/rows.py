"""A row a thing: bars from 0, floating bars, points with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from atc.report.html.draw.frame import FULL
from atc.report.html.draw.marks import CHARACTER, Drawing, dot, line, rectangle, shortened, words
from atc.report.html.draw.scale import linear, readable

_ROW, _TOP, _BOTTOM, _RIGHT = 22, 6, 42, 16
_LONGEST = 34


@dataclass(frozen=True)
class Mark:
    """A value on a row; with the ends of its interval, or of a floating bar from `start`."""

    value: float | None
    low: float | None = None
    high: float | None = None
    look: str = "s0"
    start: float | None = None
    """A bar from here to the value; None: a point."""
    name: str = ""


@dataclass(frozen=True)
class Row:
    """A name and what stands on its line."""

    name: str
    marks: tuple[Mark, ...]
    said: str = ""
    """Written to the right of the last mark."""


def row_chart(
    rows: Sequence[Row],
    *,
    x_title: str = "",
    width: int = FULL,
    at_x: float | None = None,
    sign: str = "",
    digits: int = 4,
) -> Drawing:
    """`rows` from top to bottom. `at_x`: a value to compare with; `sign`, `digits` of what is told when one
    points at a row.
    """
    per_row = max((len(_points(row)) for row in rows), default=1)
    high_row = _ROW + 8 * max(per_row - 1, 0)
    left = 12 + min(max((len(row.name) for row in rows), default=0), _LONGEST) * CHARACTER
    room = max((len(row.said) for row in rows), default=0) * CHARACTER
    height = _TOP + high_row * len(rows) + _BOTTOM
    most = max(3, round((width - left) / 80))
    x = linear([*_values(rows), at_x], left, width - _RIGHT - room, most=most, wide=False, sign=sign)
    below = _TOP + high_row * len(rows)
    parts = []
    for value, said in readable(x, CHARACTER):
        at = x(value)
        parts += [
            line(at, _TOP, at, below, "zero" if value == 0 else "grid"),
            words(at, below + 17, said, at="middle"),
        ]
    if at_x is not None:
        parts.append(line(x(at_x), _TOP, x(at_x), below, "level"))
    for number, row in enumerate(rows):
        top = _TOP + number * high_row
        middle = top + high_row / 2
        parts.append(words(left - 8, middle + 4, shortened(row.name, _LONGEST), at="end"))
        points = _points(row)
        for mark in row.marks:
            if mark.value is not None and mark.start is not None:
                begin, end = x(mark.start), x(mark.value)
                parts.append(rectangle(begin, middle - 7, (end - begin) or 1.0, 14, f"{mark.look} bar"))
                if mark.low is not None and mark.high is not None:
                    parts.append(line(x(mark.low), middle, x(mark.high), middle, "whisker"))
        for place, mark in enumerate(points):
            at = middle + (place - (len(points) - 1) / 2) * 11
            if mark.low is not None and mark.high is not None:
                parts.append(line(x(mark.low), at, x(mark.high), at, f"{mark.look} interval"))
            if mark.value is not None:
                parts.append(dot(x(mark.value), at, 4.0, f"{mark.look} dot"))
        if row.said:
            ends = [value for value in _values([row]) if value is not None]
            parts.append(words(x(max(ends, default=x.low)) + 7, middle + 4, row.said, look="said"))
        tip = _tip(row, sign, digits)
        parts.append(rectangle(0.0, top, width, high_row, "hit", data_tip=tip))
    if x_title:
        parts.append(words((x.start + x.end) / 2, below + 35, x_title, at="middle", look="name"))
    return Drawing(width, height, "".join(parts))


def _points(row: Row) -> list[Mark]:
    return [mark for mark in row.marks if mark.start is None]


def _values(rows: Iterable[Row]) -> list[float | None]:
    return [
        value for row in rows for mark in row.marks for value in (mark.value, mark.low, mark.high, mark.start)
    ]


def _tip(row: Row, sign: str, digits: int) -> str:
    told = [row.name]
    for mark in row.marks:
        if mark.value is None:
            continue
        said = f"{mark.name} {mark.value:{sign},.{digits}f}".strip()
        if mark.low is not None and mark.high is not None:
            said += f" ({mark.low:{sign},.{digits}f} … {mark.high:{sign},.{digits}f})"
        told.append(said)
    return "\n".join(told)
