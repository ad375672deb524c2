"""Curves: over time, over a value, in the unit square."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from atc.report.html.draw.frame import FULL, Frame
from atc.report.html.draw.marks import Drawing, dot, line, path
from atc.report.html.draw.scale import Scale, linear, minute, of_time
from atc.report.html.draw.thin import evenly, keep_extremes

Vector = NDArray[np.float64]

MOST_POINTS = 900
"""Of a curve; a page's column has about so many pixels."""
_STRIPS = 60
HALF_DAY_NS = 43_200 * 10**9
"""Room beside points of time, which stand in the middle of their day."""


@dataclass(frozen=True)
class Curve:
    """A curve in one drawing."""

    name: str
    x: Vector
    """(n,), ascending; of times ns UTC."""
    y: Vector
    """(n,); NaN interrupts."""
    look: str = "s0"
    """Class of its colour."""
    low: Vector | None = None
    high: Vector | None = None
    """Of a band around it."""
    dots: bool = False
    """Points and no line between them."""
    filled: bool = False
    """Down or up to 0."""
    stepped: bool = False


def line_chart(
    curves: Sequence[Curve],
    *,
    x_title: str = "",
    y_title: str = "",
    times: bool = False,
    width: int = FULL,
    height: int = 260,
    at_y: float | None = None,
    shades: Sequence[tuple[float, float]] = (),
    sign: str = "",
    digits: int = 0,
    diagonal: bool = False,
    inside: tuple[float, float, float, float] | None = None,
    tips: bool = True,
) -> Drawing:
    """Curves over one x. Drawn with at most `MOST_POINTS` each, its extremes kept.

    `times`: x is ns UTC. `at_y`: a level to compare with. `shades`: stretches of x that are set apart.
    `digits`: of the values that are told when one points. `diagonal`: from corner to corner. `inside`: the
    ends of x and y, where they are known.
    """
    frame = Frame.of(
        partial(_x_scale, curves, times, inside),
        partial(_y_scale, curves, at_y, inside, sign=sign),
        width,
        height,
        y_title=y_title,
    )
    x, y = frame.x, frame.y
    parts = []
    for begin, end in shades:
        parts.append(
            path([(x(begin), y.start), (x(begin), y.end), (x(end), y.end), (x(end), y.start)], "shade")
        )
    parts.append(frame.under(x_title, y_title))
    if diagonal:
        parts.append(line(x.start, y.start, x.end, y.end, "level"))
    if at_y is not None:
        parts.append(line(x.start, y(at_y), x.end, y(at_y), "level"))
    parts += [_drawn(curve, frame) for curve in curves]
    if tips:
        parts.append(_tips(curves, frame, times, digits))
    return Drawing(width, height, "".join(parts))


def _x_scale(
    curves: Sequence[Curve],
    times: bool,
    inside: tuple[float, float, float, float] | None,
    start: float,
    end: float,
) -> Scale:
    most = max(4, round((end - start) / 110))
    known = [curve.x for curve in curves if len(curve.x)]
    if times:
        room = HALF_DAY_NS if all(curve.dots for curve in curves) else 0
        return of_time(
            int(min(values[0] for values in known)) - room,
            int(max(values[-1] for values in known)) + room,
            start,
            end,
            most=most,
        )
    ends = (
        inside[:2]
        if inside
        else (min(v.min() for v in known), max(v.max() for v in known))
        if known
        else (0, 1)
    )
    scale = linear(ends, start, end, most=most, wide=False)
    if inside:
        ticks = tuple(tick for tick in scale.ticks if inside[0] - 1e-9 <= tick[0] <= inside[1] + 1e-9)
        return Scale(inside[0], inside[1], start, end, ticks)
    return scale


def _y_scale(
    curves: Sequence[Curve],
    at_y: float | None,
    inside: tuple[float, float, float, float] | None,
    start: float,
    end: float,
    *,
    sign: str,
) -> Scale:
    most = max(3, round(abs(end - start) / 42))
    if inside:
        scale = linear(inside[2:], start, end, most=most, wide=False, sign=sign)
        ticks = tuple(tick for tick in scale.ticks if inside[2] - 1e-9 <= tick[0] <= inside[3] + 1e-9)
        return Scale(inside[2], inside[3], start, end, ticks)
    values: list[float | None] = [at_y]
    for curve in curves:
        for part in (curve.y, curve.low, curve.high):
            if part is not None and np.isfinite(part).any():
                values += [float(np.nanmin(part)), float(np.nanmax(part))]
        if curve.filled:
            values.append(0.0)
    return linear(values, start, end, most=most, sign=sign)


def _drawn(curve: Curve, frame: Frame) -> str:
    x, y = frame.x, frame.y
    places = keep_extremes(curve.y, MOST_POINTS)
    xs, ys = curve.x[places], curve.y[places]
    if curve.dots:
        return "".join(
            dot(x(a), y(b), 3.0, f"{curve.look} dot") for a, b in zip(xs, ys, strict=True) if math.isfinite(b)
        )
    points = list(_points(xs, ys, frame, stepped=curve.stepped))
    parts = []
    if curve.low is not None and curve.high is not None:
        upper = [(x(a), y(b)) for a, b in zip(xs, curve.high[places], strict=True) if math.isfinite(b)]
        lower = [(x(a), y(b)) for a, b in zip(xs, curve.low[places], strict=True) if math.isfinite(b)]
        parts.append(path([*upper, *reversed(lower)], f"{curve.look} band", closed=True))
    if curve.filled and len(xs):
        whole = [point for point in points if point is not None]
        parts.append(
            path([(x(xs[0]), y(0.0)), *whole, (x(xs[-1]), y(0.0))], f"{curve.look} band", closed=True)
        )
    return "".join([*parts, path(points, f"{curve.look} curve")])


def _points(xs: Vector, ys: Vector, frame: Frame, *, stepped: bool) -> Iterator[tuple[float, float] | None]:
    before: float | None = None
    for a, b in zip(xs, ys, strict=True):
        if not math.isfinite(b):
            before = None
            yield None
            continue
        at = frame.y(b)
        if stepped and before is not None:
            yield (frame.x(a), before)
        before = at
        yield (frame.x(a), at)


def _tips(curves: Sequence[Curve], frame: Frame, times: bool, digits: int) -> str:
    """What the curves are worth at places of the longest one."""
    longest = max(curves, key=lambda curve: len(curve.x), default=None)
    if longest is None or len(longest.x) < 2:
        return ""
    chosen = longest.x[evenly(len(longest.x), _STRIPS)]
    said = []
    for value in chosen:
        told = [f"{minute(value)} UTC" if times else f"{value:.4g}"]
        for curve in curves:
            if not len(curve.x) or not curve.x[0] <= value <= curve.x[-1]:
                continue
            found = curve.y[min(int(np.searchsorted(curve.x, value)), len(curve.y) - 1)]
            if math.isfinite(found):
                told.append(f"{curve.name} {found:,.{digits}f}")
        said.append("\n".join(told))
    return frame.strips([frame.x(value) for value in chosen], said)
