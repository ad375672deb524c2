"""What the stages of a run depend on, as keys: two configs share a stage exactly where its key is the same.

Keys of the caches are made by the code that names their files, with the events of `Streams`. What a run makes
for itself alone has a key of the slices that its stages read (tests/test_review_reads.py traces that).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atc.config.data import CanonicalData
from atc.config.digest import config_digest, run_id
from atc.config.ensemble import Ensemble
from atc.config.features import FeatureEngine
from atc.config.schema import RunConfig
from atc.errors import AtcError
from atc.review.streams import Streams, stream_key

if TYPE_CHECKING:
    from atc.features.label_spec import LabelSpec
    from atc.features.source import Source
    from atc.protocol.window import Spans
    from atc.tasks.market_data import MarketData

EVENTS, QUALITY, FEATURES, LABELS = "events", "quality", "features", "labels"
SHARED = (EVENTS, QUALITY, FEATURES, LABELS)
"""Stages whose results every run shares, in order; as the manifest of a run names them."""
CLASSES, JUDGED_ROWS, TRUTH = "classes", "judged rows", "truth"
TRAINING, EVALUATION, BACKTEST, EXPLANATION = "training", "evaluation", "backtest", "explanation"
OWN = (TRAINING, EVALUATION, BACKTEST, EXPLANATION)
"""What a run makes for itself; each but the first also depends on those before that it reads."""

_OF_TRAINING = frozenset(
    {
        *("data", "window", "sampling", "features", "label", "auxiliary", "model", "baseline"),
        *("seed", "seeds", "thinning", "weights", "calibration", "protocol", "refit"),
    }
)
READS: Mapping[str, frozenset[str]] = {
    TRAINING: _OF_TRAINING,
    EVALUATION: _OF_TRAINING | {"evaluation"},
    BACKTEST: _OF_TRAINING | {"evaluation", "policy", "execution", "cost", "backtest"},
    EXPLANATION: _OF_TRAINING | {"evaluation", "explain"},
}
"""Sections of a config that the stages of a part read; its key holds what they read of them."""
NAME_COLUMNS = frozenset({"evaluation", "policy", "backtest"})
"""Sections that name columns which no model sees; they too are in the rows, and in the files of features."""

_OF_FIT = ("seed", "seeds", "auxiliary", "thinning", "weights", "calibration", "refit", "label")
_OF_BACKTEST = ("policy", "execution", "cost", "backtest", "seed")


@dataclass(frozen=True)
class RunKeys:
    """The keys of one config."""

    run: str
    """As the run id, but for the code, of which `atc.review.code` knows."""
    shared: Mapping[str, frozenset[str]]
    """By stage of `SHARED` the files that it needs, as the cache names them."""
    other: Mapping[str, str]
    """Of `CLASSES`, `JUDGED_ROWS`, `TRUTH` and `OWN`."""


class Keys:
    """Keys of configs that are reviewed together; each part is computed once."""

    def __init__(self, configs: Sequence[RunConfig]) -> None:
        self.streams = Streams(configs)
        self._parts: dict[str, Any] = {}

    def of(self, config: RunConfig) -> RunKeys:
        """The keys of `config`. Raises DataError where its window does not fit its data."""
        from atc.features.declarations import feature_schema, label_schema
        from atc.labels.definitions import label_spec

        market = self.streams.market(config)
        columns = columns_of(config)
        spec = label_spec(config.label, config.auxiliary.horizons_s)
        of_rows = [stream_key(config), _dump(config, "window"), _dump(config, "sampling")]
        facts = _facts(config)
        of_features = [*of_rows, _dump(config.features, "engine"), columns]
        shared = {
            EVENTS: frozenset() if isinstance(config.data, CanonicalData) else frozenset({of_rows[0]}),
            QUALITY: self._once(
                [QUALITY, *of_features, spec.inputs(), _dump(config.quality, "measure"), facts],
                lambda: _quality(config, market),
            ),
            FEATURES: self._once([FEATURES, *of_features, facts], lambda: _features(market, columns)),
            LABELS: self._once([LABELS, *of_rows, spec.inputs(), facts], lambda: _labels(market, spec)),
        }
        rows = self._once(["rows", *of_rows, facts], lambda: _row_keys(market))
        identity = {
            "config_digest": config_digest(config),
            "data_digest": self._once(["data", *of_features, spec.inputs(), facts], market.read_digest),
            "feature_schema": feature_schema(columns),
            "label_schema": label_schema(),
        }
        return RunKeys(run_id(**identity, code_digest=""), shared, _other(config, shared, rows, market.spans))

    def _once(self, inputs: Sequence[object], make: Any) -> Any:
        name = _digest(inputs)
        if name not in self._parts:
            self._parts[name] = make()
        return self._parts[name]


def columns_of(config: RunConfig) -> tuple[str, ...]:
    """The columns that a run of `config` reads; of an ensemble whose members are not there yet those of its
    own feature set.
    """
    from atc.tasks.market_data import run_columns

    try:
        return run_columns(config)
    except AtcError:
        if not isinstance(config.model, Ensemble):
            raise
        return run_columns(config.model_copy(update={"model": config.baseline.model}))


def window_rows_of(config: RunConfig) -> int:
    """Rows of the longest window that a model of the run reads."""
    from atc.tasks.windowed_rows import window_rows

    try:
        return window_rows(config)
    except AtcError:
        return 1  # an ensemble whose members are not there yet


def _quality(config: RunConfig, market: MarketData) -> frozenset[str]:
    """A day's quality depends on its own events and on what is known of its neighbours: on the stream."""
    data = market.facts
    stream = market.catalog.content_digest(
        data.venue, data.symbol, market.catalog.days(data.venue, data.symbol)
    )
    inputs = [_dump(config.quality, "measure"), _facts(config), data.recorded_depth, str(data.largest_order)]
    whole = _digest([stream, inputs])
    return frozenset(f"{day} {whole}" for day in market.days_read())


