"""What the summary shows of the sensitivity table and the capacity curve: one table, side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from atc.report.table import DASH, new_table
from atc.report.verdict import Metrics

if TYPE_CHECKING:
    from rich.table import Table

MOST_ROWS, MOST_FEES = 8, 3
"""What fits beside the rest of a summary; the tables have all."""
PARTIAL = 0.99
"""Less of a size filled than this: its alpha is of a smaller position than its benchmark's."""
_CELL = re.compile(r"backtest/sensitivity/(?P<latency>[^/]+)s_(?P<fee>[^/]+)bps/alpha")
_SIZE = re.compile(r"backtest/capacity/(?P<size>[^/]+)/alpha")


def sensitivity_table(base: str, quote: str, metrics: Metrics) -> list[Table]:
    """Alpha by latency and fee, beside alpha and the filled share by size; empty where neither was asked for,
    and where nothing but 0 would stand in it.

    `base`, `quote`: assets of the symbol.
    """
    if _all_zero(metrics):
        return []
    cells = {(at["latency"], at["fee"]): metrics[at[0]] for key in metrics if (at := _CELL.fullmatch(key))}
    sizes = [at["size"] for key in metrics if (at := _SIZE.fullmatch(key))]
    latencies, fees = (sorted({cell[axis] for cell in cells}, key=float) for axis in (0, 1))
    left, right = _by_latency(cells, latencies, fees[:MOST_FEES]), _by_size(metrics, sorted(sizes, key=float))
    if not left and not right:
        return []
    titles = [f"fee {fee} bps" for fee in fees[:MOST_FEES]] if left else []
    table = new_table(
        f"alpha, {quote}", right=[*titles, *([f"  size, {base}", "alpha", "filled"] if right else [])]
    )
    width = len(table.columns)
    for own, other in zip_longest(left[:MOST_ROWS], right[:MOST_ROWS], fillvalue=None):
        row = [*(own or ["", *("" for _ in titles)]), *(other or [])]
        table.add_row(*row, *("" for _ in range(width - len(row))))
    return [table]


def _by_latency(
    cells: dict[tuple[str, str], float | None], latencies: Sequence[str], fees: Sequence[str]
) -> list[list[str]]:
    return [
        [f"latency {latency} s", *(_money(cells.get((latency, fee))) for fee in fees)]
        for latency in latencies
    ]


def _by_size(metrics: Metrics, sizes: Sequence[str]) -> list[list[str]]:
    rows = []
    for size in sizes:
        rate = metrics.get(f"backtest/capacity/{size}/fill_rate")
        filled = DASH if rate is None else f"{rate:.0%}" if rate >= PARTIAL else f"{rate:.1%}"
        rows.append([size, _money(metrics.get(f"backtest/capacity/{size}/alpha")), filled])
    return rows


def sensitivity_sentences(base: str, metrics: Metrics) -> list[str]:
    """What the table leaves out, and where sizes fill in part."""
    if _all_zero(metrics):
        return [
            "Alpha is 0 at every latency, depth and fee and for every size that was tried: "
            "sensitivity.parquet, capacity.parquet."
        ]
    told = []
    keys = ("depth", "positive", "alpha_min")
    depth, positive, least = (metrics.get(f"backtest/sensitivity/{key}") for key in keys)
    if depth is not None and positive is not None and least is not None:
        told.append(
            f"Alpha by latency and fee is at depth {depth:g}; of all cells latency × depth × fee "
            f"{positive:.0%} are above 0, the worst is {least:+,.0f}: sensitivity.parquet."
        )
    partial = [
        at["size"]
        for key, rate in metrics.items()
        if (at := re.fullmatch(r"backtest/capacity/(?P<size>[^/]+)/fill_rate", key))
        and rate is not None
        and rate < PARTIAL
    ]
    if partial:
        least_size = min(partial, key=float)
        told.append(
            f"From {least_size} {base} on orders fill in part: such a size holds less than its benchmark, "
            "which buys until it is whole, so its alpha says little: capacity.parquet."
        )
    return told


def _all_zero(metrics: Metrics) -> bool:
    """Whether both were asked for and every alpha is 0, as of a policy that does what its benchmark does."""
    ends = [metrics.get(f"backtest/sensitivity/{key}") for key in ("positive", "alpha_min")]
    sizes = [alpha for key, alpha in metrics.items() if _SIZE.fullmatch(key)]
    return bool(sizes) and all(figure == 0 for figure in (*ends, *sizes))


def _money(value: float | None) -> str:
    if value is None:
        return DASH
    return f"{round(value):+,}" if round(value) else "0"
