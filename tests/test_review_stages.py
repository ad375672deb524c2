"""Which stages a changed experiment makes anew: the price tag's sets against the caches and against runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from files_made import files_to_make, make_files
from priced_diffs import DIFFS, PricedDiff

import atc
from atc.config.schema import RunConfig
from atc.review.keys import SHARED, Keys
from atc.review.stages import to_recompute
from atc.tasks.market_data import MarketData

SMALLER = {"data.rate=0.3": "data.rate=0.02"}


def composed(words: tuple[str, ...], outputs: Path) -> RunConfig:
    return atc.compose(
        [*(SMALLER.get(word, word) for word in words), f"paths.outputs={outputs}", "quality=any"]
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events and cached files as a run of each left side leaves them, on fewer events."""
    folder = tmp_path_factory.mktemp("made")
    for words in {diff.left for diff in DIFFS}:
        make_files(composed(words, folder))
    return folder


def test_there_are_thirty() -> None:
    assert len(DIFFS) == len({diff.name for diff in DIFFS}) == 30


@pytest.mark.parametrize("diff", DIFFS, ids=lambda diff: diff.name)
def test_the_shared_stages_are_those_that_find_no_file(diff: PricedDiff, made: Path, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    shutil.copytree(made, outputs)
    left, right = composed(diff.left, outputs), composed(diff.right, outputs)
    keys = Keys([left, right])
    recomputed = {one.name for one in to_recompute(keys.of(left), keys.of(right), right)}
    really = files_to_make(right)
    assert recomputed & set(SHARED) - {"quality"} == really
    # Quality is measured a day of events.
    assert ("quality" in recomputed) == ("events" in really or len(days(right)) > len(days(left)))


def days(config: RunConfig) -> list[object]:
    return list(MarketData(config).days)
