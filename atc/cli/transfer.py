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


def transfer(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN...", help="Finished runs of one question on other data.")
    ],
    *,
    file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="The matrix as JSON too.")
    ] = None,
) -> None:
    """Judge the model of each run on the holdout of every other: a matrix of AUCs.

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


def _lines(cells: Sequence[Transferred]) -> list[str]:
    width = max(len(cell.fitted_on) for cell in cells)
    lines = [
        f"{'fitted on':<{width}}  {'judged on':<{width}}  {'rows':>9}  ranking; against the one fitted there"
    ]
    for cell in cells:
        head = f"@{cell.head} " if cell.head else ""
        own = "" if cell.fitted_on == cell.judged_on else f"; {_figure(cell.lift, '+')}"
        lines.append(
            f"{cell.fitted_on:<{width}}  {cell.judged_on:<{width}}  {cell.rows:>9,}  "
            f"{head}{_figure(cell.ranking, '')}{own}"
        )
    return lines


def _figure(estimate: Estimate, sign: str) -> str:
    if estimate.value is None:
        return "–"
    interval = estimate.interval
    bounds = "–" if interval is None else f"{interval.lo:{sign}.4f} … {interval.hi:{sign}.4f}"
    return f"{estimate.value:{sign}.4f} ({bounds})"


def _plain(cell: Transferred) -> dict[str, object]:
    plain: dict[str, object] = {
        "fitted_on": cell.fitted_on,
        "judged_on": cell.judged_on,
        "head": cell.head,
        "rows": cell.rows,
    }
    for name, estimate in (("ranking", cell.ranking), ("lift", cell.lift)):
        interval = estimate.interval
        plain[name] = estimate.value
        plain[f"{name}/lo"] = None if interval is None else interval.lo
        plain[f"{name}/hi"] = None if interval is None else interval.hi
    return plain
