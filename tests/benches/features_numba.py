"""The Numba peer: one pass over the decoded events, one thread, all columns of core and ticker.

What a good quant would write who knows the whole day in advance: the day's arrays are the ring buffers, every
window is a pair of indices into them, sums are differences of running sums, and whether a taker group goes on
is read off the next print. Floats where ATC has exact sums, no `ts_close`, no state to save, no event-by-event
face; a RESET is refused.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from features_numba_windows import (
    FAST,
    count,
    depth,
    imbalance,
    insert,
    passed,
    remove,
    robust,
    set_level,
    smallest,
)
from numba import njit
from numpy.typing import NDArray

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
MAX_LEVELS = 4_096

CORE = (
    "logret_1s logret_5s logret_30s rv_5s rv_30s trade_count_1s trade_vol_1s trade_imbalance_1s spread_bps "
    "ob_imbalance_top1 ob_imbalance_top5 ttc_sec_norm in_no_new_entry_window "
    "logret_1s_z_300s logret_5s_z_300s trade_vol_1s_z_300s trade_imbalance_1s_z_300s "
    "ob_imbalance_top1_z_300s ob_imbalance_top5_z_300s spread_bps_z_300s rv_30s_z_1800s "
    "trade_size_robust_300s trade_vol_1s_robust_1800s trade_size_log trade_vol_1s_log depth_bid_top5_log "
    "depth_ask_top5_log tod_sin tod_cos biz_day_frac ob_imb_deep_5to30 top1_vs_deep big_trade_fresh_sign "
    "cvd_accel vwap_dev_1m_bps vwap_dev_30m_bps signed_vpin_5m mscale_consensus_3sig"
).split()
TICKER = (
    "tk_logret_1s tk_logret_5s tk_logret_30s tk_logret_300s tk_rv_5s tk_rv_30s tk_rv_300s tk_spread_bps "
    "tk_spread_chg_5s_bps tk_last_mid_dev_bps tk_last_logret_5s tk_hl_range_pos tk_vol24_delta_60s tk_count_5s "
    "tk_ttc_sec_norm tk_in_no_new_entry_window tk_logret_1s_z_300s tk_logret_5s_z_300s tk_spread_bps_z_300s "
    "tk_rv_30s_z_1800s tk_vol_1s_log tk_tod_sin tk_tod_cos tk_biz_day_frac"
).split()
COLUMNS = (*CORE, *TICKER)

# z-scored columns: result, input, and whether the window is the long one (1800 s).
_PLACE = {name: index for index, name in enumerate(COLUMNS)}
_Z = [
    (_PLACE[f"{x}_z_{window}s"], _PLACE[x], window == 1_800)
    for x, window in (
        ("logret_1s", 300), ("logret_5s", 300), ("trade_vol_1s", 300), ("trade_imbalance_1s", 300),
        ("ob_imbalance_top1", 300), ("ob_imbalance_top5", 300), ("spread_bps", 300), ("rv_30s", 1_800),
        ("tk_logret_1s", 300), ("tk_logret_5s", 300), ("tk_spread_bps", 300), ("tk_rv_30s", 1_800),
    )
]  # fmt: skip
Z_RESULT, Z_INPUT = (np.array([z[i] for z in _Z]) for i in (0, 1))
Z_LONG = np.array([z[2] for z in _Z])
N_Z, N_Z_CORE = len(_Z), 8
N_CORE = len(CORE)


class Day(NamedTuple):
    """The columns of the canonical events that are needed, nulls of the ticker as NaN, and a print's exchange
    time with its side as one key.
    """

    book_ts: I64
    book_seq: NDArray[np.uint64]
    book_flags: NDArray[np.uint16]
    book_kind: NDArray[np.uint8]
    book_side: NDArray[np.int8]
    book_px: NDArray[np.int32]
    book_qty: I64
    trade_ts: I64
    trade_seq: NDArray[np.uint64]
    trade_exch: I64
    trade_flags: NDArray[np.uint16]
    trade_px: NDArray[np.int32]
    trade_qty: I64
    trade_side: NDArray[np.int8]
    tick_ts: I64
    tick_bid: F64
    tick_ask: F64
    tick_last: F64
    tick_high: F64
    tick_low: F64
    tick_vol: F64


class Facts(NamedTuple):
    """The engine's specification."""

    lot: float
    group_ns: int
    max_gap_ns: int
    min_values: int
    day_cut_ns: int
    tz_ns: int
    no_entry_ns: int
    maintenance: I64
    """Start, end, end of the pre-open, ns; one row a maintenance."""
    book_rows: bool
    """A row a book message, not a row a taker group."""
    with_ticker: bool


