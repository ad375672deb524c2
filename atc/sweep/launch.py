"""Runs the jobs of a frozen sweep: skips what is finished, hands the rest to workers, records what becomes of
each.

A job that fails takes nothing with it but itself; a launcher that is killed leaves states that say what was
under way, and the next one goes on from there.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from atc.config.root import project_root
from atc.errors import DataError
from atc.executors import Executor
from atc.interrupts import signals_interrupt
from atc.sweep.finished import data_seen, is_finished
from atc.sweep.folder import job_folder, lock_file, outputs_of
from atc.sweep.frozen import Frozen
from atc.sweep.interrupted import because, by_signal, without_a_word
from atc.sweep.job import JobOutcome, JobRequest
from atc.sweep.manifest import PlannedJob, read_manifest, titles
from atc.sweep.queue import Queue
from atc.sweep.rows import Launched, Progress, Row
from atc.sweep.source import Source
from atc.sweep.state import JobError, JobState, read_state, write_state
from atc.sweep.watch import Watch
from atc.sweep.workers import workers_of
from atc.tracking.lock import RunLock
from atc.tracking.run_files import now
from atc.tracking.same_code import CodeChanged

if TYPE_CHECKING:
    from atc.sweep.search.pruning import Pruning

_LOOKS_EVERY_S = 0.5
JobExecutor = Executor[JobRequest, JobOutcome]


def launch(frozen: Frozen, target: str, watch: Watch, source: Source | None = None) -> Launched:
    """Runs what is not finished of the sweep; waits while another process launches the same one.

    `target` is what a job calls with its config. A failed job is recorded, and raises nothing. `source`
    proposes further jobs whenever none is left.
    """
    lock = RunLock(lock_file(frozen.folder), of="sweep")
    lock.acquire()
    undo = signals_interrupt()
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
        self._queue = Queue()
        self._environment: dict[str, str] = {}
        self._stopped = False

    def run(self) -> Launched:
        rows, queue = self._progress.rows, self._queue
        queue.pending += (number for number, row in rows.items() if not self._is_done(row))
        interrupted, failure, why = False, None, because("the launcher failed")
        try:
            for number in queue.pending:
                if rows[number].status == "running":  # its launcher is dead: we have the lock
                    self._interrupted(number, *without_a_word(job_folder(self._frozen.folder, number)))
            if self._more():
                ended_by = self._work()
                interrupted = ended_by is not None
                why = because(f"the sweep ended with job {ended_by}, which was interrupted")
        except KeyboardInterrupt as stopped:
            interrupted, why = True, by_signal(stopped, "the launcher")
        except OSError as stopped:
            failure, why = stopped, because(f"the launcher could not go on: {stopped}")
        finally:
            for number in queue.under_way:
                if rows[number].status == "running":
                    with suppress(OSError):  # one that says running without a launcher is read as interrupted
                        self._interrupted(number, why)
        total = self._progress.total
        return Launched(self._frozen.folder, tuple(rows.values()), interrupted, total, failure)

    def _interrupted(self, number: int, why: JobError, at: str | None = None) -> None:
        state = _known(self._progress.rows[number])
        self._close(number, replace(state, status="interrupted", error=why, at=at or now()))

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
        while not self._queue.pending and not self._queue.under_way and self._source is not None:
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
                self._queue.pending.append(job.number)
        return bool(self._queue.pending)

    def _work(self) -> int | None:
        """Until nothing is left to do; the number of a job that was interrupted, which ends it."""
        queue = self._queue
        workers = workers_of(self._frozen.launcher, len(queue.pending))
        self._environment = workers.environment
        with workers.executor() as executor:
            self._progress.workers = executor.capacity
            while queue.under_way or (not self._stopped and self._more()):
                while not self._stopped and len(queue.under_way) < executor.capacity:
                    number = queue.take(self._progress.rows)
                    if number is None:
                        break
                    self._start(executor, number)
                ended = executor.wait(_LOOKS_EVERY_S)
                for number, outcome in ended:
                    queue.under_way.discard(number)
                    self._take(number, outcome)
                for number, outcome in ended:
                    if outcome.status == "interrupted":
                        return number
                self._watch.looked(self._progress)
        return None

    def _start(self, executor: JobExecutor, number: int) -> None:
        row = self._progress.rows[number]
        folder = job_folder(self._frozen.folder, number)
        attempts = (row.state.attempts if row.state is not None else 0) + 1
        row.began, row.fresh = time.monotonic(), True
        self._close(number, JobState("running", attempts, at=now()))
        root = project_root()
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

    def _take(self, number: int, outcome: JobOutcome) -> None:
        """Records what became of a job."""
        row = self._progress.rows[number]
        state = _known(row)
        if outcome.status == "lost" and self._progress.workers > 1 and self._queue.lost(number):
            self._close(number, replace(state, status="interrupted", error=outcome.error, at=now()))
            row.began = None
            self._watch.changed(row, self._progress)
            return
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
                at=now(),
            ),
        )
        row.began = None
        self._watch.changed(row, self._progress)
        if row.status == "failed":
            other_code = outcome.error is not None and outcome.error.type == CodeChanged.__name__
            self._stopped |= other_code or self._frozen.launcher.on_error == "stop"

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
