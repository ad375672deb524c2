"""Two finished runs: the keys in which their configs differ, and what these moved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from atc.config.diff import Difference, differences
from atc.errors import AtcError
from atc.evaluation.lift import Estimate
from atc.opened_run import OpenedRun
from atc.report.cells import DASH, Row, number, table
from atc.report.comparison import Compared, compare_runs
from atc.review.diff_lines import diff_json, diff_lines
from atc.review.tags import tagged

_SHOWN = re.compile(
    r"(valid/(auc|direction_auc|macro_f1)"
    r"|holdout/(auc|direction_auc|macro_f1|log_loss|ece|pearson)"
    r"|lift/holdout/(auc|direction_auc|macro_f1|pearson))(@[\w.]+)?"
    r"|backtest/(pnl|alpha|alpha_sharpe|breakeven_cost_bps)"
    r"|gate/(verdict|gap)"
)
"""Figures that are shown where they differ; `--json` has every figure that does."""
_PAIRED = {"holdout/auc": "auc", "holdout/direction_auc": "direction_auc"}
_COST = ("seconds", "peak MiB")


@dataclass(frozen=True)
class Figure:
    """A figure of two runs."""

    key: str
    left: float | None
    right: float | None
    paired: Estimate | None = None
    """Right minus left on the same rows, where such figures can be paired."""

    @property
    def difference(self) -> float | None:
        """Right minus left; None where one of them is undefined."""
        if self.paired is not None:
            return self.paired.value
        return None if self.left is None or self.right is None else self.right - self.left


@dataclass(frozen=True)
class Moved:
    """What a difference of two configs did."""

    left: OpenedRun
    right: OpenedRun
    differences: tuple[Difference, ...]
    figures: tuple[Figure, ...]
    """Every figure that differs, in the order of the left run's metrics."""
    cost: tuple[Figure, ...]
    """Seconds in stages that no cache answered, and the largest of their memories."""
    apart: str | None
    """Why the two are not judged on the same rows; None if they are."""


def moved(left: OpenedRun, right: OpenedRun) -> Moved:
    """`right` against `left`. Raises DataError as reading runs does."""
    comparison = compare_runs([left, right])
    beside = next((one for one in comparison.same if one.run is right), None)
    keys = dict.fromkeys([*left.metrics, *right.metrics])
    figures = [
        Figure(key, left.metrics.get(key), right.metrics.get(key), _paired(key, beside))
        for key in keys
        if left.metrics.get(key) != right.metrics.get(key)
    ]
    return Moved(
        left,
        right,
        tuple(_tagged(left, right)),
        tuple(figures),
        tuple(Figure(name, *values) for name, values in zip(_COST, _costs(left, right), strict=True)),
        None if beside is not None else comparison.apart[0][1],
    )


def moved_lines(found: Moved, *, markdown: bool) -> Iterator[str]:
    """The keys that differ; the figures that they moved; what the runs cost."""
    names = (found.left.folder.name, found.right.folder.name)
    yield from diff_lines(found.differences, *names, markdown=markdown)
    yield ""
    shown = [one for one in found.figures if _SHOWN.fullmatch(one.key)]
    rows = [["moved", *names, "difference", "interval"], *map(_row, (*shown, *found.cost))]
    yield from table(rows, markdown=markdown)
    yield ""
    if found.apart is None:
        yield "the same rows: intervals are of paired differences"
    else:
        yield f"no paired difference: {found.apart}"
    others = len(found.figures) - len(shown)
    if others:
        yield f"{others:,} further figures differ: --json has them all"


def moved_json(found: Moved) -> dict[str, Any]:
    """The same, with every figure that differs."""
    return {
        **diff_json(found.differences, found.left.folder.name, found.right.folder.name),
        "same_rows": found.apart is None,
        "why_not": found.apart,
        "moved": {one.key: _entry(one) for one in found.figures},
        "cost": {one.key: _entry(one) for one in found.cost},
    }


def _tagged(left: OpenedRun, right: OpenedRun) -> Sequence[Difference]:
    found = differences(left.raw_config, right.raw_config)
    try:
        return tagged(found, left.config, right.config)
    except AtcError:
        return found  # another version's keys: nobody can say what they change


def _paired(key: str, beside: Compared | None) -> Estimate | None:
    figure, _, head = key.partition("@")
    if beside is None or figure not in _PAIRED or head not in beside.differences:
        return None
    estimate: Estimate = getattr(beside.differences[head], _PAIRED[figure])
    return estimate


def _costs(left: OpenedRun, right: OpenedRun) -> Iterator[tuple[float | None, float | None]]:
    return zip(_cost(left), _cost(right), strict=True)


def _cost(run: OpenedRun) -> tuple[float | None, float | None]:
    stages = run.manifest.get("stages")
    made = [one for one in stages.values() if not one["cached"]] if isinstance(stages, dict) else []
    if not made:
        return None, None
    return sum(one["seconds"] for one in made), max(one["peak_rss_mib"] for one in made)


def _row(one: Figure) -> Row:
    decimals = "1f" if one.key in _COST else "4f"
    bounds = None if one.paired is None else one.paired.interval
    return [
        one.key,
        *(DASH if value is None else f"{value:,.{decimals}}" for value in (one.left, one.right)),
        DASH if one.difference is None else f"{one.difference:+,.{decimals}}",
        "" if bounds is None else f"{number(bounds.lo, '+')} … {number(bounds.hi, '+')}",
    ]


def _entry(one: Figure) -> dict[str, Any]:
    bounds = None if one.paired is None else one.paired.interval
    return {
        "left": one.left,
        "right": one.right,
        "difference": one.difference,
        "lo": None if bounds is None else bounds.lo,
        "hi": None if bounds is None else bounds.hi,
    }
