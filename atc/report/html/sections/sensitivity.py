"""Alpha under other terms of execution."""

from __future__ import annotations

import polars as pl

from atc.report.html.content import Block, Column, DataTable, Figure, Section, figure
from atc.report.html.draw.heat import heat_map
from atc.report.html.record import Record

_TERMS = ("latency_s", "depth", "fee_bps")


def sensitivity_section(record: Record) -> Section:
    """A heat map of latency × fee for each depth, all on one scale of colour."""
    table = record.table("sensitivity")
    if table is None:
        return Section(
            "sensitivity",
            "Sensitivity to execution",
            empty="Nothing was traded on the holdout, or the backtest asked for no other terms.",
        )
    latencies, depths, fees = (sorted(table[name].unique().to_list()) for name in _TERMS)
    cells = {tuple(row[name] for name in _TERMS): row["alpha"] for row in table.iter_rows(named=True)}
    largest = max((abs(alpha) for alpha in cells.values() if alpha is not None), default=0.0)
    own = record.part("execution")
    blocks: list[Block] = []
    for depth in depths:
        found = [[cells.get((latency, depth, fee)) for fee in fees] for latency in latencies]
        known = [value for row in found for value in row if value is not None]
        here = own.get("depth") == depth and own.get("latency_s") in latencies and 0.0 in fees
        mark = (latencies.index(own["latency_s"]), fees.index(0.0)) if here else None
        blocks.append(
            Figure(
                "heat",
                f"Alpha at depth {depth:g}, {record.quote}",
                f"Latency by fee. From {min(known):+,.0f} to {max(known):+,.0f}; "
                f"{sum(one > 0 for one in known)} of {len(known)} cells above 0."
                if known
                else "No alpha is known.",
                heat_map(
                    found,
                    rows=[f"{one:g}" for one in latencies],
                    columns=[f"{one:g}" for one in fees],
                    largest=largest,
                    row_title="latency, s",
                    column_title="fee, bps",
                    own=mark,
                ),
            )
        )
    titles = ("alpha", "PnL", "orders", "fills", "edge before costs, bps", "breakeven, bps")
    columns = [Column(one, number=True) for one in ("latency, s", "depth", "fee, bps", *titles)]
    rows = [
        [
            *(figure(row[name], 2) for name in _TERMS),
            figure(row["alpha"], 0, "+"),
            figure(row["pnl"], 0, "+"),
            figure(row["orders"], 0),
            figure(row["fills"], 0),
            figure(row["edge_before_costs_bps"], 3, "+"),
            figure(row["breakeven_cost_bps"], 3, "+"),
        ]
        for row in table.sort(*(pl.col(name) for name in _TERMS)).iter_rows(named=True)
    ]
    blocks.append(DataTable("cells", "Every cell", columns, rows, folded=True))
    return Section(
        "sensitivity",
        "Sensitivity to execution",
        blocks,
        lead=(
            "The same decisions at other latencies, depths and fees, each beside a benchmark of the same "
            "terms. Blue above 0, orange below, all on one scale; a frame marks the cell that is nearest to "
            "the run's own terms."
        ),
    )
