"""`atc oracle`: the best AUC that any score could reach on simulated data, and how near the models come."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atc.errors import UsageError

if TYPE_CHECKING:
    from atc.config.schema import RunConfig
    from atc.evaluation.oracle import Jackknifed
    from atc.report.headroom import RunFigures, ScoreFigures
    from atc.tasks.known_truth import KnownTruth

_DASH = "–"
_WORDS = frozenset({0, 1, 3, 11})
"""Columns of the table that hold words."""
_SEVERAL = frozenset({"label", "data/scenario"})
"""Settings that may list several values."""


def oracle(  # noqa: PLR0917  # typer makes options of them
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[KEY=VALUE]... [RUN]...",
            help="data=NAME, label=NAME and other settings of a run, and run folders to compare; with run "
            "folders alone the settings are those of the first. Without run folders: the finished runs of "
            "the same rows. A comma asks for several: data/scenario=target,null.",
        ),
    ],
    states: Annotated[int, typer.Option(help="States, spread evenly over the rows.")] = 2_000,
    continuations: Annotated[int, typer.Option(help="Continuations of each state.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Seed of states and continuations.")] = 1,
    part: Annotated[
        str, typer.Option("--rows", metavar="holdout|window", help="Rows that the states are taken from.")
    ] = "holdout",
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", metavar="BPS", help="Threshold of the label, instead of its own."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="The figures as JSON too.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as docs/oracle.md has it.")] = False,
) -> None:
    """What can be known of a label at best, from continuations of a simulated market's full states.

    Prints the AUC of the best possible score, and beside it the models' over the same futures. It is so by
    construction of the simulated market: it proves the pipeline and says nothing about real markets.
    """
    from atc.report.headroom import runs_beside
    from atc.report.progress import Progress
    from atc.tasks.base import Desk
    from atc.tasks.known_truth import Effort, known_truth, simulated

    settings = [word for word in words if "=" in word]
    runs = [Path(word) for word in words if "=" not in word]
    if part not in ("holdout", "window"):
        raise UsageError(f"--rows {part}: expected holdout or window")
    if part == "window" and runs:
        raise UsageError("--rows window: runs have scores on holdout rows only; leave the runs out")
    found: list[tuple[KnownTruth, list[RunFigures]]] = []
    configs = _configs(settings, runs)
    if runs and len(configs) > 1:
        raise UsageError(
            "runs are of one data set and label; give either runs or several scenarios or labels"
        )
    for config in configs:
        simulated(config)
    for config in configs:
        truth = known_truth(
            config,
            Desk(_stage, Progress(config.runtime.progress).bar),
            part="window" if part == "window" else "holdout",
            effort=Effort(states, continuations, seed),
            threshold_bps=_threshold_of(runs) if threshold is None else threshold,
        )
        found.append((truth, runs_beside(config, runs, truth) if part == "holdout" else []))
    for line in _markdown(found) if markdown else _plain(found):
        typer.echo(line)
    if file is not None:
        figures = [_figures(truth, beside) for truth, beside in found]
        file.parent.mkdir(parents=True, exist_ok=True)
        content = json.dumps(figures if len(figures) > 1 else figures[0], indent=1)
        file.write_text(content + "\n", encoding="utf-8")


@contextmanager
def _stage(name: str) -> Iterator[Any]:
    yield SimpleNamespace(name=name, cached=False)


def _configs(settings: Sequence[str], runs: Sequence[Path]) -> list[RunConfig]:
    """One config for each combination of what commas list in `label` and `data/scenario`."""
    from atc.config.compose import compose
    from atc.opened_run import open_run

    if not settings and runs:
        return [open_run(runs[0]).config]
    choices = []
    for setting in settings:
        key, _, value = setting.partition("=")
        parts = value.split(",") if key in _SEVERAL else [value]
        # The name of a scenario, not YAML's null.
        choices.append([f"{key}='null'" if part == "null" else f"{key}={part}" for part in parts])
    return [compose(list(chosen)) for chosen in itertools.product(*choices)]


def _threshold_of(runs: Sequence[Path]) -> float | None:
    """The threshold that the first run's label has, fitted or not; None without runs."""
    from atc.opened_run import open_run

    return float(open_run(runs[0]).model.manifest["label"]["threshold_bps"]) if runs else None


