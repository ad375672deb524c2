"""A fold: rows that fit, rows that select, rows that judge; a purge and an embargo between them (SPEC 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from atc.errors import DataError, UsageError
from atc.protocol.purge import Instants, embargoed, overlaps_any
from atc.protocol.row_runs import Rows
from atc.protocol.sealed_holdout import MIN_ROWS
from atc.protocol.window import Span


@dataclass(frozen=True)
class FoldSpans:
    """The time of a fold, before a row is looked at.

    A fold that fits on the time that judges it, or that selects before it trains, cannot be made.
    """

    name: str
    """Its number from 1, as it stands in keys and in the split of predictions."""
    fit: tuple[Span, ...]
    """Where training and validation rows lie: ascending, apart from each other and from `test`."""
    test: tuple[Span, ...]
    """Where the judging rows lie: ascending, apart."""
    valid_start_ns: int
    """Fitting rows from here on are the internal validation: they select, and train nothing."""

    def __post_init__(self) -> None:
        for part, spans in (("fit", self.fit), ("test", self.test)):
            if not spans or any(start >= end for start, end in spans):
                raise UsageError(f"fold {self.name}: {part} has no time: {spans}")
            if any(one[1] > other[0] for one, other in pairwise(spans)):
                raise UsageError(f"fold {self.name}: the spans of {part} overlap or run backwards: {spans}")
        for fit in self.fit:
            for test in self.test:
                if max(fit[0], test[0]) < min(fit[1], test[1]):
                    raise UsageError(
                        f"fold {self.name}: the rows of {fit} would be fitted on and judged by {test}: a "
                        "score of rows that were trained on says nothing; let the spans lie apart"
                    )
        if not self.fit[0][0] < self.valid_start_ns < self.fit[-1][1]:
            raise UsageError(
                f"fold {self.name}: validation from {self.valid_start_ns} leaves no time to train or to "
                f"select in {self.fit}"
            )


@dataclass(frozen=True)
class Fold:
    """Positions of the rows of a fold, ascending, and what became of the others."""

    name: str
    train: Rows
    valid: Rows
    """Early stopping, thresholds, calibration: they select, and train nothing."""
    test: Rows
    """Those with a label: they judge."""
    test_decisions: Rows
    """All rows of the test time, with a label or without."""
    purged: int
    """Fitting rows whose label overlaps what a test decision looks at, and training rows whose label overlaps
    a validation label."""
    embargoed: int
    """Fitting rows after a test block that look back into what its decisions look at."""
    leaks: bool = False
    """Neither purged nor apart in time: a control, never a result."""


def last_part(spans: Sequence[Span], fraction: float) -> int:
    """The instant, ns, from which on the last `fraction` of the time of `spans` (ascending) lies."""
    left = round(sum(end - start for start, end in spans) * (1 - Fraction(str(fraction))))
    for start, end in spans:
        if left < end - start:
            return start + left
        left -= end - start
    return spans[-1][1]


def rows_of_fold(
    spans: FoldSpans,
    t0: Instants,
    t1: Instants,
    usable: NDArray[np.bool_],
    *,
    embargo_ns: int,
    min_rows: int = MIN_ROWS,
) -> Fold:
    """The rows with labels over [t0, t1] (n,), ns, of `spans`; `usable` (n,): those that have a label.

    Test rows are those of the test time. Fitting rows leave whose label overlaps the interval [t0, t1] of a
    test decision (purge), and those that begin at most `embargo_ns` after the end of one (embargo): their
    features look back into it. A decision whose label a gap makes null counts too: it is scored like any
    other. Then training rows leave whose label overlaps one of the validation rows that are left.

    Raises DataError when a part keeps fewer than `min_rows` rows.
    """
    test_decisions = np.flatnonzero(_within(t0, spans.test))
    test = test_decisions[usable[test_decisions]]
    candidates = np.flatnonzero(_within(t0, spans.fit) & usable)
    overlapping = overlaps_any(t0, t1, t0[test_decisions], t1[test_decisions], rows=candidates)
    barred = embargoed(t0[candidates], t1[test_decisions], embargo_ns) & ~overlapping
    fitting = candidates[~overlapping & ~barred]
    selects = t0[fitting] >= spans.valid_start_ns
    valid, training = fitting[selects], fitting[~selects]
    late = overlaps_any(t0, t1, t0[valid], t1[valid], rows=training)
    fold = Fold(
        name=spans.name,
        train=training[~late],
        valid=valid,
        test=test,
        test_decisions=test_decisions,
        purged=int(np.count_nonzero(overlapping) + np.count_nonzero(late)),
        embargoed=int(np.count_nonzero(barred)),
    )
    require_rows(fold, min_rows)
    return fold


def require_rows(fold: Fold, min_rows: int) -> None:
    """Raise DataError if a part of `fold` has fewer than `min_rows` rows."""
    parts = {"train": fold.train, "validation": fold.valid, "test": fold.test}
    short = [f"{part} has {len(rows):,}" for part, rows in parts.items() if len(rows) < min_rows]
    if short:
        raise DataError(
            f"fold {fold.name}: fewer rows than a fold needs ({min_rows} a part): {', '.join(short)}; "
            f"{fold.purged:,} rows were purged and {fold.embargoed:,} embargoed. Take fewer or longer folds, "
            "a longer window or a shorter label.horizon_s"
        )


def _within(t0: Instants, spans: Sequence[Span]) -> NDArray[np.bool_]:
    inside = np.zeros(len(t0), dtype=np.bool_)
    for start, end in spans:
        inside |= (t0 >= start) & (t0 < end)
    return inside
