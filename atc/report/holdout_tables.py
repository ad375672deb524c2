"""How the models of a run do on the holdout: what they rank, what their probabilities are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import NormalDist
from typing import TYPE_CHECKING

from atc.evaluation.power import below_power
from atc.report.oracle_lines import OracleLines
from atc.report.table import figure_cell, interval_cell, new_table
from atc.report.verdict import BELOW_POWER, Metrics

if TYPE_CHECKING:
    from rich.table import Table

_ROWS = (
    ("model", "holdout", " "),
    ("baseline", "baseline/holdout", " "),
    ("volatility only", "volatility/holdout", " "),
    ("lift over baseline", "lift/holdout", "+"),
    ("lift over volatility", "lift_over_volatility/holdout", "+"),
    ("model, valid", "valid", " "),
    ("model, train", "train", " "),
)
_LAST_SCORE = "volatility only"
_TITLES = {
    "auc": "AUC",
    "direction_auc": "direction",
    "macro_f1": "macro-F1",
    "pearson": "Pearson",
    "spearman": "Spearman",
}
_OF_CLASSES = (
    ("log loss", "log_loss", "", 4),
    ("Brier", "brier", "", 4),
    ("ECE", "ece", "", 4),
    ("PR-AUC", "pr_auc", "", 4),
    ("accuracy", "accuracy", "", 4),
    ("macro-F1", "macro_f1", "", 4),
    ("Pearson", "pearson", " ", 3),
)
_OF_RETURN = (
    ("MSE", "mse", "", 4),
    ("right way", "directional_accuracy", "", 4),
    ("direction", "direction_auc", "", 4),
    ("t of Pearson", "pearson/t", " ", 1),
    ("t of Spearman", "spearman/t", " ", 1),
)
"""Title, figure, sign and decimals."""


def heads_of(metrics: Metrics) -> list[str]:
    """Names of the heads with figures of the holdout, as they stand after `@`; empty for the only one."""
    named = [key for key in metrics if key.startswith("holdout/rows")]
    heads = [key.partition("@")[2] for key in named] or [""]
    return sorted(heads, key=lambda head: (len(head), head))


def holdout_tables(
    config: Mapping[str, object], metrics: Metrics, known: OracleLines | None
) -> Iterator[Table]:
    """Of each head what is ranked and how well, with intervals; then the other figures in one table."""
    for head in heads_of(metrics):
        end = f"@{head}" if head else ""
        each = [key for key in metrics if key.startswith("holdout/f1/") and key.count("/") == 2]
        classes = len([key for key in each if key.endswith(end) and ("@" in key) == bool(head)])
        pairs = [("auc", "direction_auc")] if _key("holdout", "auc", head) in metrics else []
        if not pairs:
            pairs = [("pearson", "spearman")]
        elif classes > 2:
            pairs.append(("macro_f1", "spearman"))
        for pair in pairs:
            yield _ranking(config, metrics, head, pair, known if pair[0] == "auc" else None)
        yield _points(metrics, head)


def _key(prefix: str, figure: str, head: str) -> str:
    """The key of a figure; where it ends in `/t` the head stands before that."""
    name, t, _ = figure.partition("/t")
    return f"{prefix}/{name}{'@' if head else ''}{head}{t}"


def _ranking(
    config: Mapping[str, object],
    metrics: Metrics,
    head: str,
    pair: tuple[str, str],
    known: OracleLines | None,
) -> Table:
    evaluation = config.get("evaluation")
    confidence = evaluation.get("confidence", 0.95) if isinstance(evaluation, dict) else 0.95
    interval = f"{float(confidence):.0%} interval".replace("%", " %")
    table = new_table(head, right=(_TITLES[pair[0]], interval, _TITLES[pair[1]], interval))
    for name, prefix, sign in _ROWS:
        keys = [_key(prefix, figure, head) for figure in pair]
        if not any(key in metrics for key in keys):
            continue
        cells = []
        for key in keys:
            cells += [figure_cell(metrics, key, sign), interval_cell(metrics, key, sign)]
        marked = f"{name} {BELOW_POWER}" if pair[0] == "auc" and below_power(metrics, keys[0]) else name
        if pair[1] == "direction_auc" and below_power(metrics, keys[1]):
            cells[2] += f" {BELOW_POWER}"
        best = _oracle_cells(known, confidence) if name == _LAST_SCORE else None
        ends = (name == _LAST_SCORE and not best) or prefix.startswith("lift_over")
        table.add_row(marked, *cells, end_section=ends)
        if best:
            table.add_row("oracle", *best, end_section=True)
    return table


def _oracle_cells(known: OracleLines | None, confidence: object) -> list[str]:
    """The best possible score's AUC and direction AUC with normal intervals; empty where not kept."""
    if known is None or known.truth is None:
        return []
    width = NormalDist().inv_cdf(0.5 + (confidence if isinstance(confidence, float) else 0.95) / 2)
    cells = []
    for best in (known.truth.auc, known.truth.direction):
        value, error = (None, None) if best is None else (best.corrected.value, best.corrected.se)
        figures: dict[str, float | None] = {"auc": value}
        if value is not None and error is not None:
            figures |= {"auc/lo": value - width * error, "auc/hi": value + width * error}
        cells += [figure_cell(figures, "auc", " "), interval_cell(figures, "auc", " ")]
    return cells


def _points(metrics: Metrics, head: str) -> Table:
    """The other figures of each model, and what no skill scores."""
    is_return = _key("holdout", "mse", head) in metrics
    rows = [(name, prefix) for name, prefix, _ in _ROWS[:3]]
    always = "always UP" if _key("holdout", "f1/UP", head) in metrics else "always HOLD"
    rows.append(("mean return" if is_return else always, "trivial/holdout"))
    shown = [
        point
        for point in (_OF_RETURN if is_return else _OF_CLASSES)
        if any(metrics.get(_key(prefix, point[1], head)) is not None for _, prefix in rows)
    ]
    table = new_table(f"holdout{' @' if head else ''}{head}", right=tuple(title for title, *_ in shown))
    for name, prefix in rows:
        if any(_key(prefix, figure, head) in metrics for _, figure, *_ in shown):
            table.add_row(
                name,
                *(
                    figure_cell(metrics, _key(prefix, figure, head), sign, decimals)
                    for _, figure, sign, decimals in shown
                ),
            )
    return table