class Store(NamedTuple):
    """The day so far, in the order of time; windows are index ranges."""

    bid_px: I64
    bid_qty: I64
    ask_px: I64
    ask_qty: I64
    mid_t: I64
    mid2: I64
    change_t: I64
    change_sum: F64
    tick_change_t: I64
    tick_change_sum: F64
    group_t: I64
    group_side: I64
    group_size: I64
    group_seq: NDArray[np.uint64]
    volume_sum: I64
    signed_sum: I64
    paid_sum: I64
    sizes_short: NDArray[np.int32]
    sizes_long: NDArray[np.int32]
    row_t: I64
    row_volume: I64
    volumes: NDArray[np.int32]
    moments: F64
    """Rows + 1, statistic, (values, Σx, Σx²)."""
    shift: F64
    sampled: NDArray[np.uint64]
    """Messages of the open timestamp that make a row."""
    values: F64
    """Of the row that is being made."""
    n: I64
    at: I64
    big: I64


# Places in Store.n: how many there are.
BIDS, ASKS, MIDS, CHANGES, TICKS, TICK_CHANGES, GROUPS, SHORT, LONG, ROWS, VOLUMES = range(11)
# Places in Store.n: facts.
KNOWN, BOOK_AT, MID2, TICK_DONE = range(11, 15)
# Places in Store.at: the first index of each window, or one past the quote in force.
MID_1, MID_5, MID_30, RV_5, RV_30, TICK_1, TICK_5, TICK_30, TICK_60, TICK_300 = range(10)
TRV_5, TRV_30, TRV_300, COUNT_5, G_1, G_5, G_30, G_60, G_300, G_1800, ROW_300, ROW_1800 = range(10, 22)
SIZE_300, SIZE_1800, VOL_1800, FIRST_MID, FIRST_TICK, FIRST_GROUP, EMITTED = range(22, 29)
NONE = -(2**63)
# Places in Store.big: time and side of the latest big group, of the newest group itself and of those before.
BIG_T, BIG_SIDE, BIG_T_BEFORE, BIG_SIDE_BEFORE = range(4)


def cleared(s: Store) -> Store:
    """As new, without allocating."""
    for sums in (s.change_sum, s.tick_change_sum, s.volume_sum, s.signed_sum, s.paid_sum, s.moments):
        sums[0] = 0
    s.shift[:] = np.nan
    s.sizes_long[:] = 0
    s.n[:] = s.at[:] = 0
    s.big[:] = NONE
    return s


def _largest_group(day: Day) -> int:
    """Lots; neighbouring prints of one key that are too far apart for a group count together."""
    own = day.trade_flags & 16 == 0
    if not own.any():
        return 1
    exch, side = day.trade_exch[own], day.trade_side[own]
    another = np.concatenate([[True], (np.diff(exch) != 0) | (np.diff(side) != 0)])
    return int(np.add.reduceat(day.trade_qty[own], np.flatnonzero(another)).max())


def store(day: Day, rows: int) -> Store:
    """Empty, for so many rows at most."""

    def zeros(length: int, kind: type = np.int64) -> NDArray[np.generic]:
        return np.zeros(length, kind)

    domain = 1 << _largest_group(day).bit_length()
    books, trades, ticks = len(day.book_ts) + 1, len(day.trade_ts) + 1, len(day.tick_ts) + 1
    return Store(
        *(zeros(MAX_LEVELS) for _ in range(4)),
        zeros(books), zeros(books), zeros(books), zeros(books, np.float64),
        zeros(ticks), zeros(ticks, np.float64),
        zeros(trades), zeros(trades), zeros(trades), zeros(trades, np.uint64),
        zeros(trades), zeros(trades), zeros(trades),
        zeros(trades, np.int32), zeros(domain + 1, np.int32),
        zeros(rows + 1), zeros(rows + 1), zeros(rows + 1, np.int32),
        np.zeros((rows + 1, N_Z, 3)), np.full(N_Z, np.nan),
        zeros(4_096, np.uint64), np.zeros(len(COLUMNS)), zeros(15), zeros(29), np.full(4, NONE),
    )  # fmt: skip


