"""What one model says of the rows of a head; what every figure of it is made of, made once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from atc.evaluation.head import HeadRows
from atc.models.ranking import Ranked, rank

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class HeadScores:
    """The scores of a head's rows, sorted once for all figures that rank."""

    rows: HeadRows
    values: Matrix
    """(n, classes) probabilities, or (n, 1) predicted returns."""

    @property
    def judged(self) -> list[int]:
        """The classes whose ranking is judged: of two the second, which says it of both."""
        classes = len(self.rows.head.classes)
        return [1] if classes == 2 else list(range(classes))

    def happened(self, one: int) -> NDArray[np.bool_]:
        """(n,) whether the class with this code did."""
        return np.asarray(self.rows.codes == one)

    def ranked(self, one: int) -> Ranked:
        """The rows by the score in the column of this number."""
        if one not in self._by_column:
            self._by_column[one] = rank(self.values[:, one])
        return self._by_column[one]

    @cached_property
    def _by_column(self) -> dict[int, Ranked]:
        return {}

    @property
    def towards(self) -> Vector:
        """(n,) of probabilities the last class's less the first's, p(HOLD) − p(SHORT); of a return itself."""
        return direction_score(self.values)

    @cached_property
    def ranked_towards(self) -> Ranked:
        """The rows by it."""
        columns = self.values.shape[1]
        return self.ranked(columns - 1) if columns <= 2 else rank(self.towards)

    def take(self, chosen: NDArray[np.int64], rows: HeadRows) -> HeadScores:
        """The scores at the positions `chosen` of these rows, which are `rows`."""
        return HeadScores(rows, self.values[chosen])


def direction_score(scores: Matrix) -> Vector:
    """(n,) of probabilities (n, classes) the last class's less the first's, of a return (n, 1) the return
    itself: p(HOLD) − p(SHORT).
    """
    columns = scores.shape[1]
    if columns == 1:
        return scores[:, 0]
    # Of two classes p, which is the same ranking and keeps its digits.
    return scores[:, 1] if columns == 2 else scores[:, -1] - scores[:, 0]
