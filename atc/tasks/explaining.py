"""Why the named model scores as it does, asked on validation rows while the holdout is closed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from atc.config.ensemble import Ensemble
from atc.config.schema import RunConfig
from atc.evaluation.head import Head
from atc.evaluation.report import MODEL
from atc.models.explain.contributions import why_no_contributions
from atc.protocol.sealed_holdout import fit_in_progress
from atc.tasks.base import Desk
from atc.tasks.explained_rows import Question, question_of
from atc.tasks.explained_tables import (
    curve_table,
    importance_tables,
    pair_table,
    shap_table,
    top_inputs,
    with_shap,
)
from atc.tasks.fitting import Fitted
from atc.tasks.loaded import Loaded
from atc.tasks.tables import Further

IMPORTANCE, GROUPS, SHAP, PAIRS, CURVES = (
    "importance",
    "importance_groups",
    "shap",
    "interactions",
    "dependence",
)
"""The tables."""
NAMED_IN_NOTE = 3
"""Inputs that a run's notes name."""


def explained(
    config: RunConfig, loaded: Loaded, heads: Sequence[Head], fitted: Fitted, desk: Desk
) -> Further:
    """Tables of what the named model uses and how, and the most important inputs in a sentence; nothing where
    the run does not explain.
    """
    if not config.explain.enabled:
        return Further()
    with desk.stage("explain"), fit_in_progress():
        question = question_of(config, loaded, heads, fitted.by_name[MODEL])
        table, groups = importance_tables(question, desk)
        top = top_inputs(question, table)
        contributions = shap_table(question)
        tables = {IMPORTANCE: with_shap(table, contributions), GROUPS: groups}
        if contributions is not None:
            tables[SHAP] = contributions
        if question.asked.is_of_rows:
            tables |= {CURVES: curve_table(question, top), PAIRS: pair_table(question, top)}
        kept = {name: one for name, one in tables.items() if one.height}
        notes = [*_told(question, tables[IMPORTANCE])]
        if isinstance(config.model, Ensemble) and (why := why_no_contributions(question.named.model)):
            notes.append(f"no SHAP values of the ensemble: {why}")
        return Further(tables=kept, notes=tuple(notes))


def _told(question: Question, table: pl.DataFrame) -> Iterator[str]:
    """The most important inputs of each head in a sentence."""
    for head in question.heads:
        own = table.filter(head=head.name)
        figure = "AUC" if head.classes else "Pearson's ρ"
        drop = f"{head.ranking}_drop"
        named = own.sort(drop, descending=True, nulls_last=True).head(NAMED_IN_NOTE)
        listed = ", ".join(
            f"{row['feature']} {_figure(row[drop])} ({_figure(row[f'{drop}_lo'])} … "
            f"{_figure(row[f'{drop}_hi'])})"
            for row in named.iter_rows(named=True)
        )
        sure = own.filter(pl.col(f"{drop}_lo") > 0).height
        of_head = f" {head.name}" if head.name else ""
        yield (
            f"inputs{of_head}: permuted on {question.asked.n_rows:,} validation rows, the {figure} falls "
            f"most without {listed}; {sure} of {own.height} intervals lie above 0. It says what the model "
            "leans on, not what moves the market; inputs that say the same share (importance_groups.parquet)"
        )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
