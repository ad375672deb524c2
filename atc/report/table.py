"""Tables of the terminal, and figures in their cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from atc.report.verdict import Metrics

if TYPE_CHECKING:
    from rich.table import Table

DASH = "–"


def new_table(*left: str, right: Sequence[str] = ()) -> Table:
    """A table with these columns, words to the left and numbers to the right; no frame."""
    from rich.box import Box
    from rich.table import Table

    rule = Box("    \n    \n ── \n    \n ── \n ── \n    \n    \n")
    table = Table(
        box=rule if left or right else None,
        show_header=bool(left or right),
        show_edge=False,
        pad_edge=False,
        padding=(0, 1 if left or right else 2, 0, 0),
    )
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def figure_cell(metrics: Metrics, key: str, sign: str, decimals: int = 4) -> str:
    """The figure `key`, with `sign` as in a format; a dash where it is null or not there."""
    value = metrics.get(key)
    return DASH if value is None else f"{value:{sign}.{decimals}f}"


def interval_cell(metrics: Metrics, key: str, sign: str) -> str:
    """Both ends of the interval of the figure `key`."""
    low, high = metrics.get(f"{key}/lo"), metrics.get(f"{key}/hi")
    return DASH if low is None or high is None else f"{low:{sign}.4f} … {high:{sign}.4f}"
