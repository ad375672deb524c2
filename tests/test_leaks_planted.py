"""Planted look-ahead is found and called by its stage; clean configs raise no alarm."""

from __future__ import annotations

import inspect
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from clean_configs import CHOICES, CLEAN
from leak_market import market, searched
from planted_leak import Leak
from planted_leaks import LEAKS, named, search

from atc.leaks.localise import Effort
from atc.report.aligned import aligned

SEVEN = ("event order", "feature", "label", "scaler", "bin edge", "threshold", "fill")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("market")


def test_the_plants_are_many_and_in_every_stage() -> None:
    assert len({str(leak) for leak in LEAKS}) == len(LEAKS)
    of_stage = Counter(leak.stage for leak in LEAKS)
    assert sum(of_stage[stage] for stage in SEVEN) >= 50
    assert min(of_stage[stage] for stage in SEVEN) >= 5


@pytest.mark.slow
def test_nearly_all_planted_leaks_are_found_and_nearly_all_named(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found: dict[Leak, str | None] = {}
    for number, leak in enumerate(LEAKS):
        found[leak] = named(search(leak, root, tmp_path / str(number)))
        with capsys.disabled():
            print(f"{number + 1} of {len(LEAKS)}: {leak}: {found[leak]}", flush=True)
    with capsys.disabled():
        print("\n".join(table(found)))
    missed = [str(leak) for leak, stage in found.items() if stage is None]
    misnamed = {str(leak): stage for leak, stage in found.items() if stage not in {None, leak.stage}}
    assert len(missed) <= 0.02 * len(LEAKS), missed
    assert len(missed) + len(misnamed) <= 0.05 * len(LEAKS), (missed, misnamed)


def table(found: Mapping[Leak, str | None]) -> Iterator[str]:
    """Planted, found and named by stage, and in all."""
    rows: list[tuple[str, ...]] = [("stage", "planted", "found", "named")]
    for stage in (*dict.fromkeys(leak.stage for leak in found), ""):
        said = [(leak.stage, found[leak]) for leak in found if stage in {"", leak.stage}]
        is_found = [says is not None for _, says in said]
        is_named = [planted == says for planted, says in said]
        rows.append((stage or "all", *(f"{count}" for count in (len(said), sum(is_found), sum(is_named)))))
    yield from aligned(rows, left=(0,))


class NotPlanted(pytest.MonkeyPatch):
    """Asks what would be planted whether it takes the arguments of what it stands for."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    def setattr(self, target: Any, name: Any, value: Any = None, raising: bool = True) -> None:
        given = inspect.signature(getattr(target, name)).parameters.values()
        named = [one.name for one in given if one.kind is one.KEYWORD_ONLY]
        in_order = sum(one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD} for one in given)
        try:
            inspect.signature(value).bind(*[None] * in_order, **dict.fromkeys(named))
        except TypeError as refused:
            self.wrong.append(f"{name}: {refused}")


@pytest.mark.parametrize("leak", LEAKS, ids=str)
def test_a_plant_takes_what_a_run_gives(leak: Leak) -> None:
    """The search itself is slow: a function that has another argument since would be noticed late."""
    patch = NotPlanted()
    leak.plant(patch)
    assert not patch.wrong


def test_clean_configs_differ() -> None:
    assert len(set(CLEAN)) == len(CLEAN) == 100
    seen = Counter(itertools.chain(*CLEAN))
    for name, values in CHOICES.items():
        for value in values:
            assert seen[f"{name}={value}"] >= 3, (name, value)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(CLEAN)))
def test_a_clean_config_raises_no_alarm(number: int, root: Path, tmp_path: Path) -> None:
    config, stream = market(root, *CLEAN[number])
    report = searched(config, stream, tmp_path, Effort(windows=1, aims=2, seed=number), outputs=root)
    assert report.leak is None, report.leak
    assert sum(one.checked for one in report.stages) > 0
