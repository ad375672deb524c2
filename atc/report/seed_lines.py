"""What a run says of its seeds: the mean of their scores beside single ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atc.report.table import figure_cell, new_table
from atc.report.verdict import Metrics

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = ("auc", "direction_auc", "log_loss", "macro_f1", "pearson", "mse")
TITLES = ("average", "mean", "sd", "min", "max")


def seed_rows(metrics: Metrics) -> list[tuple[str, ...]]:
    """Cells: figure, what the average of all seeds has, then mean, sd, least and most of single seeds. Empty
    where the run has one seed, or no spread.
    """
    found = [
        key.removeprefix("seeds/").removesuffix("/mean")
        for key in metrics
        if key.startswith("seeds/") and key.endswith("/mean") and metrics[key] is not None
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
            *(figure_cell(metrics, f"seeds/{key}/{end}", "") for end in TITLES[1:]),
        )
        for *_, key in sorted(shown)
    ]


def seed_lines(metrics: Metrics) -> Table:
    """The spread under the average; without rows where there is none."""
    count = metrics.get("seeds/count")
    table = new_table(f"{count:g} seeds" if count else "seeds", right=TITLES)
    for cells in seed_rows(metrics):
        table.add_row(*cells)
    return table
