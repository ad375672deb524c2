"""The typed config of one run.

Past the composition no module sees a `DictConfig`: each takes its own frozen slice of `RunConfig`. Unknown
keys are errors, numbers have ranges, units stand in the names. The YAML groups in `conf/` spell every field,
so that a default is read where it is edited; the defaults here are the same (a test compares them).
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    create_model,
    model_serializer,
    model_validator,
)

from atc.config.cost import Cost, missing_costs, refused_market
from atc.config.evaluation import Calibration, Evaluation
from atc.config.explain import Explain
from atc.config.labels import THREE_CLASSES, Label
from atc.config.maintenance import Day, Maintenance
from atc.config.model import REGRESSORS, Model
from atc.config.protocol import Cpcv, Protocol
from atc.config.quality import Quality
from atc.config.refit import Refit
from atc.config.scenario import simulator_fields
from atc.config.seeds import Seeds
from atc.config.slices import (
    Column,
    Float,
    Int,
    Mismatch,
    Name,
    Slice,
    Step,
    Text,
)
from atc.config.surroundings import Paths, Runtime, Tracking
from atc.config.thinning import Thinning
from atc.config.trading import Backtest, ConfidencePolicy, Execution, Policy
from atc.config.weights import Weights
from atc.config.window import DatesWindow, Window


def _known_adapter(name: str) -> str:
    from atc.errors import UsageError
    from atc.events.adapters import adapter_named

    try:
        return adapter_named(name).name
    except UsageError as error:
        raise ValueError(str(error)) from error


# data


class InstrumentFacts(Slice):
    """What is known of the instrument before an event is read."""

    name: Name
    """Name of the data set in tables and records."""
    venue: Name
    symbol: Name
    tick: Step
    """Price of one tick, in quote currency."""
    lot: Step
    """Size of one lot, in base asset."""
    day_cut_utc_s: Int = Field(ge=0, lt=86_400)
    """Start of the business day, seconds after 00:00 UTC."""
    tz_offset_s: Int = Field(ge=-43_200, le=50_400)
    """Local time minus UTC, for the time of day and the names of business days."""
    recorded_depth: Annotated[Int, Field(ge=1, le=100_000)] | None
    """Levels a side that the feed records; null: all."""
    largest_order: Step | None = None
    """Largest order that the venue takes, in base asset; null: not known. Prints above it are impossible."""
    maintenance: tuple[Maintenance, ...] = ()
    """The venue's dated calendar."""

    @property
    def costs_venue(self) -> str | None:
        """The venue whose costs hold; None: that of no venue."""
        return self.venue


class NamedScenario(Slice):
    """A scenario of the simulated market: its name, and the parameters that differ from the simulator's."""

    name: Name
    """Part of the venue under which the events lie."""

    def parameters(self) -> dict[str, object]:
        """What the scenario sets of the parameters in `rust/atc-sim/src/params.rs`."""
        return {key: getattr(self, key) for key in sorted(self.model_fields_set - {"name"})}

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        from atc._rust import simulator_params

        simulator_params(json.dumps(self.parameters()))
        return self

    @model_serializer(mode="wrap")
    def _what_is_set(self, whole: SerializerFunctionWrapHandler) -> dict[str, object]:
        # The defaults have one place, and it is not a record.
        return {key: value for key, value in whole(self).items() if key in self.model_fields_set}


if TYPE_CHECKING:

    class Scenario(NamedScenario):
        """`NamedScenario` with a field for each parameter of the simulator."""

else:
    Scenario = create_model("Scenario", __base__=NamedScenario, **simulator_fields(Int, Float))


class SimulatedData(InstrumentFacts):
    """Events of the embedded simulator."""

    kind: Literal["simulated"]
    scenario: Scenario
    """What the market does; a file of the group `data/scenario`."""
    days: Int = Field(ge=1, le=10_000)
    """Business days."""
    seed: Int = Field(ge=0, lt=2**63)
    start_date: Day
    """The first business day."""
    rate: Float = Field(default=0.25, gt=0, le=10)
    """Event rate as a multiple of ETH_JPY's."""
    imitates: Name | None = None
    """The venue whose market of this symbol it stands for, so that its costs hold here. null: none."""

    @property
    def costs_venue(self) -> str | None:
        """The venue that is imitated."""
        return self.imitates


class RecordedData(InstrumentFacts):
    """Recordings of a venue, ingested on first use."""

    kind: Literal["recorded"]
    adapter: Annotated[Name, AfterValidator(_known_adapter)]
    """A format of `atc ingest --formats`."""
    files: tuple[Text, ...] = Field(min_length=1)
    """One session, in order; relative to `paths.recordings`."""


class CanonicalData(InstrumentFacts):
    """Canonical events that are already under `paths.events`."""

    kind: Literal["canonical"]


