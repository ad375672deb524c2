"""What the Numba peer is given, and what it keeps: arrays as long as the day."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
MAX_LEVELS = 4_096

CORE = (  # noqa: SIM905
    "logret_1s logret_5s logret_30s rv_5s rv_30s trade_count_1s trade_vol_1s trade_imbalance_1s spread_bps "
    "ob_imbalance_top1 ob_imbalance_top5 ttc_sec_norm in_no_new_entry_window "
    "logret_1s_z_300s logret_5s_z_300s trade_vol_1s_z_300s trade_imbalance_1s_z_300s "
    "ob_imbalance_top1_z_300s ob_imbalance_top5_z_300s spread_bps_z_300s rv_30s_z_1800s "
    "trade_size_robust_300s trade_vol_1s_robust_1800s trade_size_log trade_vol_1s_log depth_bid_top5_log "
    "depth_ask_top5_log tod_sin tod_cos biz_day_frac ob_imb_deep_5to30 top1_vs_deep big_trade_fresh_sign "
    "cvd_accel vwap_dev_1m_bps vwap_dev_30m_bps signed_vpin_5m mscale_consensus_3sig"
).split()
TICKER = (  # noqa: SIM905
    "tk_logret_1s tk_logret_5s tk_logret_30s tk_logret_300s tk_rv_5s tk_rv_30s tk_rv_300s tk_spread_bps "
    "tk_spread_chg_5s_bps tk_last_mid_dev_bps tk_last_logret_5s tk_hl_range_pos tk_vol24_delta_60s "
    "tk_count_5s tk_ttc_sec_norm tk_in_no_new_entry_window tk_logret_1s_z_300s tk_logret_5s_z_300s "
    "tk_spread_bps_z_300s tk_rv_30s_z_1800s tk_vol_1s_log tk_tod_sin tk_tod_cos tk_biz_day_frac"
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
