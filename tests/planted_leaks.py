"""Look-ahead of many kinds, planted by wrapping the functions that a run calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from atc.events.schema import Kind
from atc.features import build_day, compute
from atc.labels import definitions
from atc.models import gbdt, linear
from atc.protocol.dataset import Block, Dataset
from atc.tasks import rows as rows_module

SECOND = 1_000_000_000
Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Leak:
    """One planted look-ahead."""

    stage: str
    """Where it sits."""
    what: str
    plant: Callable[[Patch], None]
    words: tuple[str, ...] = ()
    """Settings that it needs."""

    def __str__(self) -> str:
        return f"{self.stage}: {self.what}"


# event order


def other_parts(patch: Patch, change: Callable[[Kind, pl.DataFrame], pl.DataFrame]) -> None:
    """The events of a day in one part, each kind changed."""
    parts_of = compute.parts_of

    def planted(job: Any, begin: int) -> Iterator[Mapping[Kind, Any]]:
        import pyarrow as pa

        parts = list(parts_of(job, begin))
        whole = {}
        for kind in Kind:
            table = pa.Table.from_batches([part[kind] for part in parts])
            frame = pl.from_arrow(table)
            assert isinstance(frame, pl.DataFrame)
            frame = change(kind, frame).sort("ts_recv", "ev_seq", maintain_order=True)
            changed = frame.to_arrow().cast(table.schema).combine_chunks().to_batches()
            whole[kind] = changed[0] if changed else parts[0][kind].slice(0, 0)
        yield whole

    patch.setattr(compute, "parts_of", planted)


def clock_of_the_exchange(*kinds: Kind) -> Callable[[Patch], None]:
    def change(kind: Kind, frame: pl.DataFrame) -> pl.DataFrame:
        if kind not in kinds:
            return frame
        return frame.with_columns(pl.coalesce("ts_exch", "ts_recv").cum_max().alias("ts_recv"))

    return lambda patch: other_parts(patch, change)


def received_early(kind: Kind, ns: int) -> Callable[[Patch], None]:
    def change(of: Kind, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.col("ts_recv") - ns) if of is kind else frame

    return lambda patch: other_parts(patch, change)


def told_by_later(kind: Kind, column: str, messages: int) -> Callable[[Patch], None]:
    """Every message says what one `messages` later says in `column`."""

    def change(of: Kind, frame: pl.DataFrame) -> pl.DataFrame:
        if of is not kind:
            return frame
        return frame.with_columns(pl.col(column).shift(-messages).fill_null(pl.col(column)))

    return lambda patch: other_parts(patch, change)


# features


def other_rows(patch: Patch, change: Callable[[Any, dict[str, int]], None]) -> None:
    """Rows as read from the cache, changed in place by `change`, which gets the places of columns."""
    read_rows = rows_module.read_rows

    def planted(symbol: str, features: Any, labels: Any, columns: Sequence[str], *heads: Any) -> Any:
        rows = read_rows(symbol, features, labels, columns, *heads)
        change(rows, {name: place for place, name in enumerate(columns)})
        return rows

    patch.setattr(rows_module, "read_rows", planted)


def rows_ahead(column: str, count: int) -> Callable[[Patch], None]:
    """The value that the column has `count` rows later."""

    def change(rows: Any, places: dict[str, int]) -> None:
        values = rows.x[:, places[column]]
        values[:-count] = values[count:].copy()

    return lambda patch: other_rows(patch, change)


def seconds_ahead(column: str, seconds: float) -> Callable[[Patch], None]:
    """The value of the last row at or before t + `seconds`."""

    def change(rows: Any, places: dict[str, int]) -> None:
        times = rows.keys["ts_recv"].to_numpy()
        later = np.searchsorted(times, times + round(seconds * SECOND), side="right") - 1
        rows.x[:, places[column]] = rows.x[later, places[column]]

    return lambda patch: other_rows(patch, change)


def over_the_day(column: str, how: str) -> Callable[[Patch], None]:
    """The column compared with all of its business day: z-score, rank, or the day's last value."""

    def change(rows: Any, places: dict[str, int]) -> None:
        days = rows.keys["ts_recv"].to_numpy() // (86_400 * SECOND)
        for day in np.unique(days):
            chosen = days == day
            values = rows.x[chosen, places[column]]
            if how == "z":
                values = (values - np.nanmean(values)) / np.nanstd(values)
            elif how == "rank":
                values = np.argsort(np.argsort(values)).astype(np.float32) / len(values)
            elif how == "filled backwards":
                values = pl.Series(values).fill_nan(None).fill_null(strategy="backward").to_numpy()
            else:
                values = np.convolve(np.nan_to_num(values), np.ones(5) / 5, mode="same")
            rows.x[chosen, places[column]] = values

    return lambda patch: other_rows(patch, change)


