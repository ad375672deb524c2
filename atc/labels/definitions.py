"""Classes from forward returns (SPEC 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.config.schema import FwdLogret, Hold10Oracle, Hold10OracleQ14
from atc.errors import DataError, UsageError


@dataclass(frozen=True)
class BinaryLabel:
    """HOLD (1) unless r ≤ `threshold_bps`, which is at most 0 for a cost reading."""

    threshold_bps: float

    @property
    def exit_bps(self) -> float:
        """|threshold|: the move that pays for an exit; the direction AUC looks at rows that move more."""
        return abs(self.threshold_bps)

    def classes(self, r_bps: NDArray[np.float64]) -> NDArray[np.float64]:
        """1, 0, and NaN where `r_bps` (n,) is NaN."""
        return np.where(np.isnan(r_bps), np.nan, (r_bps > self.threshold_bps).astype(np.float64))


def fit_label(
    label: Hold10Oracle | Hold10OracleQ14 | FwdLogret, train_r_bps: NDArray[np.float64]
) -> BinaryLabel:
    """The label with its fitted threshold; `train_r_bps` (n,): returns of the training rows, no others.

    Raises DataError without training rows, UsageError for a label that has no classes.
    """
    if isinstance(label, Hold10Oracle):
        return BinaryLabel(threshold_bps=-label.exit_bps)
    if isinstance(label, Hold10OracleQ14):
        known = train_r_bps[~np.isnan(train_r_bps)]
        if known.size == 0:
            raise DataError("label hold10_oracle_q14: no training row has a return to take the quantile of")
        return BinaryLabel(threshold_bps=float(np.quantile(known, label.quantile)))
    raise UsageError(
        f"label.kind={label.kind} is a return, and model.kind=gbdt and logistic classify; "
        "choose label=hold10_oracle or label=hold10_oracle_q14"
    )
