"""Binned rows that a sweep keeps: the same trees as without them, and no damaged file."""

from __future__ import annotations

import os
import resource
import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted_rows import planted_rows

from atc.config.model import Gbdt
from atc.models import lightgbm_kept
from atc.models.base import fit_model
from atc.models.build import build_model
from atc.models.gbdt import GbdtModel
from atc.models.lightgbm_kept import bins_kept_in
from atc.protocol.dataset import Block
from atc.tracking import durable

CONFIG = Gbdt(kind="gbdt", n_estimators=12, min_child_samples=40, num_leaves=15, num_threads=1)


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> tuple[Block, Block]:
    monkeypatch.setattr(lightgbm_kept, "LEAST_VALUES", 1000)
    data = planted_rows(3000)
    known = np.flatnonzero(~np.isnan(data.r_bps[:, 0]))
    return data.block(known[:2300]), data.block(known[2400:])


def grown(blocks: tuple[Block, Block], folder: Path | None, *, seed: int = 1, **other: object) -> str:
    model = GbdtModel(CONFIG.model_copy(update=other))
    if folder is None:
        fit_model(model, *blocks, seed=seed)
    else:
        with bins_kept_in(folder):
            fit_model(model, *blocks, seed=seed)
    return model.text.partition("\nparameters:")[0]


