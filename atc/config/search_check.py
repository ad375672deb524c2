"""What a search may ask of a run: refused before the first trial starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from atc.config.figures import OF_CLASSES, OF_RETURNS, SMALL_IS_GOOD
from atc.config.search import Search, with_values
from atc.errors import nearest

if TYPE_CHECKING:
    from atc.config.problems import Problem
    from atc.config.schema import RunConfig

_ANOTHER_QUESTION = frozenset(
    {"baseline", "data", "evaluation", "label", "name", "protocol", "sampling", "window"}
)
"""Trials that differ here are judged on other rows, by other answers or by other figures: the best of them
would be the one with the easiest question.
"""
_AFTERWARDS = frozenset({"backtest", "cost", "execution", "explain", "policy", "refit"})
"""What is done with the scores of a model: a search chooses by the scores."""
_NO_RESULT = frozenset({"paths", "plan", "quality", "runtime", "tracking"})
_LUCK = frozenset({"seed", "seeds"})
_ANOTHER_ANSWER = {
    "model.sequence_length": "trials with another length are judged on other rows, those at which a whole "
    "window ends, and their figures cannot be compared",
    "features.engine": "the baseline reads by the same formulas, so each trial would be held against another "
    "one: set it for all trials instead",
}
"""Of the parts that are searched; a key stands for all below it."""


def check_search(search: Search, config: RunConfig) -> list[Problem]:
    """What is wrong with searching `config` like this: known before anything is started."""
    from atc.config.problems import Problem

    found = [Problem("search.objective", why) for why in _wrong_objective(search, config)]
    found += [Problem(f"search.space.{key}", why) for key, why in _wrong_space(search, config)]
    if config.protocol.sealed is False:
        why = "a search chooses by what its trials show, so they are sealed: leave it out, or true"
        found.append(Problem("protocol.sealed", why))
    if config.protocol.kind == "random_split":
        why = "random_split is a control: a search would choose what leaks best; use walk_forward"
        found.append(Problem("protocol.kind", why))
    if search.pruner is not None and (
        config.protocol.kind != "walk_forward" or not search.objective.startswith("folds/")
    ):
        why = (
            "a trial is ended early by its folds: needs protocol=walk_forward and an objective folds/…/mean; "
            f"found {config.protocol.kind} and {search.objective} (or search.pruner=null)"
        )
        found.append(Problem("search.pruner", why))
    return found


def _wrong_objective(search: Search, config: RunConfig) -> Iterator[str]:
    asked = search.objective
    if "holdout" in asked or asked.startswith(("backtest/", "refit/", "fallback/")):
        yield (
            f"found {asked!r}: whoever chooses by the holdout has no holdout left, and trials are sealed; "
            "valid/… or folds/…/mean was expected"
        )
        return
    known = objectives(config)
    if asked.startswith("folds/") and not any(one.startswith("folds/") for one in known):
        yield f"found {asked!r}, but protocol={config.protocol.kind} has no folds; add protocol=walk_forward"
    elif asked not in known:
        yield f"this run has no {asked!r} to search by; {nearest(asked, known)}"
    figure = asked.removesuffix("/mean").rpartition("/")[2].partition("@")[0]
    wanted = "minimize" if figure in SMALL_IS_GOOD else "maximize"
    if asked in known and search.direction != wanted:
        yield f"{asked} is better {'small' if wanted == 'minimize' else 'large'}: search.direction={wanted}"


def objectives(config: RunConfig) -> list[str]:
    """The figures of validation and folds that a run of `config` can be chosen by."""
    from atc.features.label_spec import LabelSpec  # not atc.labels: a config is judged without NumPy

    returns = config.label.kind == "fwd_logret"
    heads = [f"@{name}" if name else "" for name in LabelSpec.over(config.label.all_horizons_s).names]
    figures = OF_RETURNS if returns else OF_CLASSES
    ranking = "pearson" if returns else "auc"
    found = [f"valid/{figure}{head}" for figure in figures for head in heads]
    if config.protocol.kind in ("walk_forward", "cpcv"):
        of_folds = (*(one for one in figures if one != "p_t"), f"valid/{ranking}", f"lift/{ranking}")
        found += [f"folds/{figure}{head}/mean" for figure in of_folds for head in heads]
    return found


def one_by_one(launcher: str) -> str | None:
    """Why a search cannot be launched like that; None where it can."""
    if launcher == "basic":
        return None
    return (
        f"found {launcher}: a trial is proposed from all before it, so they run one after the other; "
        "launcher=basic (the trees of a trial take model.num_threads)"
    )


def _unsearchable(key: str) -> str:
    top = key.partition(".")[0]
    for known, why in _ANOTHER_ANSWER.items():
        if f"{key}.".startswith(f"{known}."):
            return why
    if top in _ANOTHER_QUESTION:
        return f"trials with another {top} answer another question, and their figures cannot be compared"
    if top in _AFTERWARDS:
        return "no figure of validation or folds depends on it: there is nothing to search"
    if top in _NO_RESULT:
        return "no result depends on it: there is nothing to search"
    if top in _LUCK:
        return "the best of several seeds is luck: leave it out (seeds.count averages over several)"
    return ""


def _wrong_space(search: Search, config: RunConfig) -> Iterator[tuple[str, str]]:
    from atc.config.problems import ConfigError, unknown_key

    data = config.model_dump(mode="json")
    right = True
    for key, dimension in search.space.items():
        why = _unsearchable(key)
        if not why:
            try:
                for value in dimension.tried:
                    with_values(config, {key: value})
            except (KeyError, TypeError):
                why = unknown_key(key, data)
            except ConfigError as wrong:
                why = "; ".join(problem.message for problem in wrong.problems)
                if value not in dimension.corners:
                    why += "; whole numbers are drawn between whole ends, such as {low: 7, high: 31}"
        if why:
            right = False
            yield key, why
    if not right:
        return
    for name, end in (("lowest", 0), ("highest", -1)):
        values = {key: dimension.corners[end] for key, dimension in search.space.items()}
        try:
            with_values(config, values)
        except ConfigError as wrong:
            told = "; ".join(str(problem) for problem in wrong.problems)
            yield next(iter(values)), f"the {name} values of all keys do not fit together: {told}"
