"""What the groups policy, execution, cost and backtest take, and what they say of what they do not."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from atc.config.compose import Composer, compose
from atc.config.cost import Cost, Fees
from atc.config.labels import THREE_CLASSES
from atc.config.problems import ConfigError
from atc.config.trading import ClassPolicy, ConfidencePolicy, ThresholdPolicy
from atc.labels.definitions import fit_label
from atc.tasks.trading_notes import borrowed_notes


def test_the_ten_eth_experiment_is_the_default() -> None:
    config = compose()
    assert isinstance(config.policy, ThresholdPolicy) and config.policy.theta is None
    x = config.execution
    assert (x.size, x.latency_s, x.wait_s, x.min_interval_s, x.max_book_age_s) == (10, 0.3, 0.6, 300, 5)
    assert x.max_slippage_bps == 20 and x.no_new_entry_s == 900
    assert [(row.maker_bps, row.taker_bps) for row in config.cost.fees] == [(0, 0)]
    assert [row.rate_pct for row in config.cost.carry] == [0.04]
    assert isinstance(compose(["policy=class"]).policy, ClassPolicy)
    assert isinstance(compose(["policy=confidence"]).policy, ConfidencePolicy)


def test_recordings_have_no_backtest() -> None:
    composer = Composer()
    for data in composer.options("data"):
        recorded = compose([f"data={data}"]).data.kind == "recorded"
        assert compose([f"data={data}"]).backtest.enabled != recorded


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["policy.theta_short=0.2"], "set short=true, or theta_short=null"),
        (["policy.short=true", "policy.theta=0.5", "policy.theta_short=0.6"], "leave no room"),
        (
            ["policy.short=true", "policy.theta=0.6", "policy.theta_short=0.5", "policy.hysteresis=0.06"],
            "at least twice the hysteresis",
        ),
        (["policy.short=true", "policy.hysteresis=0.6"], "beyond 1, which no score reaches"),
        (
            ["policy.short=true", "policy.theta_short=0.5", "policy.hysteresis=0.3"],
            "(theta_short=0.5 or more), beyond 1",
        ),
        (["policy.theta=1.2"], "policy.theta: found 1.2"),
        (["policy.thetta=0.2"], "did you mean 'policy.theta'"),
        (["policy.gate=mscale"], "mscale_consensus_3sig"),
        (["execution.min_interval_s=5.8"], "set min_interval_s to at least 5.9"),
        (["execution.min_interval_s=8"], "backtest.sensitivity.latency_s: with a latency of 5 s"),
        (["execution.depth=1.5"], "execution.depth: found 1.5"),
        (["execution.size=0"], "execution.size"),
        (["execution.size=0.015"], "no whole number of lots of 0.01 (data.lot); give a multiple"),
        (["backtest.capacity=[1,20000000]"], "backtest.capacity: 20000000 is 2,000,000,000 lots"),
        (["data.tick=3", "data.lot=1"], "choose backtest=none"),
        (["policy=confidence", "label=hold10_3class", "model=softmax"], "such as policy.neutral=0.5"),
        (
            ["data.start_date=2021-12-30"],
            "cost: cost=gmo_eth_jpy has no row of fees for 2 of the window's business days (2021-12-30 the "
            "first, 2021-12-31 the last) and carry for 2",
        ),
        (["data=eth_jpy", "window.train_from=2021-12-31"], "leave the backtest out with backtest=none"),
    ],
)
def test_what_is_wrong_is_named_with_a_way_out(overrides: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as failure:
        compose(overrides)
    assert said in str(failure.value)


def test_what_no_backtest_trades_is_not_refused() -> None:
    words = ["execution.size=0.015", "policy=confidence", "label=hold10_3class", "model=softmax"]
    assert not compose([*words, "backtest=none"]).backtest.enabled


def test_every_label_of_three_classes_is_known_to_the_config() -> None:
    composer = Composer()
    for option in set(composer.options("label")) - {"fwd_logret"}:
        label = compose([f"label={option}"]).label
        fitted = fit_label(label, np.array([-1.0, 0.5, 1.0]), np.array([1.0, 1.0, 1.0]))
        assert (len(fitted.classes) == 3) == (label.kind in THREE_CLASSES), option


def test_without_a_backtest_its_costs_are_not_asked_for() -> None:
    assert not compose(["data.start_date=2021-12-30", "backtest=none"]).backtest.enabled
    assert compose(["data.start_date=2021-12-30", "cost=zero"]).cost.name == "zero"


def test_no_recording_is_traded_at_the_costs_of_another_market() -> None:
    words = ["backtest=default", "backtest.capacity=[1]"]
    for data in (
        "binance_ethusdt_2024",
        "binance_ethbtc_2020",
        "bitflyer_btcjpy_2018",
        "gmocoin_btcjpy_2025",
    ):
        cost = compose([*words, f"data={data}"]).cost
        day = date(2025, 1, 6)
        assert cost.name == "unknown" and cost.missing_days(day, day) == {"fees": [day], "carry": [day]}, data
        assert compose([*words, f"data={data}", "cost=zero"]).cost.name == "zero"
    with pytest.raises(ConfigError, match="cost=unknown has no row of fees for 60"):
        compose(["cost=unknown"])


OWN = ("data=eth_jpy", "data.name=mine", "data.venue=binance", "data.symbol=ETHUSDT", "window=phase4")
"""A data set of one's own, as it is made from a shipped one."""


