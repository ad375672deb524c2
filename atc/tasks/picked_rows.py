"""Some of the rows of a run, kept as all of them are: mapped, and not as memory of the run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from atc.features.row_file import Columns
from atc.protocol.row_runs import Matrix, Rows
from atc.tasks.rows import LabelledRows, kept_known, known_plan, rows_in


def rows_of_runs(
    rows: LabelledRows,
    starts: Rows,
    stops: Rows,
    x: Matrix,
    labels: Sequence[Path],
    *,
    matrices: Path | None,
) -> LabelledRows:
    """Those of `rows` in runs that begin at `starts` and end, excluded, at `stops`, with the inputs `x`.

    One run is a view. Of several everything but `x` is copied once, day by day, and kept in `matrices` for
    every run that picks the same ones, as `read_rows` keeps all of them (None: in memory): without a file
    they would be as many bytes of memory as a matrix of 24 columns. `labels`: the files that `rows` are of.
    """
    whole = rows.known
    if len(starts) == 1:
        one = slice(int(starts[0]), int(stops[0]))
        return rows.with_known(x, {name: column[one] for name, column in whole.items()})
    if matrices is None:
        return rows.with_known(x, _picked(whole, _within(starts, stops, 0, len(rows.t0))))
    edges = np.cumsum([0, *(rows_in(file) for file in labels)])
    of_days = [_within(starts, stops, first, last) for first, last in pairwise(edges.tolist())]
    digest = hashlib.sha256(np.concatenate([starts, stops]).tobytes()).hexdigest()
    counts = [sum(run.stop - run.start for run in runs) for runs in of_days]

    def days() -> Iterator[Columns]:
        for runs in of_days:
            yield _picked(whole, runs)

    return rows.with_known(x, kept_known(known_plan(len(rows.heads), counts, labels, digest), days, matrices))


def _picked(columns: Columns, runs: Sequence[slice]) -> Columns:
    """The rows of `runs`, one after the other."""
    return {
        name: np.concatenate([column[:0], *(column[run] for run in runs)]) for name, column in columns.items()
    }


def _within(starts: Rows, stops: Rows, first: int, last: int) -> list[slice]:
    """The parts of the runs that lie in rows [first, last)."""
    some = slice(int(np.searchsorted(stops, first, side="right")), int(np.searchsorted(starts, last)))
    return [
        slice(max(start, first), min(stop, last))
        for start, stop in zip(starts[some].tolist(), stops[some].tolist(), strict=True)
    ]
