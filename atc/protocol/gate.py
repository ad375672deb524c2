"""The gate: does a model score much better on the rows it learnt from than on those it did not? (SPEC 5)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atc.config.protocol import Gate
from atc.protocol.fold_mean import FoldMean, mean_over_folds

ACCEPTED, REJECTED = 1, 0


@dataclass(frozen=True)
class GateVerdict:
    """What the gate says of the named model."""

    gap: FoldMean
    """Mean over the folds of the training AUC less the validation AUC."""
    verdict: int | None
    """1 accepted, 0 rejected, None undecided: then nothing falls back."""
    why: str
    """One sentence, which names the model it speaks of."""

    def figures(self) -> dict[str, float | None]:
        """As `metrics.json` has them."""
        return {
            "gate/verdict": self.verdict,
            "gate/gap": self.gap.mean,
            "gate/gap/lo": self.gap.lo,
            "gate/gap/hi": self.gap.hi,
        }


NO_GATE = GateVerdict(FoldMean(None), None, "")
"""Of a protocol without walk-forward folds."""


def judge(gaps: Sequence[float | None], gate: Gate, model: str) -> GateVerdict:
    """The verdict on `model` (how a sentence calls it) of its `gaps`, one a fold.

    Folds cannot tell small gaps from none when they are few or short: an interval that is wider than
    `gate.max_half_width` either way and holds `gate.max_gap` decides nothing, whatever the mean. One that
    lies on one side of `gate.max_gap` leaves no such question open, however wide it is, and is judged.
    """
    gap = mean_over_folds(gaps, gate.confidence)
    if gap.mean is None or gap.half_width is None or gap.lo is None or gap.hi is None:
        return GateVerdict(gap, None, f"gate undecided on {model}: a fold has no train or validation AUC")
    found = (
        f"train - validation AUC {gap.mean:+.4f} over {len(gaps)} folds (±{gap.half_width:.4f}, "
        f"{gate.confidence:.0%} by t)"
    )
    if gap.half_width > gate.max_half_width:
        if gap.lo <= gate.max_gap < gap.hi:
            return GateVerdict(
                gap,
                None,
                f"gate undecided on {model}: {found}; the interval is wider than ±{gate.max_half_width:g} "
                f"and holds {gate.max_gap:g}, so these data cannot tell, and nothing falls back",
            )
        found += f"; wider than ±{gate.max_half_width:g}, yet all of it on one side of {gate.max_gap:g}"
    if gap.mean > gate.max_gap:
        return GateVerdict(
            gap,
            REJECTED,
            f"gate rejects {model}: {found}; more than {gate.max_gap:g}: it learns its training rows by "
            "heart. The logistic fallback is fitted on the same rows and columns; its figures are "
            "fallback/…, all others speak of the rejected model",
        )
    return GateVerdict(gap, ACCEPTED, f"gate accepts {model}: {found}; at most {gate.max_gap:g}")
