"""The local record of a run, `outputs/runs/<name>-<id12>/`: the source of truth about it.

    config.yaml  manifest.json  metrics.json  predictions.parquet  model/  log.txt  attempts/
    checkpoints/ (until it has finished)

`manifest.json` says `running`, `finished`, `failed`, `interrupted` or, of a trial that a search ended early,
`pruned`; and `finished` only after all else is on disk.

- A finished run is not made again. `force` makes it again as another attempt, which takes the earlier one's
  place only when it has finished; if it fails, the finished run stays where it is. The manifest says whether
  the two gave the same metrics (`previous`). `attempts` has how the earlier ones are kept.
- An attempt holds a lock that dies with its process. A folder that says `running` while its lock is free was
  left by a dead process: it is closed as `interrupted` and kept like any other attempt.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from atc.errors import DataError
from atc.interrupts import nothing, signals_interrupt, undisturbed
from atc.tracking import durable, memory
from atc.tracking.attempts import Attempts
from atc.tracking.folds_heard import Pruned
from atc.tracking.lock import RunLock
from atc.tracking.metrics_file import metrics_bytes, read_metrics
from atc.tracking.prelude import Prelude
from atc.tracking.run_files import (
    CHECKPOINTS,
    CONFIG,
    FAILED,
    FINISHED,
    INTERRUPTED,
    LOG,
    METRICS,
    PREDICTIONS,
    PRUNED,
    RUNNING,
    Manifest,
    check_files,
    list_files,
    now,
    read_manifest,
    run_folder,
    write_manifest,
)
from atc.tracking.run_log import RunLog
from atc.tracking.same_code import demand_same_code
from atc.tracking.stages import Stage, Stages

if TYPE_CHECKING:
    import polars

_log = logging.getLogger(__name__)

_TABLE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_KEY_COLUMNS = ["symbol", "ts_recv", "ev_seq", "ts_close", "split"]


@dataclass(frozen=True)
class RunIdentity:
    """The run id (hex) and the digests that it is made from, so that one can see why two ids differ."""

    run_id: str
    config_digest: str
    data_digest: str
    feature_schema: str
    label_schema: str
    code_digest: str


class Sink(Protocol):
    """Another place that gets what the local record gets, such as W&B.

    It reports its own failures and never raises.
    """

    def start(self) -> None:
        """Called once the attempt's folder is there."""

    def close(self, folder: Path, metrics: Mapping[str, int | float | None] | None, exit_code: int) -> None:
        """Called once, when the local record in `folder` is closed; `metrics` is None unless the run
        finished.
        """

    def report(self) -> Mapping[str, object]:
        """What to put under `tracking` in the manifest."""


