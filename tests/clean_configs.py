"""A hundred honest configs, drawn at random from everything that a run can be configured to be."""

from __future__ import annotations

import random

COUNT = 100

CHOICES = {
    "data/scenario": (
        *("target", "null", "null_vol", "linear_only", "thin_book", "regime_switch", "flash_crash"),
        "dirty_feed",
    ),
    "label": (
        *("hold10_oracle", "hold10_oracle_q14", "hold10_oracle_spread", "hold10_3class"),
        *("hold10_3class_spread", "tlob", "multihorizon_up"),
    ),
    "features": (
        *("legacy13", "nits30", "plan36", "plan36_flow", "strict35", "all38"),
        *("ticker16", "ticker24"),
    ),
    "model": ("gbdt", "gbdt", "logistic", "softmax"),
    "weights": ("none", "uniqueness"),
    "sampling.group_ms": ("0", "5", "50"),
    "sampling.max_gap_s": ("20", "60"),
    "protocol": ("sealed_holdout", "walk_forward", "cpcv"),
    "refit": ("never", "expanding", "rolling", "daily_update"),
    "calibration": ("none", "temperature", "isotonic"),
    "policy": ("threshold", "class", "confidence"),
    "backtest": (*("default",) * 9, "none"),
}
THREE_CLASSES = frozenset({"hold10_3class", "hold10_3class_spread", "tlob"})
ENOUGH = "protocol.valid_fraction=0.25"
FURTHER = {
    "protocol=walk_forward": ("protocol.folds=2", "protocol.first_train_fraction=0.4", ENOUGH),
    "protocol=cpcv": ("protocol.groups=3", "protocol.test_groups=1", ENOUGH),
    "refit=expanding": ("refit.every_days=1",),
    "refit=rolling": ("refit.every_days=1", "refit.window_days=2"),
    "refit=daily_update": ("refit.trees=3",),
    "policy=class": ("policy.prior_adjusted=true",),
    "label=multihorizon_up": ("label.horizons_s=[30,300]",),
}
"""What these need to have something to do in three days; in less than 30 s so thin a market hardly moves."""
ROWS = {90: "clock_1s", 95: "clock_1s", 98: "book", 99: "ticker"}
"""A row each second, book or ticker message are many, whatever the rate: these have one day."""


def clean_words(number: int) -> tuple[str, ...]:
    """Settings number `number` of a fixed random series."""
    rng = random.Random(number)
    chosen = {name: rng.choice(values) for name, values in CHOICES.items()}
    rows = ROWS.get(number, "trade")
    if rows != "trade":
        chosen |= {"protocol": "sealed_holdout", "refit": "never", "model": "gbdt"}
        chosen["features"] = "ticker16" if rows == "ticker" else "legacy13"
    if chosen["refit"] == "daily_update" and chosen["model"] != "gbdt":
        chosen["refit"] = "expanding"
    words = [f"sampling={rows}", *(f"{name}={value}" for name, value in chosen.items())]
    words += [] if rows == "trade" else ["data.days=1"]
    words += [further for word in words for further in FURTHER.get(word, ())]
    if chosen["policy"] == "confidence" and chosen["label"] in THREE_CLASSES:
        words.append("policy.neutral=0.5")
    return (*words, f"data.seed={rng.randint(1, 2)}", f"seed={rng.randint(1, 99)}")


CLEAN = tuple(clean_words(number) for number in range(COUNT))
