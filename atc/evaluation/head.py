"""What a head of a model is asked, and what happened."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from atc.evaluation.blocks import disjoint_rows
from atc.evaluation.hac import BartlettKernel
from atc.models.ranking import Ranked, rank
from atc.protocol.dataset import Dataset, Labels

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Head:
    """One question to a model: classes of a return, or the return itself."""

    name: str
    """Suffix of its figures after `@`, such as `300s`; empty for the only one."""
    classes: tuple[str, ...]
    """By code, from the shortest position to the longest: the last is what a high score asks for. Empty: the
    label is the return.
    """
    columns: tuple[int, ...]
    """Of a model's scores: one probability of the last class for two classes, else one a class; or the
    predicted return.
    """
    horizon_ns: int
    exit_bps: float
    """|r| above which a row counts for the direction AUC; of a fitted label its fitted threshold."""

    @property
    def ranking(self) -> str:
        """The figure that says how well its rows are ranked, by which train, valid and test are compared."""
        return "auc" if self.classes else "pearson"

    def key(self, figure: str) -> str:
        """The figure's name in metrics.json."""
        return f"{figure}@{self.name}" if self.name else figure

    def own(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of a model's `scores` (n, columns) the head's: (n, classes) probabilities, or (n, 1) predicted
        returns.
        """
        own = scores[:, list(self.columns)]
        return np.column_stack([1.0 - own[:, 0], own[:, 0]]) if len(self.classes) == 2 else own


@dataclass(frozen=True)
class Outcomes:
    """What happened in a set of rows; no inputs."""

    y: Labels
    """(n, heads) codes or returns; NaN for null."""
    r_bps: NDArray[np.float64]
    """(n, heads) forward return."""
    t0: NDArray[np.int64]
    """(n,) ns, start of the label."""
    days: NDArray[np.datetime64]
    """(n,) business day."""

    @classmethod
    def of(cls, rows: Dataset) -> Outcomes:
        """The outcomes of `rows`."""
        return cls(y=rows.y, r_bps=rows.r_bps, t0=rows.t0, days=rows.days)


@dataclass(frozen=True)
class HeadRows:
    """What happened to one head, in the rows that have its label."""

    head: Head
    rows: NDArray[np.int64]
    """(n,) which rows of the whole set these are, ascending."""
    y: Vector
    r_bps: Vector
    t0: NDArray[np.int64]
    days: NDArray[np.datetime64]

    @classmethod
    def of(cls, outcomes: Outcomes, head: Head, number: int) -> HeadRows:
        """The labelled rows of the head with this number."""
        rows = np.flatnonzero(~np.isnan(outcomes.y[:, number]))
        return cls(
            head=head,
            rows=rows,
            y=outcomes.y[rows, number].astype(np.float64),
            r_bps=outcomes.r_bps[rows, number],
            t0=outcomes.t0[rows],
            days=outcomes.days[rows],
        )

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """(n,) class of each row."""
        return self.y.astype(np.int64)

    @cached_property
    def ranked_return(self) -> Ranked:
        """The rows by their return: sorted once for all scores."""
        return rank(self.r_bps)

    @cached_property
    def disjoint(self) -> NDArray[np.int64]:
        """Rows whose labels do not overlap: the first, then always the first more than a horizon later."""
        return disjoint_rows(self.t0, self.t0 + self.head.horizon_ns)

    def kernel(self, bandwidth_ns: int) -> BartlettKernel:
        """Weights of the rows by their distance in time: laid out once for all scores."""
        if bandwidth_ns not in self._kernels:
            self._kernels[bandwidth_ns] = BartlettKernel.of(self.t0, bandwidth_ns)
        return self._kernels[bandwidth_ns]

    @cached_property
    def _kernels(self) -> dict[int, BartlettKernel]:
        return {}

    def take(self, chosen: NDArray[np.int64]) -> HeadRows:
        """Those of these rows at the positions `chosen`, ascending."""
        return HeadRows(
            head=self.head,
            rows=self.rows[chosen],
            y=self.y[chosen],
            r_bps=self.r_bps[chosen],
            t0=self.t0[chosen],
            days=self.days[chosen],
        )

    def scores(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The head's part of a model's `scores` (all rows, columns); see `Head.own`."""
        return self.head.own(scores[self.rows])
