"""Days as Ray tasks: on this machine or on every node of a cluster that sees the same folders.

A task's result is files, so a worker or a node that is killed loses nothing but the day it was at; Ray begins
it anew elsewhere, and the lock of the dead went with it.
"""

from __future__ import annotations

import os
import socket
from types import TracebackType
from typing import Any, Self

from atc.errors import UsageError
from atc.features.build_day import build_day
from atc.features.day_job import DayJob, DayOutcome

_RETRIES = 3
"""So often Ray begins a task anew whose worker or node went away."""
_ANSWERS_WITHIN_S = 10.0


class RayTasks:
    """`address`: of a cluster, as `ray.init` takes it; None: Ray on this machine alone, or RAY_ADDRESS.

    `workers`: tasks at a time; None: as many as the cluster has CPUs. Raises UsageError without Ray or
    without a cluster at `address`.
    """

    def __init__(self, address: str | None, workers: int | None) -> None:
        self._ray = require_ray()
        self._ours = not self._ray.is_initialized()
        if self._ours:
            self._connect(address, workers)
        self.capacity = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._build = self._ray.remote(num_cpus=1, max_retries=_RETRIES)(build_day)
        self._numbers: dict[Any, int] = {}

    def _connect(self, address: str | None, workers: int | None) -> None:
        address = address or os.environ.get("RAY_ADDRESS")
        own = {} if address else {"num_cpus": workers, "include_dashboard": False}
        try:
            _knock(address)
            self._ray.init(address=address or "local", log_to_driver=False, configure_logging=False, **own)
        except (OSError, RuntimeError, ValueError) as why:
            raise UsageError(
                f"--address {address}: no Ray cluster answers there ({why}); expected HOST:PORT as `ray "
                "start --head` prints it, or leave --address out for Ray on this machine"
            ) from why

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reference in self._numbers:
            self._ray.cancel(reference)
        self._numbers.clear()
        if self._ours:
            self._ray.shutdown()

    def submit(self, number: int, job: DayJob) -> None:
        """Starts the task."""
        self._numbers[self._build.remote(job)] = number

    def wait(self, seconds: float) -> list[tuple[int, DayOutcome]]:
        """What has been finished."""
        ready, _ = self._ray.wait(list(self._numbers), num_returns=1, timeout=seconds)
        return [(self._numbers.pop(reference), self._outcome(reference)) for reference in ready]

    def _outcome(self, reference: Any) -> DayOutcome:
        try:
            outcome: DayOutcome = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as why:
            return DayOutcome(crash=str(why))
        except self._ray.exceptions.RayError as why:
            return DayOutcome(lost=f"Ray gave up ({type(why).__name__})")
        return outcome


def _knock(address: str | None) -> None:
    """Raises OSError where nobody listens: Ray itself would try for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        with socket.create_connection((host, int(port)), timeout=_ANSWERS_WITHIN_S):
            return


def require_ray() -> Any:
    """Ray. Raises UsageError where it is not installed."""
    # Else, under `uv run`, Ray packs the checkout and runs workers in a copy; it looks when it is imported.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
    except ImportError as why:
        raise UsageError(
            "--on ray: Ray is not installed; `uv sync --extra ray` (or `pip install 'atc[ray]'`) installs "
            "it, --on local builds on this machine without it"
        ) from why
    return ray
