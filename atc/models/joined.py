"""One report of several fits: of the heads of a label, or of the seeds of a model."""

from __future__ import annotations

from collections.abc import Mapping

from atc.models.base import FitReport, Importance


def joined(reports: Mapping[str, FitReport]) -> FitReport:
    """One report of the fits of several models, by name: curves and notes by name; importances, splits and
    iterations summed.
    """
    each = list(reports.values())
    importance: dict[str, Importance] = {}
    for report in each:
        for item in report.importance:
            before = importance.get(item.feature, Importance(item.feature, 0.0, None))
            splits = None if item.splits is None else item.splits + (before.splits or 0)
            importance[item.feature] = Importance(item.feature, before.value + item.value, splits)
    parameters = dict(each[0].parameters)
    for name, report in reports.items():
        parameters[f"best_iteration@{name}"] = report.best_iteration
    norms = [report.gradient_norm for report in each if report.gradient_norm is not None]
    return FitReport(
        parameters=parameters,
        curves={
            f"{figure}@{name}": curve
            for name, report in reports.items()
            for figure, curve in report.curves.items()
        },
        iterations=sum(report.iterations for report in each),
        best_iteration=sum(report.best_iteration for report in each),
        converged=None if each[0].converged is None else all(report.converged for report in each),
        gradient_norm=max(norms, default=None),
        importance_kind=each[0].importance_kind,
        importance=tuple(sorted(importance.values(), key=lambda item: -item.value)),
        null_columns=tuple(dict.fromkeys(name for report in each for name in report.null_columns)),
        constant_columns=tuple(dict.fromkeys(name for report in each for name in report.constant_columns)),
        notes=tuple(f"{name}: {note}" for name, report in reports.items() for note in report.notes),
    )