class RunRecord:
    """A run that is finished already, or one attempt to make it. See the module for how the folder behaves.

        with RunRecord.open(...) as record:
            if not record.finished:
                with record.stage("fit"): ...
                with record.writing("model") as path: model.save(path)
                record.finish(metrics)

    A body that ends by an exception closes the attempt as failed (KeyboardInterrupt, SIGTERM and SIGHUP:
    interrupted), traceback in log.txt, and the exception goes on. A body that ends without `finish` is a
    failure too.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        identity: RunIdentity,
        config: Mapping[str, object],
        *,
        force: bool = False,
        prelude: Prelude | None = None,
    ) -> None:
        self.run_folder = folder
        self.folder = folder
        self.name = name
        self.identity = identity
        self.manifest: Manifest = {}
        self.finished = False
        self._config = config
        self._force = force
        self._prelude = prelude
        self._lock = RunLock(folder.parent / ".locks" / folder.name)
        self._attempts = Attempts(folder)
        self._log: RunLog | None = None
        self._stages = Stages()
        self._sinks: list[Sink] = []
        self._metrics: dict[str, int | float | None] | None = None
        self._undo_signals: Callable[[], object] = nothing

    @classmethod
    def open(
        cls,
        outputs: Path,
        name: str,
        identity: RunIdentity,
        config: Mapping[str, object],
        *,
        force: bool = False,
        prelude: Prelude | None = None,
    ) -> RunRecord:
        """The record of run `identity.run_id` under `outputs`. Takes milliseconds; writes nothing before
        `with`.

        `config` is the resolved config as plain values. Raises UsageError for an unusable name, DataError
        for a finished run whose files are not all there (unless `force`).
        """
        record = cls(
            run_folder(outputs, name, identity.run_id), name, identity, config, force=force, prelude=prelude
        )
        if not record._attempts.move_was_cut_short:  # else `with` carries it through first
            record._look_for_finished()
        return record

    def _look_for_finished(self) -> None:
        manifest = read_manifest(self.run_folder)
        if manifest is None or manifest["status"] != FINISHED:
            return
        if manifest.get("run_id") != self.identity.run_id:
            raise DataError(
                f"{self.run_folder} holds run {manifest.get('run_id')}, not {self.identity.run_id}: "
                "two runs share the start of their ids; move that folder away"
            )
        if self._force:
            return
        check_files(self.run_folder, manifest)
        self.manifest = manifest
        self.finished = True

    # The attempt

    def __enter__(self) -> Self:
        if self.finished:
            return self
        self._lock.acquire()
        try:
            self._attempts.carry_through()
            self._look_for_finished()  # another process may have made it while this one waited
            if self.finished:
                self._lock.release()
                return self
            self._begin()
        except BaseException:
            if self._log is not None:
                self._log.close()
            self._lock.release()
            raise
        return self

    def _begin(self) -> None:
        from atc.tracking import provenance

        self.folder, number = self._attempts.begin()
        self._log = self._prelude.log if self._prelude else RunLog()
        self._stages = self._prelude.stages if self._prelude else self._stages
        if self._prelude is None:
            self._log.start()
        self._log.open(self.folder / LOG)
        _log.info("run %s, attempt %d, begins", self.identity.run_id, number)
        self.manifest = {
            "status": RUNNING,
            "name": self.name,
            "attempt": number,
            **asdict(self.identity),
            "created_at": now(),
            "finished_at": None,
            "git": provenance.git_state(),
            "versions": provenance.package_versions(),
            "stages": {},
            "spans": {},
            "notes": [],
            "pid": os.getpid(),
        }
        self._write_manifest()
        durable.write_bytes(self.folder / CONFIG, _yaml(self._config))
        self._stages.when_one_ends = self._write_manifest
        self._undo_signals = signals_interrupt()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._log is None:  # it was finished before
            return
        try:
            if not self.finished:
                if error is None:
                    error = RuntimeError("the run ended without its metrics: finish() was not called")
                    self._close_unfinished(error)
                    raise error
                self._close_unfinished(error)
            elif error is not None:
                self._log.write_failure("after the run had finished", error)
            self._close_sinks(exit_code=0)  # only those that an exception kept from being closed
        finally:
            self._undo_signals()
            self._stages.when_one_ends = None
            self._log.close()
            self._lock.release()

    @property
    def log_path(self) -> Path:
        """log.txt of this attempt, or of the finished run."""
        return self.folder / LOG

    @property
    def checkpoints(self) -> Path:
        """Where fits keep what the next attempt goes on from, should this one die; gone when it finishes, or
        a search ends it.
        """
        return self.folder / CHECKPOINTS

    def stage(self, name: str) -> AbstractContextManager[Stage]:
        """Times the body as a stage; see `Stages.stage`. The manifest shows it as soon as it has ended."""
        return self._stages.stage(name)

    def describe(
        self, *, spans: Mapping[str, Mapping[str, object]] | None = None, notes: list[str] | None = None
    ) -> None:
        """Adds what a reader needs beside the metrics.

        spans: for each split (`train`, `valid`, `holdout`) any of `from`, `to` (ISO dates or times, UTC),
        `days`, `rows`. notes: sentences on what these data can and cannot say.
        """
        self._require_running()
        self.manifest["spans"] = {**_dict(self.manifest["spans"]), **(spans or {})}
        known = self.manifest["notes"]
        self.manifest["notes"] = [*(known if isinstance(known, list) else []), *(notes or [])]
        self._write_manifest()

    def attach(self, sink: Sink) -> None:
        """Starts `sink`; it is closed after the local record is, whatever becomes of the run."""
        self._require_running()
        before = memory.descendants()
        self._sinks.append(sink)
        sink.start()
        self._stages.ignored_processes |= memory.descendants() - before  # its service is no part of a stage

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Yields a temporary path; what the body makes there appears as file or folder `name` when it ends
        well.
        """
        self._require_running()
        with durable.appearing(self.folder / name) as path:
            yield path

    def write_predictions(self, frame: polars.DataFrame) -> None:
        """Writes predictions.parquet: key and split of each row, its label, t0, t1, and one column a score.

        Raises ValueError if `frame` does not begin with symbol, ts_recv, ev_seq, ts_close, split.
        """
        if frame.columns[: len(_KEY_COLUMNS)] != _KEY_COLUMNS:
            raise ValueError(
                f"predictions begin with {frame.columns[: len(_KEY_COLUMNS)]}, not {_KEY_COLUMNS}"
            )
        self._write_parquet(PREDICTIONS, frame)

    def write_table(self, name: str, frame: polars.DataFrame) -> None:
        """Writes `<name>.parquet`.

        Raises ValueError for a name that is not lower-case letters, digits and `_`, FileExistsError for one
        that is taken.
        """
        if not _TABLE_NAME.fullmatch(name):
            raise ValueError(f"table name {name!r}: lower-case letters, digits and '_' were expected")
        self._write_parquet(f"{name}.parquet", frame)

    def _write_parquet(self, file: str, frame: polars.DataFrame) -> None:
        with self.writing(file) as path:
            frame.write_parquet(path, compression="zstd", compression_level=3)

    def finish(self, metrics: Mapping[str, object]) -> None:
        """Writes metrics.json, closes the record as finished, then the sinks.

        Raises DataError for a metric that is no finite number, CodeChanged where a sweep demands another code
        than is on disk; the attempt is then failed by `__exit__`.
        """
        self._require_running()
        demand_same_code()
        content = metrics_bytes(metrics)
        durable.write_bytes(self.folder / METRICS, content)
        self._metrics = read_metrics(self.folder / METRICS)
        if self.folder != self.run_folder:
            self.manifest["previous"] = self._attempts.compare_with_finished(self._metrics)
        _log.info("run %s finished", self.identity.run_id)
        with undisturbed():
            self._close(FINISHED)
            self.finished = True
            if self.folder != self.run_folder:
                self._attempts.promote(self.folder)
                self.folder = self.run_folder
        self._close_sinks(exit_code=0)

    # Closing

    def _close_unfinished(self, error: BaseException) -> None:
        stopped = isinstance(error, KeyboardInterrupt)
        status = INTERRUPTED if stopped else PRUNED if isinstance(error, Pruned) else FAILED
        if self._log is not None:
            self._log.write_failure("interrupted" if stopped else f"{status}: {error}", error)
        self.manifest["error"] = {"type": type(error).__name__, "message": str(error)}
        try:
            with undisturbed():
                durable.remove_parts(self.folder)
                self._close(status)
        except (
            OSError
        ) as second:  # a full disk; the manifest still says running, and the free lock tells the truth
            _log.error("%s could not be closed: %s", self.folder, second)
        # A trial that was ended early is no failure of anything.
        self._close_sinks(exit_code=130 if stopped else 0 if status == PRUNED else 1)

    def _close(self, status: str) -> None:
        if self._log is not None:
            self._log.sync()
        if status in (FINISHED, PRUNED):  # nobody goes on from there
            durable.remove(self.checkpoints)
        if status == FINISHED:
            self.manifest["files"] = list_files(self.folder)
            durable.sync_folder(self.folder)
        self.manifest.pop("pid", None)
        self.manifest["finished_at"] = now()
        self.manifest["status"] = status
        self._write_manifest()

    def _close_sinks(self, exit_code: int) -> None:
        while self._sinks:
            sink = self._sinks.pop()
            sink.close(self.folder, self._metrics if self.finished else None, exit_code)
            self.manifest["tracking"] = dict(sink.report())
            try:
                self._write_manifest()
            except OSError as error:
                _log.error("what became of tracking could not be recorded in %s: %s", self.folder, error)

    # Small print

    def _write_manifest(self) -> None:
        self.manifest["stages"] = {name: cost.as_json() for name, cost in self._stages.costs.items()}
        write_manifest(self.folder, self.manifest)

    def _require_running(self) -> None:
        if self._log is None or self.finished:
            raise RuntimeError(
                "the record is not being written: it is finished, or `with` has not been entered"
            )


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _yaml(config: Mapping[str, object]) -> bytes:
    import yaml

    text: str = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=110)
    return text.encode()