def _features(market: MarketData, columns: Sequence[str]) -> frozenset[str]:
    from atc.features.declarations import schemas, schemas_of
    from atc.features.keys import feature_file, feature_inputs

    source, wanted = market.source, schemas_of(columns) or schemas()[:1]
    return frozenset(
        _in_cache(source, feature_file(source, day, feature_inputs(source, day, schema)))
        for day in market.days
        for schema in wanted
    )


def _row_keys(market: MarketData) -> dict[str, str]:
    """By day what its rows are: the key of its features with the formulas' constants left at their defaults,
    since no row depends on them.
    """
    from atc.features.day_job import key_of
    from atc.features.declarations import schemas
    from atc.features.keys import feature_inputs

    source = replace(market.source, engine=FeatureEngine())
    return {str(day): key_of(feature_inputs(source, day, schemas()[0])) for day in market.days}


def _labels(market: MarketData, spec: LabelSpec) -> frozenset[str]:
    from atc.features.keys import label_file, label_inputs

    source, rows = market.source, _row_keys(market)
    return frozenset(
        _in_cache(source, label_file(source, day, label_inputs(source, day, spec, rows[str(day)])))
        for day in market.days
    )


def _in_cache(source: Source, file: Path) -> str:
    """Two caches are one to a review."""
    return file.relative_to(source.cache_root).as_posix()


def _other(
    config: RunConfig, shared: Mapping[str, frozenset[str]], rows: Mapping[str, str], spans: Spans
) -> dict[str, str]:
    judged = [spans.holdout, sorted(rows.items()), window_rows_of(config)]
    # What a label is called is no part of it: `kind` stays, `name` has it not.
    classes = [sorted(shared[LABELS]), _dump(config, "label")]
    protocol = {name: value for name, value in _dump(config, "protocol").items() if name != "sealed"}
    training = _digest(
        [
            *(_dump(config, name) for name in _OF_FIT),
            *(protocol, _plans(config), spans.train, window_rows_of(config)),
            *(sorted(shared[FEATURES]), classes),
        ]
    )
    evaluation = _digest([training, judged, _dump(config, "evaluation"), config.protocol.sealed])
    return {
        CLASSES: _digest(classes),
        JUDGED_ROWS: _digest(judged),
        TRAINING: training,
        EVALUATION: evaluation,
        TRUTH: _digest([stream_key(config), judged, *_asked_of_truth(config)]),
        BACKTEST: _digest([evaluation, _facts(config), *(_dump(config, name) for name in _OF_BACKTEST)]),
        EXPLANATION: _digest([training, _dump(config, "evaluation"), _dump(config, "explain")]),
    }


def _asked_of_truth(config: RunConfig) -> list[object]:
    """What the simulator is asked at the decisions of the holdout."""
    asked = config.backtest.waterfall
    horizons = config.label.all_horizons_s
    traded = min(horizons, key=lambda horizon: abs(horizon - config.execution.min_interval_s))
    return [asked.continuations, asked.state_every_s, traded]


def _plans(config: RunConfig) -> list[object]:
    """The models of a run and the columns that each sees."""
    from atc.tasks.fitting import plans_of

    try:
        plans = plans_of(config)
    except AtcError:
        plans = plans_of(config.model_copy(update={"model": config.baseline.model}))
    own = [config.model.model_dump(mode="json")]
    return own + [[plan.name, plan.config.model_dump(mode="json"), plan.columns] for plan in plans]


def _facts(config: RunConfig) -> object:
    """What is known of the instrument, by which events are read."""
    return _dump(config, "data", without=("name", "largest_order"))


def _dump(part: Any, name: str, without: Sequence[str] = ()) -> Any:
    value = getattr(part, name)
    plain = value.model_dump(mode="json") if hasattr(value, "model_dump") else value
    return {key: of for key, of in plain.items() if key not in without} if without else plain


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