@njit(**FAST)
def _reset(s: Store) -> None:
    """A new stretch: every window begins here."""
    n, at = s.n, s.at
    s.sizes_long[:] = 0
    n[BIDS] = n[ASKS] = n[KNOWN] = n[SHORT] = n[LONG] = n[VOLUMES] = 0
    n[BOOK_AT], n[MID2] = NONE, 0
    at[MID_1 : MID_30 + 1] = at[FIRST_MID] = n[MIDS]
    at[RV_5 : RV_30 + 1] = n[CHANGES]
    at[TICK_1 : TICK_300 + 1] = at[COUNT_5] = at[FIRST_TICK] = n[TICKS]
    at[TRV_5 : TRV_300 + 1] = n[TICK_CHANGES]
    at[G_1 : G_1800 + 1] = at[SIZE_300] = at[SIZE_1800] = at[FIRST_GROUP] = n[GROUPS]
    at[ROW_300] = at[ROW_1800] = at[VOL_1800] = n[ROWS]
    s.big[:] = NONE


@njit(**FAST)
def _book_message(s: Store, day: Day, first: int, end: int, max_gap: int) -> None:
    n, t = s.n, day.book_ts[first]
    if n[BOOK_AT] != NONE and t - n[BOOK_AT] > max_gap:
        n[KNOWN] = n[BIDS] = n[ASKS] = 0
    n[BOOK_AT] = t
    kind = day.book_kind[first]
    if kind != 1:
        n[KNOWN], n[BIDS], n[ASKS] = 1, 0, 0
    if n[KNOWN] == 0 or kind == 2:
        return
    bids, asks = n[BIDS], n[ASKS]
    for i in range(first, end):
        px, lots = np.int64(day.book_px[i]), day.book_qty[i]
        if day.book_side[i] > 0:
            bids = set_level(s.bid_px, s.bid_qty, bids, px, lots)
        elif day.book_side[i] < 0:
            asks = set_level(s.ask_px, s.ask_qty, asks, -px, lots)
    n[BIDS], n[ASKS] = bids, asks


@njit(**FAST)
def _close_book(s: Store, t: int, max_gap: int) -> None:
    """The mid of a closed book timestamp, and its change."""
    n = s.n
    mid2 = 0
    if n[BIDS] > 0 and n[ASKS] > 0:
        mid2 = s.bid_px[n[BIDS] - 1] - s.ask_px[n[ASKS] - 1]
    m = n[MIDS]
    if m > s.at[FIRST_MID]:
        before = s.mid2[m - 1]
        if before != 0 and mid2 not in (0, before) and t - s.mid_t[m - 1] <= max_gap:
            x = np.log(mid2 / before)
            k = n[CHANGES]
            s.change_t[k], s.change_sum[k + 1] = t, s.change_sum[k] + x * x
            n[CHANGES] = k + 1
    s.mid_t[m], s.mid2[m] = t, mid2
    n[MIDS] = m + 1
    n[MID2] = mid2


@njit(**FAST)
def _close_ticker(s: Store, day: Day, t: int, before: int, max_gap: int) -> None:
    """The ticker mid's change at a closed timestamp whose last message is the newest; `before`: the last of
    the timestamp before.
    """
    now = s.n[TICKS] - 1
    if before < s.at[FIRST_TICK] or t - day.tick_ts[before] > max_gap:
        return
    mid2, earlier = day.tick_bid[now] + day.tick_ask[now], day.tick_bid[before] + day.tick_ask[before]
    x = np.log(mid2 / earlier)
    if not np.isnan(x) and x != 0.0:
        k = s.n[TICK_CHANGES]
        s.tick_change_t[k], s.tick_change_sum[k + 1] = t, s.tick_change_sum[k] + x * x
        s.n[TICK_CHANGES] = k + 1


