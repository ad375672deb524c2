"""hftbacktest from PyPI as the judge of exported files: its best bid and ask, feed by feed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hftbacktest
import numpy as np
import numpy.typing as npt
from numba import njit

INVALID_BID, INVALID_ASK = -(2**63), 2**63 - 1
"""hftbacktest's ticks of a side without levels."""

LOCAL_EVENT, EXCH_EVENT = 1 << 30, 1 << 31
FOREVER_NS = 10**18


@njit  # type: ignore[untyped-decorator]
def _stepped(backtest: Any, most: int) -> Any:
    """(time, best bid and ask in ticks, their sizes) at each time at which a feed arrives."""
    ts = np.empty(most, np.int64)
    bid, ask = np.empty(most, np.int64), np.empty(most, np.int64)
    bid_qty, ask_qty = np.empty(most), np.empty(most)
    count = 0
    while backtest.wait_next_feed(False, FOREVER_NS) == 2:
        depth = backtest.depth(0)
        ts[count] = backtest.current_timestamp
        bid[count], ask[count] = depth.best_bid_tick, depth.best_ask_tick
        bid_qty[count], ask_qty[count] = depth.bid_qty_at_tick(bid[count]), depth.ask_qty_at_tick(ask[count])
        count += 1
    backtest.close()
    return ts[:count], bid[:count], ask[:count], bid_qty[:count], ask_qty[:count]


def stepped(
    data: Path | npt.NDArray[np.void], tick: float, lot: float, *, roi: tuple[float, float] | None = None
) -> dict[str, npt.NDArray[Any]]:
    """What hftbacktest sees: `ts`, `bid` and `ask` in ticks (0: none), `bid_qty` and `ask_qty` in lots.

    A file, which hftbacktest reads by itself, or rows. `roi`: its vector book over this range of prices
    instead of the hash map. At the last time of all hftbacktest says that the data has ended and gives no
    look at the book: of a file that time is not in the answer; rows get one more after them.
    """
    if not isinstance(data, Path):
        end = data[-1:].copy()
        end["ev"] = EXCH_EVENT | LOCAL_EVENT | 2
        end["exch_ts"] = end["local_ts"] = max(data["exch_ts"].max(), data["local_ts"].max()) + 1
        data = np.concatenate([data, end])
    asset = (
        hftbacktest.BacktestAsset()
        .data([str(data)] if isinstance(data, Path) else data)
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0, 0)
        .tick_size(tick)
        .lot_size(lot)
    )
    if roi is None:
        backtest = hftbacktest.HashMapMarketDepthBacktest([asset])
    else:
        backtest = hftbacktest.ROIVectorMarketDepthBacktest([asset.roi_lb(roi[0]).roi_ub(roi[1])])
    most = len(np.load(data)["data"]) if isinstance(data, Path) else len(data)
    ts, bid, ask, bid_qty, ask_qty = _stepped(backtest, most + 1)
    bid, ask = np.where(bid == INVALID_BID, 0, bid), np.where(ask == INVALID_ASK, 0, ask)
    return {
        "ts": ts,
        "bid": bid,
        "ask": ask,
        "bid_qty": np.where(bid == 0, 0, np.rint(bid_qty / lot)).astype(np.int64),
        "ask_qty": np.where(ask == 0, 0, np.rint(ask_qty / lot)).astype(np.int64),
    }


def message_by_message(npz: Path) -> npt.NDArray[np.void]:
    """`data` with the number of the book message (from 1) as the time of each of its rows, prints left out:
    every message becomes a feed of its own, even where several arrived in one nanosecond.
    """
    arrays = np.load(npz)
    data, origin = arrays["data"], arrays["atc.rows"]
    local = (data["ev"] & LOCAL_EVENT != 0) & (data["ev"] & 0xFF != 2)
    number = np.zeros(len(data), np.int64)
    rows = origin == 1
    number[rows] = np.repeat(np.arange(len(arrays["book.rows"])) + 1, arrays["book.rows"])
    # A clearing row belongs to the message after it.
    following = np.minimum.accumulate(np.where(number > 0, number, number.max() + 1)[::-1])[::-1]
    data["exch_ts"] = data["local_ts"] = np.where(number > 0, number, following)
    data["ev"] |= np.where(local, EXCH_EVENT, 0).astype(np.uint64)
    return np.ascontiguousarray(data[local])
