"""The Numba peer's values of a row at time t."""

from __future__ import annotations

import numpy as np
from features_numba_store import (
    ASKS,
    BIDS,
    BIG_SIDE,
    BIG_SIDE_BEFORE,
    BIG_T,
    BIG_T_BEFORE,
    BOOK_AT,
    CHANGES,
    COUNT_5,
    DAY,
    FIRST_MID,
    FIRST_TICK,
    G_1,
    G_5,
    G_30,
    G_60,
    G_300,
    G_1800,
    GROUPS,
    KNOWN,
    LONG,
    MID2,
    MID_1,
    MID_5,
    MID_30,
    MIDS,
    N_CORE,
    N_Z,
    N_Z_CORE,
    NONE,
    ROW_300,
    ROW_1800,
    RV_5,
    RV_30,
    SECOND,
    SHORT,
    TICK_1,
    TICK_5,
    TICK_30,
    TICK_60,
    TICK_300,
    TICK_CHANGES,
    TICKS,
    TRV_5,
    TRV_30,
    TRV_300,
    Z_INPUT,
    Z_LONG,
    Z_RESULT,
    Day,
    Facts,
    Store,
)
from features_numba_stream import leave
from features_numba_windows import FAST, depth, imbalance, passed, robust
from numba import njit
from numpy.typing import NDArray


@njit(**FAST)
def _mid_back(s: Store, which: int, t: int, lag: int, max_gap: int) -> float:
    at = passed(s.mid_t, s.at[which], s.n[MIDS], t - lag)
    s.at[which] = at
    if at == s.at[FIRST_MID] or t - lag - s.mid_t[at - 1] > max_gap or s.mid2[at - 1] == 0:
        return np.nan
    return np.float64(s.mid2[at - 1])


@njit(**FAST)
def _spread_bps(bid: float, ask: float) -> float:
    return 2e4 * (ask - bid) / (ask + bid) if bid < ask else np.nan


@njit(**FAST)
def clock_values(s: Store, f: Facts, t: int, out: NDArray[np.float64]) -> None:
    """Of the time alone."""
    into_day = (t - f.day_cut_ns) % DAY
    out[11], out[29] = (DAY - into_day) / DAY, into_day / DAY
    no_entry = into_day >= DAY - f.no_entry_ns
    for m in range(f.maintenance.shape[0]):
        no_entry = no_entry or f.maintenance[m, 0] - f.no_entry_ns <= t < f.maintenance[m, 2]
    out[12] = 1.0 if no_entry else 0.0
    angle = 2.0 * np.pi * (((t + f.tz_ns) % DAY) / DAY)
    out[27], out[28] = np.sin(angle), np.cos(angle)
    if f.with_ticker:
        out[N_CORE + 14], out[N_CORE + 15] = out[11], out[12]
        out[N_CORE + 21], out[N_CORE + 22], out[N_CORE + 23] = out[27], out[28], out[29]


@njit(**FAST)
def _flow(s: Store, which: int, t: int, window: int) -> tuple[int, int, int, int]:
    first = passed(s.group_t, s.at[which], s.n[GROUPS], t - window)
    s.at[which] = first
    end = s.n[GROUPS]
    volume = s.volume_sum[end] - s.volume_sum[first]
    signed = s.signed_sum[end] - s.signed_sum[first]
    return end - first, volume, signed, s.paid_sum[end] - s.paid_sum[first]


@njit(**FAST)
def _vwap_dev(mid2: int, volume: int, paid: int) -> float:
    return 1e4 * ((mid2 * volume - 2 * paid) / (2 * paid)) if mid2 != 0 and volume != 0 else np.nan


