"""What the summary of a run says of its alpha waterfall."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atc.report.table import DASH, new_table
from atc.report.verdict import Metrics

if TYPE_CHECKING:
    from rich.table import Table

FORWARD, REVERSE = "backtest/waterfall", "backtest/waterfall_reverse"
STEPS = (
    ("oracle_path", "oracle path, ideal*"),
    ("observables", "observables*"),
    ("ranking", "ranking*"),
    ("calibration", "calibration*"),
    ("threshold", "threshold"),
    ("latency", "latency"),
    ("depth", "depth"),
    ("fees_carry", "fees and carry"),
)
"""Keys in their order of removal, as `STEPS` of atc/backtest/waterfall.py, and what people read."""


def waterfall_table(quote: str, metrics: Metrics) -> list[Table]:
    """One table, in the currency `quote`; none for a run without a waterfall."""
    if metrics.get(f"{FORWARD}/oracle_path") is None:
        return []
    table = new_table(f"alpha waterfall, {quote}", right=("step", "alpha left", "execution first"))
    left = 0.0
    for step, title in STEPS:
        change, reverse = metrics.get(f"{FORWARD}/{step}"), metrics.get(f"{REVERSE}/{step}")
        left += change or 0.0
        table.add_row(
            title,
            _cell(change, "+"),
            _cell(None if change is None else left),
            _cell(reverse, "+"),
            end_section=step == STEPS[-1][0],
        )
    backwards = sum(metrics.get(f"{REVERSE}/{step}") or 0.0 for step, _ in STEPS)
    table.add_row("realised alpha", "", _cell(left), _cell(backwards))
    return [table]


def waterfall_sentences(folder: str, metrics: Metrics) -> list[str]:
    """What to know of the table; none for a run without a waterfall."""
    if metrics.get(f"{FORWARD}/oracle_path") is None:
        return []
    steps = {title: metrics.get(f"{FORWARD}/{step}") for step, title in STEPS[1:]}
    told = [(value, title.rstrip("*")) for title, value in steps.items() if value is not None]
    value, title = min(told)
    said = "Waterfall: "
    if value < 0:
        said += f"most is lost to {title}. "
    if metrics.get(f"{FORWARD}/observables") is None:
        said += "No truth is known here, so ranking holds what the observables do not allow as well. "
    return [
        f"{said}Levels with * were chosen in hindsight on the holdout: they say where alpha is lost, and "
        f"nothing is chosen by them. Both orders, exact: {folder}/waterfall.parquet"
    ]


def _cell(value: float | None, sign: str = "") -> str:
    if value is None:
        return DASH
    return f"{round(value):{sign},}" if round(value) else "0"
