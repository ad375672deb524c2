"""How far each input is from what it was in training."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from atc.report.html.content import Block, Cell, Column, DataTable, Figure, Section, Tile, Tiles, figure
from atc.report.html.draw.frame import HALF
from atc.report.html.draw.rows import Mark, Row, row_chart
from atc.report.html.record import HOLDOUT, Record
from atc.report.table import DASH

SHOWN = 16


def drift_section(record: Record) -> Section:
    """PSI of each input with its error, and how well the inputs tell holdout from training."""
    table = record.table("adversarial")
    if table is None:
        why = (
            "The holdout is closed in this run, so nothing is known of its inputs. model/profile.json has "
            "those of training."
            if record.judges != HOLDOUT
            else "evaluation.adversarial.enabled=false: the inputs of the holdout were not looked at."
        )
        return Section("drift", "Drift of the inputs", empty=why)
    area = record.metrics.get("adversarial/auc")
    blocks: list[Block] = [
        Tiles(
            [
                Tile(
                    "holdout told from training",
                    DASH if area is None else f"AUC {area:.3f}",
                    "0.5: inputs are alike; below: stretches of time differ more than the sides do",
                )
            ]
        )
    ]
    if "psi" not in table.columns:
        note = "This record is of a version that kept no PSI; run the experiment again to have it."
        return Section("drift", "Drift of the inputs", [*blocks, _table(record, table)], lead=note)
    # By how far they lie above chance: a slow input has a large PSI between any two weeks.
    excess = pl.col("psi") / pl.col("psi_chance").clip(1e-9)
    ranked = table.sort(excess, pl.col("psi"), descending=True, nulls_last=True)
    rows = []
    for row in ranked.head(SHOWN).iter_rows(named=True):
        error = row["psi_se"]
        low, high = (
            (None, None)
            if error is None
            else (max(0.0, row["psi"] - 1.96 * error), row["psi"] + 1.96 * error)
        )
        marks = [Mark(row["psi"], low, high, "s0", name="PSI")]
        if row["psi_chance"] is not None:
            marks.append(Mark(row["psi_chance"], look="s1", name="by sampling alone, 95 %"))
        rows.append(Row(row["feature"], tuple(marks)))
    told = ranked.filter(pl.col("psi") > pl.col("psi_chance"))
    known = ranked["psi_chance"].drop_nulls().len()
    words = (
        f"{told.height} of {known} inputs lie above what sampling alone stays below in 95 % of cases; "
        f"{0.05 * known:.0f} or so would by luck."
        if known
        else "Too few rows to say what sampling alone would make."
    )
    blocks.append(
        Figure(
            "psi",
            "PSI of the inputs, holdout against training",
            "; ".join(f"{row.name} {row.marks[0].value:.3f}" for row in rows[:6]) + f". {words}",
            row_chart(rows, width=HALF, x_title="PSI ± 1.96 standard errors", digits=3),
            [("s0 dot", "PSI"), ("s1 dot", "what sampling alone stays below, 95 %")],
            words=words,
        )
    )
    blocks.append(_table(record, ranked))
    return Section("drift", "Drift of the inputs", blocks, lead=_LEAD)


_LEAD = (
    "Bins are training's deciles, nulls one of their own. Rows of neighbouring time are nearly copies, so "
    "the error is that of 20 stretches of time on each side, and rules of thumb such as “above 0.25” do not "
    "hold. A shift costs nothing in an input that the model does not use, and a model may fail without any "
    "shift."
)


def _table(record: Record, table: pl.DataFrame) -> DataTable:
    lost = _lost(record)
    has_psi = "psi" in table.columns
    titles = [
        *(["PSI", "error", "chance, 95\N{NO-BREAK SPACE}%"] if has_psi else []),
        *("AUC alone", "share of gain", "null, train", "null, holdout"),
        *(["AUC lost without"] if lost else []),
    ]
    rows = []
    for row in table.iter_rows(named=True):
        above = has_psi and row["psi_chance"] is not None and row["psi"] > row["psi_chance"]
        psi = (
            [figure(row["psi"], 3), figure(row["psi_se"], 3), figure(row["psi_chance"], 3)] if has_psi else []
        )
        rows.append(
            [
                Cell(row["feature"], look="marked" if above else ""),
                *psi,
                figure(row["auc"], 3),
                figure(row["gain"], 3),
                figure(row["null_train"], 4),
                figure(row["null_holdout"], 4),
                *([figure(lost.get(row["feature"]), 4, "+")] if lost else []),
            ]
        )
    words = "Marked: above what sampling alone stays below." if has_psi else ""
    columns = [Column("input"), *(Column(title, number=True) for title in titles)]
    return DataTable(
        "drift-table", "Inputs of the holdout beside those of training", columns, rows, words=words
    )


def _lost(record: Record) -> Mapping[str, float | None]:
    """What the AUC loses without each input, of the last head."""
    table = record.table("importance")
    if table is None or "auc_drop" not in table.columns:
        return {}
    own = table.filter(head=table["head"][-1])
    return dict(zip(own["feature"], own["auc_drop"], strict=True))