def computed_to_the_close(column: str) -> Callable[[Patch], None]:
    """In the engine's own table: the value of the next row, within the day."""

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
                    table = table.set_column(place, table.schema.field(place), later)  # noqa: PLW2901
                tables.append(table)
            return replace(computed, tables=tuple(tables))

        patch.setattr(build_day, "compute_features", planted)

    return plant


# labels


def returns_of_later_rows(count: int) -> Callable[[Patch], None]:
    def change(rows: Any, places: dict[str, int]) -> None:
        del places
        rows.r_bps[:-count] = rows.r_bps[count:].copy()

    return lambda patch: other_rows(patch, change)


def returns_smoothed(rows_each_side: int) -> Callable[[Patch], None]:
    """The mean with neighbours on both sides, as `[t0, t1]` of the row itself says nothing of."""

    def change(rows: Any, places: dict[str, int]) -> None:
        del places
        width = 2 * rows_each_side + 1
        r = pl.Series(rows.r_bps[:, 0]).fill_nan(None)
        rows.r_bps[:, 0] = r.rolling_mean(width, center=True, min_samples=1).fill_null(np.nan).to_numpy()

    return lambda patch: other_rows(patch, change)


def interval_too_short(seconds: float) -> Callable[[Patch], None]:
    """t1 says that the label is known `seconds` before it is."""

    def change(rows: Any, places: dict[str, int]) -> None:
        del places
        rows.t1[:] -= round(seconds * SECOND)

    return lambda patch: other_rows(patch, change)


def less_the_mean_of_the_day(patch: Patch) -> None:
    def change(rows: Any, places: dict[str, int]) -> None:
        del places
        days = rows.t0 // (86_400 * SECOND)
        for day in np.unique(days):
            rows.r_bps[days == day] -= np.nanmean(rows.r_bps[days == day])

    other_rows(patch, change)


# what is fitted


class Everything:
    """What honest code has no way to: all rows of the run, whatever part they are of."""

    def __init__(self, patch: Patch) -> None:
        from atc.tasks import loaded

        self.dataset: Dataset | None = None
        self.split: Any = None
        seal, split = loaded.seal, loaded.split

        def split_and_tell(*arguments: Any, **named: Any) -> Any:
            self.split = split(*arguments, **named)
            return self.split

        def seal_and_tell(dataset: Dataset, *arguments: Any, **named: Any) -> Any:
            self.dataset = dataset
            return seal(dataset, *arguments, **named)

        patch.setattr(loaded, "split", split_and_tell)
        patch.setattr(loaded, "seal", seal_and_tell)

    def rows(self, part: str) -> NDArray[np.int64]:
        """Positions of the rows of `part`, or some of them."""
        assert self.split is not None
        train, valid, holdout = self.split.train, self.split.valid, self.split.holdout
        return np.asarray(
            {
                "all": np.concatenate([train, valid, holdout]),
                "validation": valid,
                "holdout": holdout,
                "training and validation": np.concatenate([train, valid]),
                "training and one row of validation": np.concatenate([train, valid[-1:]]),
                "training and one row of the holdout": np.concatenate([train, holdout[-1:]]),
            }[part]
        )

    def block(self, part: str, features: Sequence[str]) -> Block:
        """What a fit may never see."""
        assert self.dataset is not None
        return self.dataset.block(self.rows(part)).select(features)


def threshold_of(part: str) -> Callable[[Patch], None]:
    """The quantile of the returns of other rows than the training rows."""

    def plant(patch: Patch) -> None:
        everything = Everything(patch)
        fit_label, read_rows = definitions.fit_label, rows_module.read_rows
        read: list[Any] = []

        def remember(*arguments: Any) -> Any:
            read.append(read_rows(*arguments))
            return read[-1]

        def planted(label: Any, train_r_bps: Any, train_spread_bps: Any = None) -> Any:
            del train_r_bps
            return fit_label(label, read[-1].r_bps[everything.rows(part)], train_spread_bps)

        patch.setattr(rows_module, "read_rows", remember)
        patch.setattr(definitions, "fit_label", planted)

    return plant


