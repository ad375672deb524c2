"""Names of the figures that a run is judged, chosen or claimed by."""

from __future__ import annotations

SMALL_IS_GOOD = frozenset({"log_loss", "brier", "ece", "mse"})
"""Figures of which less is better: of a lift above 0 the model is the worse one."""
OF_CLASSES = (
    *("auc", "direction_auc", "pr_auc", "log_loss", "brier", "ece", "accuracy", "macro_f1", "p_t"),
    *("pearson", "spearman"),
)
OF_RETURNS = ("pearson", "spearman", "mse", "directional_accuracy")
