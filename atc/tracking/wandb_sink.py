"""Weights & Biases beside the local record: offline unless asked, and never able to lose a run.

Everything that W&B writes lies under `<outputs>/wandb`, nothing in the home folder. An offline run is sent
later with `wandb sync <outputs>/wandb/offline-run-*`. The W&B run id is the start of the run's digest, so
the same run, made again or resumed after a crash, is one line in the table and not two.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from atc.tracking.record import RunIdentity
from atc.tracking.run_files import CONFIG, LOG, MANIFEST, METRICS, MODEL

if TYPE_CHECKING:
    from wandb.sdk.wandb_run import Run

_log = logging.getLogger(__name__)

Mode = Literal["offline", "online", "none"]
ID_LENGTH = 16
_INIT_TIMEOUT_S = 30.0
_FINISH_TIMEOUT_S = 300.0


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
        self._project = project
        self._entity = entity
        self._group = group
        self._job_type = job_type
        self._tags = tuple(tags)
        self._run: Run | None = None
        self._directory: Path | None = None
        self._url: str | None = None
        self._error: str | None = None
        self._failed = False
        self._closed = False
        self._environment_before: dict[str, str | None] = {}

    def start(self) -> None:
        """Begins the W&B run. `online` that cannot begin becomes `offline`."""
        if self._mode == "none":
            return
        self._guarded("start", self._start)

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
        """Gives W&B the metrics as summary and the record in `folder` as artifacts, and finishes with
        `exit_code`.

        The run shows as failed unless `exit_code` is 0. `metrics` is None for a run that has none.
        """

        def finish(run: Run) -> None:
            try:
                if metrics is not None:
                    run.summary.update(dict(metrics))
                self._log_artifacts(run, folder)
            finally:
                run.finish(exit_code=exit_code)

        try:
            self._guarded("finish", self._with_run(finish))
        finally:
            self._run = None
            self._closed = True
            self._restore_environment()

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
        home = (self._outputs / "wandb").resolve()
        home.mkdir(parents=True, exist_ok=True)
        for variable, value in {
            "WANDB_DATA_DIR": str(home / "data"),
            "WANDB_CACHE_DIR": str(home / "cache"),
            "WANDB_CONFIG_DIR": str(home / "config"),
            "WANDB_ERROR_REPORTING": "false",  # W&B would send its own errors home, network or not
            "WANDB_SILENT": "true",
        }.items():
            self._environment_before[variable] = os.environ.get(variable)
            os.environ[variable] = value
        if self._mode == "online":
            try:
                self._run = self._init("online")
            except Exception as error:
                self._effective_mode = "offline"
                self._error = f"online: {_one_line(error)}"
                _log.warning(
                    "W&B could not be reached (%s); this run is kept offline. `wandb login` or WANDB_API_KEY "
                    "gives an account, tracking.mode=offline stays silent",
                    _one_line(error),
                )
                _forget_service()
                self._run = self._init("offline")
        else:
            self._run = self._init("offline")
        self._directory = Path(self._run.dir).parent
        self._url = self._run.url if self._effective_mode == "online" else None

    def _init(self, mode: Literal["offline", "online"]) -> Run:
        import wandb

        root = self._outputs.resolve()
        if mode == "online" and not wandb.login(prompt=False):  # with a prompt it would wait at the terminal
            raise RuntimeError("no account is configured")
        return wandb.init(
            mode=mode,
            project=self._project,
            entity=self._entity,
            dir=str(root),
            id=self._identity.run_id[:ID_LENGTH],
            name=f"{self._name}-{self._identity.run_id[:12]}",
            group=self._group,
            job_type=self._job_type,
            tags=self._tags,
            config={**self._config, "identity": asdict(self._identity)},
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(
                silent=True,
                console="off",  # log.txt has it; W&B's capture would wrap stdout and garble progress bars
                disable_git=True,
                disable_code=True,
                x_disable_meta=True,
                x_disable_stats=True,
                x_disable_machine_info=True,
                x_save_requirements=False,
                symlink=False,
                init_timeout=_INIT_TIMEOUT_S,
                finish_timeout=_FINISH_TIMEOUT_S,
                finish_timeout_raises=True,
            ),
        )

    def _log_artifacts(self, run: Run, folder: Path) -> None:
        import wandb

        about = asdict(self._identity)
        record = wandb.Artifact(f"{self._name}-record", type="run-record", metadata=about)
        for name in (CONFIG, MANIFEST, METRICS, LOG):
            if (folder / name).is_file():
                record.add_file(str(folder / name), name=name, skip_cache=True)
        run.log_artifact(record)
        if (folder / MODEL).is_dir():
            model = wandb.Artifact(f"{self._name}-model", type="model", metadata=about)
            for path in sorted((folder / MODEL).rglob("*")):  # add_dir prints how long it took
                if path.is_file():
                    model.add_file(str(path), name=str(path.relative_to(folder / MODEL)), skip_cache=True)
            run.log_artifact(model)

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

    def _restore_environment(self) -> None:
        for variable, value in self._environment_before.items():
            if value is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = value
        self._environment_before.clear()


def _forget_service() -> None:
    """Ends W&B's service process: after a failed beginning it refuses to begin a run of the same id again."""
    import wandb

    wandb.teardown()


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
