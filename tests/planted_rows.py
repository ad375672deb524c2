"""Rows with a planted signal and overlapping labels, made in NumPy alone, for tests of protocol, models,
evaluation.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.protocol.dataset import Dataset
from atc.protocol.window import Spans

SECOND = 1_000_000_000
START = 1_700_006_400 * SECOND  # 2023-11-15 00:00 UTC
FEATURES = ("interaction_a", "interaction_b", "linear", "volatility", "noise", "constant", "absent")


def planted_rows(
    n: int = 6000, *, seed: int = 0, spacing_s: float = 5.0, horizon_s: float = 60.0, strength: float = 1.0
) -> Dataset:
    """`n` rows about `spacing_s` apart; the return over `horizon_s` leans on FEATURES[0]·FEATURES[1] and
    FEATURES[2].

    Some inputs are null, one is constant, one is null throughout; the last labels are null, as at an end of
    data.
    """
    rng = np.random.default_rng(seed)
    t0 = START + np.cumsum(rng.exponential(spacing_s, n) * SECOND).astype(np.int64)
    horizon = int(horizon_s * SECOND)
    x = rng.standard_normal((n, len(FEATURES))).astype(np.float32)
    x[:, 3] = np.abs(x[:, 3])
    # The signal persists for about as long as a label looks ahead.
    for i in range(1, n):
        x[i, :3] = 0.95 * x[i - 1, :3] + 0.31 * x[i, :3]
    drift = strength * (0.9 * x[:, 0] * x[:, 1] + 0.5 * x[:, 2]) * spacing_s / horizon_s
    steps = drift + rng.standard_normal(n) * 0.3 * np.sqrt(spacing_s / horizon_s)
    log_mid_bps = np.concatenate([[0.0], np.cumsum(3.0 * steps)])
    ends = np.searchsorted(t0, t0 + horizon, side="right")
    r_bps = log_mid_bps[ends] - log_mid_bps[:-1]
    r_bps[t0 + horizon > t0[-1]] = np.nan
    x[rng.random((n, len(FEATURES))) < 0.03] = np.nan
    x[:, 5] = 1.5
    x[:, 6] = np.nan
    y = np.where(np.isnan(r_bps), np.nan, (r_bps > -0.5).astype(np.float64))
    return Dataset(
        keys=pl.DataFrame(
            {
                "symbol": pl.repeat("TEST", n, eager=True),
                "ts_recv": t0,
                "ev_seq": np.arange(n, dtype=np.uint64),
                "ts_close": t0 + 5_000_000,
            }
        ),
        x=x,
        features=FEATURES,
        y=y[:, None],
        r_bps=r_bps[:, None],
        t0=t0,
        t1=(t0 + horizon)[:, None],
    )


def halves(data: Dataset, train_share: float = 0.7) -> Spans:
    """The first part of the time trains, the rest is the holdout."""
    first, last = int(data.t0[0]), int(data.t0[-1])
    cut = first + int((last + 1 - first) * train_share)
    return Spans(train=(first, cut), holdout=(cut, last + 1))


def business_days(first: date, count: int) -> list[date]:
    """`count` days from `first` on."""
    return [first + timedelta(days=i) for i in range(count)]


def planted_signal(data: Dataset) -> NDArray[np.float64]:
    """(n,) what the best possible score would know."""
    x = np.nan_to_num(data.x.astype(np.float64))
    signal: NDArray[np.float64] = 0.9 * x[:, 0] * x[:, 1] + 0.5 * x[:, 2]
    return signal
