"""Look-ahead planted in the columns of rows, and in when a row is said to be complete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from planted_leak import SECOND, Leak, Patch, Plant

from atc.features import build_day
from atc.tasks import rows as rows_module
from atc.tasks.rows import LabelledRows

Values = NDArray[np.float32]
Change = Callable[[Values, LabelledRows], Any]
"""Gets a column (n,) and the rows that it is of; gives other values."""


def other_rows(change: Callable[[LabelledRows, Sequence[str]], LabelledRows]) -> Plant:
    """Rows as read from the cache, changed; `change` gets the names of the columns too."""

    def plant(patch: Patch) -> None:
        read_rows = rows_module.read_rows

        def planted(
            symbol: str, features: Any, labels: Any, columns: Sequence[str], *heads: Any, **named: Any
        ) -> Any:
            return change(read_rows(symbol, features, labels, columns, *heads, **named), columns)

        patch.setattr(rows_module, "read_rows", planted)

    return plant


def other_column(name: str, change: Change) -> Plant:
    """The column of that name, changed."""

    def changed(rows: LabelledRows, columns: Sequence[str]) -> LabelledRows:
        place = list(columns).index(name)
        rows.x[:, place] = change(rows.x[:, place].copy(), rows)
        return rows

    return other_rows(changed)


def rows_ahead(count: int) -> Change:
    """The value that the column has `count` rows later."""
    return lambda values, rows: np.concatenate([values[count:], values[len(rows.x) - count :]])


def seconds_ahead(seconds: float) -> Change:
    """The value of the last row at or before t + `seconds`."""

    def change(values: Values, rows: LabelledRows) -> Values:
        times = _times(rows)
        return values[np.searchsorted(times, times + round(seconds * SECOND), side="right") - 1]

    return change


def in_each_day(how: Callable[[Values], Any]) -> Change:
    """The values of each business day by those of all of it."""

    def change(values: Values, rows: LabelledRows) -> Values:
        days = _times(rows) // (86_400 * SECOND)
        for day in np.unique(days):
            values[days == day] = how(values[days == day])
        return values

    return change


def z_score(values: Values) -> Any:
    return (values - np.nanmean(values)) / np.nanstd(values)


def percentile(values: Values) -> Any:
    return np.argsort(np.argsort(values)) / len(values)


def smoothed_on_both_sides(values: Values) -> Any:
    return np.convolve(np.nan_to_num(values), np.ones(5) / 5, mode="same")


def filled_backwards(values: Values) -> Any:
    return pl.Series(values).fill_nan(None).fill_null(strategy="backward").to_numpy()


def still_to_come(values: Values) -> Any:
    return np.cumsum(np.nan_to_num(values)[::-1])[::-1]


def cut_at_its_quantiles(values: Values) -> Any:
    return np.clip(values, *np.nanquantile(values, [0.25, 0.75]))


def last_of_its_minute(values: Values, rows: LabelledRows) -> Any:
    """The close of a bar under the time of its open."""
    return values[_ends_of_minutes(rows)[1]]


def between_minutes(values: Values, rows: LabelledRows) -> Any:
    """Known at the end of each minute, and drawn as a line between."""
    ends, _ = _ends_of_minutes(rows)
    return np.interp(_times(rows), _times(rows)[ends], np.nan_to_num(values[ends]))


def largest_of_the_next(count: int) -> Change:
    def change(values: Values, rows: LabelledRows) -> Any:
        del rows
        backwards = pl.Series(values[::-1]).fill_nan(None)
        return backwards.rolling_max(count, min_samples=1).fill_null(np.nan).to_numpy()[::-1]

    return change


def slope(values: Values, rows: LabelledRows) -> Any:
    """Half the difference of the neighbours on both sides."""
    del rows
    return np.gradient(np.nan_to_num(values))


def less_the_mean_of_all(values: Values, rows: LabelledRows) -> Any:
    del rows
    return values - np.nanmean(values)


def the_return_itself(values: Values, rows: LabelledRows) -> Any:
    """What the label is made of, taken for an input."""
    return np.where(np.isnan(rows.r_bps[:, 0]), values, rows.r_bps[:, 0])


def mean_return_of_its_hour(values: Values, rows: LabelledRows) -> Any:
    """An hour as a class, encoded by what follows in it."""
    hours = _times(rows) // (3_600 * SECOND)
    means = pl.DataFrame({"hour": hours, "r": rows.r_bps[:, 0]}).with_columns(
        pl.col("r").fill_nan(None).mean().over("hour")
    )
    return np.where(means["r"].is_null().to_numpy(), values, means["r"].fill_null(0.0).to_numpy())


def _times(rows: LabelledRows) -> NDArray[np.int64]:
    return rows.keys["ts_recv"].to_numpy()


def _ends_of_minutes(rows: LabelledRows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The last row of each minute that has one, and (n,) that of each row's minute."""
    minutes = _times(rows) // (60 * SECOND)
    return np.flatnonzero(np.diff(minutes, append=-1)), np.searchsorted(minutes, minutes, side="right") - 1


