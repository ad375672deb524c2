"""The trials of a search as jobs: proposed one after the other, each from what became of those before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from atc.config.digest import config_digest
from atc.config.problems import ConfigError
from atc.config.schema import RunConfig
from atc.config.search import Search, Value, with_values
from atc.errors import DataError
from atc.sweep.folder import TRIALS, job_folder
from atc.sweep.manifest import PlannedJob, line_of
from atc.sweep.search.pruning import Pruning
from atc.sweep.search.results import Result, result_of, values_of
from atc.sweep.search.study import StoredStudy, proposed
from atc.sweep.state import JobError, JobState, write_state
from atc.tracking import durable

if TYPE_CHECKING:
    from atc.sweep.rows import Row


class Trials:
    """Proposes the jobs of a search, see `atc.sweep.source.Source`."""

    def __init__(self, folder: Path, search: Search, base: RunConfig, overrides: tuple[str, ...]) -> None:
        """Raises DataError where the folder holds the study of another search."""
        self.planned = search.trials
        self._folder = folder
        self._search = search
        self._base = base
        self._overrides = overrides
        self._study = StoredStudy(folder, search)
        self._results: dict[int, tuple[JobState, Result]] = {}
        self._counted = 0, 0
        """Bytes of the file of trials, and the lines in them."""

    def propose(self, rows: Mapping[int, Row]) -> tuple[PlannedJob, RunConfig | None] | None:
        """The next trial, its line written; None where there are as many as were asked for.

        All `rows` have ended. A config of None: its values do not fit together, and it has failed already.
        Raises DataError where a finished trial has no such figure as the objective, or trials are recorded
        that are not those of `rows`.
        """
        self._demand_known(rows)
        results = self._ended(rows)
        self._study.follow(results)
        number = len(rows) + 1
        if number > self._search.trials:
            return None
        job, config, why = planned_trial(self._base, self._overrides, number, proposed(self._search, results))
        self._append(job)
        if why is not None:
            self._refuse(number, why)
        return job, config

    def title(self, job: PlannedJob) -> str:
        """The values of the trial."""
        return " ".join(job.overrides[len(self._overrides) :])

    def pruning(self, number: int, rows: Mapping[int, Row]) -> Pruning | None:
        """What trial `number` is held against while it runs."""
        search = self._search
        if search.pruner is None:
            return None
        before = self._ended({one: row for one, row in rows.items() if one < number})
        complete = tuple(result.steps for result in before if result.status == "complete")
        return Pruning(search.objective, search.direction, search.pruner, complete)

    def configs_of(self, jobs: Sequence[PlannedJob]) -> dict[int, RunConfig]:
        """The configs of recorded trials; without those whose values do not fit together.

        Raises DataError for a line that is not what its values say.
        """
        found = {}
        for job in jobs:
            values = values_of(job, self._search.space)
            again, config, _ = planned_trial(self._base, self._overrides, job.number, values)
            if again.config_digest != job.config_digest:
                raise DataError(
                    f"{self._folder / TRIALS}: the config of job {job.number} has digest "
                    f"{job.config_digest[:12]}, its values give {again.config_digest[:12]}: it was edited"
                )
            if config is not None:
                found[job.number] = config
        return found

    def _ended(self, rows: Mapping[int, Row]) -> list[Result]:
        found = []
        for number, row in sorted(rows.items()):
            if row.state is None:
                row.state = self._refused_before(row.job)
            known = self._results.get(number)
            if known is None or known[0] != row.state:
                known = row.state, result_of(self._folder, self._search, row.job, row.state)
                self._results[number] = known
            found.append(known[1])
        return found

    def _refuse(self, number: int, why: str) -> JobState:
        state = JobState("failed", 0, error=JobError("ConfigError", why))
        write_state(job_folder(self._folder, number), state)
        return state

    def _refused_before(self, job: PlannedJob) -> JobState:
        """The state of a trial whose values do not fit together, written anew: a process may die between its
        line and its state, or the state be lost later.
        """
        values = values_of(job, self._search.space)
        _, _, why = planned_trial(self._base, self._overrides, job.number, values)
        assert why is not None  # any other trial has been run before it is asked what it gave
        return self._refuse(job.number, why)

    def _append(self, job: PlannedJob) -> None:
        path = self._folder / TRIALS
        durable.append_line(path, line_of(asdict(job)))
        self._counted = path.stat().st_size, job.number

    def _demand_known(self, rows: Mapping[int, Row]) -> None:
        """Raises DataError where the file has not as many lines as there are `rows`: the next one would not
        be that of the next trial.
        """
        path = self._folder / TRIALS
        if (path.stat().st_size if path.exists() else 0) != self._counted[0]:
            content = path.read_bytes() if path.exists() else b""
            self._counted = len(content), content.count(b"\n")
        there = self._counted[1]
        if there != len(rows):
            raise DataError(
                f"{path} has {there} trials, this process knows {len(rows)}: another one has changed it "
                "meanwhile; give the command again, and it goes on from what is there"
            )


def planned_trial(
    base: RunConfig, overrides: tuple[str, ...], number: int, values: Mapping[str, Value]
) -> tuple[PlannedJob, RunConfig | None, str | None]:
    """Trial `number` of `base` with these values, its config, and why there is none."""
    words = (*overrides, *(f"{key}={json.dumps(value)}" for key, value in values.items()))
    try:
        config: RunConfig = with_values(base, values)
    except ConfigError as wrong:
        plain = with_values(base, values, check=False)
        digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
        why = "; ".join(str(problem) for problem in wrong.problems)
        return PlannedJob(number, words, digest, plain), None, why
    return PlannedJob(number, words, config_digest(config), config.model_dump(mode="json")), config, None
