"""What can be checked of a model's folder beyond its digests, and how a kind brings a check of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from atc.models.profile import Profile
from atc.protocol.row_runs import FloatMatrix

SAMPLE_ROWS = 512
"""Rows that a model's own check can score; of a model of windows those before the first one's come on top."""
_NULL_EVERY = 17
"""One value in so many of the sample is null."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    passed: bool | None
    """None: there was nothing at hand to check it with."""
    said: str
    """What was found, in a sentence."""


@runtime_checkable
class BringsChecks(Protocol):
    """A model whose folder holds more than one telling of the same thing, such as a net's weights as
    safetensors and as ONNX.
    """

    def own_checks(self, directory: Path, sample: FloatMatrix) -> Iterable[Check]:
        """Whether the files of `directory`, whose digests fit, agree with each other on the rows of `sample`
        (n, k), inputs as in training.
        """
        ...


def sample_rows(profile: Profile, rows: int = SAMPLE_ROWS, seed: int = 0) -> FloatMatrix:
    """Rows (n, k) such as training had: normal, with the mean and the spread of each input, some values null,
    in the first row all. They are no rows of the market.
    """
    rng = np.random.default_rng(seed)
    x = np.empty((rows, len(profile["inputs"])), dtype=np.float32)
    for place, item in enumerate(profile["inputs"]):
        mean, std = item["mean"], item["std"]
        if mean is None or std is None:
            x[:, place] = np.nan
            continue
        x[:, place] = mean + std * rng.standard_normal(rows)
        if item["null_share"] > 0:
            x[rng.integers(_NULL_EVERY, size=rows) == 0, place] = np.nan
    x[:1] = np.nan
    return x
