"""What a run claims: the lift over its own baseline in the one figure that its experiment is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atc.config.figures import SMALL_IS_GOOD
from atc.evaluation.multiple import holm, p_of_interval
from atc.report.verdict import RANKINGS, Metrics, ranking_of

MEASURES = {**RANKINGS, "macro_f1": "macro-F1"}
"""As tables name them."""
SHOWN, NOT_SHOWN, BELOW, ITSELF, UNKNOWN, ON_VALIDATION = (
    "shown",
    "not shown",
    "below",
    "itself",
    "no interval",
    "unjudged",
)
"""Verdicts: the last of figures on validation, the one before of rows in too few blocks, `ITSELF` of a model
that is its own baseline.
"""

_MIN_BLOCKS = 20
"""As `evaluation.min_blocks` has it where it is not set."""


@dataclass(frozen=True)
class Claim:
    """A lift, of the holdout or, of a sealed run, of validation."""

    split: str
    """`holdout` or `valid`."""
    measure: str
    """Such as `auc`."""
    head: str
    """Such as `@300s`; empty for the only one."""
    value: float | None
    """The named model's figure."""
    baseline: float | None
    lift: float | None
    lo: float | None
    """Ends of the interval; None on validation, which chose the model."""
    hi: float | None
    confidence: float
    expects: float | None
    """The plan's, None where it says nothing of this figure."""
    blocks: int
    """That the interval drew and that hold the rarest class; where the record does not say, the fewest that
    bear an interval.
    """

    @property
    def key(self) -> str:
        """As in `metrics.json`."""
        return f"lift/{self.split}/{self.measure}{self.head}"

    @property
    def name(self) -> str:
        """As in tables."""
        return f"{MEASURES.get(self.measure, self.measure)}{self.head}"

    @property
    def share(self) -> float | None:
        """The lift in units of the expectation."""
        return None if self.lift is None or self.expects is None else self.lift / self.expects

    @property
    def is_itself(self) -> bool:
        """Whether model and baseline are the same: the lift is 0 in every resample, and claims nothing."""
        return self.lift == 0.0 and self.lo == self.hi == 0.0

    @property
    def p(self) -> float | None:
        """See `p_of_interval`; None without an interval, and of a model that is its own baseline."""
        if self.lift is None or self.lo is None or self.hi is None or self.is_itself:
            return None
        return p_of_interval(self.lift, self.lo, self.hi, self.confidence, self.blocks)


@dataclass(frozen=True)
class Judged:
    """A claim among the others of its board."""

    verdict: str
    p_adjusted: float | None
    """Holm's, over all claims of the board."""


def claim_of(metrics: Metrics, config: Mapping[str, Any]) -> Claim | None:
    """The claim of a run with these metrics and this config; None where it has no lift at all.

    The figure is the plan's where the run has it, else that by which models of its label are ranked: the AUC,
    of three classes macro-F1, of a return Pearson's ρ, of several horizons that of the longest. A plan of a
    figure of which less is better, which records of older versions may have, is none: its largest lift would
    be that of the worst model.
    """
    plan, evaluation = _part(config, "plan"), _part(config, "evaluation")
    asked, expects = plan.get("figure"), plan.get("expects")
    measure, head = "", ""
    if isinstance(asked, str) and asked in metrics:
        measure, at, rest = asked.removeprefix("lift/holdout/").partition("@")
        head = at + rest
    if not measure or measure in SMALL_IS_GOOD:
        expects = None
        found = _usual(metrics)
        if found is None:
            return None
        measure, head = found
    split = "valid" if metrics.get(f"holdout/rows{head}", metrics.get("holdout/rows")) is None else "holdout"
    figure, key = f"{split}/{measure}{head}", f"lift/{split}/{measure}{head}"
    value, baseline = metrics.get(figure), metrics.get(f"baseline/{figure}")
    lift = metrics.get(key)
    if lift is None and value is not None and baseline is not None:
        lift = value - baseline
    return Claim(
        split=split,
        measure=measure,
        head=head,
        value=value,
        baseline=baseline,
        lift=lift,
        lo=metrics.get(f"{key}/lo"),
        hi=metrics.get(f"{key}/hi"),
        confidence=float(evaluation.get("confidence", 0.95)),
        expects=expects if isinstance(expects, int | float) else None,
        blocks=int(metrics.get(f"{key}/blocks") or evaluation.get("min_blocks", _MIN_BLOCKS)),
    )


def judged(claims: Sequence[Claim]) -> list[Judged]:
    """What stands of `claims` when all of them are looked at: Holm at the strictest confidence among them.

    `SHOWN` where the claim's own interval is above 0 and Holm leaves it there, `BELOW` likewise. A claim on
    validation is never shown.
    """
    places = [place for place, one in enumerate(claims) if one.split == "holdout" and one.p is not None]
    adjusted = dict(zip(places, holm([claims[place].p or 0.0 for place in places]), strict=True))
    level = 1.0 - max((claims[place].confidence for place in places), default=0.95)
    return [
        Judged(_verdict(one, adjusted.get(place), level), adjusted.get(place))
        for place, one in enumerate(claims)
    ]


def _verdict(claim: Claim, p: float | None, level: float) -> str:
    if claim.split != "holdout":
        return ON_VALIDATION
    if claim.is_itself:
        return ITSELF
    if p is None or claim.lo is None or claim.hi is None:
        return UNKNOWN
    if p > level:
        return NOT_SHOWN
    return SHOWN if claim.lo > 0.0 else BELOW if claim.hi < 0.0 else NOT_SHOWN


def _usual(metrics: Metrics) -> tuple[str, str] | None:
    """Measure and head by which a run is ranked that names none."""
    ranking = ranking_of(metrics)
    start = f"lift/holdout/{ranking}"
    heads = [key.removeprefix(start) for key in metrics if key.startswith(start)]
    heads = [head for head in heads if "/" not in head and (not head or head.startswith("@"))]
    if not heads:
        return None
    head = max(heads, key=_seconds)
    classes = f"holdout/f1/SHORT{head}" in metrics
    return ("macro_f1" if classes and ranking == "auc" else ranking), head


def _seconds(head: str) -> float:
    text = head.removeprefix("@").removesuffix("s")
    try:
        return float(text)
    except ValueError:
        return 0.0


def _part(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = config.get(name)
    return part if isinstance(part, Mapping) else {}