Row = tuple[str, ...]


def _table(found: Sequence[tuple[KnownTruth, Sequence[RunFigures]]]) -> list[Row]:
    """The oracle of each scenario and label, and below it the runs of its rows."""
    figures = ("AUC", "± s.e.", "direction", "± s.e.", "on holdout", "headroom", "± s.e.")
    rows: list[Row] = [("scenario", "label", "exit bps", "score", *figures, "over")]
    for truth, runs in found:
        first = (truth.scenario, truth.label, f"{truth.threshold_bps:.2f}")
        best = [None if one is None else one.corrected for one in (truth.auc, truth.direction)]
        rows.append((*first, "oracle", *_pair(best[0]), *_pair(best[1]), _DASH, _DASH, _DASH, ""))
        for run in runs:
            captured = (*_pair(run.headroom, 2), run.linear)
            for score, last in ((run.model, captured), (run.baseline, ("", "", ""))):
                name = run.run if score is run.model else f"  its baseline, {score.name}"
                holdout = _number(score.holdout_auc, 4)
                rows.append(("", "", "", name, *_pair(score.auc), *_pair(score.direction), holdout, *last))
    return rows


def _plain(found: Sequence[tuple[KnownTruth, Sequence[RunFigures]]]) -> Iterator[str]:
    """The aligned table, and what each oracle rests on."""
    rows = _table(found)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if column in _WORDS else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
    for truth, _ in found:
        yield ""
        if len(found) > 1:
            yield f"{truth.scenario}, {truth.label}:"
        yield from _grounds(truth)
    yield "So by construction of the simulated market: it proves the pipeline, not alpha."


def _markdown(found: Sequence[tuple[KnownTruth, Sequence[RunFigures]]]) -> Iterator[str]:
    head, *rows = _table(found)
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---' if column in _WORDS else '---:' for column in range(len(head)))}|"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _grounds(truth: KnownTruth) -> Iterator[str]:
    yield (
        f"AUC over fresh futures of {len(truth.ts_recv):,} states at {truth.part} rows × "
        f"{truth.effort.continuations} continuations over {truth.horizon_s:g} s; y = 1 in "
        f"{truth.base_rate:.1%}."
    )
    if truth.auc is not None:
        yield (
            "Without the correction for a finite number of continuations the oracle's lies between "
            f"{truth.auc.low:.4f} (ranked by others than those that weigh) and {truth.auc.high:.4f} (by the "
            "same)."
        )
    yield (
        f"The label of the market's own path is that of the published events at "
        f"{len(truth.ts_recv) - truth.other_labels:,} of {len(truth.ts_recv):,} states."
    )


def _pair(figure: Jackknifed | None, digits: int = 4) -> tuple[str, str]:
    if figure is None:
        return _DASH, _DASH
    return _number(figure.value, digits), _number(figure.se, digits)


def _number(value: float | None, digits: int) -> str:
    return _DASH if value is None else f"{value:.{digits}f}"


def _figures(truth: KnownTruth, runs: Sequence[RunFigures]) -> dict[str, object]:
    content: dict[str, object] = {
        "scenario": truth.scenario,
        "label": truth.label,
        "horizon_s": truth.horizon_s,
        "threshold_bps": truth.threshold_bps,
        "rows": truth.part,
        "states": len(truth.ts_recv),
        "continuations": truth.effort.continuations,
        "seed": truth.effort.seed,
        "base_rate": truth.base_rate,
        "other_labels": truth.other_labels,
    }
    for name, best in (("oracle", truth.auc), ("oracle_direction", truth.direction)):
        content[name] = None
        if best is not None:
            content[name] = {**(_value(best.corrected) or {}), "low": best.low, "high": best.high}
    content["runs"] = [
        {
            "run": run.run,
            "model": _score(run.model),
            "baseline": _score(run.baseline),
            "headroom_captured": _value(run.headroom),
            "linear": run.linear,
        }
        for run in runs
    ]
    return content


def _score(score: ScoreFigures) -> dict[str, object]:
    return {
        "name": score.name,
        "auc": _value(score.auc),
        "direction_auc": _value(score.direction),
        "holdout_auc": score.holdout_auc,
    }


def _value(figure: Jackknifed | None) -> dict[str, float | None] | None:
    return None if figure is None else {"value": figure.value, "se": figure.se}
