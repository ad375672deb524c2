"""What the figures of a run allow to say, in sentences. An interval decides; a point figure alone never
does.
"""

from __future__ import annotations

from atc.evaluation.power import Metrics, below_power, reference

__all__ = ["BELOW_POWER", "RANKINGS", "Metrics", "ranking_of", "verdict"]

BELOW_POWER = "†"
"""Marks a claim that is smaller than what the data can be relied upon to show."""

RANKINGS = {"auc": "AUC", "pearson": "Pearson"}
"""The figures by which models are ranked, and their names: of classes, and of a return."""


def ranking_of(metrics: Metrics) -> str:
    """Which of `RANKINGS` ranks the models of these figures."""
    named = {key.partition("@")[0] for key in metrics}
    areas = ("valid/auc", "holdout/auc", "folds/auc/mean")
    correlations = ("valid/pearson", "holdout/pearson", "folds/pearson/mean")
    return "auc" if named.intersection(areas) or not named.intersection(correlations) else "pearson"


def verdict(metrics: Metrics) -> list[str]:
    """Sentences on each head: against its baseline, against volatility, on direction. Empty for tasks that
    rank nothing.
    """
    start = f"holdout/{ranking_of(metrics)}"
    ranked = [key for key in metrics if key == start or key.startswith(f"{start}@")]
    heads = sorted(
        {key.removeprefix(start).partition("/")[0] for key in ranked}, key=lambda at: (len(at), at)
    )
    if ranked and all(metrics[f"{start}{at}"] is None for at in heads):
        return [
            "The holdout is sealed, or its figures are undefined: nothing tells how the model does there."
        ]
    return [f"{at[1:]}: {told}" if at else told for at in heads for told in _of_head(metrics, at)]


def _of_head(metrics: Metrics, at: str) -> list[str]:
    """Sentences on one head; `at`: what follows a figure's name, such as `@300s`."""
    ranking = ranking_of(metrics)
    if metrics[f"holdout/{ranking}{at}"] is None:
        one = (
            "labels are of one class" if ranking == "auc" else "returns, or the predictions, are all the same"
        )
        return [f"The {RANKINGS[ranking]} is undefined: the holdout's {one}."]
    if metrics.get(f"holdout/{ranking}{at}/lo") is None:
        return [
            "No interval: the holdout has too few independent blocks. Each class has to lie in enough of "
            "them. The figures describe these rows and cannot tell skill from luck."
        ]
    return [
        *(_below(metrics, f"holdout/auc{at}") if ranking == "auc" else _correlated(metrics, at)),
        *_against(metrics, f"lift/holdout/{ranking}{at}", "the baseline"),
        *_against(metrics, f"lift_over_volatility/holdout/{ranking}{at}", "volatility and time of day alone"),
        *_direction(metrics, f"holdout/direction_auc{at}"),
        *_calls(metrics, at),
    ]


def _correlated(metrics: Metrics, at: str) -> list[str]:
    """Whether a predicted return goes with the return at all; no power is known of it."""
    low, high = (metrics.get(f"holdout/pearson{at}/{end}") for end in ("lo", "hi"))
    if low is None or high is None:
        return []
    where = "the interval of Pearson's correlation"
    if low > 0:
        return [f"It goes with the return: {where} lies above 0."]
    if high < 0:
        return [f"It goes against the return: {where} lies below 0."]
    return [f"It is not shown to know the return: {where} contains 0."]


def _against(metrics: Metrics, key: str, whom: str) -> list[str]:
    low, high = metrics.get(f"{key}/lo"), metrics.get(f"{key}/hi")
    if low is None or high is None:
        return (
            [f"Whether the model beats {whom} is undefined: the lift has no interval."]
            if key in metrics
            else []
        )
    if low > 0:
        told = f"The model ranks better than {whom}: the interval of the lift lies above 0."
        return [told, *_below(metrics, key)]
    if high < 0:
        return [f"The model ranks worse than {whom}: the interval of the lift lies below 0."]
    told = f"The model is not told apart from {whom}: the interval of the lift contains 0."
    _, least = reference(metrics, key)
    if least is not None:
        told += f" Lifts under {least:.4f} are likely to be missed here."
    return [told]


def _below(metrics: Metrics, key: str) -> list[str]:
    value = metrics.get(key)
    chance, least = reference(metrics, key)
    if value is None or least is None or not below_power(metrics, key):
        return []
    area = "direction AUC" if key.startswith("holdout/direction_auc") else "AUC"
    what = "lift" if key.startswith("lift") else f"distance of the {area} from 0.5"
    return [
        f"{BELOW_POWER} The {what}, {value - chance:.4f}, is less than the {least:.4f} that this holdout was "
        "said to show in 80 % of cases: of figures so small, those that luck made larger are the ones that "
        "show. Confirm it on more data."
    ]


def _direction(metrics: Metrics, key: str) -> list[str]:
    low, high = metrics.get(f"{key}/lo"), metrics.get(f"{key}/hi")
    if low is None or high is None:
        return []
    if low > 0.5:
        told = "It knows direction: the interval of the direction AUC lies above 0.5."
        if reference(metrics, key)[1] is None:
            return [f"{told} How small a one this holdout can show was not said before the fit."]
        return [told, *_below(metrics, key)]
    if high < 0.5:
        return ["It has direction the wrong way round: the interval of the direction AUC lies below 0.5."]
    return ["No direction is shown: the interval of the direction AUC contains 0.5."]


def _calls(metrics: Metrics, at: str) -> list[str]:
    """On macro-F1, by which models of SHORT, FLAT and HOLD are ranked (SPEC 7); no power is known of it."""
    key = f"lift/holdout/macro_f1{at}"
    low, high = metrics.get(f"{key}/lo"), metrics.get(f"{key}/hi")
    if f"holdout/f1/SHORT{at}" not in metrics or low is None or high is None:
        return []
    where = "the interval of the lift in macro-F1"
    if low > 0:
        return [f"It calls the classes better than the baseline: {where} lies above 0."]
    if high < 0:
        return [f"It calls the classes worse than the baseline: {where} lies below 0."]
    return [f"Its calls are not told apart from the baseline's: {where} contains 0."]
