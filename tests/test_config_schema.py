"""The typed config: what it takes, what it refuses, and that YAML and schema say the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from atc.config.compose import Composer, compose
from atc.config.data import CanonicalData, RecordedData, SimulatedData
from atc.config.maintenance import SingleMaintenance, WeeklyMaintenance, maintenance_windows
from atc.config.model import Gbdt
from atc.config.schema import RunConfig
from atc.config.window import DatesWindow

GROUPS = (
    "data",
    "window",
    "sampling",
    "features",
    "label",
    "model",
    "thinning",
    "weights",
    "baseline",
    "calibration",
    "protocol",
    "refit",
    "evaluation",
    "explain",
    "policy",
    "execution",
    "cost",
    "backtest",
    "quality",
    "tracking",
)


RETURNS = ("label=fwd_logret", "model=ridge", "baseline=ridge_13feat")
"""They go together only."""
NO_COSTS = "cost=unknown"
OTHER_VALUES = ("explain=none", "explain=full")
"""Options that are there to be another choice than the default."""


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer()


def every_option() -> list[str]:
    composer = Composer()
    return [f"{group}={option}" for group in GROUPS for option in composer.options(group)]


def words_of(choice: str) -> list[str]:
    """`choice` as a run takes it: no backtest without known costs, models for a return, members of a mean."""
    if choice in RETURNS:
        return list(RETURNS)
    further = {NO_COSTS: ["backtest=none"], "model=ensemble": ["model.runs=[one,other]"]}
    return [choice, *further.get(choice, [])]


def test_the_groups_hold_what_the_issue_names(composer: Composer) -> None:
    assert set(composer.options("data")) == {
        "demo",
        "demo_null",
        "eth_jpy",
        "binance_ethusdt_2024",
        "binance_ethbtc_2020",
        "gmocoin_btcjpy_2025",
        "bitflyer_btcjpy_2018",
    }
    assert set(composer.options("window")) == {"demo", "recording", "phase4"}
    assert set(composer.options("tracking")) == {"offline", "online", "none"}
    assert set(composer.options("experiment")) >= {
        "gbdt_36feat",
        "gbdt_13feat",
        "logistic_36feat",
        "logistic_13feat",
    }


@pytest.mark.parametrize("choice", every_option())
def test_yaml_spells_every_field(composer: Composer, choice: str) -> None:
    """A field that no file spells could not be overridden without a `+`; its default would hide in code."""
    composition, problems = composer.composition(words_of(choice))
    assert problems == []
    spelled = yaml.safe_load(yaml.safe_dump(_plain_keys(composition.cfg)))
    config = composer.job(words_of(choice)).config
    assert spelled == _plain_keys(config.model_dump(mode="json"))


def _plain_keys(values: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(k): _plain_keys(v) if isinstance(v, Mapping) else None for k, v in values.items()}


@pytest.mark.parametrize(
    "choice", [c for c in every_option() if not c.startswith(("data", "baseline")) and c not in OTHER_VALUES]
)
def test_yaml_and_schema_have_the_same_defaults(
    composer: Composer, choice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ATC_EVENTS", raising=False)
    monkeypatch.delenv("ATC_RECORDINGS", raising=False)
    config = composer.job(words_of(choice)).config
    group = choice.partition("=")[0]
    chosen = config.features.engine if group == "features" else getattr(config, group)
    for part in (chosen, config.paths, config.runtime):
        for name, field in type(part).model_fields.items():
            # What an option of tracking chooses, what the plan's walk-forward is for, members, and gbdt_fast.
            own = {"mode", "block_months", "runs"}
            own |= {"bagging_freq", "max_bag_rows"} if choice == "model=gbdt_fast" else set()
            if not field.is_required() and name not in own:
                assert getattr(part, name) == field.get_default(call_default_factory=True), name


def test_a_recorded_config_reads_back_equal() -> None:
    config = compose(["+experiment=gbdt_36feat", "data=binance_ethbtc_2020"])
    text = yaml.safe_dump(config.model_dump(mode="json"))
    assert RunConfig.model_validate(yaml.safe_load(text)) == config


def test_slices_are_frozen() -> None:
    config = compose()
    with pytest.raises(ValidationError):
        config.seed = 2


def test_instruments_are_exact() -> None:
    gmo = compose(["data=eth_jpy"]).data
    spot = compose(["data=binance_ethusdt_2024"]).data
    btc = compose(["data=binance_ethbtc_2020"]).data
    assert (gmo.tick, gmo.lot, gmo.day_cut_utc_s) == (Decimal(1), Decimal("0.01"), 21 * 3600)
    assert (spot.tick, spot.lot) == (Decimal("0.01"), Decimal("0.00001"))
    assert (btc.tick, btc.lot) == (Decimal("0.000001"), Decimal("0.001"))
    assert isinstance(gmo, CanonicalData)
    assert isinstance(spot, RecordedData)


def test_windows_and_horizons_fit_the_data() -> None:
    demo = compose(["data=demo"])
    assert isinstance(demo.data, SimulatedData)
    assert demo.window.kind == "days"
    assert demo.window.train_days + demo.window.holdout_days == demo.data.days == 60
    assert demo.label.horizon_s == 300
    assert compose(["data=demo_null"]).data.model_dump()["scenario"]["name"] == "null"
    for data, horizon_s in (("binance_ethusdt_2024", 10), ("binance_ethbtc_2020", 60)):
        short = compose([f"data={data}"])
        assert short.window.kind == "fraction"
        assert short.label.horizon_s == horizon_s
    plan = compose(["data=eth_jpy"]).window
    assert isinstance(plan, DatesWindow)
    assert (plan.train_from, plan.train_to) == (date(2022, 1, 1), date(2026, 2, 16))
    assert (plan.holdout_to - plan.holdout_from).days + 1 == 62


@pytest.mark.parametrize(
    ("overrides", "horizon_s", "window"),
    [
        (["label=hold10_oracle_q14", "data=binance_ethusdt_2024"], 10, "fraction"),
        (["data=binance_ethusdt_2024", "label.horizon_s=20"], 20, "fraction"),
        (["data=binance_ethusdt_2024", "window=demo"], 10, "days"),
        (["+experiment=logistic_13feat", "data=binance_ethbtc_2020"], 60, "fraction"),
    ],
)
def test_what_a_data_set_brings_yields_to_the_command_line(
    overrides: list[str], horizon_s: float, window: str
) -> None:
    config = compose(overrides)
    assert config.label.horizon_s == horizon_s
    assert config.window.kind == window


def test_the_baseline_follows_the_constants_of_the_model() -> None:
    config = compose(["features.engine.min_values=30", "features.engine.deep_levels=[3,8]"])
    assert config.baseline.features.engine == config.features.engine
    assert config.features.engine.min_values == 30
    assert config.baseline.features.engine.deep_levels == (3, 8)


def test_paths_are_relative_to_the_project(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATC_RECORDINGS", str(tmp_path))
    paths = compose(["paths.outputs=elsewhere"]).paths
    root = Composer().root.folder
    assert paths.outputs_dir == root / "elsewhere"
    assert paths.events_dir == root / "elsewhere" / "data"
    assert paths.recordings_dir == tmp_path


@pytest.mark.parametrize("value", [True, "yes", 1.5, float("nan")])
def test_a_count_is_a_whole_number(value: object) -> None:
    with pytest.raises(ValidationError):
        Gbdt.model_validate({"kind": "gbdt", "num_leaves": value})


def _ns(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * 1_000_000_000


def test_weekly_maintenance_is_in_local_time_and_dated() -> None:
    rule = WeeklyMaintenance.model_validate(
        {"kind": "weekly", "weekday": "sat", "start": "06:30", "minutes": 120, "first": "2025-03-01"}
        | {"last": "2025-03-08"}
    )
    jst = 9 * 3600
    windows = maintenance_windows([rule], jst, _ns(2025, 1, 1), _ns(2025, 12, 31))
    # 06:30 JST on Saturday is 21:30 UTC on Friday; 1 and 8 March 2025 are Saturdays.
    assert windows == [
        (_ns(2025, 2, 28, 21, 30), _ns(2025, 2, 28, 23, 30), _ns(2025, 2, 28, 23, 40)),
        (_ns(2025, 3, 7, 21, 30), _ns(2025, 3, 7, 23, 30), _ns(2025, 3, 7, 23, 40)),
    ]
    # Its pre-open still touches a span that begins in it; one that begins after does not see it.
    assert len(maintenance_windows([rule], jst, _ns(2025, 2, 28, 23, 35), _ns(2025, 2, 28, 23, 50))) == 1
    assert maintenance_windows([rule], jst, _ns(2025, 2, 28, 23, 41), _ns(2025, 3, 1)) == []


def test_a_rule_far_from_now_is_refused() -> None:
    rule = {"kind": "weekly", "weekday": "sat", "start": "06:30", "minutes": 120}
    with pytest.raises(ValidationError, match="2200-01-01"):
        WeeklyMaintenance.model_validate(rule | {"first": "9999-12-31"})


def test_a_single_maintenance_needs_its_zone() -> None:
    rule = {"kind": "once", "start": "2025-03-08T09:00:00", "minutes": 60}
    with pytest.raises(ValidationError):
        SingleMaintenance.model_validate(rule)
    single = SingleMaintenance.model_validate(rule | {"start": "2025-03-08T09:00:00+09:00"})
    assert maintenance_windows([single], 0, _ns(2025, 3, 8), _ns(2025, 3, 9)) == [
        (_ns(2025, 3, 8), _ns(2025, 3, 8, 1), _ns(2025, 3, 8, 1, 10))
    ]
