"""The polars peer: `rolling_*_by` and as-of joins, as a good polars user would write the columns.

It is given decoded tables: the book as touch and depths a closed timestamp, the taker groups, the tickers.
Replaying the book, forming groups and reading Parquet are ATC's work alone. Times are integers of ns, because
`ts - pl.duration(...)` drops to µs. Sums over events of another table come in two ways: by `rolling_sum_by`
over the table with the rows among its events, or as differences of running sums that two as-of joins look up,
which is faster and what few would write. Windows over rows are `rolling_*_by`, on a clock that counts rows of
one timestamp apart by a nanosecond each, because `rolling_*_by` looks at later rows of the same time.

Not expressible: medians of absolute deviations (two columns). Not handled: silences that reset the state.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from features_compare import F32
from features_numba_store import CORE, TICKER
from features_polars_tables import Tables
from features_polars_windows import differences, looked_up, rolled, running

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
MISSING = ("trade_size_robust_300s", "trade_vol_1s_robust_1800s")
EXPRESSED = tuple(name for name in (*CORE, *TICKER) if name not in MISSING)

BOOK_LAGS = (0, 1, 5, 30)
GROUP_LAGS = (0, 1, 5, 30, 60, 300, 1_800)
TICKER_LAGS = (0, 1, 5, 30, 60, 300)
BOOK_SUMS = {"squares": (5, 30)}
TICKER_SUMS = {"squares": (5, 30, 300), "count": (5,)}
GROUP_SUMS = {
    "count": (1, 1_800),
    "volume": (1, 60, 300, 1_800),
    "signed": (1, 5, 30, 300),
    "paid": (60, 1_800),
}
Z_SCORES = (
    ("logret_1s", 300), ("logret_5s", 300), ("trade_vol_1s", 300), ("trade_imbalance_1s", 300),
    ("ob_imbalance_top1", 300), ("ob_imbalance_top5", 300), ("spread_bps", 300), ("rv_30s", 1_800),
    ("tk_logret_1s", 300), ("tk_logret_5s", 300), ("tk_spread_bps", 300), ("tk_rv_30s", 1_800),
)  # fmt: skip


def _big_trades(groups: pl.LazyFrame, spec: dict[str, Any]) -> pl.LazyFrame:
    """Groups with `judged`, how many there are in the window, and the latest big one."""
    big, window = spec["big_trade"], f"{spec['big_trade']['window_s'] * SECOND}i"
    apart = pl.col("ts") + pl.int_range(pl.len()).over("ts")
    return (
        groups.with_columns(apart=apart, one=1)
        .set_sorted("apart")
        .with_columns(
            earlier=pl.col("one").rolling_sum_by("apart", window, closed="none").fill_null(0),
            bound=pl.col("size").rolling_quantile_by(
                "apart",
                window,
                quantile=big["quantile_pct"] / 100,
                interpolation="equiprobable",
                closed="none",
            ),
        )
        .with_columns(is_big=(pl.col("earlier") >= spec["min_values"]) & (pl.col("size") > pl.col("bound")))
        .with_columns(
            big_ts=pl.when("is_big").then("ts").forward_fill(),
            big_side=pl.when("is_big").then("side").forward_fill(),
        )
        .drop("apart", "bound", "is_big", "earlier")
    )


def _spread(prefix: str) -> pl.Expr:
    bid, ask = pl.col(f"{prefix}bid"), pl.col(f"{prefix}ask")
    return pl.when(bid < ask).then(2e4 * (ask - bid) / (ask + bid))


def _imbalance(level: str) -> pl.Expr:
    bid, ask = pl.col(f"b0_bid_{level}"), pl.col(f"b0_ask_{level}")
    return pl.when(bid + ask > 0).then((bid - ask) / (bid + ask))


def _in_force(prefix: str, lag_s: int, name: str, max_gap_ns: int) -> pl.Expr:
    age = pl.col("ts") - lag_s * SECOND - pl.col(f"{prefix}{lag_s}_ts")
    return pl.when(age <= max_gap_ns).then(f"{prefix}{lag_s}_{name}")


def _with_changes(table: pl.LazyFrame, max_gap_ns: int) -> pl.LazyFrame:
    """`squares`: the squared log change of `mid2`, 0 without one."""
    near = pl.col("ts").diff() <= max_gap_ns
    change = pl.when(near).then(pl.col("mid2").log().diff())
    return table.with_columns(squares=(change * change).fill_null(0.0))


def features(tables: Tables, *, by_joins: bool) -> pl.DataFrame:
    """All of `EXPRESSED`, float32; `by_joins`: sums over events as differences of running sums."""
    spec, lot, gap = tables.spec, tables.spec["lot"], tables.spec["max_gap_ns"]
    rows = tables.rows.lazy()
    two_sided = (pl.col("bid") > 0) & (pl.col("ask") > 0)
    book = _with_changes(
        tables.book.lazy().with_columns(
            mid2=pl.when(two_sided).then(pl.col("bid") + pl.col("ask")).cast(pl.Float64)
        ),
        gap,
    )
    ticker = _with_changes(tables.ticker.lazy().with_columns(mid2=pl.col("bid") + pl.col("ask")), gap)
    groups = _big_trades(tables.groups.lazy(), spec).select(
        "ts", "big_ts", "big_side", "paid", count=pl.lit(1, pl.Int64), volume="size",
        signed=pl.col("size") * pl.col("side"),
    )  # fmt: skip
    if by_joins:
        book = book.with_columns(running(BOOK_SUMS))
        ticker = ticker.with_columns(running(TICKER_SUMS))
        groups = groups.with_columns(running(GROUP_SUMS))
    book, ticker, groups = (frame.lazy() for frame in pl.collect_all([book, ticker, groups]))
    past_book = book.select("ts", "mid2", *(["squares"] if by_joins else []))
    past_groups = groups.drop("big_ts", "big_side")
    found = [
        *(looked_up(rows, past_book if lag else book, lag, "b") for lag in BOOK_LAGS),
        *(
            looked_up(rows, past_groups if lag else groups, lag, "g")
            for lag in (GROUP_LAGS if by_joins else (0,))
        ),
        *(looked_up(rows, ticker, lag, "k") for lag in TICKER_LAGS),
    ]
    if not by_joins:
        every = ((book, BOOK_SUMS, "b"), (groups, GROUP_SUMS, "g"), (ticker, TICKER_SUMS, "k"))
        found += [rolled(rows, table, sums, prefix) for table, sums, prefix in every]
    now = pl.concat([tables.rows, *pl.collect_all(found)], how="horizontal").lazy()
    if by_joins:
        every_sum = ((BOOK_SUMS, "b"), (GROUP_SUMS, "g"), (TICKER_SUMS, "k"))
        now = now.with_columns(
            **{k: v for sums, prefix in every_sum for k, v in differences(sums, prefix).items()}
        )
    now = now.with_columns(**_book_values(gap, lot), **_ticker_values(gap, lot), **_clock_values(spec))
    now = now.with_columns(**_trade_values(spec)).with_columns(top1_vs_deep=_difference())
    return _row_statistics(now, spec).select(pl.col(EXPRESSED).cast(pl.Float32)).collect()


def _difference() -> pl.Expr:
    return pl.col("ob_imbalance_top1") - pl.col("ob_imb_deep_5to30")


def _book_values(gap: int, lot: float) -> dict[str, pl.Expr]:
    mid2 = {lag: _in_force("b", lag, "mid2", gap) for lag in BOOK_LAGS}
    known = pl.col("ts") - pl.col("b0_ts") <= gap
    return {
        "mid2": mid2[0],
        **{f"logret_{lag}s": (mid2[0] / mid2[lag]).log() for lag in (1, 5, 30)},
        **{f"rv_{w}s": pl.col(f"b_squares_{w}").clip(0).sqrt() for w in (5, 30)},
        "spread_bps": pl.when(known & (pl.col("b0_bid") > 0)).then(_spread("b0_")),
        "ob_imbalance_top1": pl.when(known).then(_imbalance("1")),
        "ob_imbalance_top5": pl.when(known).then(_imbalance("5")),
        "ob_imb_deep_5to30": pl.when(known).then(_imbalance("deep")),
        "depth_bid_top5_log": pl.when(known).then((pl.col("b0_bid_5") * lot).log1p()),
        "depth_ask_top5_log": pl.when(known).then((pl.col("b0_ask_5") * lot).log1p()),
    }


def _trade_values(spec: dict[str, Any]) -> dict[str, pl.Expr]:
    lot = spec["lot"]

    def total(name: str, window: int) -> pl.Expr:
        return pl.col(f"g_{name}_{window}")

    def vwap_dev(window: int) -> pl.Expr:
        volume, paid2 = total("volume", window), 2 * total("paid", window)
        return pl.when(volume > 0).then(1e4 * (pl.col("mid2") * volume - paid2) / paid2)

    def imbalance(window: int) -> pl.Expr:
        volume = total("volume", window)
        return pl.when(volume > 0).then(total("signed", window) / volume)

    big = spec["big_trade"]
    fresh = pl.col("ts") - pl.col("g0_big_ts") <= big["fresh_s"] * SECOND
    return {
        "trade_count_1s": total("count", 1),
        "trade_vol_1s": total("volume", 1) * lot,
        "trade_vol_1s_log": (total("volume", 1) * lot).log1p(),
        "trade_imbalance_1s": imbalance(1),
        "trade_size_log": (pl.col("size") * lot).log1p(),
        "cvd_accel": (6 * total("signed", 5) - total("signed", 30)) / 30.0 * lot,
        "vwap_dev_1m_bps": vwap_dev(60),
        "vwap_dev_30m_bps": vwap_dev(1_800),
        "signed_vpin_5m": imbalance(300),
        "big_trade_fresh_sign": pl.when(total("count", big["window_s"]) > spec["min_values"]).then(
            pl.when(fresh).then("g0_big_side").otherwise(0)
        ),
    }


def _ticker_values(gap: int, lot: float) -> dict[str, pl.Expr]:
    def back(lag: int, name: str) -> pl.Expr:
        return _in_force("k", lag, name, gap)

    mid2 = back(0, "mid2")
    fresh = pl.col("ts") - pl.col("k0_ts") <= gap
    earlier = pl.when(pl.col("ts") - 5 * SECOND - pl.col("k5_ts") <= gap).then(_spread("k5_"))
    spread = pl.when(fresh).then(_spread("k0_"))
    low, high = back(0, "low"), back(0, "high")
    return {
        **{f"tk_logret_{lag}s": (mid2 / back(lag, "mid2")).log() for lag in (1, 5, 30, 300)},
        **{f"tk_rv_{w}s": pl.col(f"k_squares_{w}").clip(0).sqrt() for w in (5, 30, 300)},
        "tk_spread_bps": spread,
        "tk_spread_chg_5s_bps": spread - earlier,
        "tk_last_mid_dev_bps": 1e4 * (2 * back(0, "last") - mid2) / mid2,
        "tk_last_logret_5s": (back(0, "last") / back(5, "last")).log(),
        "tk_hl_range_pos": pl.when(high > low).then((mid2 - 2 * low) / (2 * (high - low))),
        "tk_vol24_delta_60s": (back(0, "vol") - back(60, "vol")) * lot,
        "tk_vol_1s_log": ((back(0, "vol") - back(1, "vol")).clip(0) * lot).log1p(),
        "tk_count_5s": pl.col("k_count_5"),
    }


def _clock_values(spec: dict[str, Any]) -> dict[str, pl.Expr]:
    into_day = (pl.col("ts") - spec["day_cut_utc_s"] * SECOND) % DAY
    angle = 2 * np.pi * ((pl.col("ts") + spec["tz_offset_s"] * SECOND) % DAY / DAY)
    ahead = spec["no_new_entry_s"] * SECOND
    no_entry = into_day >= DAY - ahead
    for start, _, opened in spec["maintenance"]:
        no_entry = no_entry | pl.col("ts").is_between(start - ahead, opened, closed="left")
    values = {
        "ttc_sec_norm": (DAY - into_day) / DAY,
        "biz_day_frac": into_day / DAY,
        "in_no_new_entry_window": no_entry,
        "tod_sin": angle.sin(),
        "tod_cos": angle.cos(),
    }
    return values | {f"tk_{name}": value for name, value in values.items()}


def _row_statistics(rows: pl.LazyFrame, spec: dict[str, Any]) -> pl.LazyFrame:
    apart = pl.col("ts") + pl.int_range(pl.len()).over("ts")
    windows = {window: f"{window * SECOND}i" for _, window in Z_SCORES}
    least = spec["min_values"]

    def z(name: str, window: int) -> pl.Expr:
        x = pl.col(name)
        mean = x.rolling_mean_by("apart", windows[window], min_samples=least)
        std = x.rolling_std_by("apart", windows[window], min_samples=least)
        # Floats leave a crumb of variance where there is none.
        return pl.when(std > 1e-9 * (mean.abs() + 1e-9)).then((x - mean) / std)

    signs = [pl.col(name).sign().fill_null(2) for name in ("top1_vs_deep", "cvd_accel", "signed_vpin_5m")]
    agree = (signs[0] == signs[1]) & (signs[1] == signs[2]) & (signs[0] != 2)
    return (
        rows.with_columns(apart=apart)
        .set_sorted("apart")
        .with_columns(
            **{f"{name}_z_{window}s": z(name, window) for name, window in Z_SCORES},
            mscale_consensus_3sig=pl.when(agree).then(signs[0]).otherwise(0),
        )
    )


def by_column(values: pl.DataFrame) -> dict[str, F32]:
    """The columns as arrays, null as NaN."""
    return {name: values[name].fill_null(float("nan")).to_numpy() for name in values.columns}
