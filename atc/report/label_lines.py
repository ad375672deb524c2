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

_SPLITS = ("train", "valid", "holdout")
_CLASSES = ("SHORT", "DOWN", "FLAT", "UP", "HOLD", "null")


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
    found: dict[tuple[str, str], dict[str, str]] = {}
    for key, value in metrics.items():
        split, _, rest = key.partition("/")
        figure, _, head = rest.partition("@")
        words = figure.split("/")
        name = "null" if words == ["null", "share"] else words[1] if words[0] == "class" else None
        if split in _SPLITS and name in _CLASSES:
            found.setdefault((split, head), {})[name] = DASH if value is None else f"{100 * value:.2f} %"
    # metrics.json is sorted by key, which is no order of classes, splits or horizons.
    names = sorted({name for shares in found.values() for name in shares}, key=_CLASSES.index)
    table = new_table("labels", right=names)
    for split, head in sorted(found, key=lambda row: (_SPLITS.index(row[0]), len(row[1]), row[1])):
        shares = found[split, head]
        table.add_row(f"{split} {head}".strip(), *(shares.get(name, DASH) for name in names))
    return table