@pytest.fixture
def constructed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A 1 for each time that training rows are kept, so were binned."""
    log: list[int] = []
    keep = lightgbm_kept._keep
    monkeypatch.setattr(lightgbm_kept, "_keep", lambda *given: (log.append(1), keep(*given)))
    yield log


def test_a_sweep_bins_once_and_grows_the_same_trees(
    blocks: tuple[Block, Block], tmp_path: Path, constructed: list[int]
) -> None:
    for other in ({}, {"num_leaves": 7}, {"learning_rate": 0.2, "bagging_fraction": 0.5}, {"max_depth": 3}):
        assert grown(blocks, tmp_path, **other) == grown(blocks, None, **other)
    assert constructed == [1]
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("change", ["rows", "weights", "features", "max_bin", "min_child_samples", "seed"])
def test_what_is_binned_otherwise_has_a_file_of_its_own(
    blocks: tuple[Block, Block], tmp_path: Path, constructed: list[int], change: str
) -> None:
    grown(blocks, tmp_path)
    train, valid = blocks
    other: dict[str, object] = {}
    if change == "rows":
        x = train.x[:].copy()
        x[7, 2] += 1.0
        train = replace(train, x=x)
    elif change == "weights":
        train = replace(train, weights=np.linspace(0.5, 1.5, train.n_rows))
    elif change == "features":
        order = train.features[::-1]
        train, valid = train.select(order), valid.select(order)
    elif change == "seed":
        other["seed"] = 2
    else:
        other[change] = 50
    assert grown((train, valid), tmp_path, **other) == grown((train, valid), None, **other)
    assert constructed == [1, 1]
    assert len(list(tmp_path.iterdir())) == 2


def test_rows_from_a_file_say_of_themselves_what_binned_rows_say(
    blocks: tuple[Block, Block], tmp_path: Path
) -> None:
    """Else LightGBM warns of each set of rows that is binned like them."""
    grown(blocks, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grown(blocks, tmp_path)


def test_labels_are_not_those_of_the_file(blocks: tuple[Block, Block], tmp_path: Path) -> None:
    train, valid = blocks
    grown(blocks, tmp_path)
    turned = replace(train, y=1.0 - train.y), replace(valid, y=1.0 - valid.y)
    assert grown(turned, tmp_path) == grown(turned, None) != grown(blocks, None)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_damaged_file_is_noticed_and_made_anew(
    blocks: tuple[Block, Block], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = grown(blocks, tmp_path)
    (file,) = tmp_path.iterdir()
    good = file.read_bytes()
    for wrong in (good[:-100], good[:900] + bytes([good[900] ^ 4]) + good[901:], b""):
        file.write_bytes(wrong)
        caplog.clear()
        assert grown(blocks, tmp_path) == expected
        assert "it is not what was written" in caplog.text
        assert file.read_bytes() == good


def test_the_latest_stay_and_a_full_disk_costs_no_run(
    blocks: tuple[Block, Block],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(lightgbm_kept, "MOST_FILES", 2)
    for bins in (20, 30, 40):
        grown(blocks, tmp_path, max_bin=bins)
    assert len(list(tmp_path.iterdir())) == 2
    full = tmp_path / "full"
    monkeypatch.setattr(lightgbm_kept.shutil, "disk_usage", lambda _: type("Room", (), {"free": 10}))
    assert grown(blocks, full) == grown(blocks, None)
    assert list(full.iterdir()) == []
    assert "binned rows are not kept" in caplog.text


@pytest.mark.parametrize("why", ["a file", "a name that is too long"])
def test_a_folder_that_takes_no_file_costs_no_run(
    blocks: tuple[Block, Block],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    why: str,
) -> None:
    folder = tmp_path / "bins"
    if why == "a file":
        folder.write_text("mine")
    else:  # LightGBM itself cannot open the file that it should write
        monkeypatch.setattr(durable.socket, "gethostname", lambda: "h" * 250)
    assert grown(blocks, folder) == grown(blocks, None)
    assert "binned rows are not kept" in caplog.text
    assert folder.read_text() == "mine" if why == "a file" else list(folder.iterdir()) == []


def test_a_disk_that_fills_up_while_a_file_is_written_leaves_none_that_stays(
    blocks: tuple[Block, Block], tmp_path: Path
) -> None:
    expected = grown(blocks, None)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        assert grown(blocks, tmp_path) == expected
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    for _ in range(2):
        assert grown(blocks, tmp_path) == expected
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size > 20_000


def test_what_a_killed_job_left_half_written_goes(blocks: tuple[Block, Block], tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    alive = durable.own_part(tmp_path, "a")
    left = tmp_path / alive.name.replace(f"@{os.getpid()}.", f"@{dead.pid}.")
    for part in (left, alive):
        part.touch()
    grown(blocks, tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".bin"] == [alive.name]


def test_a_file_that_another_job_removes_in_between_is_binned_anew(
    blocks: tuple[Block, Block],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    constructed: list[int],
) -> None:
    expected = grown(blocks, tmp_path)
    checksum = lightgbm_kept._checksum

    def before_it_is_opened(path: Path) -> str:
        monkeypatch.setattr(lightgbm_kept, "_checksum", checksum)
        path.unlink()
        return checksum(path)

    def after_it_was_checked(path: Path) -> str:
        monkeypatch.setattr(lightgbm_kept, "_checksum", checksum)
        found = checksum(path)
        path.unlink()
        return found

    for number, removing in enumerate((before_it_is_opened, after_it_was_checked), start=2):
        monkeypatch.setattr(lightgbm_kept, "_checksum", removing)
        assert grown(blocks, tmp_path) == expected
        assert constructed == [1] * number
    # Nor does a file that goes while the latest are looked for.
    caplog.clear()
    (tmp_path / "gone.0.bin").symlink_to(tmp_path / "nowhere")
    assert grown(blocks, tmp_path, max_bin=20) == grown(blocks, None, max_bin=20)
    assert caplog.text == ""


def test_seeds_of_a_job_leave_bins_for_the_next_one(
    blocks: tuple[Block, Block],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    constructed: list[int],
) -> None:
    monkeypatch.setattr(lightgbm_kept, "MOST_FILES", 2)
    for leaves in (7, 15):
        with bins_kept_in(tmp_path):
            model = build_model(CONFIG.model_copy(update={"num_leaves": leaves}), seeds=3)
            fit_model(model, *blocks, seed=1)
        assert constructed == [1] * 3
    grown(blocks, tmp_path, seed=9)  # a job with one seed keeps as many as ever
    assert len(list(tmp_path.iterdir())) == 2


def test_few_rows_are_binned_anew(blocks: tuple[Block, Block], tmp_path: Path) -> None:
    lightgbm_kept.LEAST_VALUES = 10**9  # the fixture's patch puts it back
    grown(blocks, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_kept_bins_take_labels_that_lie_beside_those_of_other_heads(
    blocks: tuple[Block, Block], tmp_path: Path, constructed: list[int]
) -> None:
    beside = [replace(one, y=np.repeat(one.y.astype(np.float32), 3, axis=1)[:, 1:2]) for one in blocks]
    again = beside[0], beside[1]
    assert grown(again, tmp_path) == grown(again, tmp_path) == grown(blocks, None)
    assert constructed == [1]
