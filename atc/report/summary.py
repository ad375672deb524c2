"""The closing table of a run, made from its record, so that a run found finished prints the same; on
simulated data the oracle beside it, if it is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from atc.report.backtest_lines import backtest_sentences, backtest_tables
from atc.report.fold_lines import fold_sentences, fold_table
from atc.report.holdout_tables import holdout_tables
from atc.report.label_lines import class_table, label_words
from atc.report.oracle_lines import oracle_lines
from atc.report.spread_lines import spread_table
from atc.report.table import DASH, new_table
from atc.report.verdict import Metrics, verdict
from atc.tracking.metrics_file import read_metrics
from atc.tracking.run_files import LOG, METRICS, Manifest, read_config, read_manifest

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDEST = 100
_OWN_TABLES = frozenset(
    {
        *("auc", "direction_auc", "pr_auc", "log_loss", "brier", "ece", "accuracy", "macro_f1", "f1"),
        *("class", "null", "p_t"),
        *("pearson", "spearman", "mse", "directional_accuracy", "confusion"),
        *("rows", "blocks", "base_rate", "always_hold_accuracy", "direction_rows", "independent_windows"),
    }
)
"""Figures of the holdout that stand in tables of their own, or in metrics.json alone."""


def print_summary(folder: Path, file: TextIO | None = None) -> None:
    """Prints what a finished run says, and `run: <folder>` alone on the last line.

    As wide as the terminal, at most 100 columns; 80 where there is no terminal. Raises DataError if the
    record is not whole.
    """
    from rich.console import Console

    file = file or sys.stdout
    manifest = read_manifest(folder) or {}
    metrics = read_metrics(folder / METRICS)
    config = read_config(folder)
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
        facts_table(folder, config, manifest),
        spans_table(manifest, metrics),
        class_table(metrics),
        fold_table(_part(manifest, "spans"), metrics),
        *holdout_tables(config, metrics, known),
        spread_table(metrics),
        other_figures_table(metrics),
        *backtest_tables(config, metrics),
        stages_table(manifest),
    ):
        if table.row_count:
            console.print()
            console.print(table)
    console.print()
    for title, sentences in (
        ("verdict", [*fold_sentences(metrics, _strings(manifest.get("notes"))), *verdict(metrics)]),
        ("backtest", backtest_sentences(shown_path(folder), config, metrics)),
        ("oracle", [] if known is None else known.sentences),
        ("notes", _strings(manifest.get("notes"))),
        ("files", list(file_sentences(folder, manifest))),
    ):
        _print_sentences(console, title, sentences)
    console.print()


def facts_table(folder: Path, config: Mapping[str, object], manifest: Manifest) -> Table:
    """What was run on what: names in the first column, no header."""
    table = new_table()
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    data, label = _part(config, "data"), _part(config, "label")
    baseline = _part(config, "baseline")
    data_words = [*dict.fromkeys((_word(data, "kind"), _word(data, "venue"), _word(data, "symbol")))]
    if data.get("kind") == "simulated":
        scenario = _word(_part(data, "scenario"), "name")
        data_words.append(f"(scenario {scenario}, {data.get('days')} days, seed {data.get('seed')})")
    table.add_row("run", f"{folder.name}, {manifest.get('status')} {_minute(manifest.get('finished_at'))}")
    table.add_row("data", f"{_word(data, 'name')}: {' '.join(word for word in data_words if word)}")
    table.add_row(
        "model",
        f"{_model_words(config)}, a row a {_word(_part(config, 'sampling'), 'kind')}",
    )
    table.add_row(
        "baseline",
        f"{_word(_part(baseline, 'model'), 'kind')} on {_word(_part(baseline, 'features'), 'name')}",
    )
    table.add_row("label", label_words(label))
    return table


def _model_words(config: Mapping[str, object]) -> str:
    """The named model and its inputs, or what it is the mean of."""
    model = _part(config, "model")
    runs = model.get("runs")
    if isinstance(runs, list):
        return f"{_word(model, 'kind')} of {', '.join(map(str, runs))}"
    count = _part(config, "seeds").get("count", 1)
    seeds = f", mean of {count} seeds," if count != 1 else ""
    return f"{_word(model, 'kind')}{seeds} on {_word(_part(config, 'features'), 'name')}"


def spans_table(manifest: Manifest, metrics: Metrics) -> Table:
    """From when to when train, validation and holdout reach, and how many rows they have."""
    table = new_table("split", "from", "to", right=("days", "rows", "blocks"))
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


def other_figures_table(metrics: Metrics) -> Table:
    """What other tasks report on the holdout: named as in metrics.json."""
    table = new_table("figure", right=("value",))
    for key, value in metrics.items():
        first, _, rest = key.partition("/")
        if first == "holdout" and rest.split("/")[0].partition("@")[0] not in _OWN_TABLES:
            table.add_row(key, DASH if value is None else f"{value:.4f}")
    return table


def stages_table(manifest: Manifest) -> Table:
    """What each stage took."""
    table = new_table("stage", right=("seconds", "peak MiB"))
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


def file_sentences(folder: Path, manifest: Manifest) -> Iterator[str]:
    """The files of the record, and where else it is."""
    sizes: dict[str, int] = {}
    for name, size in _part(manifest, "files").items():
        top, _, inside = name.partition("/")
        if isinstance(size, int):
            sizes[top + ("/" if inside else "")] = sizes.get(top + ("/" if inside else ""), 0) + size
    yield ", ".join([*(f"{name} ({bytes_said(size)})" for name, size in sizes.items()), "manifest.json", LOG])
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
    table = new_table()
    table.add_column(style="bold", no_wrap=True, min_width=8)
    table.add_column(overflow="fold")
    for index, sentence in enumerate(sentences):
        table.add_row(title if index == 0 else "", sentence)
    console.print(table)


def _part(content: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = content.get(name)
    return part if isinstance(part, dict) else {}


def _word(content: Mapping[str, object], name: str) -> str:
    return str(content.get(name, ""))


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _minute(value: object) -> str:
    """An ISO date or time to the minute, in UTC as it is stored."""
    text = str(value) if value else DASH
    return (
        text if len(text) <= len("2026-01-01") else text[: len("2026-01-01T00:00")].replace("T", " ") + " UTC"
    )


def _whole(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else DASH


def _decimals(value: object, decimals: int) -> str:
    return f"{value:,.{decimals}f}" if isinstance(value, int | float) else DASH


def bytes_said(size: int) -> str:
    """Such as `12 KiB`."""
    return (
        f"{size:,} B"
        if size < 10_000
        else f"{size / 2**10:,.0f} KiB"
        if size < 2**20
        else f"{size / 2**20:,.1f} MiB"
    )