def complete_early(rows: LabelledRows, columns: Sequence[str]) -> LabelledRows:
    """A group of prints that is said to be complete with its first one."""
    del columns
    return replace(rows, keys=rows.keys.with_columns(ts_close=pl.col("ts_recv")))


def of_the_next_row_in_the_table(column: str) -> Plant:
    """In the engine's own table, within the day."""

    def plant(patch: Patch) -> None:
        compute_features = build_day.compute_features

        def planted(job: Any, wanted: Any) -> Any:
            import pyarrow as pa

            computed = compute_features(job, wanted)
            tables = []
            for table in computed.tables:
                if column in table.schema.names and table.num_rows:
                    place = table.schema.get_field_index(column)
                    values = table.column(column).combine_chunks()
                    later = pa.concat_arrays([values.slice(1), values.slice(len(values) - 1)])
                    tables.append(table.set_column(place, table.schema.field(place), later))
                else:
                    tables.append(table)
            return replace(computed, tables=tuple(tables))

        patch.setattr(build_day, "compute_features", planted)

    return plant


LEAKS: tuple[Leak, ...] = (
    *(
        Leak("feature", f"{column} {what}", other_column(column, change))
        for column, what, change in (
            ("logret_1s", "of the next row", rows_ahead(1)),
            ("spread_bps", "of the next row", rows_ahead(1)),
            ("tod_sin", "of the next row", rows_ahead(1)),
            ("trade_size_robust_300s", "of the next row", rows_ahead(1)),
            ("cvd_accel", "of 2 rows later", rows_ahead(2)),
            ("vwap_dev_30m_bps", "of 5 rows later", rows_ahead(5)),
            ("logret_5s", "of 30 s later", seconds_ahead(30)),
            ("depth_bid_top5_log", "of 10 min later", seconds_ahead(600)),
            ("big_trade_fresh_sign", "of an hour later", seconds_ahead(3_600)),
            ("rv_5s", "by mean and deviation of its day", in_each_day(z_score)),
            ("spread_bps", "by rank in its day", in_each_day(percentile)),
            ("trade_count_1s", "smoothed on both sides", in_each_day(smoothed_on_both_sides)),
            ("ob_imbalance_top1_z_300s", "filled backwards", in_each_day(filled_backwards)),
            ("trade_vol_1s", "still to come in its day", in_each_day(still_to_come)),
            ("rv_30s", "cut at the quantiles of its day", in_each_day(cut_at_its_quantiles)),
            ("ob_imbalance_top1", "at the end of its minute", last_of_its_minute),
            ("signed_vpin_5m", "as a line between minutes", between_minutes),
            ("rv_30s", "the largest of ten rows from it on", largest_of_the_next(10)),
            ("ob_imb_deep_5to30", "as a slope of both sides", slope),
            ("biz_day_frac", "less the mean of all days", less_the_mean_of_all),
            ("logret_30s", "replaced by the label's return", the_return_itself),
            ("tod_cos", "replaced by the mean return of its hour", mean_return_of_its_hour),
        )
    ),
    Leak("feature", "rows complete with their first print", other_rows(complete_early)),
    Leak(
        "feature",
        "top1_vs_deep of the next row, in the engine's table",
        of_the_next_row_in_the_table("top1_vs_deep"),
        in_cache=True,
    ),
)
