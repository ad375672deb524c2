"""The named model and the validation rows that it is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from atc.config.schema import RunConfig
from atc.evaluation.head import Head, HeadRows, Outcomes
from atc.evaluation.lift import Resampling
from atc.evaluation.report import draws_of
from atc.models.explain.response import Asked, Values, matrix_of, spaced, values_of
from atc.protocol.dataset import Dataset
from atc.protocol.row_windows import RowWindows
from atc.tasks.fitting import FittedModel
from atc.tasks.loaded import Loaded

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """The named model and the validation rows that it is asked about."""

    config: RunConfig
    heads: Sequence[Head]
    named: FittedModel
    rows: Dataset
    asked: Asked
    """Its scores, calibrated where the run calibrates."""
    of_heads: tuple[HeadRows, ...]
    draws: tuple[Resampling, ...]
    """Of the blocks of each head's rows."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return self.asked.features

    def margins(self, rows: int) -> Asked:
        """Of so many of the rows, a number a head that is a sum where nothing interacts: the log-odds of the
        last class before calibration, or the predicted return.
        """

        def answer(values: Values) -> Matrix:
            scores = self.named.model.predict(matrix_of(values))
            return np.column_stack([_margin(head, scores) for head in self.heads])

        return replace(self.asked, response=answer).take(rows)


def question_of(config: RunConfig, loaded: Loaded, heads: Sequence[Head], named: FittedModel) -> Question:
    """`named` on evenly spaced rows of those that validation's figures are made of."""
    explain = config.explain
    judged = np.flatnonzero(loaded.valid_judged)
    most = explain.window_rows if isinstance(loaded.parts.valid.x, RowWindows) else explain.rows
    chosen = spaced(len(judged), most)
    # The block has the windows of a row, the data set its key and its return.
    valid = loaded.parts.valid.select(named.model.features)
    rows = loaded.valid.take(judged[chosen])
    of_heads = tuple(HeadRows.of(Outcomes.of(rows), head, number) for number, head in enumerate(heads))
    resampled = config.evaluation.model_copy(update={"resamples": explain.resamples})

    def score(values: Values) -> Matrix:
        raw = named.model.predict(matrix_of(values))
        return raw if named.calibration is None else named.calibration.apply(raw)

    return Question(
        config=config,
        heads=heads,
        named=named,
        rows=rows,
        asked=Asked(score, values_of(valid.x, chosen), named.model.features),
        of_heads=of_heads,
        draws=tuple(draws_of(one, resampled, config.seed)[0] for one in of_heads),
    )


def _margin(head: Head, scores: Matrix) -> Matrix:
    """(n,) of the head's own `scores` of all columns."""
    own = head.own(scores)[:, -1]
    if not head.classes:
        return own
    tiny = np.finfo(np.float64).tiny
    return np.asarray(np.log(np.maximum(own, tiny)) - np.log(np.maximum(1.0 - own, tiny)))
