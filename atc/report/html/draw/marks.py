"""The elements that a drawing is made of."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

CHARACTER = 7.1
"""Mean width of a character of the drawings' text (12 px), px, in the widest of its typefaces."""


@dataclass(frozen=True)
class Drawing:
    """What stands inside an `<svg>` of this size, px."""

    width: int
    height: int
    body: str


def number(value: float) -> str:
    """A coordinate, to the tenth of a pixel. A value that is none is an error: it would be drawn nowhere."""
    if not math.isfinite(value):
        raise ValueError(f"a coordinate is {value}: a finite number was expected")
    shown = f"{value:.1f}"
    return "0" if shown == "-0.0" else shown.removesuffix(".0")


def element(name: str, *children: str, **attributes: object) -> str:
    """`<name …>children</name>`; `class_` is written `class`, `data_tip` is `data-tip`. None leaves out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(children)
    return f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>"


def _value(value: object) -> str:
    if isinstance(value, float):
        return number(value)
    return escape(str(value)).replace("\n", "&#10;")


def words(x: float, y: float, said: str, *, at: str = "start", look: str = "", **attributes: object) -> str:
    """Text that begins at `x`, or ends (`at="end"`) or has its middle there."""
    where = None if at == "start" else at
    return element(
        "text", escape(said), x=float(x), y=float(y), text_anchor=where, class_=look or None, **attributes
    )


def line(x1: float, y1: float, x2: float, y2: float, look: str, **attributes: object) -> str:
    """A straight line."""
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=look, **attributes)


def rectangle(x: float, y: float, width: float, height: float, look: str, **attributes: object) -> str:
    """A box; a negative size counts the other way."""
    x, width = (x, width) if width >= 0 else (x + width, -width)
    y, height = (y, height) if height >= 0 else (y + height, -height)
    return element(
        "rect",
        x=float(x),
        y=float(y),
        width=float(width),
        height=float(height),
        class_=look,
        **attributes,
    )


def dot(x: float, y: float, radius: float, look: str, **attributes: object) -> str:
    """A filled circle."""
    return element("circle", cx=float(x), cy=float(y), r=float(radius), class_=look, **attributes)


def path(points: Iterable[tuple[float, float] | None], look: str, *, closed: bool = False) -> str:
    """A line through `points`; None interrupts it."""
    commands: list[str] = []
    pen = "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        commands.append(f"{pen}{number(point[0])} {number(point[1])}")
        pen = "L"
    return element("path", d="".join(commands) + ("Z" if closed else ""), class_=look) if commands else ""


def shortened(said: str, most: int) -> str:
    """At most so many characters, the end cut."""
    return said if len(said) <= most else said[: most - 1] + "…"
