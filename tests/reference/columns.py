"""The 62 columns of the plan and the 22 of the further families, at any row of a stretch.

`W` seconds always mean the window (t - W, t]. Names without prefix come from book and prints, those with
`tk_` from the ticker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import NamedTuple

from .bipower import BIPOWER, bipower
from .events import DAY_S, SECOND, Spec, Step, Ticker
from .exact import (
    Value,
    ZScore,
    ln,
    nearest_rank,
    ratio,
    robust_score,
    sin_cos_of_turn,
    sqrt,
    to_units,
    z_score,
)
from .hawkes import HAWKES, hawkes
from .kyle import KYLE, PriceImpact
from .microprice import MICROPRICE, microprice
from .ofi import OFI, OrderFlow
from .rows import Row, rows_of
from .state import BookState, Group, State
from .stretches import Stretch, stretches

LEGACY = (
    "logret_1s", "logret_5s", "logret_30s", "rv_5s", "rv_30s", "trade_count_1s", "trade_vol_1s",
    "trade_imbalance_1s", "spread_bps", "ob_imbalance_top1", "ob_imbalance_top5",
    "ttc_sec_norm", "in_no_new_entry_window",
)  # fmt: skip
NITS = (
    "logret_1s_z_300s", "logret_5s_z_300s", "trade_vol_1s_z_300s", "trade_imbalance_1s_z_300s",
    "ob_imbalance_top1_z_300s", "ob_imbalance_top5_z_300s", "spread_bps_z_300s", "rv_30s_z_1800s",
    "trade_size_robust_300s", "trade_vol_1s_robust_1800s",
    "trade_size_log", "trade_vol_1s_log", "depth_bid_top5_log", "depth_ask_top5_log",
    "tod_sin", "tod_cos", "biz_day_frac",
)  # fmt: skip
PHASE2 = (
    "ob_imb_deep_5to30", "top1_vs_deep", "big_trade_fresh_sign", "cvd_accel",
    "vwap_dev_1m_bps", "vwap_dev_30m_bps", "signed_vpin_5m",
)  # fmt: skip
GATE = ("mscale_consensus_3sig",)
TICKER16 = (
    "tk_logret_1s", "tk_logret_5s", "tk_logret_30s", "tk_logret_300s", "tk_rv_5s", "tk_rv_30s", "tk_rv_300s",
    "tk_spread_bps", "tk_spread_chg_5s_bps", "tk_last_mid_dev_bps", "tk_last_logret_5s", "tk_hl_range_pos",
    "tk_vol24_delta_60s", "tk_count_5s", "tk_ttc_sec_norm", "tk_in_no_new_entry_window",
)  # fmt: skip
TICKER_NITS = (
    "tk_logret_1s_z_300s", "tk_logret_5s_z_300s", "tk_spread_bps_z_300s", "tk_rv_30s_z_1800s",
    "tk_vol_1s_log", "tk_tod_sin", "tk_tod_cos", "tk_biz_day_frac",
)  # fmt: skip
FURTHER = OFI + MICROPRICE + KYLE + HAWKES + BIPOWER
COLUMNS = LEGACY + NITS + PHASE2 + GATE + TICKER16 + TICKER_NITS + FURTHER

# A z-score, the column whose values at the rows of the window it standardises, and W in seconds.
Z_SCORES = {
    name: (name.rsplit("_z_", 1)[0], int(name.rsplit("_z_", 1)[1].removesuffix("s")))
    for name in COLUMNS
    if "_z_" in name
}


class Values(NamedTuple):
    """One row's key and values. `one_unit`: what one 2^-40 of a rounded input is worth in a column."""

    row: Row
    exact: dict[str, Value]
    one_unit: dict[str, float]

    def as_float(self, name: str) -> float | None:
        value = self.exact[name]
        return None if value is None else float(value)