@njit(**FAST)
def _leave(s: Store, t: int) -> None:
    """Sizes that leave the windows of order statistics which end at `t`."""
    n, at = s.n, s.at
    while at[SIZE_300] < n[GROUPS] and s.group_t[at[SIZE_300]] <= t - 300 * SECOND:
        remove(s.sizes_short, n[SHORT], s.group_size[at[SIZE_300]])
        n[SHORT] -= 1
        at[SIZE_300] += 1
    while at[SIZE_1800] < n[GROUPS] and s.group_t[at[SIZE_1800]] <= t - 1_800 * SECOND:
        count(s.sizes_long, s.group_size[at[SIZE_1800]], -1)
        n[LONG] -= 1
        at[SIZE_1800] += 1


@njit(**FAST)
def _print(s: Store, day: Day, i: int, joins: bool, min_values: int) -> None:
    """A print joins the newest group, or begins one; the group is judged big or not by those before it."""
    n, t, lots, side = s.n, day.trade_ts[i], day.trade_qty[i], np.int64(day.trade_side[i])
    _leave(s, t)
    if joins:
        g = n[GROUPS] - 1
        remove(s.sizes_short, n[SHORT], s.group_size[g])
        count(s.sizes_long, s.group_size[g], -1)
        n[SHORT] -= 1
        n[LONG] -= 1
    else:
        g = n[GROUPS]
        n[GROUPS] = g + 1
        if s.big[BIG_T] != NONE:
            s.big[BIG_T_BEFORE], s.big[BIG_SIDE_BEFORE] = s.big[BIG_T], s.big[BIG_SIDE]
        s.group_size[g], s.group_side[g] = 0, side
        s.volume_sum[g + 1], s.signed_sum[g + 1] = s.volume_sum[g], s.signed_sum[g]
        s.paid_sum[g + 1] = s.paid_sum[g]
    s.group_t[g], s.group_seq[g] = t, day.trade_seq[i]
    s.group_size[g] += lots
    s.volume_sum[g + 1] += lots
    s.signed_sum[g + 1] += side * lots
    s.paid_sum[g + 1] += np.int64(day.trade_px[i]) * lots
    size, earlier = s.group_size[g], n[LONG]
    s.big[BIG_T] = NONE
    if earlier >= min_values and size > smallest(s.sizes_long, (95 * earlier + 99) // 100 - 1):
        s.big[BIG_T], s.big[BIG_SIDE] = t, side
    insert(s.sizes_short, n[SHORT], size)
    count(s.sizes_long, size, 1)
    n[SHORT] += 1
    n[LONG] += 1


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
def _clock_values(s: Store, f: Facts, t: int, out: NDArray[np.float64]) -> None:
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
def _trade_values(s: Store, f: Facts, t: int, group: int, out: NDArray[np.float64]) -> int:
    _leave(s, t)
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
def _book_values(s: Store, f: Facts, t: int, out: NDArray[np.float64]) -> None:
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
def _tick_back(s: Store, day: Day, which: int, t: int, lag: int, max_gap: int) -> int:
    at = passed(day.tick_ts, s.at[which], s.n[TICKS], t - lag)
    s.at[which] = at
    in_force = at > s.at[FIRST_TICK] and t - lag - day.tick_ts[at - 1] <= max_gap
    return at - 1 if in_force else -1


@njit(**FAST)
def _tick_logret(day: Day, mid2: float, back: int) -> float:
    return np.log(mid2 / (day.tick_bid[back] + day.tick_ask[back])) if back >= 0 else np.nan


@njit(**FAST)
def _ticker_values(s: Store, day: Day, f: Facts, t: int, out: NDArray[np.float64]) -> None:
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
def _z_scores(s: Store, f: Facts, t: int, r: int, out: NDArray[np.float64]) -> None:
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


@njit(**FAST)
def _row(s: Store, day: Day, f: Facts, t: int, group: int, out: NDArray[np.float64]) -> None:
    r = s.n[ROWS]
    _clock_values(s, f, t, out)
    volume = _trade_values(s, f, t, group, out)
    _book_values(s, f, t, out)
    if f.with_ticker:
        _ticker_values(s, day, f, t, out)
    signs = np.sign(out[31]), np.sign(out[33]), np.sign(out[36])
    out[37] = signs[0] if signs[0] == signs[1] and signs[1] == signs[2] else 0.0
    s.row_t[r], s.row_volume[r] = t, volume
    _z_scores(s, f, t, r, out)
    while s.at[VOL_1800] < r and s.row_t[s.at[VOL_1800]] <= t - 1_800 * SECOND:
        remove(s.volumes, s.n[VOLUMES], s.row_volume[s.at[VOL_1800]])
        s.n[VOLUMES] -= 1
        s.at[VOL_1800] += 1
    insert(s.volumes, s.n[VOLUMES], volume)
    s.n[VOLUMES] += 1
    out[22] = robust(s.volumes, s.n[VOLUMES], volume, f.min_values)
    s.n[ROWS] = r + 1


@njit(**FAST)
def _goes_on(day: Day, i: int, group_ns: int) -> bool:
    """Whether the next print that counts, after print `i`, belongs to the same group."""
    j = i + 1
    while j < len(day.trade_ts) and day.trade_flags[j] & 16:
        j += 1
    if j == len(day.trade_ts):
        return False
    same = day.trade_exch[j] == day.trade_exch[i] and day.trade_side[j] == day.trade_side[i]
    return same and day.trade_ts[j] - day.trade_ts[i] <= group_ns


@njit(**FAST)
def features(
    day: Day, f: Facts, s: Store, out_t: I64, out_seq: NDArray[np.uint64], out: NDArray[np.float32]
) -> int:
    """Fills in the rows of the day, columns in the order of `COLUMNS`; how many there are."""
    books, trades, ticks = len(day.book_ts), len(day.trade_ts), len(day.tick_ts)
    b = i = k = 0
    last_market, joins, last_tick, last_print = NONE, False, -1, -1
    sampled, values = s.sampled, s.values
    _reset(s)
    never = 2**63 - 1
    while b < books or i < trades or k < ticks:
        t = min(
            day.book_ts[b] if b < books else never,
            day.trade_ts[i] if i < trades else never,
            day.tick_ts[k] if k < ticks else never,
        )
        if last_market != NONE and t - last_market > f.max_gap_ns:
            _reset(s)
            joins = False
        had_book, frames = b, 0
        while b < books and day.book_ts[b] == t:
            first, seq = b, day.book_seq[b]
            while b < books and day.book_seq[b] == seq:
                b += 1
            _book_message(s, day, first, b, f.max_gap_ns)
            if f.book_rows and day.book_flags[first] & 10 != 10:
                sampled[frames] = seq
                frames += 1
        had_print = False
        while i < trades and day.trade_ts[i] == t:
            if not day.trade_flags[i] & 16:
                had_print = True
                _print(s, day, i, joins, f.min_values)
                joins = _goes_on(day, i, f.group_ns)
            i += 1
        had_tick = k
        while k < ticks and day.tick_ts[k] == t:
            k += 1
        if b > had_book or had_print or k > had_tick:
            last_market = t
        if b > had_book:
            _close_book(s, t, f.max_gap_ns)
        if k > had_tick:
            s.n[TICKS] = k
            if f.with_ticker:
                _close_ticker(s, day, t, last_tick, f.max_gap_ns)
            last_tick = k - 1
        if f.book_rows:
            newest = s.n[GROUPS] - 1
            if newest < s.at[FIRST_GROUP] or t - s.group_t[newest] > 1_830 * SECOND:
                newest = -1
            for frame in range(frames):
                r = s.n[ROWS]
                _row(s, day, f, t, newest, values)
                out_t[r], out_seq[r] = t, sampled[frame]
                for c in range(out.shape[1]):
                    out[r, c] = values[c]
        elif had_print:
            while s.at[EMITTED] < s.n[GROUPS] - (1 if joins else 0):
                g, r = s.at[EMITTED], s.n[ROWS]
                _row(s, day, f, t, g, values)
                out_t[r], out_seq[r] = t, s.group_seq[g]
                for c in range(out.shape[1]):
                    out[r, c] = values[c]
                s.at[EMITTED] = g + 1
    return s.n[ROWS]