Data = Annotated[SimulatedData | RecordedData | CanonicalData, Field(discriminator="kind")]


# rows, features


class Sampling(Slice):
    """When a row is made, and when the state is too old to be carried on."""

    kind: Literal["trade", "book", "ticker", "clock_1s"]
    # The engine takes less than 1000, rounded to a ns.
    group_ms: Float = Field(default=5.0, ge=0, le=999.999)
    """Prints of equal (`ts_exch`, side) at most this far apart are one taker group."""
    max_gap_s: Float = Field(default=60.0, ge=0.001, le=86_400)
    """A longer silence resets the state and ends what a quote says."""


class BigTrade(Slice):
    """When a trade counts as big (`big_trade_fresh_sign`)."""

    window_s: Int = Field(default=1800, ge=1, le=86_400)
    quantile_pct: Int = Field(default=95, gt=0, lt=100)
    fresh_s: Int = Field(default=30, ge=1, le=86_400)


Level = Annotated[Int, Field(ge=1, le=100_000)]


class FeatureEngine(Slice):
    """Constants of the formulas."""

    min_values: Int = Field(default=20, ge=2, le=1_000_000)
    """Values that a z-score, robust score or quantile needs."""
    big_trade: BigTrade = BigTrade()
    deep_levels: tuple[Level, Level] = (5, 30)
    """First and last level of `ob_imb_deep_5to30`, counted from 1, both included."""
    no_new_entry_s: Int = Field(default=900, ge=1, le=86_400)
    """Before the daily cut and scheduled maintenance."""

    @model_validator(mode="after")
    def _levels_in_order(self) -> Self:
        first, last = self.deep_levels
        if first > last:
            raise ValueError(f"deep_levels must be [first, last] with first <= last, found [{first}, {last}]")
        return self


class Features(Slice):
    """A feature set: the columns of its families, plus `columns`, minus `drop`, in declared order."""

    name: Name
    families: tuple[Name, ...]
    columns: tuple[Column, ...] = ()
    drop: tuple[Column, ...] = ()
    engine: FeatureEngine = FeatureEngine()

    @model_validator(mode="after")
    def _some_columns(self) -> Self:
        if not self.families and not self.columns:
            raise ValueError("families and columns are both empty: name at least one")
        return self


class Baseline(Slice):
    """A second model on the same rows, for the lift."""

    features: Features
    model: Model


