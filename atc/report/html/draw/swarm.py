"""A row a thing, a point an observation, coloured from low to high."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from atc.report.html.draw.frame import HALF
from atc.report.html.draw.marks import CHARACTER, Drawing, dot, line, shortened, words
from atc.report.html.draw.scale import linear, readable
from atc.report.html.draw.thin import evenly

Vector = NDArray[np.float64]

MOST_POINTS = 220
"""Of a row."""
_ROW, _TOP, _BOTTOM, _RIGHT = 30, 6, 42, 14
_SHADES = 5


def swarm(
    names: Sequence[str],
    values: Sequence[Vector],
    colours: Sequence[Vector],
    *,
    x_title: str,
    width: int = HALF,
) -> Drawing:
    """Points at `values` (n,) a row; `colours` (n,), in any unit, are ranked within their row into five
    shades; NaN is grey. At most `MOST_POINTS` a row: the least and the largest, and others evenly spread
    between by their order.
    """
    left = 12 + min(max((len(name) for name in names), default=0), 28) * CHARACTER
    below = _TOP + _ROW * len(names)
    ends = [float(end) for row in values if len(row) for end in (row.min(), row.max())]
    x = linear([0.0, *ends], left, width - _RIGHT, most=max(3, round((width - left) / 90)))
    parts = []
    for value, said in readable(x, CHARACTER):
        parts += [
            line(x(value), _TOP, x(value), below, "zero" if value == 0 else "grid"),
            words(x(value), below + 17, said, at="middle"),
        ]
    for number, (name, row, colour) in enumerate(zip(names, values, colours, strict=True)):
        middle = _TOP + (number + 0.5) * _ROW
        parts.append(words(left - 8, middle + 4, shortened(name, 28), at="end"))
        order = np.argsort(row, kind="stable")
        chosen = order[evenly(len(order), MOST_POINTS)]
        shade = _shades(colour)
        # The golden ratio spreads any number of points evenly over the row's height, the same every time.
        heights = (np.arange(len(chosen)) * 0.6180339887 % 1.0 - 0.5) * (_ROW - 10)
        parts += [
            dot(x(float(row[place])), middle + float(up), 2.0, shade[place])
            for place, up in zip(chosen, heights, strict=True)
        ]
    parts.append(words((x.start + x.end) / 2, below + 35, x_title, at="middle", look="name"))
    return Drawing(width, below + _BOTTOM, "".join(parts))


def _shades(colour: Vector) -> list[str]:
    known = ~np.isnan(colour)
    cuts = (
        np.quantile(colour[known], np.arange(1, _SHADES) / _SHADES) if known.any() else np.zeros(_SHADES - 1)
    )
    shade = np.searchsorted(cuts, np.nan_to_num(colour), side="left")
    return [f"q{one}" if is_known else "qn" for one, is_known in zip(shade, known, strict=True)]
