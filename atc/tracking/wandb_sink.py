"""Weights & Biases beside the local record: offline unless asked, and never able to lose a run.

Everything that W&B writes lies under `<outputs>/wandb`, nothing in the home folder. An offline run is sent
later by `atc tracking publish`, or with `wandb sync <outputs>/wandb/offline-run-*`. The W&B run id is the
start of the run's digest, so the same run, made again or resumed after a crash, is one line in the table and
not two. A run that died has no end in its file, and W&B's sync calls such a run failed.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atc.tracking.record import RunIdentity
from atc.tracking.run_files import read_manifest
from atc.tracking.wandb_files import put_earlier_aside, wandb_id, was_begun
from atc.tracking.wandb_lineage import Lineage
from atc.tracking.wandb_session import About, Mode, Surroundings, begin
from atc.tracking.wandb_words import costs_of

if TYPE_CHECKING:
    from wandb.sdk.wandb_run import Run

_log = logging.getLogger(__name__)


class WandbSink:
    """A `Sink` of the run record. Whatever W&B raises is said once, recorded under `tracking` in the
    manifest, and ends the sink, not the run.

    mode: `offline` writes files only: no account, no network. `online` needs an account; without one, or
    without network, the run is kept offline and that is said. `none` does nothing. group: the sweep that
    the run belongs to. job_type: what kind of run it is. tags: free words.
    """

    def __init__(
        self,
        mode: Mode,
        outputs: Path,
        name: str,
        identity: RunIdentity,
        config: Mapping[str, object],
        *,
        project: str = "atc",
        entity: str | None = None,
        group: str | None = None,
        job_type: str = "run",
        tags: Sequence[str] = (),
    ) -> None:
        self._mode = mode
        self._effective_mode: Mode = mode
        self._outputs = outputs
        self._name = name
        self._identity = identity
        self._config = config
        self._about = About(
            id=wandb_id(identity.run_id),
            name=f"{name}-{identity.run_id[:12]}",
            project=project,
            entity=entity,
            group=group,
            job_type=job_type,
            tags=tuple(tags),
        )
        self._lineage = Lineage(name, identity, config)
        self._surroundings = Surroundings(outputs)
        self._run: Run | None = None
        self._directory: Path | None = None
        self._url: str | None = None
        self._error: str | None = None
        self._failed = False
        self._closed = False

    def start(self) -> None:
        """Begins the W&B run, and says what data and features it reads. `online` that cannot begin becomes
        `offline`.
        """
        if self._mode == "none":
            return
        self._guarded("start", self._start)
        self._guarded("lineage", self._with_run(self._record_inputs))

    def make_ready(self) -> None:
        """Imports what W&B leaves for the first table, pandas where it is installed; for whoever has time
        now.
        """

        def ready(_: Run) -> None:
            import wandb

            wandb.Table(columns=["nothing"], data=[[0]])

        self._guarded("start", self._with_run(ready))

    def curves(self, prefix: str, columns: Mapping[str, Sequence[float | None]]) -> None:
        """Logs one line an iteration under `<prefix>/<column>`, against `<prefix>/iteration` counted from 1.

        columns: such as `train/auc` and `valid/auc`, or those of heads, of which some stop earlier than
        others; what is null or not finite is left out.
        """
        longest = max(map(len, columns.values()), default=0)
        filled = {name: [*values, *[None] * (longest - len(values))] for name, values in columns.items()}
        self.series(prefix, "iteration", range(1, longest + 1), filled)

    def series(
        self, prefix: str, axis: str, at: Sequence[float], columns: Mapping[str, Sequence[float | None]]
    ) -> None:
        """As `curves`, against `<prefix>/<axis>`, which is `at` in each line."""

        def log(run: Run) -> None:
            step = f"{prefix}/{axis}"
            run.define_metric(step, summary="none", hidden=True)
            for column in columns:
                run.define_metric(f"{prefix}/{column}", step_metric=step, summary="none")
            for place, *values in zip(at, *columns.values(), strict=True):
                line = dict(zip((f"{prefix}/{column}" for column in columns), values, strict=True))
                shown = {
                    key: value for key, value in line.items() if value is not None and math.isfinite(value)
                }
                run.log({step: place, **shown})

        self._guarded(prefix, self._with_run(log))

    def importance(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Logs the table `importance`, one row an input, such as columns feature, gain, splits."""
        self.table("importance", columns, rows)

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Logs the table `name`."""

        def log(run: Run) -> None:
            import wandb

            run.log({name: wandb.Table(columns=list(columns), data=[list(row) for row in rows])})

        self._guarded(name, self._with_run(log))

    def picture(self, name: str, file: Path) -> None:
        """Logs the PNG `file` as the image `name`."""

        def log(run: Run) -> None:
            import wandb

            run.log({name: wandb.Image(str(file))})

        self._guarded(name, self._with_run(log))

    def close(self, folder: Path, metrics: Mapping[str, int | float | None] | None, exit_code: int) -> None:
        """Gives W&B the metrics and what the stages cost as summary, and the record in `folder` and its model
        as artifacts, and finishes with `exit_code`.

        The run shows as failed unless `exit_code` is 0. `metrics` is None for a run that has none.
        """

        def finish(run: Run) -> None:
            try:
                run.summary.update({**(metrics or {}), **costs_of(read_manifest(folder) or {})})
                self._lineage.record_outputs(run, folder)
            finally:
                run.finish(exit_code=exit_code)

        try:
            self._guarded("finish", self._with_run(finish))
        finally:
            self._run = None
            self._closed = True
            self._surroundings.leave()

    def report(self) -> dict[str, object]:
        """What became of it: `status` is off, running, recorded or failed; `mode` is what was asked for.

        `directory` is relative to the outputs folder.
        """
        if self._mode == "none":
            return {"mode": "none", "status": "off"}
        status = "failed" if self._failed else "recorded" if self._closed else "running"
        directory, outputs = self._directory, self._outputs.resolve()
        if directory is not None and directory.is_relative_to(outputs):
            directory = directory.relative_to(outputs)
        return {
            "mode": self._mode,
            "effective_mode": self._effective_mode,
            "status": status,
            "directory": None if directory is None else str(directory),
            "url": self._url,
            "error": self._error,
        }

    def _start(self) -> None:
        self._surroundings.enter()
        put_earlier_aside(self._outputs, self._name, self._identity.run_id)
        config = {**self._config, "identity": asdict(self._identity)}
        if self._mode == "online":
            try:
                self._run = begin(self._outputs, "online", self._about, config)
            except Exception as error:
                self._effective_mode = "offline"
                self._error = f"online: {_one_line(error)}"
                _log.warning(
                    "W&B could not be reached (%s); this run is kept offline. `wandb login` or WANDB_API_KEY "
                    "gives an account, tracking.mode=offline stays silent",
                    _one_line(error),
                )
                _forget_service()
                self._run = begin(self._outputs, "offline", self._about, config)
        else:
            self._run = begin(self._outputs, "offline", self._about, config)
        self._directory = Path(self._run.dir).parent
        self._url = self._run.url if self._effective_mode == "online" else None

    def _record_inputs(self, run: Run) -> None:
        if not was_begun(self._outputs, self._lineage.features_run):
            about = About(
                id=self._lineage.features_run,
                name=self._lineage.features_name,
                project=self._about.project,
                entity=self._about.entity,
                job_type="features",
            )
            made = begin(
                self._outputs, "online" if self._effective_mode == "online" else "offline", about, {}
            )
            try:
                self._lineage.record_features(made)
            finally:
                made.finish()
        self._lineage.record_inputs(run)

    def _with_run(self, action: Callable[[Any], None]) -> Callable[[], None]:
        def act() -> None:
            if self._run is not None:
                action(self._run)

        return act

    def _guarded(self, what: str, action: Callable[[], None]) -> None:
        """Runs `action`. The first failure is said and kept; after it only the finish is tried."""
        if self._failed and what != "finish":
            return
        try:
            action()
        except Exception as error:
            if self._failed:
                _log.info("W&B could not finish after its failure: %s", _one_line(error))
                return
            self._failed = True
            self._error = f"{what}: {_one_line(error)}"
            _log.warning(
                "W&B failed at %s (%s); the local record is whole without it%s",
                what,
                _one_line(error),
                f". `wandb sync {self._directory}` sends what it has" if self._directory else "",
            )


def _forget_service() -> None:
    """Ends W&B's service process: after a failed beginning it refuses to begin a run of the same id again."""
    import wandb

    wandb.teardown()


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
