"""Jobs as Ray tasks: on this machine or on every node of a cluster that sees the same folders.

A job's result is files, so a worker or a node that is killed loses nothing but the job it was at; Ray begins
it anew elsewhere, and the lock of the dead went with it.
"""

from __future__ import annotations

import os
import socket
from types import TracebackType
from typing import Any, Generic, Self

from atc.errors import UsageError
from atc.executors import Job, Outcome, Work, outcome_of

_RETRIES = 3
"""So often Ray begins a task anew whose worker or node went away."""
_ANSWERS_WITHIN_S = 10.0


class RayTasks(Generic[Job, Outcome]):
    """`address`: of a cluster, as `ray.init` takes it; None: Ray on this machine alone, or RAY_ADDRESS.

    `workers`: tasks at a time; None: as many as the cluster has CPUs for. `cpus`: of a task. `retries`: so
    often Ray begins one anew whose worker or node went away. `each`: so many tasks a process does before it
    ends; 0: any number. `option`: what messages call the address. Raises UsageError without Ray or without a
    cluster at `address`.
    """

    def __init__(
        self,
        work: Work[Job, Outcome],
        address: str | None,
        workers: int | None,
        *,
        cpus: int = 1,
        retries: int = _RETRIES,
        each: int = 0,
        option: str = "--address ",
    ) -> None:
        self._work = work
        self._ray = require_ray()
        self._ours = not self._ray.is_initialized()
        if self._ours:
            self._connect(address, None if workers is None else workers * cpus, option)
        self.capacity = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)) // cpus)
        self._do = self._ray.remote(num_cpus=cpus, max_retries=retries, max_calls=each)(outcome_of)
        self._numbers: dict[Any, int] = {}

    def _connect(self, address: str | None, cpus: int | None, option: str) -> None:
        address = address or os.environ.get("RAY_ADDRESS")
        own = {} if address else {"num_cpus": cpus, "include_dashboard": False}
        try:
            _knock(address)
            self._ray.init(address=address or "local", log_to_driver=False, configure_logging=False, **own)
        except (OSError, RuntimeError, ValueError) as why:
            raise UsageError(
                f"{option}{address}: no Ray cluster answers there ({why}); expected HOST:PORT as `ray "
                f"start --head` prints it, or leave {option.strip(' =')} out for Ray on this machine"
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

    def submit(self, number: int, job: Job) -> None:
        """Starts the task."""
        self._numbers[self._do.remote(self._work.does, job)] = number

    def wait(self, seconds: float) -> list[tuple[int, Outcome]]:
        """What has been finished."""
        ready, _ = self._ray.wait(list(self._numbers), num_returns=1, timeout=seconds)
        return [(self._numbers.pop(reference), self._outcome(reference)) for reference in ready]

    def _outcome(self, reference: Any) -> Outcome:
        try:
            outcome: Outcome = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as why:
            return self._work.crashed(str(why))
        except self._ray.exceptions.RayError as why:
            return self._work.lost(f"Ray gave up ({type(why).__name__})")
        return outcome


def _knock(address: str | None) -> None:
    """Raises OSError where nobody listens: Ray itself would try for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        with socket.create_connection((host, int(port)), timeout=_ANSWERS_WITHIN_S):
            return


def require_ray(asked: str = "--on ray", instead: str = "--on local builds on this machine") -> Any:
    """Ray. Raises UsageError where it is not installed, with what asked for it and what does without."""
    # Else, under `uv run`, Ray packs the checkout and runs workers in a copy; it looks when it is imported.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
    except ImportError as why:
        raise UsageError(
            f"{asked}: Ray is not installed; `uv sync --extra ray` (or `pip install 'atc[ray]'`) installs "
            f"it, {instead} without it"
        ) from why
    return ray