@njit(**FAST)
def trade_values(s: Store, f: Facts, t: int, group: int, out: NDArray[np.float64]) -> int:
    """Of the taker groups, `group` the row's own or -1; returns the lots of the last second."""
    leave(s, t)
    groups, volume, signed, _ = _flow(s, G_1, t, SECOND)
    _, _, signed_5, _ = _flow(s, G_5, t, 5 * SECOND)
    _, _, signed_30, _ = _flow(s, G_30, t, 30 * SECOND)
    _, volume_60, _, paid_60 = _flow(s, G_60, t, 60 * SECOND)
    _, volume_300, signed_300, _ = _flow(s, G_300, t, 300 * SECOND)
    _, volume_1800, _, paid_1800 = _flow(s, G_1800, t, 1_800 * SECOND)
    out[5], out[6] = groups, volume * f.lot
    out[7] = signed / volume if volume != 0 else np.nan
    out[24] = np.log1p(volume * f.lot)
    out[33] = (6 * signed_5 - signed_30) / 30.0 * f.lot
    mid2 = s.n[MID2] if s.n[KNOWN] == 1 and t - s.n[BOOK_AT] <= f.max_gap_ns else 0
    out[34], out[35] = _vwap_dev(mid2, volume_60, paid_60), _vwap_dev(mid2, volume_1800, paid_1800)
    out[36] = signed_300 / volume_300 if volume_300 != 0 else np.nan
    out[21] = out[23] = np.nan
    if group >= 0:
        out[21] = robust(s.sizes_short, s.n[SHORT], s.group_size[group], f.min_values)
        out[23] = np.log1p(s.group_size[group] * f.lot)
    big_t, big_side = s.big[BIG_T], s.big[BIG_SIDE]
    if big_t == NONE:
        big_t, big_side = s.big[BIG_T_BEFORE], s.big[BIG_SIDE_BEFORE]
    fresh = big_t != NONE and t - big_t <= 30 * SECOND
    out[32] = np.float64(big_side if fresh else 0) if s.n[LONG] > f.min_values else np.nan
    return volume


@njit(**FAST)
def book_values(s: Store, f: Facts, t: int, out: NDArray[np.float64]) -> None:
    """Of the book and its mids."""
    at, n = s.at, s.n
    at[RV_5] = passed(s.change_t, at[RV_5], n[CHANGES], t - 5 * SECOND)
    at[RV_30] = passed(s.change_t, at[RV_30], n[CHANGES], t - 30 * SECOND)
    end = s.change_sum[n[CHANGES]]
    out[3] = np.sqrt(end - s.change_sum[at[RV_5]])
    out[4] = np.sqrt(end - s.change_sum[at[RV_30]])
    if n[KNOWN] == 0 or t - n[BOOK_AT] > f.max_gap_ns:
        out[0] = out[1] = out[2] = out[8] = out[9] = out[10] = out[25] = out[26] = out[30] = out[31] = np.nan
        return
    now = np.float64(n[MID2]) if n[MID2] != 0 else np.nan
    out[0] = np.log(now / _mid_back(s, MID_1, t, SECOND, f.max_gap_ns))
    out[1] = np.log(now / _mid_back(s, MID_5, t, 5 * SECOND, f.max_gap_ns))
    out[2] = np.log(now / _mid_back(s, MID_30, t, 30 * SECOND, f.max_gap_ns))
    bids, asks = n[BIDS], n[ASKS]
    out[8] = np.nan
    if bids > 0 and asks > 0:
        out[8] = _spread_bps(np.float64(s.bid_px[bids - 1]), -np.float64(s.ask_px[asks - 1]))
    bid_1, ask_1 = depth(s.bid_qty, bids, 1, 1), depth(s.ask_qty, asks, 1, 1)
    bid_5, ask_5 = depth(s.bid_qty, bids, 1, 5), depth(s.ask_qty, asks, 1, 5)
    out[9], out[10] = imbalance(bid_1, ask_1), imbalance(bid_5, ask_5)
    out[25], out[26] = np.log1p(bid_5 * f.lot), np.log1p(ask_5 * f.lot)
    out[30] = imbalance(depth(s.bid_qty, bids, 5, 30), depth(s.ask_qty, asks, 5, 30))
    out[31] = out[9] - out[30]


@njit(**FAST)
def _tick_back(s: Store, day: Day, which: int, t: int, lag: int, max_gap: int) -> int:  # noqa: PLR0917
    at = passed(day.tick_ts, s.at[which], s.n[TICKS], t - lag)
    s.at[which] = at
    in_force = at > s.at[FIRST_TICK] and t - lag - day.tick_ts[at - 1] <= max_gap
    return at - 1 if in_force else -1


@njit(**FAST)
def _tick_logret(day: Day, mid2: float, back: int) -> float:
    return np.log(mid2 / (day.tick_bid[back] + day.tick_ask[back])) if back >= 0 else np.nan


