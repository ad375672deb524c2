"""Look-ahead planted in labels: values that are not those of the interval [t0, t1] that they claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
from leaks_in_features import cut_at_its_quantiles, other_rows, percentile
from numpy.typing import NDArray
from planted_leak import SECOND, Leak, Plant

from atc.tasks.rows import LabelledRows

HEADS = ("label=multihorizon_up", "policy=class", "calibration=temperature")


def other_labels(change: Callable[[LabelledRows], object]) -> Plant:
    """Rows as read from the cache; `change` writes into their labels."""

    def changed(rows: LabelledRows, columns: Sequence[str]) -> LabelledRows:
        del columns
        change(rows)
        return rows

    return other_rows(changed)


def of_the_next_row(rows: LabelledRows) -> None:
    rows.r_bps[:-1] = rows.r_bps[1:].copy()


def smoothed_on_both_sides(rows: LabelledRows) -> None:
    r = _returns(rows).rolling_mean(3, center=True, min_samples=1)
    rows.r_bps[:, 0] = r.fill_null(np.nan).to_numpy()


def ending_early(seconds: float) -> Callable[[LabelledRows], None]:
    """t1 says that the label is known `seconds` before it is."""

    def change(rows: LabelledRows) -> None:
        rows.t1[:] -= round(seconds * SECOND)

    return change


def by_its_day(how: Callable[[Any], Any]) -> Callable[[LabelledRows], None]:
    def change(rows: LabelledRows) -> None:
        days = rows.t0 // (86_400 * SECOND)
        for day in np.unique(days):
            inside = (days == day) & ~np.isnan(rows.r_bps[:, 0])
            rows.r_bps[inside, 0] = how(rows.r_bps[inside, 0])

    return change


def less_the_mean(r_bps: NDArray[np.float64]) -> Any:
    return r_bps - np.mean(r_bps)


def rank(r_bps: NDArray[np.float64]) -> Any:
    """From −5 to 5 bps."""
    return 10.0 * percentile(r_bps) - 5.0


def by_the_deviation_of_all(rows: LabelledRows) -> None:
    rows.r_bps[:] = 5.0 * rows.r_bps / np.nanstd(rows.r_bps)


def null_before_a_jump(rows: LabelledRows) -> None:
    """Rows leave whose label is followed by a large move, as where outliers are dropped by a centred rule."""
    later = np.minimum(np.searchsorted(rows.t0, rows.t1[:, 0], side="right"), len(rows.t0) - 1)
    jumps = np.abs(np.nan_to_num(rows.r_bps[later, 0])) > np.nanstd(rows.r_bps)
    rows.r_bps[jumps, 0] = np.nan
    rows.null_cause[jumps] = 1


def of_a_longer_head(rows: LabelledRows) -> None:
    """The first horizon has the return of the third, and its own end."""
    known = ~np.isnan(rows.r_bps[:, 2])
    rows.r_bps[known, 0] = rows.r_bps[known, 2]


def _returns(rows: LabelledRows) -> pl.Series:
    return pl.Series(rows.r_bps[:, 0]).fill_nan(None)


LEAKS: tuple[Leak, ...] = (
    *(
        Leak("label", what, other_labels(change))
        for what, change in (
            ("of the next row", of_the_next_row),
            ("smoothed on both sides", smoothed_on_both_sides),
            ("known 1 s after its stated end", ending_early(1)),
            ("less the mean of its day", by_its_day(less_the_mean)),
            ("by rank in its day", by_its_day(rank)),
            ("cut at the quantiles of its day", by_its_day(cut_at_its_quantiles)),
            ("by the deviation of all days", by_the_deviation_of_all),
            ("null where a jump follows", null_before_a_jump),
        )
    ),
    Leak("label", "of the third horizon for the first", other_labels(of_a_longer_head), HEADS),
    Leak(
        "label",
        "tlob known 20 s after its stated end",
        other_labels(ending_early(20)),
        ("label=tlob", "policy=class"),
    ),
)