class StretchColumns:
    """The columns at the rows of one stretch."""

    def __init__(self, stretch: Stretch, spec: Spec, flushed: bool) -> None:
        self.spec = spec
        self.lot = Fraction(spec.lot)
        self.rows = rows_of(stretch, spec, flushed)
        self.state = State(stretch.events, spec)
        self.order_flow = OrderFlow(self.state)
        self.price_impact = PriceImpact(self.state)
        # What the row statistics collect is wanted again by every later row of the window.
        self.statistic_input: Callable[[str, int], int | None] = cache(self._statistic_input)
        self.is_big: Callable[[int, Group], bool] = cache(self._is_big)

    def at(self, i: int) -> Values:
        """All columns at row i."""
        row = self.rows[i]
        t = row.ts_recv
        exact: dict[str, Value] = {}
        one_unit: dict[str, float] = {}
        for part in (self._calendar(t), self._legacy(t), self._sizes(row), self._phase2(t), self._ticker(t)):
            exact.update(part)
        for part in (self.order_flow.at(t), microprice(self.state, t), self.price_impact.at(t)):
            exact.update(part)
        for part, units in (hawkes(self.state, t), bipower(self.state, t)):
            exact.update(part)
            one_unit.update(units)
        exact["mscale_consensus_3sig"] = Fraction(
            _agreement(exact["top1_vs_deep"], exact["cvd_accel"], exact["signed_vpin_5m"])
        )
        for name, (column, window_s) in Z_SCORES.items():
            z = self._row_z_score(i, column, window_s)
            exact[name] = None if z is None else z.value
            one_unit[name] = 0.0 if z is None or column == "trade_vol_1s" else float(z.one_unit)
        exact["trade_vol_1s_robust_1800s"] = self._row_robust_score(i, "trade_vol_1s", 1800)
        for name in exact:
            if name.startswith(("rv_", "tk_rv_")) and "_z_" not in name:
                one_unit[name] = 2.0**-40
        return Values(row, {name: exact[name] for name in COLUMNS}, one_unit)

    # Calendar

    def _calendar(self, t: int) -> dict[str, Value]:
        spec = self.spec
        day = DAY_S * SECOND
        since_cut = Fraction((t - spec.day_cut_utc_s * SECOND) % day, day)
        to_cut = 1 - since_cut
        since_midnight = Fraction((t + spec.tz_offset_s * SECOND) % day, day)
        before = spec.no_new_entry_s * SECOND
        closing = to_cut * DAY_S <= spec.no_new_entry_s or any(
            start - before <= t < preopen_end for start, _end, preopen_end in spec.maintenance
        )
        tod_sin, tod_cos = sin_cos_of_turn(since_midnight)
        names: dict[str, Value] = {
            "ttc_sec_norm": to_cut,
            "in_no_new_entry_window": Fraction(closing),
            "tod_sin": tod_sin,
            "tod_cos": tod_cos,
            "biz_day_frac": 1 - to_cut,
        }
        return names | {f"tk_{name}": value for name, value in names.items()}

    # Book and prints

    def _legacy(self, t: int) -> dict[str, Value]:
        book = self.state.book_at(t)
        return {
            "logret_1s": self._logret(t, 1),
            "logret_5s": self._logret(t, 5),
            "logret_30s": self._logret(t, 30),
            "rv_5s": self._rv(t, 5),
            "rv_30s": self._rv(t, 30),
            "trade_count_1s": Fraction(len(self._groups(t, 1))),
            "trade_vol_1s": self._volume(t, 1) * self.lot,
            "trade_imbalance_1s": self._signed_share(t, 1),
            "spread_bps": _book_spread_bps(book),
            "ob_imbalance_top1": _imbalance(book, 1, 1),
            "ob_imbalance_top5": _imbalance(book, 1, 5),
            "trade_vol_1s_log": ln(1 + self._volume(t, 1) * self.lot),
            "depth_bid_top5_log": None if book is None else ln(1 + (book.bids.qty(1, 5) or 0) * self.lot),
            "depth_ask_top5_log": None if book is None else ln(1 + (book.asks.qty(1, 5) or 0) * self.lot),
        }

    def _logret(self, t: int, window_s: int) -> Value:
        return _log_ratio(self.state.mid_at(t), self.state.mid_at(t - window_s * SECOND))

    def _rv(self, t: int, window_s: int, *, of_ticker: bool = False) -> Decimal:
        return sqrt(Fraction(self.state.square_returns(t, window_s * SECOND, of_ticker=of_ticker), 1 << 80))

    def _groups(self, t: int, window_s: int) -> list[Group]:
        return self.state.groups_at(t, window_s * SECOND)

    def _volume(self, t: int, window_s: int) -> int:
        return sum(group.size for group in self._groups(t, window_s))

    def _signed_volume(self, t: int, window_s: int) -> int:
        return sum(group.side * group.size for group in self._groups(t, window_s))

    def _signed_share(self, t: int, window_s: int) -> Fraction | None:
        return ratio(self._signed_volume(t, window_s), self._volume(t, window_s))

    def _vwap_dev_bps(self, t: int, window_s: int) -> Value:
        groups = self._groups(t, window_s)
        vwap = ratio(sum(group.notional for group in groups), sum(group.size for group in groups))
        mid = self.state.mid_at(t)
        return None if mid is None or vwap is None else 10_000 * (mid / vwap - 1)

    def _sizes(self, row: Row) -> dict[str, Value]:
        """Of the row's group: a trade row's own, else the latest, unless it is older than `max_lookback`."""
        t = row.ts_recv
        number = row.group if row.group is not None else self.state.groups_up_to(t) - 1
        group = self.state.group_at(t, number) if number >= 0 else None
        if group is None or t - group.ts > self.spec.max_lookback_ns:
            return {"trade_size_log": None, "trade_size_robust_300s": None}
        window = [other.size for other in self._groups(t, 300)]
        return {
            "trade_size_log": ln(1 + group.size * self.lot),
            "trade_size_robust_300s": robust_score(group.size, window, self.spec.min_values),
        }

    def _phase2(self, t: int) -> dict[str, Value]:
        book = self.state.book_at(t)
        first, last = self.spec.deep_levels
        recorded = self.spec.recorded_depth is None or self.spec.recorded_depth >= last
        top, deep = _imbalance(book, 1, 1), _imbalance(book, first, last) if recorded else None
        accel = Fraction(self._signed_volume(t, 5), 5) - Fraction(self._signed_volume(t, 30), 30)
        return {
            "ob_imb_deep_5to30": deep,
            "top1_vs_deep": None if top is None or deep is None else top - deep,
            "big_trade_fresh_sign": self._big_trade_sign(t),
            "cvd_accel": accel * self.lot,
            "vwap_dev_1m_bps": self._vwap_dev_bps(t, 60),
            "vwap_dev_30m_bps": self._vwap_dev_bps(t, 1800),
            "signed_vpin_5m": self._signed_share(t, 300),
        }

    def _big_trade_sign(self, t: int) -> Value:
        spec = self.spec
        if len(self._groups(t, spec.big_window_s)) < spec.min_values + 1:
            return None
        for number in reversed(range(self.state.groups_up_to(t))):
            group = self.state.group_at(t, number)
            if t - group.ts > spec.big_fresh_s * SECOND:
                break
            if self.is_big(number, group):
                return Fraction(group.side)
        return Fraction(0)

    def _is_big(self, number: int, group: Group) -> bool:
        """Strictly above the quantile of the sizes of the groups before it, with t in (t_g - W, t_g]."""
        past: list[int] = []
        for before in reversed(range(number)):
            other = self.state.group_at(group.ts, before)
            if other.ts <= group.ts - self.spec.big_window_s * SECOND:
                break
            past.append(other.size)
        if len(past) < self.spec.min_values:
            return False
        return group.size > nearest_rank(past, self.spec.big_quantile_pct)

    # Statistics over the rows

    def _inputs(self, column: str, t: int) -> Value:
        book = self.state.book_at(t)
        inputs: dict[str, Callable[[], Value]] = {
            "logret_1s": lambda: self._logret(t, 1),
            "logret_5s": lambda: self._logret(t, 5),
            "rv_30s": lambda: self._rv(t, 30),
            "trade_imbalance_1s": lambda: self._signed_share(t, 1),
            "ob_imbalance_top1": lambda: _imbalance(book, 1, 1),
            "ob_imbalance_top5": lambda: _imbalance(book, 1, 5),
            "spread_bps": lambda: _book_spread_bps(book),
            "tk_logret_1s": lambda: self._ticker_logret(t, 1),
            "tk_logret_5s": lambda: self._ticker_logret(t, 5),
            "tk_rv_30s": lambda: self._rv(t, 30, of_ticker=True),
            "tk_spread_bps": lambda: self._ticker_spread_bps(t),
        }
        return inputs[column]()

    def _statistic_input(self, column: str, i: int) -> int | None:
        """The column at row i as the statistics take it: a volume in lots, all else in units of 2^-40."""
        t = self.rows[i].ts_recv
        if column == "trade_vol_1s":
            return self._volume(t, 1)
        value = self._inputs(column, t)
        return None if value is None else to_units(value)

    def _row_window(self, i: int, column: str, window_s: int) -> list[int]:
        """The not null values of the rows up to and including row i, in key order, with t in the window."""
        values: list[int] = []
        for j in range(i, -1, -1):
            if self.rows[j].ts_recv <= self.rows[i].ts_recv - window_s * SECOND:
                break
            value = self.statistic_input(column, j)
            if value is not None:
                values.append(value)
        return values

    def _row_z_score(self, i: int, column: str, window_s: int) -> ZScore | None:
        x = self.statistic_input(column, i)
        window = self._row_window(i, column, window_s)
        return None if x is None else z_score(x, window, self.spec.min_values)

    def _row_robust_score(self, i: int, column: str, window_s: int) -> Value:
        x = self.statistic_input(column, i)
        window = self._row_window(i, column, window_s)
        return None if x is None else robust_score(x, window, self.spec.min_values)

    # Ticker

    def _ticker(self, t: int) -> dict[str, Value]:
        now = self.state.ticker_at(t)
        mid = self.state.ticker_mid_at(t)
        spread, spread_before = self._ticker_spread_bps(t), self._ticker_spread_bps(t - 5 * SECOND)
        last, last_before = _field(now, "last"), _field(self.state.ticker_at(t - 5 * SECOND), "last")
        high, low = _field(now, "high"), _field(now, "low")
        growth_1s = self._ticker_volume_growth(t, 1)
        growth_60s = self._ticker_volume_growth(t, 60)
        return {
            "tk_logret_1s": self._ticker_logret(t, 1),
            "tk_logret_5s": self._ticker_logret(t, 5),
            "tk_logret_30s": self._ticker_logret(t, 30),
            "tk_logret_300s": self._ticker_logret(t, 300),
            "tk_rv_5s": self._rv(t, 5, of_ticker=True),
            "tk_rv_30s": self._rv(t, 30, of_ticker=True),
            "tk_rv_300s": self._rv(t, 300, of_ticker=True),
            "tk_spread_bps": spread,
            "tk_spread_chg_5s_bps": None
            if spread is None or spread_before is None
            else spread - spread_before,
            "tk_last_mid_dev_bps": None if last is None or mid is None else 10_000 * (last / mid - 1),
            "tk_last_logret_5s": _log_ratio(last, last_before),
            "tk_hl_range_pos": ratio(mid - low, high - low)
            if mid is not None and high is not None and low is not None
            else None,
            "tk_vol24_delta_60s": None if growth_60s is None else growth_60s * self.lot,
            "tk_count_5s": Fraction(self.state.ticker_count(t, 5 * SECOND)),
            "tk_vol_1s_log": None if growth_1s is None else ln(1 + max(growth_1s, Fraction(0)) * self.lot),
        }

    def _ticker_logret(self, t: int, window_s: int) -> Value:
        return _log_ratio(self.state.ticker_mid_at(t), self.state.ticker_mid_at(t - window_s * SECOND))

    def _ticker_spread_bps(self, t: int) -> Fraction | None:
        ticker = self.state.ticker_at(t)
        return None if ticker is None else _spread_bps(ticker.bid, ticker.ask)

    def _ticker_volume_growth(self, t: int, window_s: int) -> Fraction | None:
        now = _field(self.state.ticker_at(t), "vol")
        before = _field(self.state.ticker_at(t - window_s * SECOND), "vol")
        return None if now is None or before is None else now - before


