"""A picture of folds: what fits, what selects, what judges, and what leaves between them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from atc.protocol.fold import FoldSpans, rows_of_fold
from atc.protocol.window import Span

FITS, SELECTS, JUDGES, PURGED, EMBARGOED, UNUSED = "=", "v", "#", "x", "e", "."
LEGEND = (
    f"{FITS} trains   {SELECTS} selects (validation)   {JUDGES} judges (test)   {PURGED} purged   "
    f"{EMBARGOED} embargoed   {UNUSED} not used"
)


def fold_picture(
    folds: Sequence[FoldSpans], train: Span, *, label_ns: int, embargo_ns: int, width: int = 72
) -> list[str]:
    """A line a fold of `width` cells over the time of `train`, made by the protocol's own assignment of a row
    a cell with a label of `label_ns`.
    """
    start, end = train
    t0 = start + (end - start) * np.arange(width, dtype=np.int64) // width
    usable = t0 + label_ns < end
    lines = []
    for spans in folds:
        fold = rows_of_fold(spans, t0, t0 + label_ns, usable, embargo_ns=embargo_ns, min_rows=0)
        whole = rows_of_fold(spans, t0, t0 + label_ns, usable, embargo_ns=0, min_rows=0)
        cells = np.full(width, UNUSED)
        for first, last in spans.fit:
            cells[(t0 >= first) & (t0 < last) & usable] = PURGED
        cells[np.concatenate([whole.train, whole.valid])] = EMBARGOED
        for mark, rows in ((FITS, fold.train), (SELECTS, fold.valid), (JUDGES, fold.test)):
            cells[rows] = mark
        lines.append(f"{spans.name:>2} {''.join(cells)}")
    return lines


def main() -> None:
    """Prints the pictures of docs/protocols.md: two hours, labels of 2 minutes, a look back of 4."""
    from atc.config.protocol import Cpcv, WalkForward
    from atc.protocol.plan import plan_folds

    minute_ns = 60_000_000_000
    train = (0, 120 * minute_ns)
    # A tenth of the first tenth of two hours is shorter than a label: purged whole, and the fold refused.
    forward = WalkForward(kind="walk_forward", first_train_fraction=0.2, valid_fraction=0.2)
    for protocol in (forward, Cpcv(kind="cpcv", groups=6, test_groups=2)):
        folds = plan_folds(protocol, train, day_cut_utc_s=0, tz_offset_s=0)
        embargo_ns = 4 * minute_ns if protocol.kind == "cpcv" else 0
        lines = fold_picture(folds, train, label_ns=2 * minute_ns, embargo_ns=embargo_ns)
        sys.stdout.write("\n".join([protocol.kind, *lines, "", ""]))
    sys.stdout.write(LEGEND + "\n")


if __name__ == "__main__":
    main()
