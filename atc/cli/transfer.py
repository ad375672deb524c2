"""`atc transfer`: models of some runs on the holdouts of the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atc.evaluation.lift import Estimate
    from atc.opened_run import OpenedRun
    from atc.tasks.base import Desk
    from atc.tasks.transfer import Transferred

_DASH = "–"


def transfer(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN...", help="Finished runs of one question on other data.")
    ],
    *,
    file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="The matrix as JSON too.")
    ] = None,
) -> None:
    """Judge the model of each run on the holdout of every other: a matrix of AUCs, each
    beside the direction AUC and volatility alone.

    Each holdout is looked at once more, and the look is entered in its ledger.
    """
    from json import dumps

    from atc.opened_run import open_run
    from atc.tasks.transfer import transfer as matrix

    opened = [open_run(folder) for folder in runs]
    if len({run.run_id for run in opened}) < max(2, len(opened)):
        raise UsageError("a transfer is between runs: give two or more, each once")
    found = matrix(opened, _desk)
    for line in _lines(found):
        typer.echo(line)
    if file is not None:
        try:
            file.write_text(dumps([_plain(cell) for cell in found], indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--json {file}: cannot be written ({error.strerror})") from error


def _desk(run: OpenedRun) -> Desk:
    from atc.report.progress import Progress
    from atc.tasks.base import Desk
    from atc.tracking.looks import looks_by
    from atc.tracking.record import RunIdentity
    from atc.tracking.stages import Stages

    names = ("run_id", "config_digest", "data_digest", "feature_schema", "label_schema", "code_digest")
    identity = RunIdentity(**{name: str(run.manifest[name]) for name in names})
    look = looks_by(run.config.name, identity, run.config.paths.events_dir)
    return Desk(Stages().stage, Progress(run.config.runtime.progress).bar, look=look)


_TITLES = (
    *("fitted on", "judged on", "rows", "AUC", "direction AUC", "volatility alone"),
    "against the one fitted there",
)


def _lines(cells: Sequence[Transferred]) -> list[str]:
    from atc.report.aligned import aligned
    from atc.report.verdict import BELOW_POWER

    titles = list(_TITLES)
    if not all(cell.classes for cell in cells):
        titles[3] = "Pearson's ρ"
    rows = [titles]
    for cell in cells:
        head = f"@{cell.head} " if cell.head else ""
        marks = {name: f" {BELOW_POWER}" if below else "" for name, below in cell.below_power.items()}
        own = cell.fitted_on == cell.judged_on
        rows.append(
            [
                cell.fitted_on,
                cell.judged_on,
                f"{cell.rows:,}",
                f"{head}{_figure(cell.ranking, '')}{marks['ranking']}",
                f"{_figure(cell.direction, '')}{marks['direction']}",
                _DASH if cell.volatility is None else f"{cell.volatility:.4f}",
                _DASH if own else f"{_figure(cell.lift, '+')}{marks['lift']}",
            ]
        )
    lines = aligned(rows, left=(0, 1))
    if any(True in cell.below_power.values() for cell in cells):
        lines.append(
            f"{BELOW_POWER} smaller than that holdout was said to show in 80 % of cases before the fit: "
            "probably too large a figure, to be confirmed on more data"
        )
    unknown = sorted({cell.judged_on for cell in cells if cell.classes and None in cell.below_power.values()})
    if unknown:
        lines.append(
            f"nothing was said before the fit of how small a figure can be shown on {', '.join(unknown)}, so "
            f"{BELOW_POWER} marks not all that it would"
        )
    return lines


def _figure(estimate: Estimate, sign: str) -> str:
    if estimate.value is None:
        return _DASH
    interval = estimate.interval
    bounds = _DASH if interval is None else f"{interval.lo:{sign}.4f} … {interval.hi:{sign}.4f}"
    return f"{estimate.value:{sign}.4f} ({bounds})"


def _plain(cell: Transferred) -> dict[str, object]:
    plain: dict[str, object] = {
        "fitted_on": cell.fitted_on,
        "judged_on": cell.judged_on,
        "head": cell.head,
        "rows": cell.rows,
    }
    plain["volatility"] = cell.volatility
    for name in ("ranking", "direction", "lift"):
        estimate: Estimate = getattr(cell, name)
        interval = estimate.interval
        plain[name] = estimate.value
        plain[f"{name}/lo"] = None if interval is None else interval.lo
        plain[f"{name}/hi"] = None if interval is None else interval.hi
        plain[f"{name}/below_power"] = cell.below_power[name]
    return plain