def _field(ticker: Ticker | None, name: str) -> Fraction | None:
    value: int | None = None if ticker is None else getattr(ticker, name)
    return None if value is None else Fraction(value)


def _log_ratio(now: Fraction | None, before: Fraction | None) -> Value:
    return None if now is None or before is None else ln(now / before)


def _spread_bps(bid: int | None, ask: int | None) -> Fraction | None:
    """10^4 (a - b) / m; null if a side is missing or a <= b."""
    if bid is None or ask is None or ask <= bid:
        return None
    return 10_000 * Fraction(ask - bid) / Fraction(bid + ask, 2)


def _book_spread_bps(book: BookState | None) -> Fraction | None:
    return None if book is None else _spread_bps(book.bids.best, book.asks.best)


def _imbalance(book: BookState | None, first: int, last: int) -> Fraction | None:
    """(Qb - Qa) / (Qb + Qa) over the levels that exist of `first` to `last`; null if neither side has one."""
    if book is None:
        return None
    bid, ask = book.bids.qty(first, last) or 0, book.asks.qty(first, last) or 0
    return ratio(bid - ask, bid + ask)


def _agreement(*signals: Value) -> int:
    """+1 or -1 when all signals are of that sign, else 0."""
    if all(signal is not None and signal > 0 for signal in signals):
        return 1
    if all(signal is not None and signal < 0 for signal in signals):
        return -1
    return 0


class Table:
    """All rows of a stream; values are worked out only for the rows that are asked for."""

    def __init__(self, steps: Sequence[Step], spec: Spec, *, flush: bool = True) -> None:
        parts = stretches(steps, spec)
        self._parts = [StretchColumns(part, spec, flush and part is parts[-1]) for part in parts]
        self._where = [(part, i) for part in self._parts for i in range(len(part.rows))]

    def __len__(self) -> int:
        return len(self._where)

    @property
    def rows(self) -> list[Row]:
        return [part.rows[i] for part, i in self._where]

    def at(self, number: int) -> Values:
        """The values of row `number` of the whole stream."""
        part, i = self._where[number]
        return part.at(i)
