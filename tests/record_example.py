"""A finished record with figures of the size that real ones have, for tests of what reads records."""

from __future__ import annotations

import time
from pathlib import Path

from atc.tracking.record import RunIdentity, RunRecord

IDENTITY = RunIdentity("0123456789abcdef" * 4, "c" * 64, "d" * 64, "f" * 64, "1" * 64, "e" * 64)
CONFIG: dict[str, object] = {
    "name": "gbdt_36feat",
    "seed": 1,
    "data": {
        "kind": "simulated",
        "name": "demo",
        "venue": "sim",
        "symbol": "ETH_JPY",
        "scenario": {"name": "target"},
        "days": 60,
        "seed": 1,
    },
    "sampling": {"kind": "trade"},
    "features": {"name": "plan36"},
    "label": {"kind": "hold10_oracle", "horizon_s": 300.0, "exit_bps": 2.0},
    "model": {"kind": "gbdt", "num_leaves": 63},
    "baseline": {"features": {"name": "legacy13"}, "model": {"kind": "logistic"}},
    "evaluation": {"resamples": 2000, "confidence": 0.95},
}


def with_interval(key: str, value: float, half_width: float) -> dict[str, float]:
    return {key: value, f"{key}/lo": value - half_width, f"{key}/hi": value + half_width}


METRICS: dict[str, float | int | None] = {
    "train/auc": 0.65432,
    "valid/auc": 0.6123,
    "train/rows": 301_234,
    "valid/rows": 33_451,
    **with_interval("holdout/auc", 0.60812, 0.00987),
    **with_interval("holdout/direction_auc", 0.5811, 0.0112),
    **with_interval("baseline/holdout/auc", 0.5877, 0.0101),
    **with_interval("baseline/holdout/direction_auc", 0.5611, 0.0099),
    **with_interval("volatility/holdout/auc", 0.5512, 0.0088),
    **with_interval("volatility/holdout/direction_auc", 0.5007, 0.0091),
    **with_interval("lift/holdout/auc", 0.02042, 0.0061),
    **with_interval("lift/holdout/direction_auc", 0.02, 0.0072),
    **with_interval("lift_over_volatility/holdout/auc", 0.05692, 0.0101),
    "holdout/pr_auc": 0.8123,
    "holdout/log_loss": 0.51234,
    "holdout/brier": 0.1712,
    "holdout/ece": 0.0123,
    "holdout/base_rate": 0.7412,
    "holdout/always_hold_accuracy": 0.7412,
    "holdout/accuracy": 0.7501,
    "holdout/rows": 112_345,
    "holdout/blocks": 37,
    "baseline/holdout/log_loss": 0.5212,
    "baseline/holdout/brier": 0.1755,
    "baseline/holdout/pr_auc": 0.7999,
    "volatility/holdout/log_loss": 0.5333,
    "volatility/holdout/brier": 0.1801,
    "gate/verdict": None,
}
SPANS = {
    "train": {"from": "2023-12-31T21:00:00", "to": "2024-02-09T21:00:00", "days": 40, "rows": 301_234},
    "valid": {"from": "2024-02-09T21:00:00", "to": "2024-02-14T21:00:00", "days": 5, "rows": 33_451},
    "holdout": {"from": "2024-02-14", "to": "2024-02-28", "days": 15, "rows": 112_345},
}
NOTES = [
    "The data are simulated with a planted signal: a lift here shows that the machinery finds what is there, "
    "not that ETH_JPY has it."
]


def finished_record(outputs: Path, metrics: dict[str, float | int | None] | None = None) -> Path:
    """Makes the record under `outputs` and gives its folder."""
    with RunRecord.open(outputs, "gbdt_36feat", IDENTITY, CONFIG) as record:
        for name in ("data", "features", "fit", "evaluate"):
            with record.stage(name) as stage:
                stage.cached = name == "data"
                time.sleep(0.001)
        with record.writing("model") as folder:
            folder.mkdir()
            (folder / "model.txt").write_text("tree\n" * 300_000)
        with record.writing("predictions.parquet") as path:
            path.write_bytes(b"rows" * 100_000)
        record.describe(spans=SPANS, notes=NOTES)
        record.finish(METRICS if metrics is None else metrics)
    return record.run_folder
