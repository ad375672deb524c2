"""Whether a trial is worth its end, asked where it runs, after each fold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

from atc.config.search import Median
from atc.sweep.search.results import fold_figure, running_means, write_steps
from atc.tracking.folds_heard import Figures, Pruned, folds_heard


@dataclass(frozen=True)
class Pruning:
    """What a trial is held against. Pickles."""

    objective: str
    direction: Literal["maximize", "minimize"]
    rule: Median
    before: tuple[Mapping[int, float], ...]
    """Of each complete trial before it the objective over its first folds, by their number."""


@contextmanager
def pruned_by(pruning: Pruning | None, folder: Path) -> Iterator[None]:
    """Ends the run that this process makes meanwhile by `Pruned`, if its folds say so; keeps them in the
    job's `folder`.
    """
    if pruning is None:
        yield
        return
    each: list[float | None] = []

    def listen(name: str, ended: int, folds: int, figures: Figures) -> None:
        each.append(fold_figure(figures, name, pruning.objective))
        steps = running_means(each)
        # After the last fold all that is asked is known.
        if ended not in steps or ended == folds or not is_pruned(pruning, ended, steps[ended]):
            return
        write_steps(folder, steps)
        others = [one[ended] for one in pruning.before if ended in one]
        raise Pruned(
            f"ended by the search after fold {ended} of {folds}: {pruning.objective} over them is "
            f"{steps[ended]:.4f}, the median of {len(others)} trials {median(others):.4f}"
        )

    with folds_heard(listen):
        yield


def is_pruned(pruning: Pruning, ended: int, value: float) -> bool:
    """What Optuna's median pruner says of a trial whose first `ended` folds gave `value`."""
    import optuna
    from optuna.trial import TrialState, create_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction=pruning.direction)
    for steps in pruning.before:
        last = steps[max(steps)] if steps else 0.0
        study.add_trial(create_trial(value=last, intermediate_values=dict(steps)))
    # Only this fold's: the pruner takes the best of all, and the first fold may be an easy one for everybody.
    trial = create_trial(state=TrialState.RUNNING, intermediate_values={ended: value})
    pruner = optuna.pruners.MedianPruner(
        n_startup_trials=pruning.rule.startup, n_warmup_steps=pruning.rule.warmup_folds + 1
    )
    return bool(pruner.prune(study, trial))
