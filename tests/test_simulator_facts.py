"""The market of `target` at the full event rate has the size and the statistics that it promises."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from atc._rust import Simulator
from atc.config.compose import compose
from atc.config.data import SimulatedData
from atc.events.schema import Flag, MsgKind
from atc.events.simulate import simulator_params

DAYS = 5
"""Monday to Friday."""


class Market:
    """What is measured of the days, day by day, so that memory stays that of one."""

    def __init__(self) -> None:
        data = compose(["data=demo", "data.rate=1.0"]).data
        assert isinstance(data, SimulatedData)
        simulator = Simulator(simulator_params(data), 1)
        mids, spreads, depths, orders, hours = [], [], [], [], []
        self.frames = self.prints = 0
        for _ in range(DAYS):
            day = simulator.next_day()
            tables = {kind: pl.DataFrame(pl.from_arrow(pa.Table.from_batches([day[kind]]))) for kind in day}
            ticker, book = tables["ticker"], tables["book"]
            taker = tables["trade"].filter((pl.col("flags") & int(Flag.DUP_OTHER_SIDE)) == 0)
            self.frames += book["ev_seq"].n_unique()
            self.prints += len(taker)
            mid = (ticker["bid"] + ticker["ask"]).to_numpy() / 2
            mids.append(1e4 * np.log(mid))
            spreads.append(1e4 * (ticker["ask"] - ticker["bid"]).to_numpy() / mid)
            whole = book.filter((pl.col("msg_kind") == MsgKind.SNAP) & (pl.col("side") == 1))
            best = whole.sort("ev_seq", "px_ticks", descending=[False, True]).group_by("ev_seq").head(20)
            money = (best["px_ticks"].cast(pl.Int64) * best["qty_lots"]).sum() * 0.01e-6
            depths.append(money / best["ev_seq"].n_unique())
            orders.append(
                taker.group_by("ts_exch", maintain_order=True).agg(pl.first("side"), pl.sum("qty_lots"))
            )
            hours.append((orders[-1]["ts_exch"].to_numpy() // (3_600 * 10**9) + 9) % 24)
        self.log_bps = np.concatenate(mids)
        self.spread_bps = np.concatenate(spreads)
        self.depth_million = float(np.mean(depths))
        self.orders = pl.concat(orders)
        self.by_hour = np.bincount(np.concatenate(hours), minlength=24)

    def returns(self, seconds: int) -> np.ndarray:
        return np.diff(self.log_bps[::seconds])


@pytest.fixture(scope="module")
def market() -> Market:
    return Market()


def autocorrelation(values: np.ndarray, lag: int) -> float:
    centred = values - values.mean()
    return float((centred[lag:] * centred[:-lag]).mean() / values.var())


def kurtosis(values: np.ndarray) -> float:
    return float(((values - values.mean()) ** 4).mean() / values.var() ** 2)


def test_it_has_the_size_of_eth_jpy(market: Market) -> None:
    assert 165_000 < market.frames / DAYS <= 171_090
    assert 26_000 < market.prints / DAYS < 35_000
    assert 2.4 < market.spread_bps.mean() < 4.0
    assert 10.0 < market.depth_million < 14.0


def test_signs_remember_over_a_thousand_orders(market: Market) -> None:
    signs = market.orders["side"].to_numpy().astype(float)
    lags = np.unique(np.round(np.logspace(0, 3, 13)).astype(int))
    memory = np.array([autocorrelation(signs, lag) for lag in lags])
    assert (memory > 0).all()
    slope, intercept = np.polyfit(np.log(lags), np.log(memory), 1)
    # An exponential that fell by so much to lag 1000 would have fallen by little to lag 30.
    assert -0.8 < slope < -0.2
    fitted = slope * np.log(lags) + intercept
    explained = 1 - np.var(np.log(memory) - fitted) / np.var(np.log(memory))
    assert explained > 0.8


def test_volatility_clusters_for_hours_and_short_returns_have_fat_tails(market: Market) -> None:
    minutes = np.abs(market.returns(60))
    near, hour = autocorrelation(minutes, 5), autocorrelation(minutes, 60)
    assert near > 0.1
    assert near > hour > 0.03
    short, long = kurtosis(market.returns(10)), kurtosis(market.returns(600))
    assert short > 6
    assert short > long


def test_the_day_has_the_hours_of_tokyo_london_and_new_york(market: Market) -> None:
    hours = market.by_hour / market.by_hour.sum()
    assert hours[22] == hours.max() or hours[23] == hours.max()
    assert hours.max() > 1.7 * hours.min()
    assert hours[9] > hours[12] and hours[17] > hours[12]


def test_sizes_have_a_power_law_tail_and_round_clusters(market: Market) -> None:
    sizes = market.orders["qty_lots"].to_numpy()
    tail = np.sort(sizes)[-len(sizes) // 100 :].astype(float)
    exponent = 1 / np.log(tail / tail[0]).mean()
    assert 1.0 < exponent < 3.0
    counts = np.bincount(sizes, minlength=101)
    for preferred in (10, 20, 50, 100):
        assert counts[preferred] > 3 * counts[preferred + 1]


def test_prices_are_small_ticks(market: Market) -> None:
    """A spread is a hundred ticks and more."""
    price = float(np.exp(market.log_bps.mean() * 1e-4))
    assert market.spread_bps.mean() * 1e-4 * price > 60
