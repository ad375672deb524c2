"""How often what was given a probability happens, bin by bin, and what calibration changes about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.evaluation import metrics
from atc.evaluation.head import HeadRows
from atc.models.ranking import rank

Matrix = NDArray[np.float64]

CALIBRATED = ("ece", "log_loss", "brier")


@dataclass(frozen=True)
class Bins:
    """Bins of equal count, by rising probability; those without rows are left out."""

    number: NDArray[np.int64]
    rows: NDArray[np.int64]
    p: NDArray[np.float64]
    """Mean probability, or prediction."""
    share: NDArray[np.float64]
    """Of the rows where it happened; or their mean outcome."""


def reliability_bins(p: NDArray[np.float64], happened: NDArray[np.bool_] | NDArray[np.float64]) -> Bins:
    """`p` (n,) beside what happened (n,), in the bins of the calibration error."""
    bins = metrics.calibration_bins(rank(p))
    count = np.bincount(bins, minlength=metrics.ECE_BINS)
    used = np.flatnonzero(count)
    mean = np.bincount(bins, weights=p, minlength=metrics.ECE_BINS)[used] / count[used]
    share = np.bincount(bins, weights=happened, minlength=metrics.ECE_BINS)[used] / count[used]
    return Bins(used, count[used], mean, share)


def reliability_table(rows: HeadRows, scores: Mapping[str, Matrix]) -> pl.DataFrame:
    """A row a score, class and bin: `rows`, mean probability `p`, `share` of rows where the class happened.

    `scores`: by name (n, classes) of `rows`, such as raw and calibrated. Bins as those of the calibration
    error: equal counts. Of two classes the second one only.
    """
    names = rows.head.classes
    codes = rows.codes
    frames = []
    for name, p in scores.items():
        for one in [1] if len(names) == 2 else range(len(names)):
            found = reliability_bins(p[:, one], codes == one)
            frames.append(
                pl.DataFrame(
                    {"bin": found.number, "rows": found.rows, "p": found.p, "share": found.share}
                ).select(
                    pl.lit(rows.head.name).alias("head"),
                    pl.lit(name).alias("score"),
                    pl.lit(names[one]).alias("class"),
                    pl.all(),
                )
            )
    return pl.concat(frames)


def calibration_figures(rows: HeadRows, p: Matrix) -> dict[str, float | None]:
    """The figures of `p` (n, classes) that calibration is to lower; None without rows."""
    if len(rows.y) == 0:
        return dict.fromkeys(CALIBRATED)
    codes = rows.codes
    judged = [1] if p.shape[1] == 2 else range(p.shape[1])
    errors = [metrics.expected_calibration_error(codes == one, p[:, one]) for one in judged]
    return {
        "ece": float(np.mean([error for error in errors if error is not None])),
        "log_loss": float(np.mean(metrics.log_losses(codes, p))),
        "brier": float(np.mean(metrics.squared_errors(codes, p))),
    }
