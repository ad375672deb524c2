"""The gap that the gate judges, of one fold that is fitted on planted rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from planted_rows import START, planted_rows
from sklearn.metrics import roc_auc_score

import atc
from atc.labels.definitions import fit_label
from atc.protocol.fold import Fold, FoldSpans, rows_of_fold
from atc.tasks.base import Desk
from atc.tasks.fitting import plans_of
from atc.tasks.folds import FittedFold, fit_folds
from atc.tasks.loaded import Loaded

N = 3000


class _Silent:
    """A desk's stage and bar."""

    def __call__(self, *_: object) -> _Silent:
        return self

    def __enter__(self) -> _Silent:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def update(self, *_: object, **__: object) -> None:
        """Nobody looks."""


def fitted(kind: str) -> FittedFold:
    """One fold of logistic regressions on noise and one telling column."""
    config = atc.compose(["+experiment=logistic_36feat", f"calibration={kind}", "protocol=walk_forward"])
    columns = tuple(dict.fromkeys(name for plan in plans_of(config) for name in plan.columns))
    rows = planted_rows(N)
    x = np.random.default_rng(3).standard_normal((N, len(columns))).astype(np.float32)
    x[:, 0] += 0.3 * np.nan_to_num(rows.r_bps[:, 0])
    label = fit_label(config.label, rows.r_bps)
    rows = replace(rows, x=x, features=columns, y=label.codes(rows.r_bps))
    end = int(rows.t0[-1]) + 1
    edges = [START, *(START + (end - START) * part // 10 for part in (6, 8)), end]
    spans = FoldSpans("1", fit=((edges[0], edges[2]),), test=((edges[2], end),), valid_start_ns=edges[1])
    usable = ~np.isnan(rows.y[:, 0])
    fold: Fold = rows_of_fold(spans, rows.t0, rows.last_t1, usable, embargo_ns=0)
    unread: Any = None
    loaded = Loaded(
        parts=unread,
        valid=rows,
        valid_judged=usable,
        split=unread,
        described={},
        label=label,
        balance={},
        spans=unread,
        holdout_windows=len,  # type: ignore[arg-type]  # nobody asks
        train_range=rows,
        folds=(fold,),
    )
    (found,) = fit_folds(config, loaded, Desk(_Silent(), _Silent()))
    return found


@pytest.mark.parametrize("kind", ["isotonic", "temperature"])
def test_calibration_makes_no_gap_smaller(kind: str) -> None:
    plain, mended = fitted("none"), fitted(kind)
    assert plain.gap is not None
    assert mended.gap is not None
    assert mended.gap == pytest.approx(plain.gap, abs=1e-12)
    figures = mended.figures
    # An isotonic curve, fitted on the validation rows, would rank them better than the model does.
    for part in ("train", "valid"):
        assert figures[f"fold/1/{part}/auc"] == plain.figures[f"fold/1/{part}/auc"]
    # The scores that judge are the calibrated ones all the same.
    judged = mended.test.y[mended.decided.place.judged, 0]
    scores = mended.decided.scores["model"][mended.decided.place.judged, 0]
    assert figures["fold/1/test/auc"] == pytest.approx(roc_auc_score(judged, scores), abs=1e-12)
    assert set(mended.decided.raw) == {"model", "baseline", "volatility"}
    assert not plain.decided.raw
