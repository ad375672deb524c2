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
    """Cells of the table: fold, UTC dates of its test rows, then the figures `SHOWN`; below them the mean
    and, where there is one, its interval. Empty without folds. Many folds, and several heads, are not shown
    one by one.
    """
    names = [name.removeprefix("fold") for name in spans if name.startswith("fold")]
    if not names:
        return []
    heads = _heads(metrics, names[0])
    one_by_one = heads == [""] and len(names) <= MOST_ROWS
    rows = []
    for name in names if one_by_one else ():
        span = spans[f"fold{name}"]
        days = [str(span.get(end, ""))[:10] if isinstance(span, Mapping) else "" for end in ("from", "to")]
        figures = [_figure(metrics.get(f"fold/{name}/{key}")) for key in SHOWN]
        rows.append((name, " … ".join(days), *figures))
    for head in heads:
        keys = [f"{key}@{head}" if head else key for key in SHOWN]
        if not one_by_one:
            values = [
                [value for name in names if (value := metrics.get(f"fold/{name}/{key}")) is not None]
                for key in keys
            ]
            for title, choose in (("least", min), ("most", max)):
                rows.append((title, head, *(_figure(choose(found) if found else None) for found in values)))
        means = [metrics.get(f"folds/{key.replace('test/', '')}/mean") for key in keys]
        rows.append(("mean", head or f"of {len(names)} folds", *map(_figure, means)))
        for end, title in (("lo", "interval from"), ("hi", "to")):
            bounds = [metrics.get(f"folds/{key.replace('test/', '')}/mean/{end}") for key in keys]
            if any(bound is not None for bound in bounds):
                rows.append(("", title, *map(_figure, bounds)))
    return rows


def _heads(metrics: Metrics, fold: str) -> list[str]:
    """Names of the heads, shortest horizon first; one empty name where there is one head."""
    start = f"fold/{fold}/test/auc@"
    found = {key.removeprefix(start) for key in metrics if key.startswith(start)}
    return sorted(found, key=lambda head: (len(head), head)) or [""]


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
            "All figures but fallback/… are of the rejected model. The fallback's: "
            f"{'; '.join(_fallback(metrics))}; its model is model/fallback."
        )
    if metrics.get("paths/auc/mean") is not None:
        sentences.append(
            f"{metrics['paths/count']} whole paths through the train window: AUC "
            f"{_figure(metrics.get('paths/auc/min'))} … {_figure(metrics.get('paths/auc/max'))}, "
            f"mean {_figure(metrics.get('paths/auc/mean'))}."
        )
    return [*sentences, *_refit(metrics)]


def _fallback(metrics: Metrics) -> list[str]:
    """The fallback's AUCs, head by head."""
    start = "fallback/valid/auc"
    ends = [key.removeprefix(start) for key in metrics if key == start or key.startswith(f"{start}@")]
    told = []
    for end in sorted(ends, key=lambda end: (len(end), end)):
        holdout = f"fallback/holdout/auc{end}"
        low, high = (_figure(metrics.get(f"{holdout}/{bound}")) for bound in ("lo", "hi"))
        told.append(
            f"{end[1:]}{' ' if end else ''}valid AUC {_figure(metrics.get(f'{start}{end}'))}, "
            f"holdout AUC {_figure(metrics.get(holdout))} ({low} … {high})"
        )
    return told


def _refit(metrics: Metrics) -> list[str]:
    """What refits gained, where an interval tells."""
    for split in ("holdout", "valid"):
        key = f"lift_of_refit/{split}/auc"
        low, high = metrics.get(f"{key}/lo"), metrics.get(f"{key}/hi")
        if low is None or high is None:
            continue
        fits = metrics.get(f"refit/{split}/fits")
        found = f"{fits:g} refits through {split}: AUC {metrics[key]:+.4f} ({low:+.4f} … {high:+.4f})"
        if low > 0:
            return [f"{found} against the model that stayed: young ones rank better."]
        if high < 0:
            return [f"{found} against the model that stayed: young ones rank worse."]
        return [f"{found} against the model that stayed: not told apart."]
    return []


def _figure(value: int | float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
