"""How predictions become orders, and what the orders meet.

Sizes are in the base asset, prices in the quote currency; the backtest counts both in the venue's steps.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from atc.config.slices import Float, Int, Share, Slice, Step

Probability = Annotated[Float, Field(ge=0, le=1)]
Seconds = Annotated[Float, Field(ge=0, le=86_400)]
Gate = Literal["mscale_consensus_3sig"] | None

# policy


class _Policy(Slice):
    gate: Gate = None
    """A column whose sign has to agree with an entry; leaving a position never asks it. null: off."""


class ClassPolicy(_Policy):
    """The position of the likeliest class: HOLD long, FLAT none, SHORT short."""

    kind: Literal["class"]
    prior_adjusted: bool = False
    """Compare each probability with its class's share of the validation rows (for two classes: p ≥ π)."""


class ThresholdPolicy(_Policy):
    """Long from `theta` up, optionally short from `theta_short` down, else no position."""

    kind: Literal["threshold"]
    theta: Probability | None = None
    """null: the value of the grid with the largest PnL on validation."""
    short: bool = False
    """Whether scores of at most `theta_short` are sold short."""
    theta_short: Probability | None = None
    """null: fitted together with `theta`."""
    hysteresis: Probability = 0.0
    """How far a score has to come back before the position is left."""
    grid: Int = Field(default=41, ge=2, le=1001)
    """Quantiles of the validation's scores that a fit tries, evenly spread, besides never leaving."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.theta_short is not None and not self.short:
            raise ValueError(
                f"theta_short={self.theta_short} is of no use while short=false; set short=true, or "
                "theta_short=null"
            )
        lowest = self.theta_short or 0.0
        if self.short and lowest + 2 * self.hysteresis > 1:
            raise ValueError(
                f"hysteresis={self.hysteresis} puts the long side, at least twice as far above the short one "
                f"(theta_short={lowest:g} or more), beyond 1, which no score reaches; choose a smaller "
                "hysteresis, or short=false"
            )
        if self.theta is not None and self.theta_short is not None:
            room = self.theta - self.theta_short
            if room <= 0 or room < 2 * self.hysteresis:
                raise ValueError(
                    f"theta={self.theta} and theta_short={self.theta_short} leave no room for "
                    f"hysteresis={self.hysteresis} on both sides; expected theta - theta_short > 0 and at "
                    "least twice the hysteresis"
                )
        return self


class ConfidencePolicy(_Policy):
    """A position that grows with the distance of the score from `neutral`."""

    kind: Literal["confidence"]
    neutral: Probability | None = None
    """The score that asks for no position. null: the share of HOLD among the validation rows."""
    full: Share = 0.2
    """Distance from `neutral` at which the position is whole."""
    short: bool = False
    """Whether scores below `neutral` are sold short."""
    steps: Int = Field(default=5, ge=1, le=1000)
    """Steps from no position to a whole one: each change of a step is an order."""


Policy = Annotated[ClassPolicy | ThresholdPolicy | ConfidencePolicy, Field(discriminator="kind")]

# execution


class Execution(Slice):
    """One marketable order at a time: what it may be, when it arrives, what it may take."""

    size: Step = Decimal(10)
    """The whole position, and the order that opens it, in base asset."""
    latency_s: Seconds = 0.3
    """From the decision to the order's arrival."""
    wait_s: Seconds = 0.6
    """How long it waits for a frame of the book; without one it meets the unchanged book."""
    max_slippage_bps: Float = Field(default=20.0, ge=0, le=10_000)
    """From the best price that it hits to the worst that it takes."""
    min_interval_s: Seconds = 300.0
    """From one submission to the next."""
    max_book_age_s: Seconds = 5.0
    """On an older book no order is filled."""
    no_new_entry_s: Seconds = 900.0
    """Before the daily cut and scheduled maintenance positions are only reduced."""
    depth: Share = 1.0
    """Share of a displayed level that is there for the order."""

    @model_validator(mode="after")
    def _orders_apart(self) -> Self:
        needed = self.shortest_interval_s(self.latency_s)
        if self.min_interval_s < needed:
            raise ValueError(
                f"min_interval_s={self.min_interval_s:g} is shorter than max_book_age_s + latency_s + wait_s "
                f"= {needed:g}: an order could meet levels that the one before has consumed; set "
                f"min_interval_s to at least {needed:g}"
            )
        return self

    def shortest_interval_s(self, latency_s: float) -> float:
        """Between submissions with that latency, so that no order meets what the one before left."""
        return self.max_book_age_s + latency_s + self.wait_s


# backtest


class Sensitivity(Slice):
    """The table latency × depth × fee; an empty list leaves it out."""

    latency_s: tuple[Seconds, ...] = (0.0, 0.1, 0.3, 1.0, 5.0)
    depth: tuple[Share, ...] = (1.0, 0.5, 0.25)
    fee_bps: tuple[Annotated[Float, Field(ge=0, le=1000)], ...] = (0.0, 1.0, 2.0)
    """In place of the taker fee."""


class Waterfall(Slice):
    """Where the alpha of the oracle path is lost on the way to the realised one."""

    enabled: bool = True
    grid: Int = Field(default=41, ge=2, le=101)
    """Quantiles of the scores among which thresholds are best in hindsight."""
    continuations: Int = Field(default=0, ge=0, le=1000)
    """Futures of each state that the known truth is made of, on simulated data; 0: it is not asked for."""
    state_every_s: Seconds = 30.0
    """Least distance of these states; between two of them the truth of the earlier one stands."""


class Backtest(Slice):
    """What is computed of the decisions on the holdout, in one pass over its events."""

    enabled: bool
    oracle_path: bool = True
    """Whether the best path in hindsight is searched, which bounds every policy; false: its figures are
    null."""
    oracle_orders: Int = Field(default=10_000_000, ge=0, le=10**12)
    """Orders that a search may try, besides 64 a decision; one that needs more is given up, and null."""
    oracle_memory_mib: Int = Field(default=512, ge=1, le=2**30)
    """Memory that a search may take; one that needs more is given up, and null."""
    curve_s: Int = Field(default=60, ge=1, le=86_400)
    """Seconds between the points of the equity curve."""
    random_draws: Int = Field(default=20, ge=1, le=1000)
    """Strategies with the policy's wishes at random times."""
    sensitivity: Sensitivity = Sensitivity()
    capacity: tuple[Step, ...] = tuple(map(Decimal, (1, 2, 5, 10, 20, 50, 100)))
    """Sizes of the capacity curve, in base asset."""
    waterfall: Waterfall = Waterfall()
