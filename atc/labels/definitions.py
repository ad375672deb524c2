"""Classes from forward returns (SPEC 3); what is fitted is fitted on the rows that are given, no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from atc.config.labels import (
    FwdLogret,
    Hold10Oracle,
    Hold10OracleQ14,
    Hold10OracleSpread,
    Hold103Class,
    Hold103ClassSpread,
    Label,
    MultihorizonUp,
    Tlob,
)
from atc.errors import DataError
from atc.features.label_spec import NULL_CAUSES, LabelSpec

Vector = NDArray[np.float64]

CHUNK_ROWS = 1 << 18
"""Rows whose classes are made at once: what they are made with needs no memory of all rows' length."""

FLAT_HOLD = ("FLAT", "HOLD")
SHORT_FLAT_HOLD = ("SHORT", "FLAT", "HOLD")
"""By code 0, 1, 2: positions −10, 0 and +10, in order."""
DOWN_UP = ("DOWN", "UP")


def label_spec(label: Label, auxiliary_s: Sequence[float] = ()) -> LabelSpec:
    """What the labeller has to measure for `label`, and after it for the horizons of auxiliary heads, s."""
    return LabelSpec.over(label.all_horizons_s, label.smoothed_s, auxiliary_s)


@dataclass(frozen=True)
class FittedLabel:
    """A label with its fitted constants: the class of a return is the number of cuts that it lies above.

    A return at a cut lies below it, as SPEC 3 has it (SHORT if r ≤ −`short_cost_bps`).
    """

    classes: tuple[str, ...]
    """Names by code; empty: the label is the return itself."""
    heads: tuple[str, ...]
    cuts: tuple[float, ...]
    """Ascending, one fewer than classes; none of a return."""
    unit: Literal["bps", "row_spreads"] = "bps"
    """`row_spreads`: multiples of the spread in force at the row."""
    mean_spread_bps: float | None = None
    """Of the training rows, where it was fitted."""
    unchanged: Literal["down", "up"] | None = "down"
    """What a return of exactly 0 counts as where the cut is 0; None: it has no label."""

    @property
    def threshold_bps(self) -> float:
        """The cut of a binary label in bps; ValueError for another label."""
        if len(self.cuts) != 1 or self.unit != "bps":
            raise ValueError(f"{len(self.cuts)} cuts in {self.unit} are no single threshold in bps")
        return self.cuts[0]

    @property
    def exit_bps(self) -> float:
        """|uppermost cut|, in bps: the move that pays; the direction AUC looks at rows that move more. Of a
        return 0: at all that moved.
        """
        if not self.cuts:
            return 0.0
        size = abs(self.cuts[-1])
        return size if self.unit == "bps" else size * (self.mean_spread_bps or 0.0)

    @property
    def constants(self) -> Mapping[str, float | list[float] | None]:
        """What was fitted or follows from the config, for records."""
        if not self.classes:
            return {}
        if self.unit == "row_spreads":
            return {"cuts_spreads": list(self.cuts), "mean_spread_bps": self.mean_spread_bps}
        cuts: dict[str, float | list[float] | None] = (
            {"threshold_bps": self.cuts[0]} if len(self.cuts) == 1 else {"cuts_bps": list(self.cuts)}
        )
        return cuts if self.mean_spread_bps is None else cuts | {"mean_spread_bps": self.mean_spread_bps}

    def codes(self, r_bps: Vector, spread_bps: Vector | None = None) -> NDArray[np.floating[Any]]:
        """Class codes, float32, like `r_bps` (n, heads) or (n,); NaN where it is, or where a spread (n,) that
        the label needs is. Of a return `r_bps` itself.
        """
        if not self.classes:
            return r_bps
        if self.unit == "row_spreads" and spread_bps is None:
            raise ValueError("a threshold in spreads of the row needs the rows' spreads")
        found = np.empty(r_bps.shape, dtype=np.float32)
        for start in range(0, len(r_bps), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            unit: Vector | float = 1.0
            if self.unit == "row_spreads" and spread_bps is not None:
                unit = spread_bps[rows] if r_bps.ndim == 1 else spread_bps[rows, None]
            found[rows] = self._codes(r_bps[rows], unit)
        return found

    def _codes(self, r_bps: Vector, unit: Vector | float) -> Vector:
        codes = np.zeros_like(r_bps)
        for cut in self.cuts:
            codes += r_bps > cut * unit
        null = np.isnan(r_bps) | np.isnan(unit)
        if self.cuts == (0.0,) and self.unchanged != "down":
            at_zero = r_bps == 0.0
            codes = np.where(at_zero, 1.0, codes)
            null |= at_zero & (self.unchanged is None)
        return np.where(null, np.nan, codes)


def nulls_of(label: Label) -> tuple[str, ...]:
    """Why a row has no class of `label`, by code from 1 on: the labeller's causes, then the label's own."""
    if label.of_row_spread:
        return (*NULL_CAUSES, "no_spread")
    if isinstance(label, MultihorizonUp) and label.unchanged is None:
        return (*NULL_CAUSES, "unchanged")
    return NULL_CAUSES


def why_null(
    label: Label, r_bps: Vector, spread_bps: Vector, null_cause: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """(n, heads) 0 where `label` gives the rows' returns (n, heads) and spreads (n,) a class, else the place
    in `nulls_of`: known before anything is fitted. `null_cause` (n, heads): the labeller's.
    """
    if label.of_row_spread:
        own = np.isnan(spread_bps)[:, None]
    elif isinstance(label, MultihorizonUp) and label.unchanged is None:
        own = r_bps == 0.0
    else:
        return null_cause
    found = null_cause.copy()
    found[(null_cause == 0) & own] = len(NULL_CAUSES) + 1
    return found


def fit_label(label: Label, train_r_bps: Vector, train_spread_bps: Vector | None = None) -> FittedLabel:
    """The label with its fitted constants.

    `train_r_bps` (n, heads) or (n,), `train_spread_bps` (n,): of the training rows, no others. Raises
    DataError where there is nothing to fit to. A return has no classes and nothing to fit.
    """
    heads = label_spec(label).names
    match label:
        case Hold10Oracle():
            found = FittedLabel(FLAT_HOLD, heads, (-label.exit_bps,))
        case Hold10OracleQ14():
            returns = _known(train_r_bps, label.kind, "return to take the quantile of")
            found = FittedLabel(FLAT_HOLD, heads, (float(np.quantile(returns, label.quantile)),))
        case Hold10OracleSpread():
            found = FittedLabel(FLAT_HOLD, heads, (-label.exit_spreads,), unit="row_spreads")
        case Hold103Class():
            found = _three_classes(label, heads)
        case Hold103ClassSpread():
            cuts = (-label.short_cost_spreads, -label.flat_cost_spreads)
            found = FittedLabel(SHORT_FLAT_HOLD, heads, cuts, unit="row_spreads")
        case MultihorizonUp():
            found = FittedLabel(DOWN_UP, heads, (0.0,), unchanged=label.unchanged)
        case Tlob(threshold="half_mean_move"):
            moves = _known(np.abs(train_r_bps), label.kind, "return to take the mean of")
            half = float(np.mean(moves)) / 2
            found = FittedLabel(SHORT_FLAT_HOLD, heads, (-half, half))
        case Tlob():
            cuts = (-label.spreads, label.spreads)
            found = FittedLabel(SHORT_FLAT_HOLD, heads, cuts, unit="row_spreads")
        case FwdLogret():
            found = FittedLabel((), heads, ())
    if found.unit == "row_spreads":
        mean = float(np.mean(_known(train_spread_bps, label.kind, "spread to take the mean of")))
        found = replace(found, mean_spread_bps=mean)
        if not label.of_row_spread:
            found = replace(found, cuts=tuple(cut * mean for cut in found.cuts), unit="bps")
    return found


def fit_label_to(
    label: Label, r_bps: Vector, spread_bps: Vector | None, train: slice | NDArray[np.int64]
) -> FittedLabel:
    """`fit_label` to the rows `train` of returns (n, heads) and spreads (n,), copied only for a label that
    learns of them.
    """
    some = train if _learns(label) else slice(0)
    return fit_label(label, r_bps[some], None if spread_bps is None else spread_bps[some])


def _learns(label: Label) -> bool:
    """Whether a constant of `label` is made of training rows."""
    match label:
        case Hold10OracleQ14() | Hold10OracleSpread() | Hold103ClassSpread() | Tlob():
            return True
        case Hold10Oracle() | Hold103Class() | MultihorizonUp() | FwdLogret():
            return False


def _three_classes(label: Hold103Class, heads: tuple[str, ...]) -> FittedLabel:
    short, flat = label.short_cost_bps, label.flat_cost_bps
    if label.reading == "cost":
        return FittedLabel(SHORT_FLAT_HOLD, heads, (-short, -flat))
    # The payoffs of HOLD and SHORT cross at −short/2, those of HOLD and FLAT at −flat, of FLAT and SHORT at
    # flat − short: FLAT is the largest anywhere only if that lies below −flat.
    if short > 2 * flat:
        return FittedLabel(SHORT_FLAT_HOLD, heads, (flat - short, -flat))
    return FittedLabel(SHORT_FLAT_HOLD, heads, (-short / 2, -short / 2))


def _known(values: Vector | None, kind: str, what: str) -> Vector:
    known = np.empty(0) if values is None else values[~np.isnan(values)]
    if known.size == 0:
        raise DataError(f"label {kind}: no training row has a {what}")
    return known
