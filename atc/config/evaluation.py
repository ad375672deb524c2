"""How a run is judged, and what its probabilities go through first."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from atc.config.slices import Column, Count, Float, Fraction, Int, Slice


class Regimes(Slice):
    """What tells the regimes of the market apart: two columns of the past, cut at training medians."""

    trend: Column = "vwap_dev_30m_bps"
    """Up or down where it is further from 0 than half of the training rows, else chop."""
    volatility: Column = "rv_30s"
    """High where it is above the training median, else low."""


class Adversarial(Slice):
    """Telling the holdout from the training rows by their inputs: how much the market has changed."""

    enabled: bool = True
    rows: Int = Field(default=10_000, ge=100, le=10_000_000)
    """Of each side at most, evenly spread."""
    folds: Int = Field(default=4, ge=2, le=100)
    """Of whole blocks of time."""
    trees: Count = 30


class Evaluation(Slice):
    """Block bootstrap of the holdout's metrics."""

    resamples: Int = Field(default=2000, ge=10, le=1_000_000)
    confidence: Fraction = 0.95
    min_blocks: Int = Field(default=20, ge=2)
    """With fewer blocks, however short, an interval is null."""
    hac_horizons: Float = Field(default=5.0, ge=2, le=1000)
    """Bandwidth of the t of a correlation, in horizons of the label."""
    regimes: Regimes = Regimes()
    adversarial: Adversarial = Adversarial()


class Calibration(Slice):
    """What is fitted on validation between a model's probabilities and what is done with them."""

    kind: Literal["none", "temperature", "isotonic"]
