"""Tolerance bands of the stylised facts, each with its source, and the verdict on a simulated market.

A band is either taken from the literature or the research plan, or it is that of the recordings beside which
the market stands. Where a source gives one figure, how far from it a market may be is ATC's own choice and
said to be so in `tolerance`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from atc.report.stylised.measured import Measured
from atc.report.stylised.references import PLAN, RECORDINGS

FACTOR = 1.5
"""Of the recordings' range, either way: a few recordings of other instruments are not all markets."""


@dataclass(frozen=True)
class Band:
    """Where the value of a fact may lie. With `of_recordings` the ends are the recordings', widened."""

    fact: str
    title: str
    short: str
    """For the panel, whose title says the rest."""
    panel: str
    sources: tuple[str, ...]
    """Keys of `REFERENCES`."""
    says: str
    """What they say."""
    lower: float | None = None
    upper: float | None = None
    of_recordings: Literal["", "factor", "margin"] = ""
    margin: float = 0.0
    tolerance: str = ""
    unit: str = ""
    of_this_instrument: bool = False
    """Says nothing of another instrument, so that the recordings have no value."""

    def ends(self, recordings: Sequence[Measured]) -> tuple[float, float] | None:
        """Lower and upper end; None where they are the recordings' and no recording has the fact."""
        if not self.of_recordings:
            return (
                -math.inf if self.lower is None else self.lower,
                math.inf if self.upper is None else self.upper,
            )
        found = [
            market.values[self.fact]
            for market in recordings
            if math.isfinite(market.values.get(self.fact, math.nan))
        ]
        if not found:
            return None
        if self.of_recordings == "margin":
            return min(found) - self.margin, max(found) + self.margin
        return min(found) / FACTOR, max(found) * FACTOR


