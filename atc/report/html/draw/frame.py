"""Axes and grid around what is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from atc.report.html.draw.marks import CHARACTER, line, rectangle, words
from atc.report.html.draw.scale import Scale, readable

FULL, HALF, THIRD = 1060, 520, 345
"""Widths of drawings, px: the page's column, and two or three beside each other."""
_TOP, _RIGHT, _BOTTOM = 10, 14, 42

MakeScale = Callable[[float, float], Scale]


@dataclass(frozen=True)
class Frame:
    """Two scales, and the box that they span."""

    x: Scale
    y: Scale
    width: int
    height: int

    @classmethod
    def of(cls, x: MakeScale, y: MakeScale, width: int, height: int, *, y_title: str = "") -> Frame:
        """`x`, `y`: make a scale over pixels from, to. The left margin has room for the longest tick."""
        vertical = y(height - _BOTTOM, _TOP)
        longest = max((len(said) for _, said in vertical.ticks), default=1)
        left = 10 + longest * CHARACTER + (18 if y_title else 0)
        return cls(x(left, width - _RIGHT), vertical, width, height)

    def under(self, x_title: str, y_title: str, *, zero: bool = True) -> str:
        """Grid, ticks and titles: what lies below the marks."""
        x, y = self.x, self.y
        parts = []
        for value, said in y.ticks:
            at = y(value)
            parts += [
                line(x.start, at, x.end, at, "zero" if zero and value == 0 else "grid"),
                words(x.start - 6, at + 4, said, at="end"),
            ]
        for value, said in readable(x, CHARACTER):
            at = x(value)
            parts.append(line(at, y.start, at, y.start + 4, "axis"))
            if said:
                half = len(said) * CHARACTER / 2
                where = "end" if at + half > self.width else "start" if at < half else "middle"
                parts.append(words(at, y.start + 17, said, at=where))
        parts.append(line(x.start, y.start, x.end, y.start, "axis"))
        if x_title:
            parts.append(words((x.start + x.end) / 2, y.start + 35, x_title, at="middle", look="name"))
        if y_title:
            middle = (y.start + y.end) / 2
            turned = f"rotate(-90 12 {middle:.0f})"
            parts.append(words(12, middle, y_title, at="middle", look="name", transform=turned))
        return "".join(parts)

    def strips(self, at: list[float], said: list[str]) -> str:
        """Invisible strips over the whole height around the places `at` (px, ascending), each of which tells
        its words when it is pointed at.
        """
        parts = []
        for place, (middle, text) in enumerate(zip(at, said, strict=True)):
            left = self.x.start if place == 0 else (at[place - 1] + middle) / 2
            right = self.x.end if place == len(at) - 1 else (middle + at[place + 1]) / 2
            parts.append(
                rectangle(left, self.y.end, right - left, self.y.start - self.y.end, "hit", data_tip=text)
            )
        return "".join(parts)
