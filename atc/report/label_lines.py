"""What the summary of a run says of its label: what it is, its classes, how much of it is null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from atc.report.table import DASH, new_table

if TYPE_CHECKING:
    from rich.table import Table

Metrics = Mapping[str, float | None]

_SAID = {
    "exit_bps": "exit at {} bps",
    "quantile": "exit at the {} quantile of training returns",
    "exit_spreads": "exit at {} spreads",
    "reading": "reading {}",
    "short_cost_bps": "SHORT costs {} bps",
    "flat_cost_bps": "FLAT costs {} bps",
    "short_cost_spreads": "SHORT costs {} spreads",
    "flat_cost_spreads": "FLAT costs {} spreads",
    "spread": "spread: {}",
    "smooth_s": "smoothed over {} s",
    "threshold": "threshold {}",
}


def label_words(label: Mapping[str, object]) -> str:
    """The label as it was recorded, in one line."""
    details = []
    horizons = label.get("horizons_s") or label.get("horizon_s")
    if isinstance(horizons, list):
        details.append(f"horizons {', '.join(f'{horizon:g}' for horizon in horizons)} s")
    elif isinstance(horizons, int | float):
        details.append(f"horizon {horizons:g} s")
    details += [text.format(label[name]) for name, text in _SAID.items() if name in label]
    return ", ".join([str(label.get("kind", DASH)), *details])


def class_table(metrics: Metrics) -> Table:
    """The share of each class among the labels of a split, and of all its rows that of those without one;
    empty for a task that has no classes.
    """
    splits = ("train", "valid", "holdout")
    found: dict[str, dict[str, str]] = {}
    names: list[str] = []
    for key, value in metrics.items():
        split, _, rest = key.partition("/")
        figure, _, head = rest.partition("@")
        words = figure.split("/")
        name = "null" if words == ["null", "share"] else words[1] if words[0] == "class" else None
        if split not in splits or name is None:
            continue
        names += [name] if name not in names else []
        row = found.setdefault(f"{split} {head}".strip(), {})
        row[name] = DASH if value is None else f"{100 * value:.2f} %"
    table = new_table("labels", right=tuple(names))
    for row_name, shares in found.items():
        table.add_row(row_name, *(shares.get(name, DASH) for name in names))
    return table
