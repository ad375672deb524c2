"""The Numba peer's state, event by event: book, mids, tickers, taker groups."""

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
    FIRST_GROUP,
    FIRST_MID,
    FIRST_TICK,
    G_1,
    G_1800,
    GROUPS,
    KNOWN,
    LONG,
    MID2,
    MID_1,
    MID_30,
    MIDS,
    NONE,
    ROW_300,
    ROW_1800,
    ROWS,
    RV_5,
    RV_30,
    SECOND,
    SHORT,
    SIZE_300,
    SIZE_1800,
    TICK_1,
    TICK_300,
    TICK_CHANGES,
    TICKS,
    TRV_5,
    TRV_300,
    VOL_1800,
    VOLUMES,
    Day,
    Store,
)
from features_numba_windows import FAST, count, insert, remove, set_level, smallest
from numba import njit


@njit(**FAST)
def reset(s: Store) -> None:
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
def book_message(s: Store, day: Day, first: int, end: int, max_gap: int) -> None:
    """Applies rows `first` to `end` of the book table, one message."""
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
def close_book(s: Store, t: int, max_gap: int) -> None:
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
def close_ticker(s: Store, day: Day, t: int, before: int, max_gap: int) -> None:
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
def leave(s: Store, t: int) -> None:
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
def taker_print(s: Store, day: Day, i: int, joins: bool, min_values: int) -> None:
    """A print joins the newest group, or begins one; the group is judged big or not by those before it."""
    n, t, lots, side = s.n, day.trade_ts[i], day.trade_qty[i], np.int64(day.trade_side[i])
    leave(s, t)
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
