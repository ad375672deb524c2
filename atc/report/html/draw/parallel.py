"""Parallel coordinates: an upright axis a key, a line a thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atc.report.html.draw.frame import FULL
from atc.report.html.draw.marks import CHARACTER, Drawing, element, line, path, shortened, words
from atc.report.html.draw.scale import linear

MOST_LINES = 400
_TOP, _BOTTOM, _SIDE = 34, 24, 112


@dataclass(frozen=True)
class Axis:
    """A key and its value of each thing: numbers, or words; None where it has none."""

    name: str
    values: tuple[float | str | None, ...]

    @property
    def numeric(self) -> bool:
        """Whether all that is known is numbers."""
        known = [value for value in self.values if value is not None]
        return bool(known) and all(isinstance(value, int | float) for value in known)


def parallel(
    axes: Sequence[Axis], names: Sequence[str], last: Axis, *, width: int = FULL, height: int = 360
) -> Drawing:
    """A line a thing over `axes`, and `last` to the right: the figure by which lines are coloured, from low
    (q0) to high (q4). Things without that figure are grey.
    """
    every = [*axes, last]
    gap = (width - 2 * _SIDE) / max(len(every) - 1, 1)
    at = [_SIDE + place * gap for place in range(len(every))]
    room = max(int(gap / CHARACTER) - 1, 6)
    parts: list[str] = []
    ticked: list[str] = []
    heights: list[list[float | None]] = []
    for x, axis in zip(at, every, strict=True):
        ticks, places = _places(axis, height - _BOTTOM, _TOP)
        heights.append(places)
        parts.append(line(x, _TOP, x, height - _BOTTOM, "axis"))
        parts.append(words(x, 14, shortened(axis.name, room), at="middle", look="name"))
        marked = axis is last
        for y, said in ticks:
            words_at = (x + 7, "start") if marked else (x - 7, "end")
            parts.append(line(x - 3, y, x + 3, y, "axis"))
            ticked.append(words(words_at[0], y + 4, shortened(said, 14), at=words_at[1], look="over"))
    drawn = []
    figures = [value if isinstance(value, float | int) else None for value in last.values]
    shades = _shades(figures)
    for place, name in enumerate(names):
        points = [
            None if (height_of := column[place]) is None else (x, height_of)
            for x, column in zip(at, heights, strict=True)
        ]
        tip = f"{name}\n{last.name} {_said(last.values[place])}"
        drawn.append((shades[place], tip, points))
    # The best are drawn last, above the others.
    for shade, tip, points in sorted(drawn, key=lambda one: one[0]):
        parts.append(element("g", path(points, f"{shade} strand"), class_="thread", data_tip=tip))
    return Drawing(width, height, "".join([*parts, *ticked]))


def _said(value: float | str | None) -> str:
    return "–" if value is None else value if isinstance(value, str) else f"{value:.4g}"


def _shades(figures: Sequence[float | None]) -> list[str]:
    known = sorted(figure for figure in figures if figure is not None)
    if not known:
        return ["qn"] * len(figures)
    return [
        "qn" if figure is None else f"q{min(4, 5 * known.index(figure) // len(known))}" for figure in figures
    ]


def _places(axis: Axis, start: float, end: float) -> tuple[list[tuple[float, str]], list[float | None]]:
    """Ticks of an axis, and the height of each thing on it. Words stand in their order of appearance."""
    known = [value for value in axis.values if value is not None]
    if axis.numeric:
        numbers = [None if value is None else float(value) for value in axis.values]
        distinct = sorted({value for value in numbers if value is not None})
        scale = linear(distinct, start, end, most=6, wide=False)
        if len(distinct) <= 7:
            ticks = [(scale(value), f"{value:.4g}") for value in distinct]
        else:
            ticks = [(scale(value), said) for value, said in scale.ticks]
        return ticks, [None if value is None else scale(value) for value in numbers]
    distinct_words = list(dict.fromkeys(str(value) for value in known))
    step = (start - end) / max(len(distinct_words), 1)
    height = {word: start - (place + 0.5) * step for place, word in enumerate(distinct_words)}
    return (
        [(y, word) for word, y in height.items()],
        [None if value is None else height[str(value)] for value in axis.values],
    )
