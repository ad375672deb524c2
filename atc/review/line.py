"""How the time of a stage grows with its work: what recorded runs of one kind tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from atc.review.fit_work import Work

_FIXED_S = 0.05
"""What a stage takes before it does anything, where nothing else is known."""
_KNOWN, _GUESSED = 0.1, 0.02
"""How sure the share of what it takes to begin is, known or not: as runs of 15 % of error tell a figure that
is right within a factor of two or three; where there is none, little is known.
"""


@dataclass(frozen=True)
class Line:
    """Seconds of a stage, as beginning and amount of its work have them."""

    begin: float
    """Seconds of a unit to begin with."""
    slope: float
    """Seconds of a unit of the amount."""
    unknown: float
    """Units to begin with where a work does not say."""

    def seconds(self, work: Work) -> float:
        """Those of `work`."""
        begin = self.unknown if work.begin is None else work.begin
        return self.begin * begin + self.slope * work.amount


def line_of(works: Sequence[Work], seconds: Sequence[float]) -> Line:
    """The line through runs of one kind, at least one: by least squares of the relative errors, with neither
    part below 0.

    Runs that all did as much cannot tell what it takes to begin; then its share is as it is known to be.
    """
    typical, amount = median(seconds), median(work.amount for work in works)
    fixed = min(_FIXED_S, typical / 2)
    unknown = fixed * amount / (typical - fixed)
    begins = [unknown if work.begin is None else work.begin for work in works]
    # Minimise Σ((x·b + y·w − s)/s)² + (k·(x − y)·(b + w)/s)²: two normal equations.
    rows = [(b / s, work.amount / s, 1.0) for b, work, s in zip(begins, works, seconds, strict=True)]
    sure = _GUESSED if any(work.begin is None for work in works) else _KNOWN
    pull = sure * (median(begins) + amount) / typical
    rows.append((pull, -pull, 0.0))
    xx, xy, yy, x1, y1 = (sum(row[i] * row[j] for row in rows) for i, j in _PRODUCTS)
    determinant = xx * yy - xy * xy
    if determinant > 0:
        begin, slope = (yy * x1 - xy * y1) / determinant, (xx * y1 - xy * x1) / determinant
        if begin >= 0 and slope >= 0:
            return Line(begin, slope, unknown)
    only_slope, only_begin = Line(0.0, y1 / yy, unknown), Line(x1 / xx if xx else 0.0, 0.0, unknown)
    return min((only_slope, only_begin), key=lambda line: _error(line, works, seconds))


def _error(line: Line, works: Sequence[Work], seconds: Sequence[float]) -> float:
    return sum((line.seconds(work) / took - 1) ** 2 for work, took in zip(works, seconds, strict=True))


_PRODUCTS = ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2))
