"""Walk-forward: each test block is judged by what was learnt before it (SPEC 5)."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from atc.config.protocol import WalkForward
from atc.errors import DataError, UsageError
from atc.events.business_day import DAY_NS, day_of, day_start_ns
from atc.protocol.fold import FoldSpans, last_part
from atc.protocol.window import Span


def walk_forward(
    train: Span, protocol: WalkForward, *, day_cut_utc_s: int, tz_offset_s: int
) -> tuple[FoldSpans, ...]:
    """The folds inside the `train` span: test blocks in a row up to its end, training from its start on.

    With `block_months` or `block_days` the blocks are counted back from the end of the span; without, what
    is left after `first_train_fraction` of its time is divided into `folds` equal ones. Past-only training
    needs no embargo.

    Raises DataError for blocks that begin before the train span or leave nothing to train on, UsageError for
    months in a span that does not end with a business day.
    """
    start, end = train
    edges = _edges(train, protocol, day_cut_utc_s=day_cut_utc_s, tz_offset_s=tz_offset_s)
    if edges[0] <= start:
        blocks = (
            f"protocol.folds={protocol.folds} blocks of protocol.block_months={protocol.block_months}"
            if protocol.block_months
            else f"protocol.folds={protocol.folds} blocks of protocol.block_days={protocol.block_days}"
        )
        first, last = (day_of(instant, day_cut_utc_s, tz_offset_s) for instant in (start, end - 1))
        raise DataError(
            f"{blocks} reach back to {day_of(edges[0], day_cut_utc_s, tz_offset_s)}: the train range is "
            f"{first} … {last}, and the first block needs rows before it to learn from. Test blocks outside "
            "the train range would judge on the holdout or on nothing: take fewer or shorter blocks"
        )
    return tuple(
        FoldSpans(
            name=str(number),
            fit=((start, first),),
            test=((first, last),),
            valid_start_ns=last_part(((start, first),), protocol.valid_fraction),
        )
        for number, (first, last) in enumerate(pairwise(edges), start=1)
    )


def _edges(train: Span, protocol: WalkForward, *, day_cut_utc_s: int, tz_offset_s: int) -> list[int]:
    """Starts of the test blocks and the end of the last, ns."""
    start, end = train
    if protocol.block_days is not None:
        return [end - back * protocol.block_days * DAY_NS for back in range(protocol.folds, -1, -1)]
    if protocol.block_months is not None:
        after = day_of(end - 1, day_cut_utc_s, tz_offset_s) + timedelta(days=1)
        if day_start_ns(after, day_cut_utc_s, tz_offset_s) != end:
            raise UsageError(
                f"protocol.block_months={protocol.block_months} counts whole business days, and the train "
                "range of this window ends within one; set protocol.block_months=null"
            )
        firsts = [
            _months_before(after, back * protocol.block_months) for back in range(protocol.folds, 0, -1)
        ]
        return [*(day_start_ns(day, day_cut_utc_s, tz_offset_s) for day in firsts), end]
    first = start + round((end - start) * Fraction(str(protocol.first_train_fraction)))
    return [first + (end - first) * number // protocol.folds for number in range(protocol.folds + 1)]


def _months_before(day: date, months: int) -> date:
    """The same day of the month `months` earlier, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
