"""What a row's future can be called: the config group `label`."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from atc.config.slices import Float, Fraction, Horizon, Slice


class LabelSlice(Slice):
    """Base of the labels: what a row's future is called."""

    @property
    def all_horizons_s(self) -> tuple[float, ...]:
        """A label of a row each."""
        horizon: float = getattr(self, "horizon_s")  # noqa: B009  # a field of all but `multihorizon_up`
        return (horizon,)

    @property
    def longest_horizon_s(self) -> float:
        """How far the label that looks furthest looks ahead."""
        return max(self.all_horizons_s)

    @property
    def smoothed_s(self) -> float:
        """Length of the stretches whose mean mids are compared; 0: single mids are."""
        return 0.0

    @property
    def warnings(self) -> dict[str, str]:
        """What every output of a run with this label says: a name, and the sentence."""
        return {}

    @property
    def of_row_spread(self) -> bool:
        """Whether the threshold is a multiple of the spread in force at the row, so none in bps."""
        return getattr(self, "spread", None) == "row" or getattr(self, "threshold", None) == "row_spread"


Spread = Literal["train_mean", "row"]
Multiple = Annotated[Float, Field(gt=0, le=1000)]


class Hold10Oracle(LabelSlice):
    """1 (HOLD) unless the return over the horizon is at or below −`exit_bps`."""

    kind: Literal["hold10_oracle"]
    horizon_s: Horizon = 300.0
    exit_bps: Float = Field(default=2.0, ge=0, le=10_000)


class Hold10OracleQ14(LabelSlice):
    """`hold10_oracle` with the threshold at a quantile of the training rows' returns."""

    kind: Literal["hold10_oracle_q14"]
    horizon_s: Horizon = 300.0
    quantile: Fraction = 0.14


class Hold10OracleSpread(LabelSlice):
    """`hold10_oracle` with the threshold in spreads."""

    kind: Literal["hold10_oracle_spread"]
    horizon_s: Horizon = 300.0
    exit_spreads: Multiple = 1.0
    spread: Spread = "train_mean"
    """The mean over the training rows, or the one in force at the row."""


class Hold103Class(LabelSlice):
    """SHORT, FLAT or HOLD: which of −10, 0 and +10 ETH the return over the horizon asks for."""

    kind: Literal["hold10_3class"]
    horizon_s: Horizon = 300.0
    reading: Literal["cost", "payoff_argmax"] = "cost"
    """SHORT if r ≤ −short cost, FLAT if r ≤ −flat cost; or the largest of r, −flat cost, −r − short cost."""
    short_cost_bps: Float = Field(default=4.0, ge=0, le=10_000)
    flat_cost_bps: Float = Field(default=2.0, ge=0, le=10_000)

    @property
    def warnings(self) -> dict[str, str]:
        """That no row can be FLAT."""
        short, flat = self.short_cost_bps, self.flat_cost_bps
        if self.reading == "cost" or short > 2 * flat:
            return {}
        return {
            "flat_never_best": f"label.reading=payoff_argmax: with short_cost_bps={short:g} and "
            f"flat_cost_bps={flat:g} FLAT is never the best, so no row is FLAT and the label has two "
            "classes; FLAT needs short_cost_bps > 2·flat_cost_bps, or label.reading=cost"
        }

    @model_validator(mode="after")
    def _flat_is_possible(self) -> Self:
        if self.reading == "cost":
            _in_cost_order("bps", self.short_cost_bps, self.flat_cost_bps)
        return self


class Hold103ClassSpread(LabelSlice):
    """`hold10_3class` with the costs in spreads."""

    kind: Literal["hold10_3class_spread"]
    horizon_s: Horizon = 300.0
    short_cost_spreads: Multiple = 2.0
    flat_cost_spreads: Multiple = 1.0
    spread: Spread = "train_mean"
    """The mean over the training rows, or the one in force at the row."""

    @model_validator(mode="after")
    def _flat_is_possible(self) -> Self:
        _in_cost_order("spreads", self.short_cost_spreads, self.flat_cost_spreads)
        return self


def _in_cost_order(unit: str, short_cost: float, flat_cost: float) -> None:
    if short_cost <= flat_cost:
        raise ValueError(
            f"no return would be FLAT, which lies between −short_cost_{unit} and −flat_cost_{unit}: found "
            f"{short_cost:g} and {flat_cost:g}, expected short_cost_{unit} > flat_cost_{unit}"
        )


class MultihorizonUp(LabelSlice):
    """1 if the mid is higher one horizon later, 0 if lower; a label for each horizon."""

    kind: Literal["multihorizon_up"]
    horizons_s: tuple[Horizon, ...] = Field(default=(1.0, 5.0, 30.0, 300.0), min_length=1)
    """Ascending."""
    horizon_s: Horizon | None = None
    """Longer ones are left out, so that a short recording can say what fits it; null: none are."""
    unchanged: Literal["down", "up"] | None = None
    """What an equal mid counts as; null: it has no label."""

    @property
    def all_horizons_s(self) -> tuple[float, ...]:
        """A label of a row each."""
        longest = self.horizon_s
        return tuple(one for one in self.horizons_s if longest is None or one <= longest)

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if any(later <= one for one, later in pairwise(self.horizons_s)):
            found = ", ".join(f"{horizon:g}" for horizon in self.horizons_s)
            raise ValueError(f"horizons_s must ascend, each named once; found [{found}]")
        if not self.all_horizons_s:
            raise ValueError(
                f"horizon_s={self.horizon_s:g} leaves out every horizon: the shortest of horizons_s is "
                f"{self.horizons_s[0]:g}"
            )
        return self


class Tlob(LabelSlice):
    """SHORT, FLAT or HOLD by the mean mid of a stretch after the row against that of one before."""

    kind: Literal["tlob"]
    horizon_s: Horizon = 300.0
    smooth_s: Horizon = 30.0
    """Length of both stretches, whatever the horizon."""
    threshold: Literal["half_mean_move", "mean_spread", "row_spread"] = "half_mean_move"
    """θ: half the mean |r| of the training rows, or `spreads` of their mean spread or of the row's."""
    spreads: Multiple = 1.0
    """Of `mean_spread` and `row_spread`."""

    @property
    def smoothed_s(self) -> float:
        """Length of the stretches whose mean mids are compared."""
        return self.smooth_s

    @model_validator(mode="after")
    def _after_the_row(self) -> Self:
        if self.smooth_s > self.horizon_s:
            raise ValueError(
                f"smooth_s={self.smooth_s:g} is longer than horizon_s={self.horizon_s:g}: the stretch after "
                "the row would begin before it; expected smooth_s <= horizon_s"
            )
        return self


class FwdLogret(LabelSlice):
    """The log return over the horizon, in bps."""

    kind: Literal["fwd_logret"]
    horizon_s: Horizon = 300.0


Label = Annotated[
    Hold10Oracle
    | Hold10OracleQ14
    | Hold10OracleSpread
    | Hold103Class
    | Hold103ClassSpread
    | MultihorizonUp
    | Tlob
    | FwdLogret,
    Field(discriminator="kind"),
]

THREE_CLASSES = frozenset({"hold10_3class", "hold10_3class_spread", "tlob"})
"""Kinds with SHORT, FLAT and HOLD; the others have two classes, or none."""
