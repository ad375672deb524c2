"""What the run is, and what its figures allow to say."""

from __future__ import annotations

from collections.abc import Iterator

from atc.report.backtest_lines import backtest_sentences
from atc.report.fold_lines import fold_sentences
from atc.report.html.content import Block, Section, Tile, Tiles, Words, from_rich
from atc.report.html.record import FOLDS, HOLDOUT, Record
from atc.report.label_lines import class_table
from atc.report.oracle_lines import OracleLines
from atc.report.summary import facts_table, spans_table
from atc.report.table import DASH
from atc.report.verdict import RANKINGS, Metrics, ranking_of, verdict


def summary_section(record: Record, known: OracleLines | None) -> Section:
    """Headline figures, verdict, what was run on what."""
    metrics, notes = record.metrics, record.manifest.get("notes")
    noted = [str(note) for note in notes] if isinstance(notes, list) else []
    told = [*fold_sentences(metrics, noted), *verdict(metrics)]
    warned = [one for one in told if one.startswith("WARNING")]
    blocks: list[Block] = [Tiles(list(_tiles(record)))]
    if warned:
        blocks.append(Words("Warning", warned, "warning"))
    rest = [one for one in told if one not in warned]
    blocks.append(Words("Verdict", rest or ["Nothing is ranked here: see the tables."], "verdict"))
    money = backtest_sentences(record.shown, record.config, metrics)
    for title, sentences in (
        ("Backtest", money),
        ("Oracle", [] if known is None else list(known.sentences)),
        ("Notes", noted),
    ):
        if sentences:
            blocks.append(Words(title, sentences))
    for name, caption, table in (
        ("facts", "What was run", facts_table(record.folder, record.config, record.manifest)),
        ("spans", "Time and rows", spans_table(record.manifest, metrics)),
        ("classes", "Labels by class", class_table(metrics)),
    ):
        if table.row_count:
            blocks.append(from_rich(table, name, caption))
    return Section("summary", "Summary and verdict", blocks)


def _tiles(record: Record) -> Iterator[Tile]:
    metrics = record.metrics
    figure = ranking_of(metrics)
    named = RANKINGS[figure]
    for head in record.heads:
        end, of = (f"@{head}", f" {head}") if head else ("", "")
        if record.judges == FOLDS:
            yield Tile(
                f"test {named}{of}, mean of folds",
                _shown(metrics.get(f"folds/{figure}{end}/mean")),
                _interval(metrics, f"folds/{figure}{end}/mean"),
            )
            continue
        where = record.prefix
        yield Tile(
            f"{where} {named}{of}",
            _shown(metrics.get(f"{where}/{figure}{end}")),
            _interval(metrics, f"{where}/{figure}{end}"),
        )
        key = f"lift/{where}/{figure}{end}"
        yield Tile(
            f"lift over baseline{of}",
            _shown(metrics.get(key), "+"),
            _interval(metrics, key, "+"),
            _look(metrics, key),
        )
        if f"{where}/macro_f1{end}" in metrics and f"{where}/f1/SHORT{end}" in metrics:
            key = f"lift/{where}/macro_f1{end}"
            yield Tile(
                f"lift in macro-F1{of}",
                _shown(metrics.get(key), "+"),
                _interval(metrics, key, "+"),
                _look(metrics, key),
            )
    if record.judges == HOLDOUT and len(record.heads) == 1 and "holdout/direction_auc" in metrics:
        yield Tile(
            "direction AUC",
            _shown(metrics.get("holdout/direction_auc")),
            _interval(metrics, "holdout/direction_auc"),
        )
    yield from _hoped(record)
    alpha = metrics.get("backtest/alpha")
    if alpha is not None:
        low, high = (metrics.get(f"backtest/alpha_daily/{side}") for side in ("lo", "hi"))
        under = "no interval" if low is None or high is None else f"a day {low:+,.0f} … {high:+,.0f}"
        look = "" if low is None or high is None else "good" if low > 0 else "bad" if high < 0 else ""
        yield Tile(
            f"alpha over always HOLD, {record.quote}", f"{alpha:+,.0f}" if round(alpha) else "0", under, look
        )
    gate = metrics.get("gate/verdict")
    if gate is not None:
        yield Tile(
            "gate",
            "passed" if gate else "rejected",
            "train, validation and test beside each other",
            "good" if gate else "bad",
        )


def _hoped(record: Record) -> Iterator[Tile]:
    """What the plan expects of this experiment, and how much of it is there."""
    plan = record.part("plan")
    key, expects = plan.get("figure"), plan.get("expects")
    if not isinstance(key, str) or not isinstance(expects, int | float) or not expects:
        return
    found = record.metrics.get(key)
    part = "not measured here" if found is None else f"{found / expects:.0%} of it: {found:+.4f}"
    yield Tile(f"the plan expects, {key}", f"{expects:+.4f}", part)


def _shown(value: float | None, sign: str = "") -> str:
    return DASH if value is None else f"{value:{sign}.4f}"


def _interval(metrics: Metrics, key: str, sign: str = "") -> str:
    low, high = metrics.get(f"{key}/lo"), metrics.get(f"{key}/hi")
    return "no interval" if low is None or high is None else f"{low:{sign}.4f} … {high:{sign}.4f}"


def _look(metrics: Metrics, key: str) -> str:
    """Green or red where the interval has 0 outside."""
    low, high = metrics.get(f"{key}/lo"), metrics.get(f"{key}/hi")
    if low is None or high is None:
        return ""
    return "good" if low > 0 else "bad" if high < 0 else ""
