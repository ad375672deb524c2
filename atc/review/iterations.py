"""How many trees or epochs a fit will make before it stops early, as recorded fits tell it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from atc.config.model import Gbdt, Model
from atc.config.nets import Net
from atc.config.schema import RunConfig
from atc.review.recorded import Recorded

_MOST = 5
"""Other fits that are asked, the latest ones."""


def steps_of(config: RunConfig, run: Recorded, runs: Sequence[Recorded]) -> float | None:
    """Iterations of the named model of `config`, of all its heads, if it is best where that of `run` was;
    None where they say nothing of each other.

    A fit is best after as many iterations as its learning rate makes of that, and then goes on for its
    patience, also where `run` came to its limit before its patience ended. Where `run` was still getting
    better at its limit, it is best where other fits of that kind in `runs` were, or goes to its limit.
    """
    mine, theirs = config.model, run.config.model
    if run.iterations is None or type(mine) is not type(theirs):
        return None
    if not isinstance(mine, Gbdt | Net) or not isinstance(theirs, Gbdt | Net):
        return None
    heads = heads_of(config)
    best = _best(run)
    if best is None:
        others = [found for one in runs if _alike(one, run) and (found := _best(one)) is not None]
        if not others:
            return float(limit_of(mine) * heads)
        best = max(median(others[-_MOST:]), _each(run) * theirs.learning_rate)
    stopped = max(1.0, best / mine.learning_rate) + mine.early_stopping
    return min(float(limit_of(mine)), stopped) * heads


def heads_of(config: RunConfig) -> int:
    """Heads that are fitted one after the other."""
    return len(config.label.all_horizons_s) if isinstance(config.model, Gbdt) else 1


def limit_of(model: Model) -> int:
    """Iterations of a fit that never stops early."""
    return model.n_estimators if isinstance(model, Gbdt) else int(getattr(model, "epochs", 1))


def _each(run: Recorded) -> float:
    """Iterations of one seed and head."""
    return (run.iterations or 0) / run.config.seeds.count / heads_of(run.config)


def _best(run: Recorded) -> float | None:
    """Where the fit was best, iterations × learning rate; None where it was still getting better."""
    model, each = run.config.model, _each(run)
    if not isinstance(model, Gbdt | Net) or run.iterations is None:
        return None
    if run.best_iterations is not None:
        best = run.best_iterations / run.config.seeds.count / heads_of(run.config)
    else:
        best = each - model.early_stopping if each < limit_of(model) else each
    return best * model.learning_rate if best < each else None


def _alike(one: Recorded, other: Recorded) -> bool:
    """Whether they learn the same kind of thing by the same kind of model."""
    mine, theirs = one.config, other.config
    return type(mine.model) is type(theirs.model) and mine.label.kind == theirs.label.kind
