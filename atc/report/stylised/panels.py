"""The panels of the figure: what each shows, in which units, and where its band lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class Shade:
    """How the band of a fact is drawn.

    `across` shades x (or y, of a value that is read off the y axis at `at`); `cone` shades between two power
    laws x^a and x^b through the simulator's curve at `at`.
    """

    fact: str
    kind: Literal["x", "y_at", "cone"]
    at: float = 1.0
    falling: bool = True
    """The exponent is that of a decay, so that the law is x^−exponent."""
    of_fit: bool = False
    """Only where the simulator's curve has a fitted law: else the cone would start from noise."""


@dataclass(frozen=True)
class Panel:
    """One panel; `name` is that of its curves."""

    name: str
    title: str
    x: str
    y: str
    x_scale: Scale = "log"
    y_scale: Scale = "linear"
    shade: Shade | None = None


PANELS = (
    Panel("spread", "Spread", "spread (bps)", "share of time with at most x", shade=Shade("spread_bps", "x")),
    Panel(
        "depth_by_level",
        "Size by level",
        "level from the best",
        "size / mean of levels 1–8",
        "linear",
        shade=Shade("best_level_share", "y_at", at=1),
    ),
    Panel(
        "depth_by_distance",
        "Size within a distance",
        "distance from the mid (bps)",
        "size a side / mean taker order",
        y_scale="log",
    ),
    Panel("frequency", "Against the plan", "value / middle of its band", "", "linear"),
    Panel(
        "return_correlation",
        "Correlation of 10 s returns",
        "lag (s)",
        "autocorrelation",
        shade=Shade("return_corr_10s", "y_at", at=10),
    ),
    Panel(
        "abs_return_correlation",
        "Correlation of |1 min returns|",
        "lag (min)",
        "autocorrelation",
        y_scale="log",
        shade=Shade("abs_return_decay", "cone", of_fit=True),
    ),
    Panel(
        "return_tail",
        "Tail of 1 min returns",
        "|return| / standard deviation",
        "share of returns above x",
        y_scale="log",
        shade=Shade("return_tail_1min", "cone", at=2),
    ),
    Panel(
        "kurtosis",
        "Excess kurtosis by horizon",
        "horizon (s)",
        "excess kurtosis",
        shade=Shade("kurtosis_1min", "y_at", at=60),
    ),
    Panel(
        "signature",
        "Signature plot",
        "sampling interval (s)",
        "variance per time / that of 10 s",
        shade=Shade("signature_120s", "y_at", at=120),
    ),
    Panel(
        "sign_correlation",
        "Memory of trade signs",
        "lag (taker orders)",
        "autocorrelation of the side",
        y_scale="log",
        shade=Shade("sign_exponent", "cone", of_fit=True),
    ),
    Panel(
        "interarrival",
        "Times between taker orders",
        "time / mean",
        "share of times above x",
        y_scale="log",
    ),
    Panel(
        "sizes",
        "Sizes of taker orders",
        "size / mean",
        "share of sizes above x",
        y_scale="log",
        shade=Shade("size_tail", "cone", at=3),
    ),
    Panel(
        "activity_by_hour",
        "Taker orders by hour",
        "hour of the day (local time of the data)",
        "orders / mean",
        "linear",
    ),
    Panel(
        "volatility_by_hour",
        "Volatility by hour",
        "hour of the day (local time of the data)",
        "volatility / mean",
        "linear",
    ),
    Panel(
        "response",
        "Response to a taker order",
        "lag (taker orders)",
        "R(lag) / R(1)",
        y_scale="log",
        shade=Shade("response_growth", "y_at", at=30),
    ),
    Panel(
        "impact_by_size",
        "Impact by size, after 2 s",
        "size / mean",
        "move of the mid (bps)",
        y_scale="log",
        shade=Shade("impact_exponent", "cone", falling=False),
    ),
)
