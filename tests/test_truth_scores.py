"""The known truth as a score of decisions."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from atc.config.compose import compose
from atc.config.data import SimulatedData
from atc.config.trading import Waterfall
from atc.errors import UsageError
from atc.events.business_day import day_start_ns
from atc.events.futures import futures_of
from atc.tasks.base import Desk
from atc.tasks.truth_scores import SEED, states, truth_scores

S = 1_000_000_000


def quiet() -> tuple[Desk, SimpleNamespace]:
    stage = SimpleNamespace(cached=False)

    def bar(*_: Any) -> Any:
        return nullcontext(SimpleNamespace(update=lambda *_: None))

    return Desk(stage=lambda _: nullcontext(stage), bar=bar), stage


def test_states_keep_their_distance() -> None:
    times = np.array([0, 5, 10, 11, 30, 31, 100])
    assert states(times, 10).tolist() == [0, 10, 30, 100]
    assert states(times, 0).tolist() == times.tolist()
    assert states(times[:0], 10).tolist() == []


def test_a_score_is_what_the_latest_state_expects(tmp_path: Path) -> None:
    data = compose(["data=demo", "data/scenario=linear_only", "data.days=1", "data.rate=0.05"]).data
    assert isinstance(data, SimulatedData)
    begin = day_start_ns(data.start_date, data.day_cut_utc_s, data.tz_offset_s)
    times = begin + np.arange(0, 3600, 15) * S
    asked = Waterfall(continuations=40, state_every_s=60)
    desk, stage = quiet()
    found = truth_scores(data, times, asked, horizon_ns=300 * S, outputs=tmp_path, desk=desk)
    assert not stage.cached
    at = times[::4]
    futures = futures_of(
        data, at, horizon_ns=300 * S, continuations=40, seed=SEED, cache=tmp_path / "cache" / "oracle"
    )
    assert futures.cached  # they are asked for once
    assert found.tolist() == np.repeat(futures.r_bps.mean(axis=1), 4).tolist()
    # It knows direction: the market's own path mostly goes where the score says.
    likely, own = found[::4] > np.median(found), futures.own_r_bps
    assert own[likely].mean() > own[~likely].mean()
    again = truth_scores(data, times, asked, horizon_ns=300 * S, outputs=tmp_path, desk=desk)
    assert stage.cached and (again == found).all()


def test_a_recorded_market_has_no_known_truth() -> None:
    words = ["backtest=default", "backtest.waterfall.continuations=8"]
    assert compose(words).backtest.waterfall.continuations == 8
    with pytest.raises(UsageError, match=r"backtest\.waterfall\.continuations.*cannot be continued"):
        compose([*words, "data=eth_jpy"])
