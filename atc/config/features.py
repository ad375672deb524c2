"""When a row is made, and which columns it has: the config groups `sampling` and `features`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from atc.config.slices import Column, Float, Int, Name, Slice


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
