"""What the Rust engine is told, made from the config."""

from __future__ import annotations

import json
from collections.abc import Sequence

from atc.config.data import InstrumentFacts
from atc.config.features import FeatureEngine, Sampling
from atc.config.maintenance import maintenance_windows
from atc.errors import UsageError
from atc.events.schema import KEYFRAME_NS

SECOND_NS = 1_000_000_000


def engine_spec(
    data: InstrumentFacts,
    sampling: Sampling,
    engine: FeatureEngine,
    begin_ns: int,
    end_ns: int,
    *,
    schemas: Sequence[str],
) -> str:
    """The engine's specification as JSON, with the maintenance that touches `[begin_ns, end_ns]` (ns UTC).

    `schemas`: whose columns the rows have, by name and in the order of the engine's list.
    Raises UsageError for a time that the engine takes in whole seconds and that is not one.
    """
    return json.dumps(
        {
            "tick": float(data.tick),
            "lot": float(data.lot),
            "day_cut_utc_s": data.day_cut_utc_s,
            "tz_offset_s": data.tz_offset_s,
            "recorded_depth": data.recorded_depth,
            "schemas": list(schemas),
            "sampling": sampling.kind,
            "group_ns": round(sampling.group_ms * 1_000_000),
            "max_gap_ns": round(sampling.max_gap_s * SECOND_NS),
            "min_values": engine.min_values,
            "big_trade": {
                "window_s": _whole("features.engine.big_trade.window_s", engine.big_trade.window_s),
                "quantile_pct": engine.big_trade.quantile_pct,
                "fresh_s": _whole("features.engine.big_trade.fresh_s", engine.big_trade.fresh_s),
            },
            "deep_levels": list(engine.deep_levels),
            "no_new_entry_s": _whole("features.engine.no_new_entry_s", engine.no_new_entry_s),
            "maintenance": maintenance_windows(data.maintenance, data.tz_offset_s, begin_ns, end_ns),
        },
        sort_keys=True,
    )


def max_lookback_ns(engine: FeatureEngine, schemas: Sequence[str]) -> int:
    """How far back a row of `schemas` looks: the longest window, or the quantile of a trade still fresh."""
    from atc.features import declarations

    looked = [item.lookback_s for item in declarations.schemas() if item.name in schemas]
    if "core" in schemas:
        looked.append(round(engine.big_trade.window_s + engine.big_trade.fresh_s))
    return max(looked) * SECOND_NS


def warm_up_ns(sampling: Sampling, engine: FeatureEngine, schemas: Sequence[str]) -> int:
    """What the engine must see before a cut so that the rows after it are those of one continuous run.

    `max_lookback` + 2 `max_gap` + the keyframe interval: the book is known again at the latest one keyframe
    interval and two almost-gaps after the start (docs/readings.md, "The cut of a day").
    """
    return max_lookback_ns(engine, schemas) + 2 * round(sampling.max_gap_s * SECOND_NS) + KEYFRAME_NS


def _whole(key: str, seconds: float) -> int:
    if seconds != round(seconds):
        raise UsageError(f"{key}={seconds}: whole seconds were expected")
    return round(seconds)
