"""What `atc config diff` says that a difference changes, against the names of cached files and run ids."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from files_made import files_to_make, make_files

import atc
from atc.config.diff import differences, plain
from atc.config.digest import config_digest
from atc.config.schema import RunConfig
from atc.review.keys import Keys
from atc.review.tags import OF_CACHE, RUN_ID, changes_between, tagged

SMALL = [
    *("+experiment=gbdt_36feat", "data.days=4", "window.train_days=2", "window.holdout_days=1"),
    *("data.rate=0.02", "quality=any"),
]

CASES = {
    "model.num_leaves=31": {"model.num_leaves": "training only"},
    "model=logistic": {"model.kind": "training only", "model.num_leaves": "training only"},
    "seed=2": {"seed": "training only"},
    "seeds.count=2": {"seeds.count": "training only"},
    "thinning=every_k": {"thinning.k": "training only"},
    "weights.classes=balanced": {"weights.classes": "training only"},
    "protocol=walk_forward": {"protocol.folds": "training only"},
    "protocol.valid_fraction=0.2": {"protocol.valid_fraction": "training only"},
    "protocol.sealed=true": {"protocol.sealed": "evaluation only"},
    "calibration=isotonic": {"calibration.kind": "training only"},
    "refit=expanding": {"refit.kind": "training only"},
    "features.drop=[ob_imbalance_top5,rv_30s]": {"features.drop": "training only"},
    "features=legacy13": {"features.families": "training only"},
    "baseline=logistic_36feat": {"baseline.features.families": "training only"},
    "evaluation.resamples=300": {"evaluation.resamples": "evaluation only"},
    "evaluation.regimes.volatility=spread_bps": {"evaluation.regimes.volatility": "evaluation only"},
    "policy.gate=mscale_consensus_3sig": {"policy.gate": "backtest only"},
    "execution.latency_s=0.2": {"execution.latency_s": "backtest only"},
    "cost=zero": {"cost.carry": "backtest only"},
    "backtest.curve_s=30": {"backtest.curve_s": "backtest only"},
    "explain.rows=500": {"explain.rows": "explanation only"},
    "label.exit_bps=4": {"label.exit_bps": "labels"},
    "label.horizon_s=60": {"label.horizon_s": "label cache, labels"},
    "label.horizon_s=600": {"label.horizon_s": "label cache, labels"},
    "features.engine.min_values=30": {"features.engine.min_values": "feature cache"},
    "features.engine.no_new_entry_s=600": {"features.engine.no_new_entry_s": "feature cache"},
    "features.columns=[ofi_1s]": {"features.columns": "feature cache"},
    "evaluation.regimes.trend=ofi_1s": {"evaluation.regimes.trend": "feature cache"},
    "sampling=book": {"sampling.kind": "feature cache, label cache, labels, judged rows"},
    "sampling.max_gap_s=30": {"sampling.max_gap_s": "feature cache, label cache, labels, judged rows"},
    "window.train_days=1": {"window.train_days": "labels, judged rows"},
    "window.holdout_days=2": {"window.holdout_days": "feature cache, label cache, labels, judged rows"},
    "data.seed=2": {"data.seed": "events, feature cache, label cache, labels, judged rows"},
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events and the cached files of `SMALL`."""
    folder = tmp_path_factory.mktemp("outputs")
    config = of(folder)
    make_files(config)
    return folder


def of(outputs: Path, *overrides: str) -> RunConfig:
    return atc.compose([*SMALL, f"paths.outputs={outputs}", *overrides])


@pytest.mark.parametrize("overrides", CASES)
def test_each_tag_is_what_the_caches_say(overrides: str, outputs: Path, tmp_path: Path) -> None:
    own = tmp_path / "outputs"
    shutil.copytree(outputs, own)
    left, right = of(own), of(own, overrides)
    found = {one.key: one.changes for one in tagged(differences(plain(left), plain(right)), left, right)}
    for key, tags in CASES[overrides].items():
        assert found[key] == (RUN_ID, *tags.split(", ")), found
    # All differences of a case are of one group, so together they change what the whole does.
    whole = changes_between(*(Keys([left, right]).of(side) for side in (left, right)))
    assert set(whole) == {tag for tags in found.values() for tag in tags}
    assert {stage for stage, tag in OF_CACHE.items() if tag in whole} == files_to_make(right)
    assert (RUN_ID in whole) == (config_digest(left) != config_digest(right))


def test_what_is_no_part_of_a_result_is_not_shown(outputs: Path) -> None:
    left, right = of(outputs), of(outputs, "tracking=none", "data.largest_order=50", "quality=strict")
    assert tagged(differences(plain(left), plain(right)), left, right) == []


def test_tags_need_no_events(tmp_path: Path, outputs: Path) -> None:
    """Where nothing is filed, such as in a CI, they are the same."""
    for overrides in (
        "data.seed=2",
        "window.holdout_days=2",
        "features.columns=[ofi_1s]",
        "label.horizon_s=60",
    ):
        both = []
        for folder in (tmp_path, outputs):
            left, right = of(folder), of(folder, overrides)
            both.append([one.changes for one in tagged(differences(plain(left), plain(right)), left, right)])
        assert both[0] == both[1], overrides
    assert not list(tmp_path.iterdir())


def test_recorded_windows_that_are_not_here_are_reviewed_too() -> None:
    left = atc.compose(["+experiment=gbdt_36feat", "data=eth_jpy"])
    right = atc.compose(["+experiment=gbdt_36feat", "data=eth_jpy", "window.holdout_to=2026-04-20"])
    found = tagged(differences(plain(left), plain(right)), left, right)
    assert [(one.key, one.changes[1:3]) for one in found] == [
        ("window.holdout_to", ("feature cache", "label cache"))
    ]
