"""Things as points of two figures, and which of them no other beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atc.report.html.draw.frame import FULL, Frame
from atc.report.html.draw.marks import Drawing, dot, line, path, shortened, words
from atc.report.html.draw.scale import linear

_NAMED = 12
"""Points whose names are written: all if they are no more, else so many of the front. The others tell theirs
when they are pointed at.
"""


@dataclass(frozen=True)
class Point:
    """A thing at (x, y); `low`, `high`: interval of y."""

    name: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None


def front(points: Sequence[Point]) -> list[int]:
    """Which points no other beats, by rising x: less x is better, and more y is. Of equal ones the first."""
    best: list[int] = []
    for place in sorted(range(len(points)), key=lambda one: (points[one].x, -points[one].y, one)):
        if not best or points[place].y > points[best[-1]].y:
            best.append(place)
    return best


def scatter(
    points: Sequence[Point],
    *,
    x_title: str,
    y_title: str,
    width: int = FULL,
    height: int = 380,
    sign: str = "+",
    digits: int = 4,
) -> Drawing:
    """The points, those of the front filled and joined by steps, with names as far as there is room."""
    xs = [0.0, *(point.x for point in points)]
    ys = [
        0.0,
        *(value for point in points for value in (point.y, point.low, point.high) if value is not None),
    ]
    frame = Frame.of(
        lambda start, end: linear(xs, start, end, most=9),
        lambda start, end: linear(ys, start, end, most=7, sign=sign),
        width,
        height,
        y_title=y_title,
    )
    x, y = frame.x, frame.y
    best = front(points)
    parts = [frame.under(x_title, y_title)]
    steps: list[tuple[float, float] | None] = []
    for place in best:
        point = points[place]
        if steps:
            steps.append((x(point.x), steps[-1][1]))  # type: ignore[index]
        steps.append((x(point.x), y(point.y)))
    if steps:
        steps.append((x.end, steps[-1][1]))  # type: ignore[index]
    parts.append(path(steps, "s1 curve"))
    for point in points:
        if point.low is not None and point.high is not None:
            parts.append(line(x(point.x), y(point.low), x(point.x), y(point.high), "faint interval"))
    for place, point in enumerate(points):
        said = f"{point.name}\n{y_title} {point.y:{sign}.{digits}f}"
        if point.low is not None and point.high is not None:
            said += f" ({point.low:{sign}.{digits}f} … {point.high:{sign}.{digits}f})"
        said += f"\n{x_title} {point.x:,.4g}"
        look = "s1 dot" if place in best else "s0 ring"
        parts.append(dot(x(point.x), y(point.y), 5.0, look, data_tip=said, tabindex=0))
    for place in range(len(points)) if len(points) <= _NAMED else best[:_NAMED]:
        point = points[place]
        right = x(point.x) > x.end - 180
        parts.append(
            words(
                x(point.x) + (-9 if right else 9),
                y(point.y) - 8,
                shortened(point.name, 40),
                at="end" if right else "start",
                look="said",
            )
        )
    return Drawing(width, height, "".join(parts))
