"""What a run says of its folds: the table, the gate, and the warning of a control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atc.report.verdict import Metrics

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = ("train/auc", "valid/auc", "test/auc", "test/direction_auc", "lift/test/auc")
TITLES = ("train", "valid", "test AUC", "direction", "lift")
MOST_ROWS = 10
"""Folds that are shown one by one; of more only the mean and the extremes."""


def fold_rows(spans: Mapping[str, object], metrics: Metrics) -> list[tuple[str, ...]]:
    """Cells of the table: fold, UTC dates of its test rows, then the figures `SHOWN`; below them the
    mean and, where there is one, its interval. Empty without folds.
    """
    names = [name.removeprefix("fold") for name in spans if name.startswith("fold")]
    if not names:
        return []
    rows = []
    for name in names if len(names) <= MOST_ROWS else ():
        span = spans[f"fold{name}"]
        days = [str(span.get(end, ""))[:10] if isinstance(span, Mapping) else "" for end in ("from", "to")]
        rows.append((name, " … ".join(days), *_cells(metrics, f"fold/{name}/")))
    if len(names) > MOST_ROWS:
        values = [
            [value for name in names if (value := metrics.get(f"fold/{name}/{key}")) is not None]
            for key in SHOWN
        ]
        for title, choose in (("least", min), ("most", max)):
            rows.append((title, "", *(_figure(choose(found) if found else None) for found in values)))
    means = [key.replace("test/", "") for key in SHOWN]
    rows.append(
        ("mean", f"of {len(names)} folds", *(_figure(metrics.get(f"folds/{key}/mean")) for key in means))
    )
    for end, title in (("lo", "interval from"), ("hi", "to")):
        bounds = [metrics.get(f"folds/{key}/mean/{end}") for key in means]
        if any(bound is not None for bound in bounds):
            rows.append(("", title, *map(_figure, bounds)))
    return rows


def fold_table(spans: Mapping[str, object], metrics: Metrics) -> Table:
    """The folds under each other; without rows where the protocol has none."""
    from atc.report.table import new_table

    table = new_table("fold", "test rows", right=TITLES)
    for cells in fold_rows(spans, metrics):
        table.add_row(*cells)
    return table


def fold_sentences(metrics: Metrics, notes: Sequence[str]) -> list[str]:
    """What comes before any verdict: that the run is a control, and what the gate says of which model."""
    sentences = []
    if metrics.get("warning/random_split"):
        sentences.append(
            "WARNING, a control and no result: random_split judges rows whose neighbours trained the model. "
            f"Its test AUC, {_figure(metrics.get('folds/auc/mean'))}, holds what the leak is worth."
        )
    sentences += [note for note in notes if note.startswith("gate ")]
    if metrics.get("gate/verdict") == 0:
        sentences.append(
            "All figures but fallback/… are of the rejected model. The fallback's: valid AUC "
            f"{_figure(metrics.get('fallback/valid/auc'))}, holdout AUC "
            f"{_figure(metrics.get('fallback/holdout/auc'))} "
            f"({_figure(metrics.get('fallback/holdout/auc/lo'))} … "
            f"{_figure(metrics.get('fallback/holdout/auc/hi'))}); its model is model/fallback."
        )
    if metrics.get("paths/auc/mean") is not None:
        sentences.append(
            f"{metrics['paths/count']} whole paths through the train window: AUC "
            f"{_figure(metrics.get('paths/auc/min'))} … {_figure(metrics.get('paths/auc/max'))}, "
            f"mean {_figure(metrics.get('paths/auc/mean'))}."
        )
    return sentences


def _cells(metrics: Metrics, root: str) -> list[str]:
    return [_figure(metrics.get(f"{root}{key}")) for key in SHOWN]


def _figure(value: int | float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
