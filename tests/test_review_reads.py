"""The keys of what a run makes for itself hold all that its stages read, so no tag says too little."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from priced_diffs import MARKET

import atc
from atc.config.schema import RunConfig
from atc.review.fit_work import FITS
from atc.review.keys import BACKTEST, EVALUATION, EXPLANATION, NAME_COLUMNS, READS, TRAINING
from atc.review.stages import stages_of
from atc.run import run
from atc.tracking.stages import Stage, Stages

PART_OF = {
    **dict.fromkeys(("dataset", *FITS, "members", "refit valid", "refit holdout"), TRAINING),
    **dict.fromkeys(("power", "folds", "evaluate"), EVALUATION),
    **dict.fromkeys(("policy", "truth", "backtest"), BACKTEST),
    **dict.fromkeys(("explain", "pictures"), EXPLANATION),
}
OF_NO_RESULT = {"paths", "runtime", "name"}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """By stage the sections of the config that are read while it is under way."""
    found: dict[str, set[str]] = defaultdict(set)
    under_way: list[str] = []
    timed = Stages.stage

    @contextmanager
    def stage(self: Stages, name: str) -> Iterator[Stage]:
        with timed(self, name) as handle:
            under_way.append(name)
            try:
                yield handle
            finally:
                under_way.pop()

    def get(self: RunConfig, name: str) -> Any:
        if under_way and name in RunConfig.model_fields:
            found[under_way[-1]].add(name)
        return object.__getattribute__(self, name)

    monkeypatch.setattr(Stages, "stage", stage)
    monkeypatch.setattr(RunConfig, "__getattribute__", get)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "refit=expanding refit.every_days=1 calibration=isotonic backtest.waterfall.continuations=2",
        "protocol=walk_forward protocol.folds=2 protocol.first_train_fraction=0.5 weights=uniqueness "
        "thinning=every_k thinning.k=2 seeds.count=2",
    ],
    ids=["refits", "folds"],
)
def test_stages_read_what_their_keys_hold(words: str, reads: dict[str, set[str]], tmp_path: Path) -> None:
    small = ["data.rate=0.1", "backtest.waterfall.state_every_s=20000", "evaluation.resamples=50"]
    trees = ["+experiment=gbdt_36feat", "model.n_estimators=8", "model.min_child_samples=20"]
    quiet = ["tracking=none", "runtime.progress=off", "quality=any", f"paths.outputs={tmp_path}"]
    config = atc.compose([*trees, *MARKET, *small, *quiet, *words.split()])
    folder = run(config)
    stages = set(atc.open_run(folder).manifest["stages"])
    assert stages - {"fit fallback"} == set(stages_of(config)) - {"fit fallback"}
    own = {name: sections - OF_NO_RESULT for name, sections in reads.items() if name in PART_OF}
    assert {"dataset", "fit", "evaluate", "explain", "policy"} <= set(own)
    too_much = {name: sections - READS[PART_OF[name]] for name, sections in own.items()}
    # How far back rows look is asked of all columns.
    too_much["dataset"] -= NAME_COLUMNS
    # What the ledger says of a look names the backtest; no figure depends on it.
    too_much["evaluate"] -= {"backtest"}
    assert not {name: sections for name, sections in too_much.items() if sections}