@njit(**FAST)
def ticker_values(s: Store, day: Day, f: Facts, t: int, out: NDArray[np.float64]) -> None:
    """Of the tickers."""
    at, n, base, gap = s.at, s.n, N_CORE, f.max_gap_ns
    end = s.tick_change_sum[n[TICK_CHANGES]]
    at[TRV_5] = passed(s.tick_change_t, at[TRV_5], n[TICK_CHANGES], t - 5 * SECOND)
    at[TRV_30] = passed(s.tick_change_t, at[TRV_30], n[TICK_CHANGES], t - 30 * SECOND)
    at[TRV_300] = passed(s.tick_change_t, at[TRV_300], n[TICK_CHANGES], t - 300 * SECOND)
    out[base + 4] = np.sqrt(end - s.tick_change_sum[at[TRV_5]])
    out[base + 5] = np.sqrt(end - s.tick_change_sum[at[TRV_30]])
    out[base + 6] = np.sqrt(end - s.tick_change_sum[at[TRV_300]])
    at[COUNT_5] = passed(day.tick_ts, at[COUNT_5], n[TICKS], t - 5 * SECOND)
    out[base + 13] = n[TICKS] - at[COUNT_5]
    now = n[TICKS] - 1
    out[base + 20] = out[base + 8] = out[base + 10] = out[base + 11] = out[base + 12] = np.nan
    if now < at[FIRST_TICK] or t - day.tick_ts[now] > gap:
        for k in range(base, base + 13):
            if not base + 4 <= k < base + 7:
                out[k] = np.nan
        return
    bid, ask, last, vol = day.tick_bid[now], day.tick_ask[now], day.tick_last[now], day.tick_vol[now]
    mid2 = bid + ask
    back_5 = _tick_back(s, day, TICK_5, t, 5 * SECOND, gap)
    back_1 = _tick_back(s, day, TICK_1, t, SECOND, gap)
    back_60 = _tick_back(s, day, TICK_60, t, 60 * SECOND, gap)
    back_30 = _tick_back(s, day, TICK_30, t, 30 * SECOND, gap)
    back_300 = _tick_back(s, day, TICK_300, t, 300 * SECOND, gap)
    out[base] = _tick_logret(day, mid2, back_1)
    out[base + 1] = _tick_logret(day, mid2, back_5)
    out[base + 2] = _tick_logret(day, mid2, back_30)
    out[base + 3] = _tick_logret(day, mid2, back_300)
    out[base + 7] = _spread_bps(bid, ask)
    if back_5 >= 0:
        out[base + 8] = out[base + 7] - _spread_bps(day.tick_bid[back_5], day.tick_ask[back_5])
        out[base + 10] = np.log(last / day.tick_last[back_5])
    out[base + 9] = 1e4 * ((2 * last - mid2) / mid2)
    low, high = day.tick_low[now], day.tick_high[now]
    if high > low:
        out[base + 11] = (mid2 - 2 * low) / (2 * (high - low))
    if back_60 >= 0:
        out[base + 12] = (vol - day.tick_vol[back_60]) * f.lot
    if back_1 >= 0:
        out[base + 20] = np.log1p(max(vol - day.tick_vol[back_1], 0.0) * f.lot)


@njit(**FAST)
def z_scores(s: Store, f: Facts, t: int, r: int, out: NDArray[np.float64]) -> None:
    """Row statistics of row `r`, whose inputs are in `out`: differences of running sums over the rows."""
    s.at[ROW_300] = passed(s.row_t, s.at[ROW_300], r, t - 300 * SECOND)
    s.at[ROW_1800] = passed(s.row_t, s.at[ROW_1800], r, t - 1_800 * SECOND)
    for k in range(N_Z if f.with_ticker else N_Z_CORE):
        x = out[Z_INPUT[k]]
        values, total, squares = s.moments[r, k, 0], s.moments[r, k, 1], s.moments[r, k, 2]
        if not np.isnan(x):
            if np.isnan(s.shift[k]):
                s.shift[k] = x
            x -= s.shift[k]
            values, total, squares = values + 1.0, total + x, squares + x * x
        s.moments[r + 1, k, 0], s.moments[r + 1, k, 1], s.moments[r + 1, k, 2] = values, total, squares
        out[Z_RESULT[k]] = np.nan
        if np.isnan(x):
            continue
        first, crumb = s.at[ROW_1800] if Z_LONG[k] else s.at[ROW_300], 1e-15 * squares
        values -= s.moments[first, k, 0]
        total -= s.moments[first, k, 1]
        squares -= s.moments[first, k, 2]
        spread = squares - total * total / values
        # Running sums leave crumbs where a window of equal values has none.
        if values >= f.min_values and spread > 1e-9 * squares + crumb:
            out[Z_RESULT[k]] = (x - total / values) / np.sqrt(spread / (values - 1.0))
