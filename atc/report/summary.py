"""The closing table of a run, made from its record, so that a run found finished prints the same; on
simulated data the oracle beside it, if it is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, TextIO

from atc.report.oracle_lines import OracleLines, oracle_lines
from atc.report.verdict import BELOW_POWER, Metrics, below_power, verdict
from atc.tracking.metrics_file import read_metrics
from atc.tracking.run_files import CONFIG, LOG, METRICS, Manifest, read_manifest

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDEST = 100
_DASH = "–"
_RANKING_ROWS = (
    ("model", "holdout", " "),
    ("baseline", "baseline/holdout", " "),
    ("volatility only", "volatility/holdout", " "),
    ("lift over baseline", "lift/holdout", "+"),
    ("lift over volatility", "lift_over_volatility/holdout", "+"),
    ("model, valid", "valid", " "),
    ("model, train", "train", " "),
)
_SCORES = (
    ("log loss", "log_loss"),
    ("Brier", "brier"),
    ("ECE", "ece"),
    ("PR-AUC", "pr_auc"),
    ("accuracy", "accuracy"),
)
_SCORE_ROWS = _RANKING_ROWS[:3]
_CONSTANT = {
    "pr_auc": "holdout/base_rate",
    "accuracy": "holdout/always_hold_accuracy",
}  # what no skill scores


def print_summary(folder: Path, file: TextIO | None = None) -> None:
    """Prints what a finished run says, and `run: <folder>` alone on the last line.

    As wide as the terminal, at most 100 columns; 80 where there is no terminal. Raises DataError if the
    record is not whole.
    """
    import yaml
    from rich.console import Console

    file = file or sys.stdout
    manifest = read_manifest(folder) or {}
    metrics = read_metrics(folder / METRICS)
    config = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))
    console = Console(file=file, highlight=False, emoji=False, markup=False)
    console.width = min(console.width, _WIDEST)
    print_tables(console, folder, config, manifest, metrics)
    print_run_line(folder, file)


def print_run_line(folder: Path, file: TextIO | None = None) -> None:
    """`run: <folder>`, relative to the current folder where that is possible, plain and never wrapped."""
    file = file or sys.stdout
    file.write(f"run: {shown_path(folder)}\n")
    file.flush()


def shown_path(path: Path) -> str:
    """`path` relative to the current folder if it lies under it, else absolute."""
    here = Path.cwd()
    full = path.resolve()
    return str(full.relative_to(here)) if full.is_relative_to(here) else str(full)


def print_tables(
    console: Console, folder: Path, config: Mapping[str, object], manifest: Manifest, metrics: Metrics
) -> None:
    """The summary without its last line: what was run, on what, the figures, their verdict, the cost, the
    files.
    """
    known = oracle_lines(folder, shown_path(folder), config)
    for table in (
        _facts(folder, config, manifest),
        _spans(manifest, metrics),
        _ranking(config, metrics, known),
        _scores(metrics),
        _other_figures(metrics),
        _stages(manifest),
    ):
        if table.row_count:
            console.print()
            console.print(table)
    console.print()
    for title, sentences in (
        ("verdict", verdict(metrics)),
        ("oracle", [] if known is None else known.sentences),
        ("notes", _strings(manifest.get("notes"))),
        ("files", list(_files(folder, manifest))),
    ):
        _print_sentences(console, title, sentences)
    console.print()


def _facts(folder: Path, config: Mapping[str, object], manifest: Manifest) -> Table:
    table = _table()
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    data, label, model = (_part(config, name) for name in ("data", "label", "model"))
    baseline = _part(config, "baseline")
    data_words = [*dict.fromkeys((_word(data, "kind"), _word(data, "venue"), _word(data, "symbol")))]
    if data.get("kind") == "simulated":
        scenario = _word(_part(data, "scenario"), "name")
        data_words.append(f"(scenario {scenario}, {data.get('days')} days, seed {data.get('seed')})")
    table.add_row("run", f"{folder.name}, {manifest.get('status')} {_minute(manifest.get('finished_at'))}")
    table.add_row("data", f"{_word(data, 'name')}: {' '.join(word for word in data_words if word)}")
    table.add_row(
        "model",
        f"{_word(model, 'kind')} on {_word(_part(config, 'features'), 'name')}, a row a "
        f"{_word(_part(config, 'sampling'), 'kind')}",
    )
    table.add_row(
        "baseline",
        f"{_word(_part(baseline, 'model'), 'kind')} on {_word(_part(baseline, 'features'), 'name')}",
    )
    table.add_row("label", _label(label))
    return table


def _label(label: Mapping[str, object]) -> str:
    details = (
        [f"horizon {label.get('horizon_s'):g} s"] if isinstance(label.get("horizon_s"), int | float) else []
    )
    if "exit_bps" in label:
        details.append(f"exit at {label['exit_bps']} bps")
    if "quantile" in label:
        details.append(f"exit at the {label['quantile']} quantile of training returns")
    return ", ".join([_word(label, "kind"), *details])


def _spans(manifest: Manifest, metrics: Metrics) -> Table:
    table = _table("split", "from", "to", right=("days", "rows", "blocks"))
    spans = _part(manifest, "spans")
    for split in ("train", "valid", "holdout"):
        span = _part(spans, split)
        rows = span.get("rows", metrics.get(f"{split}/rows"))
        table.add_row(
            split,
            _minute(span.get("from")),
            _minute(span.get("to")),
            _whole(span.get("days")),
            _whole(rows),
            _whole(metrics.get(f"{split}/blocks")),
        )
    return table


def _ranking(config: Mapping[str, object], metrics: Metrics, known: OracleLines | None) -> Table:
    confidence = _part(config, "evaluation").get("confidence", 0.95)
    interval = (
        f"{float(confidence):.0%} interval".replace("%", " %")
        if isinstance(confidence, float)
        else "interval"
    )
    table = _table("", right=("AUC", interval, "direction", interval))
    for name, prefix, sign in _RANKING_ROWS:
        if not any(key.startswith(prefix + "/") for key in metrics):
            continue
        cells = []
        for figure in ("auc", "direction_auc"):
            key = f"{prefix}/{figure}"
            cells += [_figure(metrics, key, sign), _interval(metrics, key, sign)]
        marked = f"{name} {BELOW_POWER}" if below_power(metrics, f"{prefix}/auc") else name
        last_score = name == _SCORE_ROWS[-1][0]
        best = _oracle_cells(known, confidence) if last_score else None
        table.add_row(marked, *cells, end_section=(last_score and not best) or prefix.startswith("lift_over"))
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
        cells += [_figure(figures, "auc", " "), _interval(figures, "auc", " ")]
    return cells


def _scores(metrics: Metrics) -> Table:
    shown = [
        (title, name)
        for title, name in _SCORES
        if any(metrics.get(f"{prefix}/{name}") is not None for _, prefix, _ in _SCORE_ROWS)
    ]
    table = _table("holdout", right=tuple(title for title, _ in shown))
    for row, prefix, _ in _SCORE_ROWS:
        if shown and any(f"{prefix}/{name}" in metrics for _, name in shown):
            table.add_row(row, *(_figure(metrics, f"{prefix}/{name}", "") for _, name in shown))
    if any(metrics.get(key) is not None for key in _CONSTANT.values()):
        table.add_row("always HOLD", *(_figure(metrics, _CONSTANT.get(name, ""), "") for _, name in shown))
    return table


def _other_figures(metrics: Metrics) -> Table:
    """What tasks other than two-class ranking report on the holdout: named as in metrics.json."""
    known = {"auc", "direction_auc", "rows", "blocks", "base_rate", "always_hold_accuracy"}
    known |= {"direction_rows", "independent_windows"}
    known |= {"confusion", "f1", "macro_f1", "pearson", "spearman"}
    known |= {name for _, name in _SCORES}
    table = _table("figure", right=("value",))
    for key, value in metrics.items():
        first, _, rest = key.partition("/")
        if first == "holdout" and rest.split("/")[0] not in known:
            table.add_row(key, _DASH if value is None else f"{value:.4f}")
    return table


def _stages(manifest: Manifest) -> Table:
    table = _table("stage", right=("seconds", "peak MiB"))
    table.add_column("")
    total = 0.0
    stages = _part(manifest, "stages")
    for name in stages:
        cost = _part(stages, name)
        seconds, peak = cost.get("seconds"), cost.get("peak_rss_mib")
        total += seconds if isinstance(seconds, int | float) else 0.0
        table.add_row(name, _decimals(seconds, 1), _decimals(peak, 0), "cached" if cost.get("cached") else "")
    table.add_section()
    table.add_row("together", _decimals(total, 1), "", "")
    return table


def _files(folder: Path, manifest: Manifest) -> Iterator[str]:
    sizes: dict[str, int] = {}
    for name, size in _part(manifest, "files").items():
        top, _, inside = name.partition("/")
        if isinstance(size, int):
            sizes[top + ("/" if inside else "")] = sizes.get(top + ("/" if inside else ""), 0) + size
    yield ", ".join([*(f"{name} ({_size(size)})" for name, size in sizes.items()), "manifest.json", LOG])
    tracking = _part(manifest, "tracking")
    if tracking.get("status") == "failed":
        yield f"W&B failed ({tracking.get('error')}); this record is whole without it"
    elif tracking.get("effective_mode") == "offline":
        outputs = folder.resolve().parent.parent
        yield f"W&B offline: wandb sync {shown_path(outputs / str(tracking.get('directory')))}"
    elif tracking.get("url"):
        yield f"W&B: {tracking['url']}"
    previous = _part(manifest, "previous")
    if previous:
        same = {True: "gave the same metrics", False: "GAVE OTHER METRICS, see log.txt"}
        told = (
            same[bool(previous["metrics_equal"])]
            if previous.get("metrics_equal") is not None
            else "is damaged"
        )
        yield f"made again by request; attempts/{previous.get('attempt')} {told}"


def _print_sentences(console: Console, title: str, sentences: Sequence[str]) -> None:
    if not sentences:
        return
    table = _table()
    table.add_column(style="bold", no_wrap=True, min_width=8)
    table.add_column(overflow="fold")
    for index, sentence in enumerate(sentences):
        table.add_row(title if index == 0 else "", sentence)
    console.print(table)


def _table(*left: str, right: Sequence[str] = ()) -> Table:
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


def _figure(metrics: Metrics, key: str, sign: str) -> str:
    value = metrics.get(key)
    return _DASH if value is None else f"{value:{sign}.4f}"


def _interval(metrics: Metrics, key: str, sign: str) -> str:
    low, high = metrics.get(f"{key}/lo"), metrics.get(f"{key}/hi")
    return _DASH if low is None or high is None else f"{low:{sign}.4f} … {high:{sign}.4f}"


def _part(content: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = content.get(name)
    return part if isinstance(part, dict) else {}


def _word(content: Mapping[str, object], name: str) -> str:
    return str(content.get(name, ""))


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _minute(value: object) -> str:
    """An ISO date or time to the minute, in UTC as it is stored."""
    text = str(value) if value else _DASH
    return (
        text if len(text) <= len("2026-01-01") else text[: len("2026-01-01T00:00")].replace("T", " ") + " UTC"
    )


def _whole(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else _DASH


def _decimals(value: object, decimals: int) -> str:
    return f"{value:,.{decimals}f}" if isinstance(value, int | float) else _DASH


def _size(size: int) -> str:
    return (
        f"{size:,} B"
        if size < 10_000
        else f"{size / 2**10:,.0f} KiB"
        if size < 2**20
        else f"{size / 2**20:,.1f} MiB"
    )
