"""What a run says of a model that is the mean of several: of seeds, or of finished runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atc.report.table import figure_cell, new_table
from atc.report.verdict import Metrics

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = ("auc", "direction_auc", "log_loss", "macro_f1", "pearson", "mse")
ENDS = ("mean", "sd", "min", "max")
TITLES = ("average", *(f"single {end}" for end in ENDS))


def spread_rows(metrics: Metrics, start: str) -> list[tuple[str, ...]]:
    """Cells: figure, what the average of all models has, then mean, sd, least and most of single ones. Empty
    where there is one model, or no spread. `start`: what the keys begin with.
    """
    found = [
        key.removeprefix(f"{start}/").removesuffix("/mean")
        for key, value in metrics.items()
        if key.startswith(f"{start}/") and key.endswith("/mean") and value is not None
    ]
    order = {name: place for place, name in enumerate(SHOWN)}
    shown = []
    for key in found:
        split, _, figure = key.partition("/")
        name, _, head = figure.partition("@")
        if name in order:
            shown.append((len(head), head, order[name], split == "holdout", key))
    return [
        (
            key.replace("/", " ", 1),
            figure_cell(metrics, key, ""),
            *(figure_cell(metrics, f"{start}/{key}/{end}", "") for end in ENDS),
        )
        for *_, key in sorted(shown)
    ]


def spread_table(metrics: Metrics) -> Table:
    """The spread beside the average; without rows where there is none."""
    start = "members" if metrics.get("members/count") else "seeds"
    count = metrics.get(f"{start}/count")
    table = new_table(f"{count:g} {start}" if count else start, right=TITLES)
    for cells in spread_rows(metrics, start):
        table.add_row(*cells)
    return table