class RunConfig(Slice):
    """Everything that one run depends on."""

    name: Name
    """The experiment; it names the run folder, so it is part of the run id as well."""
    seed: Int = Field(default=1, ge=0, lt=2**31)
    seeds: Seeds = Seeds()
    data: Data
    window: Window
    sampling: Sampling
    features: Features
    label: Label
    model: Model
    thinning: Thinning
    weights: Weights
    baseline: Baseline
    calibration: Calibration
    protocol: Protocol
    refit: Refit
    evaluation: Evaluation
    explain: Explain = Explain()
    policy: Policy
    execution: Execution
    cost: Cost
    backtest: Backtest
    quality: Quality
    tracking: Tracking
    paths: Paths
    runtime: Runtime

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        found = []
        found += self._other_targets()
        if self.label.kind == "fwd_logret" and self.calibration.kind != "none":
            found.append(
                (
                    "calibration.kind",
                    f"{self.calibration.kind} mends probabilities, and label fwd_logret has none; set "
                    "calibration=none",
                )
            )
        if self.baseline.features.engine != self.features.engine:
            found.append(
                (
                    "baseline.features.engine",
                    "differs from features.engine, but the lift compares models on the same formulas; set "
                    "features.engine.… instead, which the baseline follows",
                )
            )
        found += self._wrong_class_weights()
        found += self._nothing_to_fit()
        found += [] if self.model.kind == "ensemble" else self._embargo_too_short()
        if self.refit.kind == "daily_update" and self.model.kind != "gbdt":
            found.append(
                (
                    "refit.kind",
                    f"daily_update grows further trees, and model.kind={self.model.kind} has none; choose "
                    "refit=expanding or refit=rolling",
                )
            )
        found += self._trading_problems() if self.backtest.enabled else []
        if found:
            raise Mismatch(found)
        return self

    def _other_targets(self) -> list[tuple[str, str]]:
        """Models that predict something else than the label is."""
        models = {"model": self.model, "baseline.model": self.baseline.model}
        is_return = self.label.kind == "fwd_logret"
        wrong = [
            f"{key}.kind={model.kind}"
            for key, model in models.items()
            if model.kind != "ensemble" and (model.kind in REGRESSORS) is not is_return
        ]
        if not wrong:
            return []
        named = " and ".join(wrong)
        if is_return:
            told = (
                f"fwd_logret is a return, and {named} can only fit classes; choose "
                "label=hold10_oracle or label=hold10_oracle_q14, or model=ridge with baseline=ridge_13feat"
            )
        else:
            told = (
                f"{self.label.kind} has classes, and {named} can only predict a return; choose "
                "label=fwd_logret, with model=ridge and baseline=ridge_13feat, or another model"
            )
        return [("label.kind", told)]

    def _wrong_class_weights(self) -> list[tuple[str, str]]:
        """Weights of classes that the label does not have."""
        asked = self.weights.classes
        if asked == "none":
            return []
        if self.label.kind == "fwd_logret":
            return [("weights.classes", "label fwd_logret is a return and has no classes; set none")]
        classes = 3 if self.label.kind in THREE_CLASSES else 2
        if asked != "balanced" and len(asked) != classes:
            told = (
                f"{len(asked)} weights, and label {self.label.kind} has {classes} classes; give one a class"
            )
            return [("weights.classes", told)]
        return []

    def _nothing_to_fit(self) -> list[tuple[str, str]]:
        """What an ensemble of finished models cannot do."""
        found = []
        if self.baseline.model.kind == "ensemble":
            found.append(("baseline.model.kind", "the baseline is fitted; an ensemble is not"))
        if self.model.kind != "ensemble":
            return found
        if not self.model.runs:
            told = "names none; at least two finished runs are averaged, such as "
            found.append(("model.runs", f"{told}model.runs=[gbdt_36feat-0123456789ab,logistic_36feat]"))
        given = "its members come fitted on the whole train window, so"
        if self.protocol.kind != "sealed_holdout":
            told = f"{self.protocol.kind} fits in folds, and {given} they know every test block; set "
            found.append(("protocol.kind", f"{told}protocol=sealed_holdout"))
        if self.refit.kind != "never":
            found.append(("refit.kind", f"{given} nothing is fitted anew; set refit=never"))
        if self.seeds.count > 1:
            told = "no seed fits it; run its members with seeds.count, and set 1 here"
            found.append(("seeds.count", f"{given} {told}"))
        return found

    def _embargo_too_short(self) -> list[tuple[str, str]]:
        if not isinstance(self.protocol, Cpcv) or self.protocol.embargo_s is None:
            return []
        from atc.tasks.market_data import look_back_ns

        least_s = look_back_ns(self) / 1e9
        if self.protocol.embargo_s >= least_s:
            return []
        return [
            (
                "protocol.embargo_s",
                f"{self.protocol.embargo_s:g} s after a test block, but the columns of this run look "
                f"{least_s:g} s back: rows from then on would carry what the test labels looked at into the "
                f"fit. Set null, or at least {least_s:g}",
            )
        ]

    def _trading_problems(self) -> list[tuple[str, str]]:
        found = []
        execution, tried = self.execution, self.backtest.sensitivity.latency_s
        needed = execution.shortest_interval_s(max(tried, default=0.0))
        if execution.min_interval_s < needed:
            found.append(
                (
                    "backtest.sensitivity.latency_s",
                    f"with a latency of {max(tried):g} s orders have to be {needed:g} s apart, and "
                    f"execution.min_interval_s={execution.min_interval_s:g}; shorten the latencies or "
                    "lengthen the interval",
                )
            )
        from atc.backtest.units import size_problems

        sizes = [("execution.size", execution.size)]
        sizes += [("backtest.capacity", size) for size in self.backtest.capacity]
        found += size_problems(self.data, sizes)
        asked = self.backtest.waterfall
        if asked.enabled and asked.continuations and not isinstance(self.data, SimulatedData):
            found.append(
                (
                    "backtest.waterfall.continuations",
                    f"{asked.continuations} futures of each state, but data={self.data.name} is "
                    f"{self.data.kind}: a market that was recorded cannot be continued; set 0",
                )
            )
        policy = self.policy
        if (
            isinstance(policy, ConfidencePolicy)
            and policy.neutral is None
            and self.label.kind in THREE_CLASSES
        ):
            found.append(
                (
                    "policy.neutral",
                    "null is the share of HOLD of a label with two classes, and "
                    f"label.kind={self.label.kind} has three; give the score that asks for no position, such "
                    "as policy.neutral=0.5",
                )
            )
        data = self.data
        foreign = refused_market(self.cost, data=data.name, venue=data.costs_venue, symbol=data.symbol)
        if foreign is not None:
            found.append(("cost", foreign))
        days = self._known_days()
        missing = missing_costs(self.cost, *days) if days is not None else None
        if missing is not None:
            found.append(("cost", missing))
        return found

    def _known_days(self) -> tuple[date, date] | None:
        """First and last business day of the window, where the config alone says them."""
        if isinstance(self.window, DatesWindow):
            return self.window.train_from, self.window.holdout_to
        if isinstance(self.data, SimulatedData):
            return self.data.start_date, self.data.start_date + timedelta(days=self.data.days - 1)
        return None
