"""What a run is called in W&B, so that a team finds it again: kind of job, tags, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from atc.tracking.run_files import Manifest

if TYPE_CHECKING:
    from atc.config.schema import RunConfig

JobType = Literal["run", "baseline"]

_LONGEST_TAG = 64
_COSTS = ("seconds", "cpu_seconds", "peak_rss_mib")


def job_type_of(config: RunConfig) -> JobType:
    """`baseline` where the named model and its inputs are what the run compares itself with, so that nothing
    is left to lift; else `run`.
    """
    own = (config.model, config.features.model_copy(update={"name": config.baseline.features.name}))
    return "baseline" if own == (config.baseline.model, config.baseline.features) else "run"


def tags_of(config: RunConfig) -> tuple[str, ...]:
    """What the run is about, a word of meaning before each value: `label: hold10_oracle`, `model: gbdt`."""
    found = {
        "task": _task(config.label.kind),
        "label": config.label.kind,
        "model": config.model.kind,
        "features": config.features.name,
        "data": config.data.name,
        "protocol": config.protocol.kind,
        "holdout": "sealed" if config.protocol.sealed else "open",
    }
    return tuple(f"{meaning}: {value}"[:_LONGEST_TAG] for meaning, value in found.items())


def costs_of(manifest: Manifest) -> dict[str, float]:
    """What the stages of a manifest cost: `cost/seconds` and `cost/cpu_seconds` together, `cost/peak_rss_mib`
    of the largest, and `cost/<stage>/…` of each. Those that the manifest has not are left out.
    """
    stages = manifest.get("stages")
    found: dict[str, float] = {}
    for key in _COSTS:
        values = {
            name: cost[key]
            for name, cost in (stages.items() if isinstance(stages, dict) else ())
            if isinstance(cost, dict) and isinstance(cost.get(key), int | float)
        }
        if values:
            found[f"cost/{key}"] = max(values.values()) if key == "peak_rss_mib" else sum(values.values())
        found |= {f"cost/{name}/{key}": value for name, value in values.items()}
    return found


def _task(label: str) -> str:
    from atc.config.labels import THREE_CLASSES

    if label in THREE_CLASSES:
        return "three classes"
    return {"fwd_logret": "return", "multihorizon_up": "several horizons"}.get(label, "two classes")
