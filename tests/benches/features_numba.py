"""The Numba peer: one pass over the decoded events, one thread, all columns of core and ticker.

What a good quant would write who knows the whole day in advance: the day's arrays are the ring buffers, a
window is a pair of indices into them, sums are differences of running sums, and whether a taker group goes on
is read off the next print. Floats where ATC has exact sums, no `ts_close`, no state to save, and no face for
single events; a RESET is refused.
"""

from __future__ import annotations

import numpy as np
from features_numba_columns import book_values, clock_values, ticker_values, trade_values, z_scores
from features_numba_store import (
    EMITTED,
    F64,
    FIRST_GROUP,
    GROUPS,
    I64,
    NONE,
    ROWS,
    SECOND,
    TICKS,
    VOL_1800,
    VOLUMES,
    Day,
    Facts,
    Store,
)
from features_numba_stream import book_message, close_book, close_ticker, reset, taker_print
from features_numba_windows import FAST, insert, remove, robust
from numba import njit
from numpy.typing import NDArray


@njit(**FAST)
def _row(s: Store, day: Day, f: Facts, t: int, group: int, out: F64) -> None:  # noqa: PLR0917
    r = s.n[ROWS]
    clock_values(s, f, t, out)
    volume = trade_values(s, f, t, group, out)
    book_values(s, f, t, out)
    if f.with_ticker:
        ticker_values(s, day, f, t, out)
    signs = np.sign(out[31]), np.sign(out[33]), np.sign(out[36])
    out[37] = signs[0] if signs[0] == signs[1] and signs[1] == signs[2] else 0.0
    s.row_t[r], s.row_volume[r] = t, volume
    z_scores(s, f, t, r, out)
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
def features(  # noqa: PLR0912, PLR0917  # one loop over the timestamps
    day: Day, f: Facts, s: Store, out_t: I64, out_seq: NDArray[np.uint64], out: NDArray[np.float32]
) -> int:
    """Fills in the rows of the day, columns in the order of `COLUMNS`; how many there are."""
    books, trades, ticks = len(day.book_ts), len(day.trade_ts), len(day.tick_ts)
    b = i = k = 0
    last_market, joins, last_tick = NONE, False, -1
    sampled, values = s.sampled, s.values
    reset(s)
    never = 2**63 - 1
    while b < books or i < trades or k < ticks:
        t = min(
            day.book_ts[b] if b < books else never,
            day.trade_ts[i] if i < trades else never,
            day.tick_ts[k] if k < ticks else never,
        )
        if last_market != NONE and t - last_market > f.max_gap_ns:
            reset(s)
            joins = False
        had_book, frames = b, 0
        while b < books and day.book_ts[b] == t:
            first, seq = b, day.book_seq[b]
            while b < books and day.book_seq[b] == seq:
                b += 1
            book_message(s, day, first, b, f.max_gap_ns)
            if f.book_rows and day.book_flags[first] & 10 != 10:
                sampled[frames] = seq
                frames += 1
        had_print = False
        while i < trades and day.trade_ts[i] == t:
            if not day.trade_flags[i] & 16:
                had_print = True
                taker_print(s, day, i, joins, f.min_values)
                joins = _goes_on(day, i, f.group_ns)
            i += 1
        had_tick = k
        while k < ticks and day.tick_ts[k] == t:
            k += 1
        if b > had_book or had_print or k > had_tick:
            last_market = t
        if b > had_book:
            close_book(s, t, f.max_gap_ns)
        if k > had_tick:
            s.n[TICKS] = k
            if f.with_ticker:
                close_ticker(s, day, t, last_tick, f.max_gap_ns)
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