def test_no_data_are_traded_at_the_costs_of_another_market_in_silence() -> None:
    with pytest.raises(ConfigError) as failure:
        compose(OWN)
    said = str(failure.value)
    assert "cost=gmo_eth_jpy is the table of gmocoin ETH_JPY, and data=mine is binance ETHUSDT" in said
    for way_out in (
        "venue: binance and symbols: [ETHUSDT]",
        "cost.borrowed=true",
        "cost=zero",
        "backtest=none",
    ):
        assert way_out in said
    # The venue alone, and the symbol alone, are another market too.
    for words in (["data=eth_jpy", "data.venue=bitflyer"], ["data=eth_jpy", "data.symbol=BTC_JPY"]):
        with pytest.raises(ConfigError, match="is the table of gmocoin ETH_JPY, and data=eth_jpy is"):
            compose(words)


def test_a_table_goes_with_its_own_market_or_where_it_is_declared() -> None:
    assert compose(["data=eth_jpy"]).cost.name == "gmo_eth_jpy"
    assert compose([*OWN, "cost=zero"]).cost.name == "zero"
    assert not compose([*OWN, "backtest=none"]).backtest.enabled
    own = compose([*OWN, "cost.name=own", "cost.venue=binance", "cost.symbols=[ETHUSDT,BTCUSDT]"])
    assert own.cost.is_of("binance", "BTCUSDT") and borrowed_notes(own) == []
    whole = compose([*OWN, "cost.name=own", "cost.venue=binance", "cost.symbols=[]"])
    assert whole.cost.is_of("binance", "ETHUSDT") and not whole.cost.is_of(None, "ETHUSDT")


def test_a_borrowed_table_is_recorded_and_told() -> None:
    borrowed = compose([*OWN, "cost.borrowed=true"])
    assert borrowed.model_dump(mode="json")["cost"]["borrowed"] is True
    assert borrowed_notes(borrowed) == [
        "backtest: cost=gmo_eth_jpy is the table of gmocoin ETH_JPY, and data=mine is binance ETHUSDT; it is "
        "borrowed on purpose (cost.borrowed=true)"
    ]
    assert borrowed_notes(compose(["data=eth_jpy", "cost.borrowed=true"])) == []


def test_a_simulated_market_has_the_costs_of_whom_it_says_to_imitate() -> None:
    assert compose(["data=demo_null"]).cost.name == "gmo_eth_jpy"
    with pytest.raises(ConfigError, match=r"that imitates no venue; .* \(data\.imitates\)"):
        compose(["data.imitates=null"])
    with pytest.raises(ConfigError, match="data=demo is gmocoin BTC_JPY"):
        compose(["data.symbol=BTC_JPY"])


def test_a_symbol_needs_its_venue() -> None:
    with pytest.raises(ConfigError, match=r"symbols=\['ETH_JPY'\] with venue=null"):
        compose(["cost.venue=null"])


def test_each_day_has_one_row_of_costs() -> None:
    first = Fees(first=date(2022, 1, 1), last=date(2022, 6, 30), maker_bps=0, taker_bps=1)
    second = Fees(first=date(2022, 7, 2), maker_bps=0, taker_bps=2)
    cost = Cost(name="x", venue=None, symbols=(), fees=(first, second), carry=())
    missing = cost.missing_days(date(2022, 6, 29), date(2022, 7, 3))
    assert missing["fees"] == [date(2022, 7, 1)] and len(missing["carry"]) == 5
    with pytest.raises(ValueError, match="each day in one row"):
        Cost(name="x", venue=None, symbols=(), fees=(second, first), carry=())
    with pytest.raises(ValueError, match="each day in one row"):
        Cost(
            name="x", venue=None, symbols=(), fees=(first.model_copy(update={"last": None}), second), carry=()
        )
    with pytest.raises(ValueError, match="first <= last"):
        Fees(first=date(2022, 7, 2), last=date(2022, 7, 1), maker_bps=0, taker_bps=2)
