"""The protocol `sealed_holdout`: train, internal validation, and a holdout that selects nothing (SPEC 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from threading import Lock
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from atc.errors import AtcError, DataError, UsageError
from atc.protocol.dataset import Block, Dataset
from atc.protocol.purge import Instants, overlaps_any
from atc.protocol.row_runs import Rows, places_of
from atc.protocol.window import Spans

MIN_ROWS = 20
"""Rows that each part needs for its figures to be figures."""


class SealBrokenError(AtcError):
    """Something that selects tried to look at the holdout."""


@dataclass(frozen=True)
class SplitCounts:
    """How many rows each part has, and what became of the others: what is kept of a `Split`."""

    train: int
    valid: int
    holdout: int
    valid_start_ns: int
    """The instant at which training rows end and validation rows begin."""
    unlabelled: int
    purged_train: int
    purged_valid: int
    outside: int
    valid_decisions: int
    holdout_decisions: int


@dataclass(frozen=True)
class Split:
    """Positions of the rows of each part, ascending, and what became of the others."""

    train: Rows
    valid: Rows
    holdout: Rows
    valid_start_ns: int
    """The instant at which training rows end and validation rows begin."""
    unlabelled: int
    """Rows of the spans whose label is null."""
    purged_train: int
    """Rows before validation whose label overlaps what a decision of validation or holdout looks at."""
    purged_valid: int
    """Validation rows whose label overlaps what a decision of the holdout looks at."""
    outside: int
    """Rows in neither span."""
    valid_decisions: Rows
    """Every row of the validation's time, with a label or without: which of them have one is known later
    only, so a strategy decides at all of them."""
    holdout_decisions: Rows
    """Every row of the holdout's time."""

    @property
    def counts(self) -> SplitCounts:
        """Without the positions."""
        return SplitCounts(
            train=len(self.train),
            valid=len(self.valid),
            holdout=len(self.holdout),
            valid_start_ns=self.valid_start_ns,
            unlabelled=self.unlabelled,
            purged_train=self.purged_train,
            purged_valid=self.purged_valid,
            outside=self.outside,
            valid_decisions=len(self.valid_decisions),
            holdout_decisions=len(self.holdout_decisions),
        )


def split(
    t0: Instants,
    t1: Instants,
    spans: Spans,
    valid_fraction: float,
    *,
    labelled: NDArray[np.bool_] | None = None,
    min_rows: int = MIN_ROWS,
) -> Split:
    """Assign rows with labels over [t0, t1] (n,), ns, to train, validation and holdout.

    Validation is the last `valid_fraction` of the *time* of the train span. Of the rows where `labelled` is
    true validation is purged of those that overlap the interval [t0, t1] of a holdout decision, and training
    of those that overlap one of a validation or holdout decision. A decision whose label a gap makes null
    counts: it is traded like any other, and thresholds are chosen by what validation's earn.

    Raises DataError when a part keeps fewer than `min_rows` rows.
    """
    if len(t0) != len(t1):
        raise ValueError(f"t0 has {len(t0)} rows, t1 has {len(t1)}")
    usable = np.ones(len(t0), dtype=np.bool_) if labelled is None else labelled
    if bool(np.any(t1 < t0)):
        row = int(np.flatnonzero(t1 < t0)[0])
        raise ValueError(f"row {row}: the label ends at {t1[row]}, before it begins at {t0[row]}")

    start, end = spans.train
    valid_start = valid_start_of(spans.train, valid_fraction)

    def within(first: int, last: int) -> Rows:
        return np.flatnonzero((t0 >= first) & (t0 < last))

    in_train, valid_decisions = within(start, valid_start), within(valid_start, end)
    holdout_decisions = within(*spans.holdout)
    in_train, in_valid, holdout = (
        rows[usable[rows]] for rows in (in_train, valid_decisions, holdout_decisions)
    )
    held = places_of(holdout_decisions)
    late = overlaps_any(t0, t1, t0[held], t1[held], rows=in_valid)
    valid = in_valid[~late]
    judges = places_of(np.concatenate([valid_decisions, holdout_decisions]))
    overlapping = overlaps_any(t0, t1, t0[judges], t1[judges], rows=in_train)
    train = in_train[~overlapping]

    inside = ((t0 >= start) & (t0 < end)) | ((t0 >= spans.holdout[0]) & (t0 < spans.holdout[1]))
    result = Split(
        train=train,
        valid=valid,
        holdout=holdout,
        valid_start_ns=valid_start,
        unlabelled=int(np.count_nonzero(inside & ~usable)),
        purged_train=int(np.count_nonzero(overlapping)),
        purged_valid=int(np.count_nonzero(late)),
        outside=int(np.count_nonzero(~inside)),
        valid_decisions=valid_decisions,
        holdout_decisions=holdout_decisions,
    )
    _require_rows(result, min_rows)
    return result


