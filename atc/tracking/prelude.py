"""What a run says and costs before its record can be opened."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Self

from atc.tracking.run_log import RunLog
from atc.tracking.stages import Stage, Stages


class Prelude:
    """What happens before the run id is known: keeps log lines and stage costs for the record to take over.

    A run id depends on the data's digest, so simulating or ingesting comes before the record can be opened.
    """

    def __init__(self) -> None:
        self.log = RunLog()
        self.stages = Stages()

    def __enter__(self) -> Self:
        self.log.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.log.close()

    def stage(self, name: str) -> AbstractContextManager[Stage]:
        """Times the body as a stage of the run to come; see `Stages.stage`."""
        return self.stages.stage(name)
