"""Runs the jobs of a frozen sweep: skips what is finished, hands the rest to workers, records what becomes of
each.

A job that fails takes nothing with it but itself; a launcher that is killed leaves states that say what was
under way, and the next one goes on from there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from atc.config.root import project_root
from atc.errors import DataError
from atc.executors import Executor
from atc.sweep.finished import data_seen, is_finished
from atc.sweep.folder import job_folder, lock_file, outputs_of
from atc.sweep.frozen import Frozen
from atc.sweep.job import JobOutcome, JobRequest
from atc.sweep.manifest import PlannedJob, read_manifest, titles
from atc.sweep.state import JobState, read_state, write_state
from atc.sweep.workers import workers_of
from atc.tracking.interrupts import sigterm_interrupts
from atc.tracking.lock import RunLock
from atc.tracking.same_code import CodeChanged

if TYPE_CHECKING:
    from atc.config.schema import RunConfig
    from atc.sweep.search.pruning import Pruning

_LOOKS_EVERY_S = 0.5
JobExecutor = Executor[JobRequest, JobOutcome]


@dataclass
class Row:
    """A job as the launcher knows it."""

    job: PlannedJob
    title: str
    state: JobState | None
    began: float | None = None
    """By the monotonic clock, while it is under way."""
    fresh: bool = False
    """It was handed to a worker in this session."""

    @property
    def status(self) -> str:
        """Of its state."""
        return "pending" if self.state is None else self.state.status


@dataclass
class Progress:
    """How far a launch is."""

    folder: Path
    rows: dict[int, Row]
    workers: int = 1
    began: float = field(default_factory=time.monotonic)
    planned: int = 0
    """Jobs of a search, those included that are not yet proposed."""

    @property
    def total(self) -> int:
        """Jobs that there are or will be."""
        return max(self.planned, len(self.rows))

    def count(self, *wanted: str) -> int:
        """Jobs of these statuses."""
        return sum(row.status in wanted for row in self.rows.values())


class Source(Protocol):
    """Where jobs come from that are known only one after the other."""

    planned: int
    """So many there will be."""

    def propose(self, rows: Mapping[int, Row]) -> tuple[PlannedJob, RunConfig | None] | None:
        """The job after `rows`, which all have ended, and its config; None: there is no further one. A job
        without a config has failed already, and its state is written.
        """
        ...

    def configs_of(self, jobs: Sequence[PlannedJob]) -> Mapping[int, RunConfig]:
        """The configs of jobs that were proposed before, without those that have none."""
        ...

    def title(self, job: PlannedJob) -> str:
        """What tables call the job."""
        ...

    def pruning(self, number: int, rows: Mapping[int, Row]) -> Pruning | None:
        """By what a job may be ended early."""
        ...


class Watch(Protocol):
    """Is told what happens; shows it, or does not."""

    def changed(self, row: Row, progress: Progress) -> None:
        """A job was started or has ended."""
        ...

    def looked(self, progress: Progress) -> None:
        """Some time has passed."""
        ...


@dataclass(frozen=True)
class Launched:
    """What a launch left behind."""

    folder: Path
    rows: tuple[Row, ...]
    interrupted: bool
    total: int
    """Jobs that there are or, of a search, would have been."""
    failure: OSError | None = None
    """What the launcher could not write, or start, and stopped at."""

    @property
    def exit_code(self) -> int:
        """0: every job is finished, or was ended early by its search; 130: interrupted; else 1."""
        if self.interrupted:
            return 130
        if self.failure is not None:
            return 1
        return 0 if all(row.status in ("finished", "pruned") for row in self.rows) else 1


def launch(frozen: Frozen, target: str, watch: Watch, source: Source | None = None) -> Launched:
    """Runs what is not finished of the sweep; waits while another process launches the same one.

    `target` is what a job calls with its config. A failed job is recorded, and raises nothing. `source`
    proposes further jobs whenever none is left.
    """
    lock = RunLock(lock_file(frozen.folder), of="sweep")
    lock.acquire()
    undo = sigterm_interrupts()
    try:
        if source is not None:
            frozen = _with_trials_of_others(frozen, source)
        return _Launch(frozen, target, watch, source).run()
    finally:
        undo()
        lock.release()


def _with_trials_of_others(frozen: Frozen, source: Source) -> Frozen:
    """With what a process has proposed that had the lock while this one waited for it."""
    _, jobs = read_manifest(frozen.folder)
    return replace(frozen, jobs=tuple(jobs), configs=source.configs_of(jobs))


class _Launch:
    def __init__(self, frozen: Frozen, target: str, watch: Watch, source: Source | None) -> None:
        self._frozen = frozen
        self._source = source
        self._configs = dict(frozen.configs)
        self._target = target
        self._watch = watch
        self._outputs = outputs_of(frozen.folder)
        called = titles(frozen.jobs)
        rows = {job.number: Row(job, called[job.number], _state(frozen.folder, job)) for job in frozen.jobs}
        self._progress = Progress(frozen.folder, rows, planned=0 if source is None else source.planned)
        self._pending: deque[int] = deque()
        self._under_way: set[int] = set()
        self._lost: set[int] = set()
        """Their worker ended; they are begun once more, and alone."""
        self._environment: dict[str, str] = {}
        self._stopped = False

    def run(self) -> Launched:
        rows = self._progress.rows
        self._pending += (number for number, row in rows.items() if not self._is_done(row))
        interrupted, failure = False, None
        try:
            for number in self._pending:
                if rows[number].status == "running":  # its launcher is dead: we have the lock
                    self._interrupted(number)
            if self._more():
                interrupted = self._work()
        except KeyboardInterrupt:
            interrupted = True
        except OSError as why:
            failure = why
        finally:
            for number in self._under_way:
                with suppress(OSError):  # a state that says running without a launcher is read as interrupted
                    self._interrupted(number)
        total = self._progress.total
        return Launched(self._frozen.folder, tuple(rows.values()), interrupted, total, failure)

    def _interrupted(self, number: int) -> None:
        self._close(number, replace(_known(self._progress.rows[number]), status="interrupted"))

    def _is_done(self, row: Row) -> bool:
        config = self._configs.get(row.job.number)
        if config is None:  # values that do not fit together: there is nothing to run
            return True
        if row.status == "pruned":
            assert row.state is not None
            return row.state.data_seen is not None and row.state.data_seen == data_seen(config)
        return is_finished(row.state, row.job, config, self._frozen.header.code_digest, self._outputs)

    def _more(self) -> bool:
        """Whether a job is left to start; asks for a further one where none is, and none is under way."""
        while not self._pending and not self._under_way and self._source is not None:
            found = self._source.propose(self._progress.rows)
            if found is None:
                return False
            job, config = found
            row = Row(job, self._source.title(job), _state(self._frozen.folder, job))
            self._progress.rows[job.number] = row
            if config is not None:
                self._configs[job.number] = config
            # A state that is there already is of a trial whose line was lost; one that was ended early does
            # not say by which values.
            if self._is_done(row) and row.status != "pruned":
                self._watch.changed(row, self._progress)
            else:
                self._pending.append(job.number)
        return bool(self._pending)

    def _work(self) -> bool:
        """Until nothing is left to do; True where a job was interrupted."""
        workers = workers_of(self._frozen.launcher, len(self._pending))
        self._environment = workers.environment
        with workers.executor() as executor:
            self._progress.workers = executor.capacity
            while self._under_way or (not self._stopped and self._more()):
                while not self._stopped and len(self._under_way) < executor.capacity:
                    number = self._next()
                    if number is None:
                        break
                    self._start(executor, number)
                for number, outcome in executor.wait(_LOOKS_EVERY_S):
                    self._under_way.discard(number)
                    if self._take(number, outcome):
                        return True
                self._watch.looked(self._progress)
        return False

    def _next(self) -> int | None:
        """The next job to start. One that asks for the same run as a job under way waits, and finds it; one
        whose worker has ended is begun last and alone, so that nothing else can be why.
        """
        if self._under_way & self._lost:
            return None
        rows = self._progress.rows
        busy = {rows[number].job.config_digest for number in self._under_way}
        for number in self._pending:
            if number in self._lost and (self._under_way or not self._lost.issuperset(self._pending)):
                continue
            if rows[number].job.config_digest not in busy:
                self._pending.remove(number)
                return number
        return None

    def _start(self, executor: JobExecutor, number: int) -> None:
        row = self._progress.rows[number]
        folder = job_folder(self._frozen.folder, number)
        attempts = (row.state.attempts if row.state is not None else 0) + 1
        row.began, row.fresh = time.monotonic(), True
        self._close(number, JobState("running", attempts))
        root = project_root()
        self._under_way.add(number)
        request = JobRequest(
            number=number,
            folder=folder.resolve(),
            outputs=self._outputs,
            config=self._configs[number].model_dump(mode="json"),
            target=self._target,
            attempt=attempts,
            code_digest=self._frozen.header.code_digest,
            root=root.folder if root.folder == root.work else None,
            here=Path.cwd(),
            environment=self._environment,
            pruning=self._pruning(number),
        )
        self._watch.changed(row, self._progress)
        executor.submit(number, request)

    def _pruning(self, number: int) -> Pruning | None:
        return None if self._source is None else self._source.pruning(number, self._progress.rows)

    def _take(self, number: int, outcome: JobOutcome) -> bool:
        """Records what became of a job; True where it was interrupted."""
        row = self._progress.rows[number]
        state = _known(row)
        if outcome.status == "lost" and self._progress.workers > 1 and number not in self._lost:
            self._lost.add(number)  # it may have been another one's fault
            self._pending.append(number)
            self._close(number, replace(state, status="interrupted", error=outcome.error))
            row.began = None
            self._watch.changed(row, self._progress)
            return False
        self._close(
            number,
            replace(
                state,
                status="failed" if outcome.status == "lost" else outcome.status,
                run=None if outcome.run is None else _relative(outcome.run, self._outputs),
                run_id=outcome.run_id,
                reused=outcome.reused,
                seconds=None if outcome.seconds is None else round(outcome.seconds, 3),
                peak_rss_mib=outcome.peak_rss_mib,
                error=outcome.error,
                data_seen=outcome.data_seen,
            ),
        )
        row.began = None
        self._watch.changed(row, self._progress)
        if row.status == "failed":
            other_code = outcome.error is not None and outcome.error.type == CodeChanged.__name__
            self._stopped |= other_code or self._frozen.launcher.on_error == "stop"
        return outcome.status == "interrupted"

    def _close(self, number: int, state: JobState) -> None:
        write_state(job_folder(self._frozen.folder, number), state)
        self._progress.rows[number].state = state


def _known(row: Row) -> JobState:
    assert row.state is not None
    return row.state


def _state(folder: Path, job: PlannedJob) -> JobState | None:
    """What is recorded of the job; half a file is as good as none, since the run knows itself."""
    try:
        return read_state(job_folder(folder, job.number))
    except DataError:
        return None


def _relative(run: Path, outputs: Path) -> str:
    full = run.resolve()
    return full.relative_to(outputs).as_posix() if full.is_relative_to(outputs) else str(full)
