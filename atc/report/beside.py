"""What stands beside a lift so that it is not taken for more than it is: knowing how much the price moves is
not knowing where to (SPEC 3).
"""

from __future__ import annotations

from dataclasses import dataclass

from atc.evaluation.power import Metrics, power_marks
from atc.report.claims import Claim


@dataclass(frozen=True)
class Beside:
    """Of one claim, on the same rows; None where the run has no such figure."""

    over_volatility: float | None
    """The lift in the claim's figure over volatility and time of day alone."""
    lo: float | None
    """Ends of its interval; None on validation."""
    hi: float | None
    direction: float | None
    """AUC of the direction, on rows that moved enough to pay."""
    lift_below: int | None
    """1: the claim is below power, 0: it is not, or claims nothing; None: nothing was said before the fit."""
    over_volatility_below: int | None
    direction_below: int | None

    @property
    def may_be_volatility(self) -> bool:
        """Whether the lift over volatility is not above 0."""
        return self.lo is not None and self.lo <= 0.0


def beside(metrics: Metrics, claim: Claim) -> Beside:
    """What `metrics` have beside `claim`, which is theirs."""
    over = f"lift_over_volatility/{claim.split}/{claim.measure}{claim.head}"
    direction = f"{claim.split}/direction_auc{claim.head}"
    marks = power_marks(metrics)
    return Beside(
        over_volatility=metrics.get(over),
        lo=metrics.get(f"{over}/lo"),
        hi=metrics.get(f"{over}/hi"),
        direction=metrics.get(direction),
        lift_below=marks.get(f"{claim.key}/below_power"),
        over_volatility_below=marks.get(f"{over}/below_power"),
        direction_below=marks.get(f"{direction}/below_power"),
    )
