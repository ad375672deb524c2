"""What the figures of a run allow to say, in sentences. An interval decides; a point figure alone never
does.
"""

from __future__ import annotations

from collections.abc import Mapping

Metrics = Mapping[str, int | float | None]


def verdict(metrics: Metrics) -> list[str]:
    """Sentences on a two-class run: against its baseline, against volatility, on direction. Empty for other
    tasks.
    """
    if "holdout/auc" not in metrics:
        return []
    if metrics["holdout/auc"] is None:
        return [
            "The holdout is sealed, or its figures are undefined: nothing tells how the model does there."
        ]
    if metrics.get("holdout/auc/lo") is None:
        return [
            "No interval: the holdout has too few independent blocks. The figures describe these rows and "
            "cannot tell skill from luck."
        ]
    return [
        *_against(metrics, "lift/holdout/auc", "the baseline"),
        *_against(metrics, "lift_over_volatility/holdout/auc", "volatility and time of day alone"),
        *_direction(metrics),
    ]


def _against(metrics: Metrics, key: str, whom: str) -> list[str]:
    low, high = metrics.get(f"{key}/lo"), metrics.get(f"{key}/hi")
    if low is None or high is None:
        return (
            [f"Whether the model beats {whom} is undefined: the lift has no interval."]
            if key in metrics
            else []
        )
    if low > 0:
        return [f"The model ranks better than {whom}: the interval of the lift lies above 0."]
    if high < 0:
        return [f"The model ranks worse than {whom}: the interval of the lift lies below 0."]
    return [f"The model is not told apart from {whom}: the interval of the lift contains 0."]


def _direction(metrics: Metrics) -> list[str]:
    low, high = metrics.get("holdout/direction_auc/lo"), metrics.get("holdout/direction_auc/hi")
    if low is None or high is None:
        return []
    if low > 0.5:
        return ["It knows direction: the interval of the direction AUC lies above 0.5."]
    if high < 0.5:
        return ["It has direction the wrong way round: the interval of the direction AUC lies below 0.5."]
    return ["No direction is shown: the interval of the direction AUC contains 0.5."]
