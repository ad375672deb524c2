"""What a run says of its folds: the table, the gate, and the warning of a control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atc.report.verdict import BELOW_POWER, RANKINGS, Metrics, ranking_of

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = ("train/{0}", "valid/{0}", "test/{0}", "test/direction_auc", "lift/test/{0}")
"""Of the figure that ranks."""
TITLES = ("train", "valid", "test {0}", "direction", "lift")
MOST_ROWS = 10
"""Folds that are shown one by one; of more only the mean and the extremes."""
_TRAP = (
    " The model that stayed selects on these rows (early stopping, calibration) and knows more of those "
    "before: too little, if anything."
)

_NO_POWER = (
    f" Whether that is {BELOW_POWER} nobody knows: no pilot before the fit has a refit in it, so nothing "
    "says how small a gain these rows can be relied upon to show."
)


def fold_rows(spans: Mapping[str, object], metrics: Metrics) -> list[tuple[str, ...]]:
    """Cells of the table: fold, UTC dates of its test rows, then the figures `SHOWN`; below them the mean
    and, where there is one, its interval. Empty without folds. Many folds, and several heads, are not shown
    one by one.
    """
    names = [name.removeprefix("fold") for name in spans if name.startswith("fold")]
    if not names:
        return []
    heads = _heads(metrics, names[0])
    shown = [key.format(ranking_of(metrics)) for key in SHOWN]
    one_by_one = heads == [""] and len(names) <= MOST_ROWS
    rows = []
    for name in names if one_by_one else ():
        span = spans[f"fold{name}"]
        days = [str(span.get(end, ""))[:10] if isinstance(span, Mapping) else "" for end in ("from", "to")]
        figures = [_figure(metrics.get(f"fold/{name}/{key}")) for key in shown]
        rows.append((name, " … ".join(days), *figures))
    for head in heads:
        keys = [f"{key}@{head}" if head else key for key in shown]
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
    start = f"fold/{fold}/test/{ranking_of(metrics)}@"
    found = {key.removeprefix(start) for key in metrics if key.startswith(start)}
    return sorted(found, key=lambda head: (len(head), head)) or [""]


def fold_table(spans: Mapping[str, object], metrics: Metrics) -> Table:
    """The folds under each other; without rows where the protocol has none."""
    from atc.report.table import new_table

    named = RANKINGS[ranking_of(metrics)]
    table = new_table("fold", "test rows", right=tuple(title.format(named) for title in TITLES))
    for cells in fold_rows(spans, metrics):
        table.add_row(*cells)
    return table


def fold_sentences(metrics: Metrics, notes: Sequence[str]) -> list[str]:
    """What comes before any verdict: that the run is a control, and what the gate says of which model."""
    sentences = []
    ranking = ranking_of(metrics)
    named = RANKINGS[ranking]
    if metrics.get("warning/random_split"):
        sentences.append(
            "WARNING, a control and no result: random_split judges rows whose neighbours trained the model. "
            f"Its test {named}, {_by_head(metrics, f'folds/{ranking}', ('/mean',))}, holds what the leak is "
            "worth."
        )
    sentences += [note for note in notes if note.startswith("gate ")]
    if metrics.get("gate/verdict") == 0:
        sentences.append(
            "All figures but fallback/… are of the rejected model. The fallback's: "
            f"{'; '.join(_fallback(metrics))}; its model is model/fallback.{_traded(metrics)}"
        )
    if metrics.get("paths/count"):
        told = _by_head(metrics, f"paths/{ranking}", ("/min", "/max", "/mean"), "{} … {}, mean {}", "; ")
        sentences.append(f"{metrics['paths/count']} whole paths through the train window: {named} {told}.")
    return [*sentences, *_refit(metrics)]


def _traded(metrics: Metrics) -> str:
    """What both models earn over always HOLD, where they were traded."""
    own, rejected = metrics.get("fallback/backtest/alpha"), metrics.get("backtest/alpha")
    if own is None or rejected is None:
        return ""
    return f" Traded, the fallback has alpha {own:+,.0f} and the rejected model {rejected:+,.0f}."


def _fallback(metrics: Metrics) -> list[str]:
    """The fallback's AUCs, head by head."""
    start = "fallback/valid/auc"
    told = []
    for end in _ends(metrics, start):
        holdout = f"fallback/holdout/auc{end}"
        low, high = (_figure(metrics.get(f"{holdout}/{bound}")) for bound in ("lo", "hi"))
        told.append(
            f"{end[1:]}{' ' if end else ''}valid AUC {_figure(metrics.get(f'{start}{end}'))}, "
            f"holdout AUC {_figure(metrics.get(holdout))} ({low} … {high})"
        )
    return told


def _refit(metrics: Metrics) -> list[str]:
    """What refits gained, head by head, where an interval tells; on the holdout, else on validation."""
    for split, trap in (
        ("holdout", ""),
        ("valid", _TRAP),
    ):
        start = f"lift_of_refit/{split}/{ranking_of(metrics)}"
        told = [_refit_of(metrics, split, end) for end in _ends(metrics, start, "/lo")]
        if any(told) and not metrics[f"refit/{split}/fits"]:
            return [
                f"No refit through {split}: each time too few labels were known, and the model that stayed "
                "scored it all."
            ]
        if any(told):
            return [f"{sentence}{trap}" for sentence in told if sentence]
    return []


def _refit_of(metrics: Metrics, split: str, end: str) -> str:
    """What refits gained of one head, whose figures end in `end`; nothing without an interval."""
    ranking = ranking_of(metrics)
    key = f"lift_of_refit/{split}/{ranking}{end}"
    low, high = metrics.get(f"{key}/lo"), metrics.get(f"{key}/hi")
    if low is None or high is None:
        return ""
    better, worse = "young ones rank better", "young ones rank worse"
    verdict = better if low > 0 else worse if high < 0 else "not told apart"
    named = f"{end[1:]} {RANKINGS[ranking]}" if end else RANKINGS[ranking]
    return (
        f"{metrics[f'refit/{split}/fits']:g} refits through {split}: {named} {metrics[key]:+.4f} "
        f"({low:+.4f} … {high:+.4f}) against the model that stayed: {verdict}."
        f"{_NO_POWER if low > 0 else ''}"
    )


def _ends(metrics: Metrics, start: str, tail: str = "") -> list[str]:
    """What stands between `start` and `tail` in the keys of `metrics`: nothing for the only head, such as
    `@300s` for several, shortest horizon first.
    """
    found = [
        key.removeprefix(start).removesuffix(tail)
        for key in metrics
        if key.startswith(start) and key.endswith(tail)
    ]
    heads = [end for end in found if not end or (end.startswith("@") and "/" not in end)]
    return sorted(heads, key=lambda end: (len(end), end))


def _by_head(
    metrics: Metrics, start: str, tails: Sequence[str], form: str = "{}", between: str = ", "
) -> str:
    """Figures of each head in words, such as `5s 0.5100, 300s 0.5200`; a dash where there is none."""
    told = []
    for end in _ends(metrics, start, tails[0]):
        cells = form.format(*(_figure(metrics.get(f"{start}{end}{tail}")) for tail in tails))
        told.append(f"{end[1:]} {cells}" if end else cells)
    return between.join(told) or _figure(None)


def _figure(value: int | float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
