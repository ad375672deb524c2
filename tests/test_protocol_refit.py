"""Refits on the way: nothing is learnt before it is known, every row is scored once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_rows import planted_rows

from atc.config.model import Gbdt
from atc.config.refit import DailyUpdate, Expanding, Never, Refit, Rolling
from atc.events.business_day import DAY_NS
from atc.models.base import fit_model
from atc.models.build import build_model
from atc.models.per_head import PerHead
from atc.protocol.refit import updates

HOUR_NS = DAY_NS // 24
KINDS: list[Refit] = [
    Expanding(kind="expanding", every_days=2, label_delay_s=7200.0),
    Rolling(kind="rolling", every_days=3, window_days=4),
    DailyUpdate(kind="daily_update", window_days=2, label_delay_s=3600.0),
]


@pytest.mark.parametrize("calibrates", [False, True])
@pytest.mark.parametrize("refit", KINDS, ids=lambda refit: refit.kind)
@given(st.data())
def test_updates_equal_the_definition(refit: Refit, calibrates: bool, data: st.DataObject) -> None:
    hours = sorted(data.draw(st.lists(st.integers(0, 20 * 24), min_size=1, max_size=60)))
    horizons = data.draw(st.lists(st.integers(1, 30), min_size=len(hours), max_size=len(hours)))
    t0 = np.array(hours) * HOUR_NS
    t1 = t0 + np.array(horizons) * HOUR_NS
    usable = np.array(data.draw(st.lists(st.booleans(), min_size=len(hours), max_size=len(hours))))
    judged = (10 * DAY_NS, 18 * DAY_NS + HOUR_NS)
    found = updates(refit, judged, DAY_NS, t0, t1, usable=usable, valid_fraction=0.25, calibrates=calibrates)
    assert not isinstance(refit, Never)
    scored: list[int] = []
    for update in found:
        at = update.span[0]
        assert (at - judged[0]) % (refit.every_days * DAY_NS) == 0
        first = DAY_NS if isinstance(refit, Expanding) else max(DAY_NS, at - refit.window_days * DAY_NS)
        known = {
            i
            for i in range(len(t0))
            if usable[i] and first <= t0[i] and t1[i] + refit.label_delay_s * 1e9 < at
        }
        assert set(update.valid) <= known
        if isinstance(refit, DailyUpdate) and not calibrates:
            assert (set(update.train), len(update.valid)) == (known, 0)
        else:
            selects = at - (at - first) // 4
            assert set(update.valid) == {i for i in known if t0[i] >= selects}
            assert set(update.train) == {
                i for i in known if t0[i] < selects and not any(t0[j] <= t1[i] for j in update.valid)
            }
        scored += update.scores.tolist()
    assert scored == [i for i in range(len(t0)) if judged[0] <= t0[i] < judged[1]]


def test_a_model_that_is_never_refitted_has_no_updates() -> None:
    t0 = np.arange(10) * DAY_NS
    never, judged = Never(kind="never"), (0, 10 * DAY_NS)
    found = updates(never, judged, 0, t0, t0 + 1, usable=t0 >= 0, valid_fraction=0.1, calibrates=True)
    assert found == ()


def trees_of(model: PerHead, folder: Path) -> list[str]:
    """The text of each tree."""
    (name,) = model.save(folder, "")
    text = (folder / name).read_text(encoding="utf-8").split("end of trees")[0]
    return [tree.partition("\n")[2].strip() for tree in text.split("Tree=")[1:]]


def test_trees_go_on_from_where_they_stand(tmp_path: Path) -> None:
    data = planted_rows(6000)
    config = Gbdt(kind="gbdt", n_estimators=10, min_child_samples=50, num_leaves=15, num_threads=1)
    model = build_model(config)
    fit_model(model, data.block(np.arange(2000)), data.block(np.arange(2100, 2600)), seed=1)
    assert isinstance(model, PerHead)
    before = model.predict(data.x)
    grown = model.grown(data.block(np.arange(2700, 5000)), trees=7, seed=1)
    np.testing.assert_array_equal(model.predict(data.x), before)
    trees = [trees_of(one, tmp_path) for one in (model, grown)]
    assert len(trees[1]) == len(trees[0]) + 7
    assert trees[1][: len(trees[0])] == trees[0]

    def loss(scores: np.ndarray) -> float:
        y, p = data.y[2700:5000, 0], scores[2700:5000, 0]
        return float(-np.mean(np.log(np.where(y == 1.0, p, 1.0 - p))))

    assert loss(grown.predict(data.x)) < loss(before)
