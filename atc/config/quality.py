"""What an experiment demands of its data; it decides whether there is a run, and nothing about its result."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from atc.config.slices import Float, Int, Slice


class QualityMeasure(Slice):
    """What counts as silent, as far off, as a step of a clock."""

    silence_s: Float = Field(default=60.0, ge=0.001, le=86_400)
    """A longer stretch without events is silent."""
    far_off: Float = Field(default=0.1, gt=0, le=10)
    """Share of the mid beyond which a price is far off it."""
    clock_parts: Int = Field(default=24, ge=1, le=10_000)
    """Parts of the day's events, of equal length, each with a median of receive minus exchange time."""
    clock_messages: Int = Field(default=20, ge=1, le=1_000_000)
    """Messages that a part needs for its median."""
    clock_step_ms: Float = Field(default=250.0, gt=0, le=86_400_000)
    """A larger step between the medians of neighbouring parts is a step of a clock."""


AtMost = Annotated[Float, Field(ge=0)] | None
AtMostShare = Annotated[Float, Field(ge=0, le=1)] | None


class Quality(Slice):
    """What an experiment demands of its data, of each business day that it reads; null: nothing.

    A limit is named after the figure that it bounds (docs/quality.md). Data that miss one are refused before
    a feature is built; so this decides whether there is a run, and nothing about its result.
    """

    max_broken_promises: AtMost
    max_impossible_prices: AtMost
    max_impossible_sizes: AtMost
    max_crossed_share: AtMostShare
    max_locked_share: AtMostShare
    max_gaps: AtMost
    max_gap_s: AtMost
    max_time_regression_share: AtMostShare
    max_far_prints: AtMost
    max_far_levels: AtMost
    max_duplicate_share: AtMostShare
    max_silent_share: AtMostShare
    max_longest_silence_s: AtMost
    min_coverage: AtMostShare
    """Share of the business day, less maintenance, in which events came: days cut short miss it."""
    max_offset_drift_ms: AtMost
    max_clock_steps: AtMost
    max_negative_latency_share: AtMostShare
    max_synth_recv_share: AtMostShare
    max_missing_days: AtMost
    """Business days without a file between the first and the last that are read."""
    measure: QualityMeasure = QualityMeasure()
