"""Which time a run judges on besides its holdout: validation, and the folds of its protocol."""

from __future__ import annotations

from collections.abc import Sequence

from atc.config.protocol import Protocol, RandomSplit
from atc.protocol.fold import FoldSpans
from atc.protocol.window import Span


def judged_spans(
    protocol: Protocol, folds: Sequence[FoldSpans], train: Span, valid_start_ns: int
) -> tuple[Span, ...]:
    """The stretches of the `train` span that select or judge, ascending and apart.

    Validation (from `valid_start_ns` on), and of each fold its validation and its test time; of a random
    split the whole span. Time that is fitted on alone is not among them.
    """
    if isinstance(protocol, RandomSplit):
        return (train,)
    spans = [(valid_start_ns, train[1])]
    for fold in folds:
        selects = ((max(start, fold.valid_start_ns), end) for start, end in fold.fit)
        spans += [*fold.test, *((start, end) for start, end in selects if start < end)]
    return _joined(spans)


def _joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Spans that overlap or touch as one."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)
