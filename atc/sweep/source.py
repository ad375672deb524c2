"""Where jobs come from that are known only one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from atc.sweep.manifest import PlannedJob
from atc.sweep.rows import Row

if TYPE_CHECKING:
    from atc.config.schema import RunConfig
    from atc.sweep.search.pruning import Pruning


class Source(Protocol):
    """Proposes the jobs of a sweep."""

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
