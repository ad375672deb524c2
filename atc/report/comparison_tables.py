"""A comparison of runs as text, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from atc.evaluation.lift import Estimate
from atc.evaluation.paired import PairedDifference
from atc.evaluation.power import below_power
from atc.report.cells import DASH, Row, number, p_value, table
from atc.report.comparison import Compared, Comparison
from atc.report.record_tables import record_lines, records_json, sealed_json, sealed_lines
from atc.report.verdict import BELOW_POWER

Metrics = dict[str, int | float | None]


def comparison_lines(found: Comparison, *, markdown: bool) -> Iterator[str]:
    """The tables, each with a sentence above it."""
    first = found.same[0]
    yield _heading(found)
    yield from table([_FIGURES, *(row for one in found.same for row in _figures(one))], markdown=markdown)
    if any(below_power(one.run.metrics, key) for one in found.same for key in _claims(one.run.metrics)):
        yield (
            f"{BELOW_POWER} smaller than the holdout was said to show in 80 % of cases: probably too large a "
            "figure, to be confirmed on more data"
        )
    others = found.same[1:]
    if others:
        yield ""
        yield f"difference to {first.name}, on the same rows"
        yield from table(
            [_DIFFERENCES, *(row for one in others for row in _differences(one))], markdown=markdown
        )
    if found.records is not None:
        yield ""
        yield from record_lines(found.records, markdown=markdown)
    if found.sealed is not None:
        yield ""
        yield from sealed_lines(found.sealed, markdown=markdown)
    if found.apart:
        yield ""
        yield "not compared"
        rows = [[run.folder.name, reason, _selecting(run.metrics)] for run, reason in found.apart]
        yield from table([["run", "why", "valid AUC"], *rows], words=(0, 1), markdown=markdown)
    for run in (*(one.run for one in found.same), *(run for run, _ in found.apart)):
        for key in _warnings(run.metrics):
            yield ""
            yield f"{run.folder.name} warns: {key}; its notes say why its figures are not to be relied upon"
        if run.metrics.get("gate/verdict") == 0:
            yield ""
            yield (
                f"{run.folder.name}: its gate rejected the model that these figures are of; those of its "
                "fallback are fallback/… in its metrics.json"
            )
    for name in found.unentered:
        yield ""
        yield (
            f"{name} has holdout figures, and its look is in no ledger beside its data: it was made before "
            "there was one, or the ledger was lost or cut, and the count of looks is too small"
        )


def comparison_json(found: Comparison) -> dict[str, Any]:
    """The same, with the figures of each run that say something about the holdout."""
    records = found.records
    return {
        "rows": found.rows,
        "looks": found.looks,
        "looks_by_validation_or_folds": found.judged,
        "runs": [
            {
                "run": one.name,
                "run_id": one.run.run_id,
                "metrics": {key: value for key, value in one.run.metrics.items() if key.startswith(_IN_JSON)},
                "below_power": [key for key in _claims(one.run.metrics) if below_power(one.run.metrics, key)],
                "differences": {head: _difference_json(of) for head, of in one.differences.items()},
            }
            for one in found.same
        ],
        "apart": [{"run": run.folder.name, "why": reason} for run, reason in found.apart],
        "unentered": list(found.unentered),
        "backtest": None if records is None else records_json(records),
        "sealed_trials_on_validation": None if found.sealed is None else sealed_json(found.sealed),
    }


_AUC, _LIFT, _POWER = "holdout/auc", "lift/holdout/auc", "power/holdout/lift"
_WARNING = "warning/"
_IN_JSON = (
    "holdout/auc",
    "holdout/direction_auc",
    "lift/",
    "lift_over_volatility/",
    "power/",
    "backtest/",
    _WARNING,
)
_BESIDE = ("holdout/direction_auc", "lift_over_volatility/holdout/auc")
"""What stands beside each AUC and each lift: whether it is more than knowing how much the price moves."""
_FIGURES = [
    *("run", "AUC", "interval", "direction", "lift over baseline", "interval", "over volatility"),
    "said to show",
]
_DIFFERENCES = ["run", "AUC", "interval", "direction", "interval", "DeLong", "p", "disjoint rows"]


def _heading(found: Comparison) -> str:
    if found.rows == 0:
        return "the first run has no holdout figures: it is sealed, or its protocol has no holdout"
    looks = "an unknown number of looks" if found.looks is None else f"looks at this holdout: {found.looks}"
    if found.judged:
        looks += f", {found.judged} of them validation or folds of runs whose window trains on it"
    return f"{found.rows:,} holdout rows; {looks}"


def _heads(metrics: Metrics) -> list[str]:
    """Suffixes of the heads that have an AUC: empty for the only one, such as `@300s` for several."""
    ends = [key.removeprefix(_AUC) for key in metrics if key.startswith(_AUC)]
    return [end for end in ends if "/" not in end]


def _claims(metrics: Metrics) -> list[str]:
    return [f"{figure}{head}" for head in _heads(metrics) for figure in (_AUC, _LIFT, *_BESIDE)]


def _figures(one: Compared) -> Iterator[Row]:
    metrics = one.run.metrics
    for head in _heads(metrics):
        cells = [f"{one.name} {head}".strip()]
        for key, beside, sign in zip((_AUC, _LIFT), _BESIDE, ("", "+"), strict=True):
            whole = f"{key}{head}"
            marked = f" {BELOW_POWER}" if below_power(metrics, whole) else ""
            cells += [number(metrics.get(whole), sign) + marked, _interval(metrics, whole, sign)]
            other = f"{beside}{head}"
            marked = f" {BELOW_POWER}" if below_power(metrics, other) else ""
            cells.append(number(metrics.get(other), sign) + marked)
        yield [*cells, number(metrics.get(f"{_POWER}{head}/min_detectable"), "")]


def _warnings(metrics: Metrics) -> list[str]:
    """What a run carries a warning of, such as `random_split`."""
    return [
        key.removeprefix(_WARNING) for key, value in metrics.items() if key.startswith(_WARNING) and value
    ]


def _selecting(metrics: Metrics) -> str:
    """The AUCs on validation, by which sealed runs are chosen."""
    told = [f"{head} {number(metrics.get(f'valid/auc{head}'), '')}".strip() for head in _heads(metrics)]
    return ", ".join(told) or DASH


def _interval(metrics: Metrics, key: str, sign: str) -> str:
    low, high = metrics.get(f"{key}/lo"), metrics.get(f"{key}/hi")
    return DASH if low is None or high is None else f"{low:{sign}.4f} … {high:{sign}.4f}"


def _differences(one: Compared) -> Iterator[Row]:
    if not one.differences:
        yield [one.name, *[DASH] * (len(_DIFFERENCES) - 1)]
    for head, found in one.differences.items():
        test = found.delong
        yield [
            f"{one.name} @{head}" if head else one.name,
            *_estimate(found.auc),
            *_estimate(found.direction_auc),
            *(
                [DASH] * 3
                if test is None
                else [number(test.difference, "+"), p_value(test.p_value), f"{test.rows:,}"]
            ),
        ]


def _estimate(of: Estimate) -> Row:
    bounds = of.interval
    return [number(of.value, "+"), DASH if bounds is None else f"{bounds.lo:+.4f} … {bounds.hi:+.4f}"]


def _difference_json(found: PairedDifference) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name, of in (("auc", found.auc), ("direction_auc", found.direction_auc)):
        bounds = of.interval
        figures |= {name: of.value, f"{name}/lo": bounds and bounds.lo, f"{name}/hi": bounds and bounds.hi}
    test = found.delong
    figures["delong"] = test and {
        "difference": test.difference,
        "standard_error": test.standard_error,
        "p_value": test.p_value,
        "rows": test.rows,
    }
    return figures
