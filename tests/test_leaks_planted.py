"""Planted look-ahead is found and called by its stage; clean configs raise no alarm."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from leak_market import market, searched
from planted_decisions import DECISION_LEAKS
from planted_leaks import LEAKS, Leak

from atc.leaks.localise import Effort

ALL = (*LEAKS, *DECISION_LEAKS)
SEVEN = ("event order", "feature", "label", "scaler", "bin edge", "threshold", "fill")
FIRST_OF_EACH = [next(leak for leak in reversed(ALL) if leak.stage == stage) for stage in SEVEN]
"""One a stage for every run of the tests; all of them in the slow one."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("market")


def named(leak: Leak, root: Path, folder: Path) -> str | None:
    """The stage that the localiser names; None where it finds nothing."""
    config, stream = market(root, *leak.words)
    with pytest.MonkeyPatch.context() as patch:
        leak.plant(patch)
        report = searched(config, stream, folder, Effort(windows=2, stop_at_first=True))
    found = report.leak
    return None if found is None or found.moved is None else found.moved.stage


def test_the_plants_are_many_and_in_every_stage() -> None:
    assert len({str(leak) for leak in ALL}) == len(ALL) >= 50
    assert set(SEVEN) <= {leak.stage for leak in ALL}


@pytest.mark.slow
@pytest.mark.parametrize("leak", FIRST_OF_EACH, ids=str)
def test_a_leak_in_each_stage_is_found_and_named(leak: Leak, root: Path, tmp_path: Path) -> None:
    assert named(leak, root, tmp_path) == leak.stage


@pytest.mark.slow
def test_nearly_all_planted_leaks_are_found_and_nearly_all_named(root: Path, tmp_path: Path) -> None:
    found = {str(leak): named(leak, root, tmp_path / str(number)) for number, leak in enumerate(ALL)}
    missed = [leak for leak, stage in found.items() if stage is None]
    misnamed = {str(leak): found[str(leak)] for leak in ALL if found[str(leak)] not in {None, leak.stage}}
    assert len(missed) <= 0.02 * len(ALL), missed
    assert len(missed) + len(misnamed) <= 0.05 * len(ALL), (missed, misnamed)


CHOICES = {
    "data/scenario": ("target", "null_vol", "linear_only", "thin_book", "regime_switch"),
    "label": ("hold10_oracle", "hold10_oracle_q14", "hold10_oracle_spread", "hold10_3class", "tlob"),
    "features": ("plan36", "legacy13", "nits30", "strict35"),
    "sampling.group_ms": ("0", "5", "50"),
    "sampling.max_gap_s": ("20", "60"),
    "protocol": ("sealed_holdout", "walk_forward", "cpcv"),
    "calibration": ("none", "temperature", "isotonic"),
    "policy": ("threshold", "class"),
}
FOLDS = {
    "walk_forward": ("protocol.folds=2", "protocol.first_train_fraction=0.4"),
    "cpcv": ("protocol.groups=4", "protocol.test_groups=1"),
}


def clean_words(number: int) -> tuple[str, ...]:
    """Settings number `number` of a fixed random series."""
    rng = random.Random(number)
    chosen = {name: rng.choice(values) for name, values in CHOICES.items()}
    # Books and tickers are many, whatever the rate: a search with a row each of them is long.
    sampling = {98: ("sampling=book",), 99: ("sampling=ticker",)}.get(number, ())
    return (
        *(f"{name}={value}" for name, value in chosen.items()),
        *FOLDS.get(chosen["protocol"], ()),
        *sampling,
        f"data.seed={rng.randint(1, 3)}",
        f"seed={rng.randint(1, 99)}",
    )


CLEAN = [clean_words(number) for number in range(100)]


def test_clean_configs_differ() -> None:
    assert len(set(CLEAN)) == len(CLEAN)
    seen = set(itertools.chain(*CLEAN))
    assert {f"{name}={value}" for name, values in CHOICES.items() for value in values} <= seen


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(CLEAN)))
def test_a_clean_config_raises_no_alarm(number: int, root: Path, tmp_path: Path) -> None:
    config, stream = market(root, *CLEAN[number])
    report = searched(config, stream, tmp_path, Effort(windows=1, aims=2, seed=number))
    assert report.leak is None, report.leak
    assert sum(one.checked for one in report.stages) > 0