def valid_start_of(train: tuple[int, int], valid_fraction: float) -> int:
    """The instant, ns, from which on the last `valid_fraction` of the time of the `train` span lies."""
    start, end = train
    return end - round((end - start) * Fraction(str(valid_fraction)))


def _require_rows(result: Split, min_rows: int) -> None:
    kept = {"train": result.train, "validation": result.valid, "holdout": result.holdout}
    short = [f"{part} has {len(rows):,}" for part, rows in kept.items() if len(rows) < min_rows]
    if not short:
        return
    if sum(map(len, kept.values())) == 0 and result.unlabelled > 0:
        raise DataError(
            f"every label is null ({result.unlabelled:,} rows): the horizon reaches over a gap or the end "
            "of the data "
            "from every row; shorten label.horizon_s or take longer data"
        )
    raise DataError(
        f"fewer rows than the protocol needs ({min_rows} a part): {', '.join(short)}; of all rows "
        f"{result.unlabelled:,} have a null label, {result.purged_train + result.purged_valid:,} were "
        "purged because "
        f"their label overlaps a later part's, {result.outside:,} lie outside the window. Take a longer "
        "window, a "
        "shorter label.horizon_s or another protocol.valid_fraction"
    )


_fits_lock = Lock()
_fits_running = 0


@contextmanager
def fit_in_progress() -> Iterator[None]:
    """While this is entered, anywhere in the process, no holdout opens."""
    global _fits_running  # noqa: PLW0603  # the state of the process, whichever thread or closure asks
    with _fits_lock:
        _fits_running += 1
    try:
        yield
    finally:
        with _fits_lock:
            _fits_running -= 1


class SealedHoldout:
    """Rows that no fit can read, those without a label among them: not a `Block`, without x, y, length or
    iteration, closed while anything is fitted.

    The seal keeps honest code honest, by type and at run time; it does not pretend to stop code that goes
    through private names.
    """

    __slots__ = ("__dataset", "__on_open", "__rows", "__sealed", "n_rows")

    n_rows: int
    """Number of rows, which the record states even of a sealed run."""

    def __init__(self, dataset: Dataset, rows: Rows, *, sealed: bool, on_open: Callable[[str], None]) -> None:
        """`sealed`: this run may not open it. `on_open` is called with the reason before any row is given
        out.
        """
        self.__dataset = dataset
        self.__rows = rows
        self.__sealed = sealed
        self.__on_open = on_open
        self.n_rows = len(rows)

    @property
    def sealed(self) -> bool:
        """Whether this run may not open it at all."""
        return self.__sealed

    def open(self, reason: str) -> Dataset:
        """The rows, for an evaluation after the fit; `reason` names what is asked of them.

        Raises UsageError in a sealed run and SealBrokenError while a model is being fitted.
        """
        rows, held = self.open_among_all(reason)
        return rows.take(held)

    def open_among_all(self, reason: str) -> tuple[Dataset, Rows]:
        """All rows of the run and the positions of the holdout's, for models that go on learning on their way
        through it; else as `open`, and the same one look.
        """
        if not reason.strip():
            raise ValueError("the holdout opens for a stated reason only")
        if self.__sealed:
            raise UsageError(
                "this run is sealed (protocol.sealed=true), so its holdout cannot be opened for "
                f"{reason!r}; run the "
                "chosen config alone, or set protocol.sealed=false"
            )
        if _fits_running:
            raise SealBrokenError(
                f"the holdout was asked for ({reason!r}) while a model was being fitted: nothing that "
                "selects may "
                "see it"
            )
        self.__on_open(reason)
        return self.__dataset, self.__rows

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sealed holdout is neither copied nor pickled: a copy would be a second look")


@dataclass(frozen=True)
class Parts:
    """What the protocol hands out: two blocks to fit and select on, and the sealed rest."""

    train: Block
    valid: Block
    holdout: SealedHoldout


def seal(
    dataset: Dataset,
    rows: Split,
    *,
    sealed: bool,
    on_open: Callable[[str], None],
    train: Block | None = None,
) -> Parts:
    """The parts of `dataset` as `rows` assigns them; `train`: what a fit gets of the training rows, None: all
    of them as they are.
    """
    return Parts(
        train=dataset.block(rows.train) if train is None else train,
        valid=dataset.block(rows.valid),
        holdout=SealedHoldout(dataset, rows.holdout_decisions, sealed=sealed, on_open=on_open),
    )
