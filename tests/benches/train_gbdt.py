"""Trees at full size: ATC's `model=gbdt_fast`, the same with `thinning=every_k thinning.k=3`, LightGBM with
SPEC 4 and nothing else, xgboost's `hist`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from features_table import FeatureTable, Goal
from train import Case, Clock, Found
from train_rows import SyntheticRows

if TYPE_CHECKING:
    from atc.protocol.dataset import Block

MANY, MANY_TREES = 46_000_000, 50
SOME, SOME_TREES = 10_000_000, 500
COLUMNS = 36
MODELS = ("atc", "lightgbm", "xgboost")
THINNED, KTH = "atc on every 3rd row", 3
SPEC_4 = {
    "objective": "binary", "max_depth": 8, "num_leaves": 63, "min_child_samples": 1000, "learning_rate": 0.05,
    "feature_fraction": 0.9, "bagging_fraction": 0.8, "bagging_freq": 5, "seed": 1, "num_threads": 2,
    "verbosity": -1,
}  # fmt: skip
"""LightGBM's parameters as the plan has them, everything else its own defaults."""


def cases() -> list[Case]:
    """Each model at both sizes; thinned rows at the smaller."""
    return [
        *(Case(f"{model}, {MANY_TREES} trees of many rows", MANY, COLUMNS) for model in MODELS),
        *(Case(f"{model}, {SOME_TREES} trees", SOME, COLUMNS) for model in (THINNED, *MODELS)),
    ]


def run(case: str, data: SyntheticRows, clock: Clock) -> dict[str, float]:
    """Construct and train; then score rows that nobody has seen."""
    model = case.partition(",")[0]
    trees = MANY_TREES if case.endswith("many rows") else SOME_TREES
    if model in ("atc", THINNED):
        return _atc(data, trees, clock, every=KTH if model == THINNED else 1)
    return {"lightgbm": _lightgbm, "xgboost": _xgboost}[model](data, trees, clock)


def _atc(data: SyntheticRows, trees: int, clock: Clock, every: int) -> dict[str, float]:
    import atc
    from atc.models.base import fit_model
    from atc.models.build import build_model
    from atc.protocol.dataset import Block

    words = ["model=gbdt_fast", f"model.n_estimators={trees}", f"model.early_stopping={trees}"]
    model = build_model(atc.compose(words).model)
    held = data.held_out()
    valid = Block(x=held.x, y=held.y[:, None], features=held.features)
    with clock():
        fit_model(model, _training_rows(data, every), valid, seed=1)
    return {"auc": _auc(held.y, model.predict(held.x)[:, 0])}


def _training_rows(data: SyntheticRows, every: int) -> Block:
    """As a run hands them to a fit: as slices of the matrix, and no list of rows stays."""
    from atc.protocol.dataset import Block
    from atc.protocol.row_runs import rows_of
    from atc.protocol.thinning import every_kth

    rows = every_kth(np.arange(data.rows), every)
    return Block(x=rows_of(data.x, rows), y=data.y[rows, None], features=data.features)


def _lightgbm(data: SyntheticRows, trees: int, clock: Clock) -> dict[str, float]:
    import lightgbm

    held = data.held_out()
    with clock():
        rows = lightgbm.Dataset(data.x, label=data.y, params=dict(SPEC_4))
        valid = lightgbm.Dataset(held.x, label=held.y, reference=rows)
        booster = lightgbm.train(dict(SPEC_4), rows, num_boost_round=trees, valid_sets=[valid])
    return {"auc": _auc(held.y, booster.predict(held.x))}


def _xgboost(data: SyntheticRows, trees: int, clock: Clock) -> dict[str, float]:
    import xgboost

    held = data.held_out()
    chosen = {
        "objective": "binary:logistic", "tree_method": "hist", "max_depth": 8, "max_leaves": 63,
        "grow_policy": "lossguide", "eta": 0.05, "colsample_bytree": 0.9, "subsample": 0.8, "nthread": 2,
        "seed": 1,
    }  # fmt: skip
    with clock():
        rows = xgboost.QuantileDMatrix(data.x, label=data.y)
        valid = xgboost.QuantileDMatrix(held.x, label=held.y, ref=rows)
        booster = xgboost.train(chosen, rows, trees, evals=[(valid, "valid")], verbose_eval=False)
    return {"auc": _auc(held.y, booster.predict(xgboost.DMatrix(held.x)))}


def _auc(y: Any, score: Any) -> float:
    from atc.models.ranking import auc

    found = auc(y == 1.0, score.astype(float))
    assert found is not None
    return found


def tabulate(table: FeatureTable, found: Mapping[str, Found]) -> None:
    """ATC against both peers, at both sizes."""
    for name, one in found.items():
        size = f"gbdt, {one.rows:,} × {COLUMNS}: {name}"
        plain = found.get(f"lightgbm,{name.partition(',')[2]}")
        mine = name.startswith("atc")
        many = name.endswith("many rows")
        against = None if plain is None or name.startswith("lightgbm") else f"lightgbm: {plain.seconds:.0f} s"
        ratio = None if against is None or plain is None else plain.seconds / one.seconds
        faster = Goal(1 / 0.7) if mine and not many and ratio is not None else None
        table.add(size, one.seconds, "s", against=against, ratio=ratio, goal=faster)
        table.add(f"{size}: CPU time", one.cpu_seconds, "s")
        memory = Goal(5 * 1024, at_most=True) if mine and many else None
        table.add(f"{size}: peak anonymous memory", one.peak_mib, "MiB", goal=memory)
        table.add(f"{size}: AUC on {500_000:,} unseen rows", one.figures["auc"], "")
        if mine and plain is not None:
            lost = plain.figures["auc"] - one.figures["auc"]
            table.add(f"{size}: AUC lost to lightgbm", lost, "", goal=Goal(0.001, at_most=True))