def scaled_on(part: str, *, std_alone: bool = False) -> Callable[[Patch], None]:
    def plant(patch: Patch) -> None:
        everything = Everything(patch)
        fit, fit_standardiser = linear.LinearModel.fit, linear.fit_standardiser
        fitting: list[tuple[str, ...]] = []

        def remember(self: Any, train: Block, *arguments: Any, **named: Any) -> Any:
            fitting.append(train.features)
            return fit(self, train, *arguments, **named)

        def planted(x: Any, clip: float) -> Any:
            leaked = fit_standardiser(everything.block(part, fitting[-1]).x, clip)
            return replace(fit_standardiser(x, clip), std=leaked.std) if std_alone else leaked

        patch.setattr(linear.LinearModel, "fit", remember)
        patch.setattr(linear, "fit_standardiser", planted)

    return plant


def binned_on(part: str) -> Callable[[Patch], None]:
    def plant(patch: Patch) -> None:
        everything = Everything(patch)
        binned = gbdt.binned

        def planted(block: Block, chosen: Any, *, rows: Any = None, like: Any = None) -> Any:
            edges = like or binned(everything.block(part, block.features), chosen)
            return binned(block, chosen, rows=rows, like=edges)

        patch.setattr(gbdt, "binned", planted)

    return plant


Q14 = ("label=hold10_oracle_q14",)

LEAKS: tuple[Leak, ...] = (
    *(
        Leak("event order", f"the clock of the exchange: {', '.join(kinds)}", clock_of_the_exchange(*kinds))
        for kinds in (tuple(Kind), (Kind.BOOK,), (Kind.TRADE,), (Kind.TICKER,))
    ),
    *(
        Leak("event order", f"{kind.value} received {ns / 1e6:g} ms early", received_early(kind, ns))
        for kind, ns in ((Kind.BOOK, 1_000_000), (Kind.TRADE, 10_000_000), (Kind.TICKER, SECOND))
    ),
    *(
        Leak("event order", f"{column} of a {kind.value} {count} later", told_by_later(kind, column, count))
        for kind, column, count in (
            (Kind.TRADE, "qty_lots", 1),
            (Kind.TICKER, "last", 1),
            (Kind.TRADE, "px_ticks", 3),
        )
    ),
    *(
        Leak("feature", f"{column} {count} rows ahead", rows_ahead(column, count))
        for column, count in (
            ("logret_1s", 1),
            ("rv_30s", 1),
            ("spread_bps", 1),
            ("trade_vol_1s", 1),
            ("ob_imbalance_top1", 1),
            ("cvd_accel", 2),
            ("tod_sin", 1),
            ("signed_vpin_5m", 3),
            ("logret_5s_z_300s", 1),
            ("trade_size_robust_300s", 1),
            ("vwap_dev_30m_bps", 5),
        )
    ),
    *(
        Leak("feature", f"{column} {seconds:g} s ahead", seconds_ahead(column, seconds))
        for column, seconds in (
            ("logret_5s", 30),
            ("ob_imb_deep_5to30", 60),
            ("logret_30s", 300),
            ("depth_bid_top5_log", 600),
            ("big_trade_fresh_sign", 3_600),
        )
    ),
    *(
        Leak("feature", f"{column} {how}", over_the_day(column, how))
        for column, how in (
            ("rv_5s", "z"),
            ("spread_bps", "rank"),
            ("trade_count_1s", "smoothed on both sides"),
            ("logret_30s", "filled backwards"),
        )
    ),
    *(
        Leak("feature", f"{column} of the next row, in the engine's table", computed_to_the_close(column))
        for column in ("top1_vs_deep", "trade_vol_1s_log")
    ),
    *(Leak("label", f"the return of {count} rows later", returns_of_later_rows(count)) for count in (1, 10)),
    *(Leak("label", f"smoothed over {2 * n + 1} rows", returns_smoothed(n)) for n in (1, 5)),
    *(
        Leak("label", f"known {seconds:g} s after the stated end", interval_too_short(seconds))
        for seconds in (1, 60)
    ),
    Leak("label", "less the mean of the day", less_the_mean_of_the_day),
    *(
        Leak("label threshold", f"quantile of {part}", threshold_of(part), Q14)
        for part in ("all", "validation", "holdout", "training and validation")
    ),
    *(
        Leak("scaler", f"fitted on {part}", scaled_on(part))
        for part in (
            *("all", "validation", "holdout", "training and validation"),
            *("training and one row of validation", "training and one row of the holdout"),
        )
    ),
    Leak("scaler", "deviations of all, means of training", scaled_on("all", std_alone=True)),
    *(
        Leak("bin edge", f"from {part}", binned_on(part))
        for part in ("all", "validation", "holdout", "training and validation")
    ),
)
