"""What the labeller measures at the rows of a day; nothing of classes, which are made of it later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

SECOND_NS = 1_000_000_000

NULL_CAUSES = ("reset", "gap", "no_quote_before", "no_quote_after")
"""Why a label is null, by code, as `rust/atc-featuregen/src/label.rs` has them: 1 is the first (`gap`: or the
end of the data), 0 is a label that is not null."""


@dataclass(frozen=True)
class LabelSpec:
    """Horizons, and how the mids at their ends are taken."""

    heads: tuple[tuple[str, int], ...]
    """Name and horizon in ns of each label of a row; the name of the only one is empty."""
    smooth_ns: int = 0
    """Length of the two stretches whose mean mids are compared; 0: the mids at t and at t + H."""

    @classmethod
    def over(
        cls, horizons_s: Sequence[float], smooth_s: float = 0.0, auxiliary_s: Sequence[float] = ()
    ) -> Self:
        """A label for each of `horizons_s`, s, and after them for each of `auxiliary_s`, s, which always have
        a name.
        """
        names = [""] if len(horizons_s) == 1 else [horizon_name(horizon) for horizon in horizons_s]
        names += [horizon_name(horizon) for horizon in auxiliary_s]
        horizons = [round(horizon * SECOND_NS) for horizon in (*horizons_s, *auxiliary_s)]
        return cls(tuple(zip(names, horizons, strict=True)), round(smooth_s * SECOND_NS))

    @classmethod
    def of_inputs(cls, inputs: Mapping[str, Any]) -> Self:
        """The inverse of `inputs`."""
        return cls(tuple((name, horizon) for name, horizon in inputs["heads"]), inputs["smooth_ns"])

    def inputs(self) -> dict[str, Any]:
        """As the name of a cached file depends on it."""
        return {"heads": [list(head) for head in self.heads], "smooth_ns": self.smooth_ns}

    @property
    def names(self) -> tuple[str, ...]:
        """Of the heads."""
        return tuple(name for name, _ in self.heads)

    @property
    def longest_ns(self) -> int:
        """The furthest that a label looks ahead, ns."""
        return max(horizon for _, horizon in self.heads)

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that say which rows and which futures a file is of; they hold no nulls."""
        return ("t0", *(of_head("t1", name) for name in self.names))

    @property
    def columns(self) -> tuple[str, ...]:
        """Of a file of labels, in order."""
        of_heads = [of_head(column, name) for name in self.names for column in ("r_bps", "t1", "null_cause")]
        return ("t0", "spread_bps", *of_heads)


def of_head(column: str, head: str) -> str:
    """The name of `column` for a head; that of the only head adds nothing."""
    return f"{column}_{head}" if head else column


def horizon_name(horizon_s: float) -> str:
    """`300s`, `0.5s`."""
    return f"{format(Decimal(str(horizon_s)).normalize(), 'f')}s"
