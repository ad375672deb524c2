"""The reference profile: what each input looked like in training, for drift monitors to compare with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from atc.errors import DataError
from atc.models.row_chunks import extremes
from atc.models.standardise import fit_standardiser
from atc.protocol.row_runs import Matrix

PROFILE_FILE = "profile.json"
QUANTILES = (0.001, 0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.99, 0.999)
QUANTILE_ROWS = 1_000_000
"""Rows, evenly spaced, that the quantiles are taken from when there are more."""


class InputProfile(TypedDict):
    """One input over the training rows; its statistics are null where every value is."""

    feature: str
    null_share: float
    mean: float | None
    std: float | None
    """Divisor n."""
    min: float | None
    max: float | None
    quantiles: dict[str, float] | None
    """By level; linear interpolation, non-null values."""


class Profile(TypedDict):
    """All inputs, in the order of the model."""

    rows: int
    quantile_rows: int
    inputs: list[InputProfile]


def read_profile(directory: Path, features: Sequence[str]) -> Profile:
    """The profile in `directory`; DataError if it is none of `features`, in order."""
    path = directory / PROFILE_FILE
    profile: Profile = json.loads(path.read_text(encoding="utf-8"))
    inputs = profile.get("inputs") if isinstance(profile, dict) else None
    if not isinstance(inputs, list) or not all(
        isinstance(item, dict) and item.keys() >= InputProfile.__required_keys__ for item in inputs
    ):
        raise DataError(f"{path} is no profile of inputs")
    if [item["feature"] for item in inputs] != list(features):
        raise DataError(f"{path} is of other inputs than the model beside it")
    return profile


def reference_profile(x: Matrix, features: tuple[str, ...]) -> Profile:
    """The profile of the training matrix `x` (n, k); n ≥ 1. Shares, moments and extremes are of all rows."""
    moments = fit_standardiser(x, clip=np.inf)
    count, low, high = extremes(x)
    sampled = x[np.arange(0, len(x), -(-len(x) // QUANTILE_ROWS), dtype=np.int64)]
    inputs: list[InputProfile] = []
    for i, name in enumerate(features):
        column = np.ascontiguousarray(sampled[:, i])  # gathered once, not for each of what follows
        # Sorted as float32, which is quicker than to look for each quantile in float64.
        levels = np.sort(column[~np.isnan(column)]).astype(np.float64)
        empty = count[i] == 0
        inputs.append(
            {
                "feature": name,
                "null_share": 1.0 - int(count[i]) / len(x),
                "mean": None if empty else float(moments.mean[i]),
                "std": None if empty else float(moments.std[i]),
                "min": None if empty else float(low[i]),
                "max": None if empty else float(high[i]),
                "quantiles": None
                if len(levels) == 0
                else dict(zip(map(str, QUANTILES), np.quantile(levels, QUANTILES).tolist(), strict=True)),
            }
        )
    return {"rows": len(x), "quantile_rows": len(sampled), "inputs": inputs}
