"""Optuna's side of a search: the next values to try, and the study as a file that Optuna's own tools read.

The record of a search is its trials and their runs. The study is made of them, for each proposal anew and in
their order, with a sampler seeded by the trial's number: so a search that was killed proposes what it would
have proposed. The file follows the record and is never read back, but to see that it is of this search.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atc.config.search import Dimension, Search, Value
from atc.errors import DataError
from atc.sweep.search.results import Result

if TYPE_CHECKING:
    import optuna

STUDY = "study.journal"
_ASKED = "atc search"


def proposed(search: Search, before: Sequence[Result]) -> dict[str, Value]:
    """The values of the trial after those `before`, by key."""
    import numpy as np
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    number = len(before) + 1
    seed = int(np.random.SeedSequence([search.seed, number]).generate_state(1)[0])
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=search.startup)
    study = optuna.create_study(direction=search.direction, sampler=sampler)
    spaces = _distributions(search.space)
    study.add_trials([_trial(result, spaces) for result in before])
    return dict(study.ask(fixed_distributions=spaces).params)


class StoredStudy:
    """`study.journal` in the folder of a sweep, for `optuna.storages.journal.JournalFileBackend`."""

    def __init__(self, folder: Path, search: Search) -> None:
        """Raises DataError for a file that is no study, or one of another search."""
        self._path = folder / STUDY
        self._search = search
        self._study: optuna.Study | None = None
        self._stored = 0
        if self._path.exists():
            self._demand_same()

    def follow(self, results: Sequence[Result]) -> None:
        """Writes those that it has not; the first time the whole file anew, for its writer may have died."""
        if self._study is None:
            part = self._path.with_name(f".{self._path.name}.part")
            part.unlink(missing_ok=True)
            self._add(_opened(part, self._path.parent.name, self._search), results)
            part.replace(self._path)
            self._study = _opened(self._path, self._path.parent.name, self._search)
        else:
            self._add(self._study, results)

    def _add(self, study: optuna.Study, results: Sequence[Result]) -> None:
        spaces = _distributions(self._search.space)
        for result in results[self._stored :]:
            study.add_trial(_trial(result, spaces))
        self._stored = len(results)

    def _demand_same(self) -> None:
        for line in self._path.read_bytes().splitlines():
            try:
                found = json.loads(line).get("user_attr", {}).get(_ASKED)
            except (ValueError, AttributeError):
                continue  # the line that its writer died at
            if found is None:
                continue
            asked = _asked(self._search)
            other = [key for key in asked if found.get(key) != asked[key]]
            if other:
                raise DataError(
                    f"{self._path} is a study of another {', '.join(other)} "
                    f"({other[0]}: {found.get(other[0])!r} there, {asked[other[0]]!r} asked for); "
                    "move it away, and it is made anew from the trials"
                )
            return
        raise DataError(f"{self._path} is no study of this search; move it away, and it is made anew")


def _asked(search: Search) -> dict[str, Any]:
    plain = search.model_dump(mode="json")
    return {key: plain[key] for key in ("objective", "direction", "space", "seed", "startup", "pruner")}


class _Unlocked:
    """Optuna's lock of a journal, open: whoever writes has the lock of the sweep, and a lock file that a
    killed process leaves would stop the next.
    """

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def _opened(path: Path, name: str, search: Search) -> optuna.Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    unlocked: Any = _Unlocked()
    storage = JournalStorage(JournalFileBackend(str(path), lock_obj=unlocked))
    study = optuna.create_study(
        storage=storage, study_name=name, direction=search.direction, load_if_exists=True
    )
    if _ASKED not in study.user_attrs:
        study.set_user_attr(_ASKED, _asked(search))
    return study


def _trial(result: Result, spaces: Mapping[str, Any]) -> optuna.trial.FrozenTrial:
    from optuna.trial import TrialState, create_trial

    states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    return create_trial(
        state=states[result.status],
        value=result.value,
        params=dict(result.values),
        distributions=dict(spaces),
        intermediate_values=dict(result.steps),
        user_attrs={"job": result.number, "run": result.run},
    )


def _distributions(space: Mapping[str, Dimension]) -> dict[str, Any]:
    return {key: _distribution(dimension) for key, dimension in space.items()}


def _distribution(one: Dimension) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if one.choices is not None:
        return CategoricalDistribution(one.choices)
    assert one.low is not None and one.high is not None
    if one.whole:
        return IntDistribution(int(one.low), int(one.high), log=one.log, step=int(one.step or 1))
    step = None if one.step is None else float(one.step)
    return FloatDistribution(float(one.low), float(one.high), log=one.log, step=step)
