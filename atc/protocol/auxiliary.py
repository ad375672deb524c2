"""Labels of further horizons that train beside those that judge: kept apart, so that nothing else reads them.

They are of a fit alone. No block that selects or judges has them; they count in every purge and embargo.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atc.protocol.row_runs import Rows


@dataclass(frozen=True)
class AuxiliaryTargets:
    """What a fit sees of them, of the rows of a block."""

    heads: tuple[str, ...]
    """Names, such as `30s`; a horizon is no head that judges."""
    classes: tuple[str, ...]
    """Names of the classes of every such head, by the code that y holds."""
    y: NDArray[np.floating[Any]]
    """(n, heads) class codes; NaN for null."""
    loss_weight: float
    """What the loss of each head counts, that of a head that judges being 1."""
    weights: NDArray[np.float64] | None = None
    """(n, heads) positive sample weights; None: all equal."""

    def __post_init__(self) -> None:
        for name, table in (("y", self.y), ("weights", self.weights)):
            if table is not None and table.shape != (len(self.y), len(self.heads)):
                raise ValueError(
                    f"auxiliary {name} has shape {table.shape}, ({len(self.y)}, {len(self.heads)}) was "
                    "expected"
                )

    def take(self, rows: Rows) -> AuxiliaryTargets:
        """Those of the rows with these numbers, in this order."""
        weights = None if self.weights is None else self.weights[rows]
        return replace(self, y=self.y[rows], weights=weights)


@dataclass(frozen=True)
class AuxiliaryLabels:
    """All that is known of them, of the rows of a dataset."""

    heads: tuple[str, ...]
    classes: tuple[str, ...]
    y: NDArray[np.floating[Any]]
    """(n, heads) class codes; NaN for null."""
    r_bps: NDArray[np.float64]
    """(n, heads) returns that they are made of, bps; NaN for null."""
    t1: NDArray[np.int64]
    """(n, heads) ns: their last instants, included."""
    loss_weight: float

    def take(self, rows: Rows | slice) -> AuxiliaryLabels:
        """Those of the rows with these numbers, in this order."""
        return replace(self, y=self.y[rows], r_bps=self.r_bps[rows], t1=self.t1[rows])

    def targets(self, rows: Rows) -> AuxiliaryTargets:
        """What a fit on these rows sees of them."""
        return AuxiliaryTargets(self.heads, self.classes, self.y[rows], self.loss_weight)
