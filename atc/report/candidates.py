"""What could stand on a leaderboard: finished runs, and everything else with the reason why it cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atc.config.search import words_alone
from atc.errors import DataError
from atc.opened_run import OpenedRun, is_folder_of_runs, open_run, runs_in
from atc.report.first_plan import first_plan, told_plan
from atc.report.searched import Objective, objective_of
from atc.tracking.run_files import FINISHED, INTERRUPTED, PRUNED, RUNNING

if TYPE_CHECKING:
    from atc.sweep.opened import OpenedJob, OpenedSweep

_LONGEST_REASON = 200


@dataclass(frozen=True)
class Candidate:
    """A run, or a job of a sweep."""

    label: str
    """Unlike that of any other."""
    experiment: str
    number: int | None
    """Of the job, from 1; None outside a sweep."""
    config: Mapping[str, Any]
    """Resolved, as plain values; of a job as the sweep froze it, but for the plan, which is the one that its
    run was first looked at with: no digest holds it, so a sweep that finds the run made, or a run that is
    made again, could name another figure after the look.
    """
    folder_name: str
    """Of the run, finished or not; empty for a job that has none yet."""
    run: OpenedRun | None
    """Finished and readable."""
    unusable: str = ""
    """Why there is no run."""
    repeats: bool = False
    """Whether it has no run because one before it has the same."""
    other_plan: str = ""
    """What the sweep froze as the plan where the run was first made with another one."""
    restated: str = ""
    """See `FirstPlan`."""
    objective: Objective | None = None
    """Of the search that it is a trial of."""
    words: tuple[str, ...] = ()
    """Of such a trial: see `words_alone`."""


def candidates_in(paths: Sequence[Path]) -> list[Candidate]:
    """Runs in the folders `paths`, each a sweep's, a run's or one of runs; a sweep that is given alone has
    its jobs by their numbers. Of several that are one run the later are listed with their reason.

    Raises DataError for a path at which there is nothing at all; a run that cannot be read is a candidate
    with its reason.
    """
    from atc.sweep.opened import is_sweep, open_sweep

    if len(paths) == 1 and is_sweep(paths[0]):
        return candidates_of(open_sweep(paths[0]))
    found: list[Candidate] = []
    for path in paths:
        if is_sweep(path):
            found += [replace(one, number=None) for one in candidates_of(open_sweep(path))]
        else:
            folders = runs_in(path) if is_folder_of_runs(path) else [path]
            found += [_of_folder(folder) for folder in folders]
    return _with_labels(_each_once(found))


def candidates_of(sweep: OpenedSweep) -> list[Candidate]:
    """The jobs of `sweep`; of two that are one run the later is listed with its reason."""
    asked = objective_of(sweep.header)
    found = [_of_job(job) for job in sweep.jobs]
    if asked is not None:
        found = [
            replace(one, objective=asked, words=words_alone(job.overrides))
            for one, job in zip(found, sweep.jobs, strict=True)
        ]
    return _with_labels(_each_once(found))


def _each_once(found: Sequence[Candidate]) -> Iterator[Candidate]:
    """A run that counted twice would be two claims of a board, and two trials."""
    seen: dict[str, Candidate] = {}
    for one in found:
        first = one if one.run is None else seen.setdefault(one.run.run_id, one)
        if first is one:
            yield one
            continue
        job = "" if first.number is None else f" of job {first.number}"
        why = f"it is the run{job or f' {first.folder_name}'}, whose config means the same"
        yield replace(one, run=None, unusable=why, repeats=True, other_plan="", restated="")


def _of_job(job: OpenedJob) -> Candidate:
    run, why = None, why_no_run(job)
    if job.status == "finished" and job.run_folder is not None:
        run, why = _readable(job.run_folder)
    name, outputs = "", ""
    if job.run_folder is not None:
        name, outputs = job.run_folder.name, f"{job.run_folder.parent.parent}/"
    if run is None:
        reason = _short(why, outputs)
        return Candidate("", job.name, job.number, job.config, name, None, reason)
    first, frozen = first_plan(run), told_plan(job.config.get("plan"))
    other = "" if frozen == told_plan(first.plan) else frozen
    config = {**job.config, "plan": first.plan} if other else job.config
    return Candidate("", job.name, job.number, config, name, run, other_plan=other, restated=first.restated)


def why_no_run(job: OpenedJob) -> str:
    """Why a job that has not finished has no run, at length."""
    if job.error is not None:
        return f"{job.status}: {_told(job.status, job.error.type, job.error.message)}"
    return job.why or _NOT_DONE.get(job.status, job.status)


def _of_folder(folder: Path) -> Candidate:
    opened = open_run(folder, finished=False)
    name = str(opened.manifest.get("name") or folder.name)
    try:
        config: Mapping[str, Any] = opened.raw_config
    except DataError:
        config = {}
    status, error = str(opened.manifest["status"]), opened.manifest.get("error")
    run = None
    if status == FINISHED:
        run, why = _readable(folder)
    elif isinstance(error, dict):
        why = f"{status}: {_told(status, str(error.get('type')), str(error.get('message')))}"
    else:
        why = _NOT_DONE.get(status, status)
    restated = ""
    if run is not None:
        first = first_plan(run)
        restated = first.restated
        config = {**config, "plan": first.plan} if restated else config
    reason = _short(why, f"{folder.parent.parent}/")
    return Candidate("", name, None, config, folder.name, run, reason, restated=restated)


def _told(status: str, kind: str, message: str) -> str:
    """Without the kind of an error where it says no more than the status."""
    return message if kind.lower() == status else f"{kind}: {message}"


_NOT_DONE = {
    "pending": "unfinished: it has not begun",
    RUNNING: "unfinished: a process is making it, or died doing so",
    INTERRUPTED: "unfinished: it was stopped before its end",
    PRUNED: "a search ended it early",
}


def _readable(folder: Path) -> tuple[OpenedRun | None, str]:
    """The finished run of `folder`, its figures read; or None and why not."""
    try:
        run = open_run(folder)
        _ = run.metrics, run.config
    except DataError as why:
        return None, str(why)
    return run, ""


def _short(why: str, outputs: str) -> str:
    """One line, without the place where the outputs lie, which other machines do not have."""
    line = " ".join(why.replace(outputs, "").split())
    return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 1]}…"


def _with_labels(candidates: Iterable[Candidate]) -> list[Candidate]:
    found = list(candidates)
    return [replace(one, label=label) for one, label in zip(found, _labels(found), strict=True)]


def _labels(found: Sequence[Candidate]) -> Iterator[str]:
    """The experiment's name; where several have it with the job's number, or the start of the run's id; of
    what still has the same the second ends in (2).
    """
    names, given = Counter(one.experiment for one in found), Counter[str]()
    for one in found:
        label = one.experiment
        if names[label] > 1:
            label = one.folder_name or label if one.number is None else f"{label} #{one.number}"
        given[label] += 1
        yield label if given[label] == 1 else f"{label} ({given[label]})"