BANDS = (
    Band("spread_bps", "mean spread", "mean", "spread", (PLAN,), "2.4 to 4 bps", 2.4, 4.0, unit="bps"),
    Band(
        "depth_20_million",
        "size of 20 levels a side",
        "20 levels",
        "depth_by_level",
        (PLAN,),
        "10 to 14 M JPY",
        10.0,
        14.0,
        unit="M JPY",
        of_this_instrument=True,
    ),
    Band(
        "frames_a_day",
        "book frames a day",
        "frames",
        "frequency",
        (PLAN,),
        "about 170,000",
        136_000,
        204_000,
        tolerance="“about” read as ± 20 %",
        of_this_instrument=True,
    ),
    Band(
        "executions_a_day",
        "taker executions a day",
        "executions",
        "frequency",
        (PLAN,),
        "about 30,000",
        24_000,
        36_000,
        tolerance="“about” read as ± 20 %",
        of_this_instrument=True,
    ),
    Band(
        "best_level_share",
        "size at the best / mean of levels 1–8",
        "best level",
        "depth_by_level",
        (RECORDINGS,),
        "",
        of_recordings="factor",
    ),
    Band(
        "depth_symmetry",
        "bid size / ask size",
        "bid / ask",
        "depth_by_level",
        ("Schnaubelt et al. 2019",),
        "bid and ask side are symmetric on average",
        0.8,
        1.25,
        tolerance="within 25 %",
    ),
    Band(
        "return_corr_20min",
        "return correlation at 20–60 min / its 95 % limit",
        "20–60 min / limit",
        "return_correlation",
        ("Cont 2001",),
        "fact 1: no correlation beyond about 20 min",
        0.0,
        1.0,
    ),
    Band(
        "return_corr_10s",
        "correlation of neighbouring 10 s returns",
        "10 s",
        "return_correlation",
        (RECORDINGS,),
        "",
        of_recordings="margin",
        margin=0.1,
        tolerance="± 0.1",
    ),
    Band(
        "abs_return_corr_10min",
        "|return| correlation at 10 min / its 95 % limit",
        "10 min / limit",
        "abs_return_correlation",
        ("Cont 2001",),
        "fact 6: volatility clusters",
        1.0,
    ),
    Band(
        "abs_return_decay",
        "decay exponent of |return| correlation",
        "decay",
        "abs_return_correlation",
        ("Cont 2001",),
        "fact 8: power law, exponent in [0.2, 0.4]",
        0.1,
        0.5,
        tolerance="± 0.1, the error of five days",
    ),
    Band(
        "return_tail_1min",
        "tail exponent of 1 min returns",
        "exponent",
        "return_tail",
        ("Cont 2001", "Takaishi 2020"),
        "fact 2: above 2, below 5; Bitcoin 2, later 3",
        2.0,
        5.0,
    ),
    Band(
        "kurtosis_1min",
        "excess kurtosis of 1 min returns",
        "1 min",
        "kurtosis",
        ("Cont 2001",),
        "fact 2: tails heavier than normal",
        0.3,
        tolerance="0.3: over two standard errors of a normal sample of one day",
    ),
    Band(
        "kurtosis_falls",
        "excess kurtosis, 30 min / 1 min",
        "30 min / 1 min",
        "kurtosis",
        ("Cont 2001",),
        "fact 4: more normal with the horizon",
        None,
        1.0,
    ),
    Band(
        "signature_120s",
        "realised variance, 120 s / 10 s",
        "120 s / 10 s",
        "signature",
        (RECORDINGS,),
        "",
        of_recordings="factor",
    ),
    Band(
        "sign_exponent",
        "exponent of sign correlation",
        "exponent",
        "sign_correlation",
        ("Lillo & Farmer 2004", "Gould et al. 2015"),
        "0.6; H = 0.7, which is 0.6",
        0.4,
        0.8,
        tolerance="± 0.2",
    ),
    Band(
        "interarrival_cv",
        "times between taker orders, deviation / mean",
        "deviation / mean",
        "interarrival",
        ("Engle & Russell 1998", "Bauwens 2005"),
        "more spread out than exponential",
        1.05,
        tolerance="5 % above the Poisson process's 1",
    ),
    Band(
        "size_tail",
        "tail exponent of sizes",
        "exponent",
        "sizes",
        ("Plerou & Stanley 2007", "Gopikrishnan et al. 2000"),
        "below 2 in three markets",
        1.0,
        2.0,
        tolerance="at least 1, or there would be no mean size",
    ),
    Band(
        "activity_by_hour",
        "taker orders, busiest / quietest hour",
        "max / min",
        "activity_by_hour",
        (RECORDINGS,),
        "",
        of_recordings="factor",
    ),
    Band(
        "volatility_by_hour",
        "volatility, busiest / quietest hour",
        "max / min",
        "volatility_by_hour",
        (RECORDINGS,),
        "",
        of_recordings="factor",
    ),
    Band(
        "response_growth",
        "response R(30) / R(1)",
        "R(30) / R(1)",
        "response",
        (RECORDINGS,),
        "",
        of_recordings="factor",
    ),
    Band(
        "impact_exponent",
        "exponent of impact by size",
        "exponent",
        "impact_by_size",
        ("Lillo et al. 2003",),
        "about 1/2 for small sizes, less for large ones",
        0.0,
        0.6,
        tolerance="up to 0.1 above 1/2",
    ),
)


@dataclass(frozen=True)
class Verdict:
    """One fact of a simulated market against its band."""

    band: Band
    value: float | None
    """None where it could not be measured, NaN where there is no such law to fit."""
    ends: tuple[float, float] | None
    real: dict[str, float]
    """By recording."""

    @property
    def says(self) -> Literal["hit", "MISS", "not judged"]:
        """Whether the value lies in the band; not judged without a value or a band."""
        if self.value is None or self.ends is None:
            return "not judged"
        lower, upper = self.ends
        return "hit" if lower <= self.value <= upper else "MISS"


def judge(simulated: Measured, recordings: Sequence[Measured]) -> list[Verdict]:
    """The verdict on every fact, in the order of `BANDS`."""
    return [
        Verdict(
            band,
            simulated.values.get(band.fact),
            band.ends(recordings),
            {
                market.name: market.values[band.fact]
                for market in recordings
                if band.fact in market.values and not band.of_this_instrument
            },
        )
        for band in BANDS
    ]
