"""One job of a sweep where a worker does it: its log, its run, and what became of both."""

from __future__ import annotations

import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from atc.config.root import ROOT_VARIABLE
from atc.errors import AtcError
from atc.executors import Leave, Work
from atc.interrupts import signals_interrupt
from atc.sweep.folder import LOG, PROGRESS
from atc.sweep.interrupted import by_signal
from atc.sweep.job_log import into_log
from atc.sweep.state import JobError
from atc.tracking.run_files import now, read_manifest

if TYPE_CHECKING:
    from atc.sweep.search.pruning import Pruning

_KEEPS_AT_MOST_MIB = 256.0
"""A process that holds more than this when its job is done ends, or the next job would be said to need it.
One that has loaded all that trees and lines need holds 140, one that has loaded torch 630.
"""


@dataclass(frozen=True)
class JobRequest:
    """All that a worker needs, on this machine or another. Pickles."""

    number: int
    folder: Path
    """Of its log."""
    outputs: Path
    config: Mapping[str, Any]
    """Of the run, as plain values."""
    target: str
    """`module:function` or `file.py:function` from a `RunConfig` to the folder of its finished run."""
    attempt: int
    code_digest: str
    """Of the sweep: no other code makes its runs."""
    root: Path | None
    """The folder of the configs, to which relative paths are relative; None: the current folder."""
    here: Path
    """The current folder."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that libraries read when they are loaded: how many threads to start."""
    pruning: Pruning | None = None
    """Of a trial: what its folds are held against."""


@dataclass(frozen=True)
class JobOutcome:
    """What became of a job."""

    status: Literal["finished", "failed", "interrupted", "pruned", "lost"]
    """`lost`: its worker ended, and nobody knows why."""
    run: Path | None = None
    run_id: str | None = None
    reused: bool = False
    seconds: float | None = None
    peak_rss_mib: float | None = None
    error: JobError | None = None
    data_seen: str | None = None
    """What could be seen of its data before and after, where that was the same."""


def lost(how: str) -> JobOutcome:
    """Of a job whose worker has ended."""
    return JobOutcome("lost", error=JobError("Died", how))


def crashed(trace: str) -> JobOutcome:
    """Of a job whose worker could not even say what was wrong."""
    last = trace.strip().splitlines()[-1:] or ["unknown"]
    return JobOutcome("failed", error=JobError("Crash", last[0]))


WORK: Work[JobRequest, JobOutcome] = Work("atc.sweep.job:run_job", lost, crashed)
"""Jobs as the work of executors."""


def as_a_run_begins() -> None:
    """What `python -m atc.run` does before all else, so that a job computes what a run alone would."""
    from atc.left_out import leave_out_unused
    from atc.waiting_threads import multiply_on_one_thread, wait_briefly

    leave_out_unused()
    wait_briefly()
    multiply_on_one_thread()


def run_job(request: JobRequest) -> JobOutcome:
    """Makes the run of the job, or finds it finished; everything it says goes to its log.

    Raises nothing but `Leave`, with the outcome, where the process should end.
    """
    environment = dict(os.environ)
    os.environ.update(request.environment)
    if request.root is not None:
        os.environ[ROOT_VARIABLE] = str(request.root)
    if request.here.is_dir():
        os.chdir(request.here)
    try:
        as_a_run_begins()  # also where nobody began, as in Ray's processes
        with into_log(request.folder / LOG):
            outcome = _outcome(request)
    finally:
        os.environ.clear()
        os.environ.update(environment)
    _give_back()
    if outcome.status == "interrupted" or _held_mib() > _KEEPS_AT_MOST_MIB:
        raise Leave(outcome)
    return outcome


def _outcome(request: JobRequest) -> JobOutcome:
    from atc.config.schema import RunConfig
    from atc.config.storage import in_words
    from atc.sweep.finished import data_seen
    from atc.sweep.job_progress import told_in
    from atc.sweep.search.pruning import pruned_by
    from atc.tracking.folds_heard import Pruned
    from atc.tracking.same_code import code_demanded

    sys.stderr.write(f"--- job {request.number}, attempt {request.attempt}, {now()} ---\n")
    began, clock = now(), time.perf_counter()
    paths = None
    undo = signals_interrupt()
    try:
        config = RunConfig.model_validate(request.config)
        paths = config.paths
        seen = data_seen(config)
        with (
            code_demanded(request.code_digest),
            told_in(request.folder / PROGRESS),
            pruned_by(request.pruning, request.folder),
        ):
            folder = target(request.target)(config)
    except KeyboardInterrupt as stopped:
        sys.stderr.write(f"interrupted ({stopped})\n")
        why = by_signal(stopped, "the process of the job")
        return JobOutcome("interrupted", seconds=time.perf_counter() - clock, error=why)
    except Pruned as ended:
        sys.stderr.write(f"{ended}\n")
        same = seen if seen == data_seen(config) else None
        why = JobError("Pruned", str(ended))
        return JobOutcome("pruned", seconds=time.perf_counter() - clock, error=why, data_seen=same)
    except BaseException as raised:  # a job takes nothing with it
        told = in_words(raised, paths) if isinstance(raised, Exception) and paths is not None else raised
        traceback.print_exception(raised)
        if told is not raised:
            sys.stderr.write(f"{told}\n")
        kind = type(told).__name__
        words = str(told) if isinstance(told, AtcError) else f"{kind}: {told}"
        return JobOutcome("failed", seconds=time.perf_counter() - clock, error=JobError(kind, words))
    finally:
        undo()
    seconds = time.perf_counter() - clock
    if not isinstance(folder, Path):
        return JobOutcome("finished", seconds=seconds)
    manifest = read_manifest(folder) or {}
    stages = manifest.get("stages")
    peaks = [cost["peak_rss_mib"] for cost in stages.values()] if isinstance(stages, dict) else []
    return JobOutcome(
        "finished",
        folder,
        str(manifest.get("run_id")),
        str(manifest.get("created_at")) < began,
        seconds,
        max(peaks, default=None),
        data_seen=seen if seen == data_seen(config) else None,
    )


def target(name: str) -> Callable[..., object]:
    """The function that `module:function` or `file.py:function` names."""
    place, _, function = name.rpartition(":")
    if place.endswith(".py"):
        from importlib.util import module_from_spec, spec_from_file_location

        spec = spec_from_file_location("atc_sweep_target", place)
        assert spec is not None and spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(place)
    found: Callable[..., object] = getattr(module, function)
    return found


def target_of(run: Callable[..., object]) -> str:
    """The name by which a worker finds `run`."""
    module = sys.modules[run.__module__]
    spec = getattr(module, "__spec__", None)
    name = run.__module__ if spec is None else spec.name
    if not name.startswith("atc."):  # a program, which no worker finds by name
        name = str(Path(module.__file__ or "").resolve())
    return f"{name}:{run.__qualname__}"


def _give_back() -> None:
    """Memory that the job needed and the next one does not."""
    import ctypes
    import gc

    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):  # not GNU's C library
        return


def _held_mib() -> float:
    """What this process holds that is no file; 0 where /proc does not tell."""
    from atc.tracking.memory import anonymous_mib

    return anonymous_mib() or 0.0
