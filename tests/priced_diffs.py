"""Thirty differences of experiments, small enough to be run: some that commits of this project made, and some
that a reviewer sees every day.
"""

from __future__ import annotations

from dataclasses import dataclass

MARKET = ("data.days=6", "data.rate=0.3", "window.train_days=4", "window.holdout_days=2")
"""Six simulated days, as the end-to-end tests have them."""
TREES = ("+experiment=gbdt_36feat", *MARKET, "model.n_estimators=40", "model.min_child_samples=60")
LINE = ("+experiment=logistic_36feat", *MARKET)
NET = ("+experiment=hold10_softmax_mlp_36feat", *MARKET, "model.epochs=4")
HISTORY = (TREES, LINE, NET)
"""Runs that have been made before."""


@dataclass(frozen=True)
class PricedDiff:
    """A run of `left` has been made; what does one of `right` take?"""

    name: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    since: str = ""
    """The commit that made such a difference; empty: made up."""


def changed(base: tuple[str, ...], *words: str, since: str = "") -> PricedDiff:
    return PricedDiff(" ".join(words), base, (*base, *words), since)


DIFFS = (
    changed(TREES, "seed=2"),
    changed(TREES, "seeds.count=2", since="5627d02"),
    changed(TREES, "model.num_leaves=15"),
    changed(TREES, "model.n_estimators=120"),
    changed(TREES, "model.learning_rate=0.1", "model.early_stopping=10"),
    changed(TREES, "features=legacy13", since="7077dab"),
    PricedDiff("a line instead of trees", TREES, LINE, "7077dab"),
    changed(TREES, "refit=expanding", "refit.every_days=1", since="40f5d8d"),
    changed(TREES, "protocol=walk_forward", "protocol.folds=3", since="04cdfe0"),
    changed(TREES, "protocol=random_split", since="04cdfe0"),
    changed(TREES, "protocol.valid_fraction=0.2"),
    changed(TREES, "protocol.sealed=true", since="98264c9"),
    changed(TREES, "calibration=isotonic", since="7e4a2a2"),
    changed(TREES, "weights=uniqueness", since="339cf20"),
    changed(TREES, "weights.classes=balanced", since="17ef90d"),
    changed(TREES, "thinning=every_k", "thinning.k=4", since="20c43bf"),
    changed(TREES, "label.exit_bps=4"),
    changed(TREES, "label.horizon_s=60"),
    changed(TREES, "label=hold10_3class", "baseline=softmax_13feat", since="caa64cc"),
    changed(TREES, "baseline=logistic_36feat", since="e859d97"),
    changed(TREES, "features=plan36_flow", since="8df1006"),
    changed(TREES, "features.engine.min_values=30"),
    changed(TREES, "sampling.max_gap_s=30"),
    changed(TREES, "data.seed=2"),
    changed(TREES, "data.days=8", "window.train_days=6"),
    changed(TREES, "window.train_days=3"),
    changed(TREES, "explain=none", since="f34b8a8"),
    changed(TREES, "backtest=none", since="2d226cd"),
    changed(LINE, "features=all38"),
    changed(NET, "model.epochs=8", since="8f8b0c7"),
)
