"""A fit of a net that is killed goes on to the same result, and no checkpoint is taken for another's."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from fit_net import CONFIG, SEED, scores, write_scores
from made_records import fill, make, manifest_of, opened
from planted_heads import blocks, three_classes
from safetensors import safe_open

from atc.config.nets import Net
from atc.errors import DataError
from atc.models.base import FitReport, fit_model
from atc.models.build import build_model
from atc.models.nets.checkpoint import Checkpoint, Keeper
from atc.tracking.cpu import CpuTime

SCRIPT = Path(__file__).with_name("fit_net.py")
PATIENCE_S = 120.0
STEPS = 5
"""An epoch of the 2 400 rows."""
FORKS = multiprocessing.get_context("forkserver")
"""Processes without the seconds that torch takes to be imported: one that has imported it forks for each."""
FORKS.set_forkserver_preload(["fit_net", "atc.models.nets.model", "atc.models.nets.loop"])


@pytest.fixture(scope="module")
def undisturbed() -> bytes:
    return scores(None)


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parent.parent)},
    )


def epochs_in(path: Path) -> int:
    if not path.exists():
        return 0
    with safe_open(path, framework="np") as file:
        return int(json.loads(file.metadata()["state"])["epoch"])


def test_kill_9_in_the_middle_of_an_epoch_changes_no_bit(
    tmp_path: Path, undisturbed: bytes, processes: list[subprocess.Popen[str]]
) -> None:
    file, out = tmp_path / f"fit-seed{SEED}.safetensors", tmp_path / "scores"
    for epochs in (2, 5):  # killed twice, the second time after it went on once
        killed = FORKS.Process(target=write_scores, args=(tmp_path / "fit", out, epochs * STEPS + 3))
        killed.start()
        try:
            deadline = time.monotonic() + PATIENCE_S
            while epochs_in(file) < epochs:
                assert killed.is_alive()
                assert time.monotonic() < deadline, "no checkpoint came"
                time.sleep(0.01)
        finally:
            killed.kill()
            killed.join()
        assert killed.exitcode == -signal.SIGKILL
        assert epochs_in(file) == epochs
        assert not out.exists()
    last = start(tmp_path / "fit", out)
    processes.append(last)
    said, error = last.communicate(timeout=PATIENCE_S)
    assert (last.returncode, said, error) == (0, "", "")
    assert out.read_bytes() == undisturbed
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def report_of(checkpoint: Path, config: Net = CONFIG, seed: int = SEED) -> tuple[FitReport, int]:
    """Of a fit, and the steps that it took."""
    steps: list[int] = []
    model = build_model(config, checkpoint=checkpoint)  # type: ignore[arg-type]  # a Net is one of them
    report = fit_model(
        model, *blocks(three_classes(3000)), seed=seed, progress=lambda done, of: steps.append(done)
    )
    return report, len(steps)


def test_a_fit_that_was_done_is_not_done_again(tmp_path: Path) -> None:
    one, steps = report_of(tmp_path / "fit")
    again, none = report_of(tmp_path / "fit")
    assert (steps, none) == (one.iterations * STEPS, 0)
    assert again.curves == one.curves
    assert again.best_iteration == one.best_iteration


def test_what_a_fit_has_cost_goes_on_with_it(tmp_path: Path) -> None:
    """However often it was killed, a fit costs what its epochs cost."""
    first = CpuTime()
    first.start()
    report_of(tmp_path / "fit")
    spent, again = first.stop(), CpuTime()
    again.start()
    report_of(tmp_path / "fit")  # nothing is left to do
    taken_over = again.stop()
    kept = kept_cpu_seconds(tmp_path)
    assert 0.0 < kept <= spent
    assert taken_over >= kept


def kept_cpu_seconds(folder: Path) -> float:
    (path,) = folder.iterdir()
    with safe_open(path, framework="np") as file:
        return float(json.loads(file.metadata()["state"])["cpu_seconds"])


@pytest.mark.parametrize("change", ["seed", "learning_rate", "hidden"])
def test_a_checkpoint_of_another_fit_is_left_alone(
    change: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    first, _ = report_of(tmp_path / "fit")
    if change == "seed":
        other, steps = report_of(tmp_path / "fit", seed=SEED + 1)
        assert len(list(tmp_path.iterdir())) == 2
    else:
        value = {"learning_rate": 0.02, "hidden": (8,)}[change]
        other, steps = report_of(tmp_path / "fit", CONFIG.model_copy(update={change: value}))
        assert "is of another fit; this one begins anew" in caplog.text
    assert steps == other.iterations * STEPS
    assert other.curves != first.curves


def test_a_damaged_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    report_of(tmp_path / "fit")
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for damaged in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[: len(whole) // 2], b""):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match=rf"{file.name} is a damaged checkpoint.*begins anew"):
            report_of(tmp_path / "fit")


def test_no_bit_of_its_header_may_change(tmp_path: Path) -> None:
    """What is told there decides as much as the weights: epochs, the best loss, whether it stopped."""
    some = torch.arange(6.0).reshape(2, 3)
    state = Checkpoint(
        epoch=3,
        weights={"w": some},
        optimiser={0: {"step": torch.tensor(3.0), "moment": some + 1, "amsgrad": 0.5}},
        best={"w": some + 2},
        best_epoch=2,
        best_loss=0.25,
        train=[[0.5]],
        valid=[[0.25]],
    )
    keeper = Keeper(tmp_path / "fit.safetensors", {"seed": 1})
    keeper.write(state)
    assert keeper.read() is not None
    whole = keeper.path.read_bytes()
    end = 8 + int.from_bytes(whole[:8], "little")
    assert b"best_loss" in whole[:end]
    for place in range(0, end, 2):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place // 2 % 7
        keeper.path.write_bytes(damaged)
        with pytest.raises(DataError, match="is a damaged checkpoint"):
            keeper.read()


def test_without_checkpoints_none_is_written(tmp_path: Path) -> None:
    trainer = CONFIG.trainer.model_copy(update={"checkpoints": False})
    report_of(tmp_path / "fit", CONFIG.model_copy(update={"trainer": trainer, "epochs": 1}))
    assert list(tmp_path.iterdir()) == []


def test_the_next_attempt_takes_the_checkpoints_over(tmp_path: Path) -> None:
    """A run that failed keeps them in its folder; the next one has them, and no finished one."""
    for number in (1, 2):
        with pytest.raises(OSError, match="disk"), opened(tmp_path) as record:
            kept = record.checkpoints / "fit-seed1.safetensors"
            assert kept.exists() is (number > 1)
            kept.parent.mkdir(exist_ok=True)
            kept.write_bytes(b"epoch")
            raise OSError("disk")
    with opened(tmp_path) as record:
        assert (record.checkpoints / "fit-seed1.safetensors").read_bytes() == b"epoch"
        fill(record)
    assert list(tmp_path.rglob("checkpoints")) == []
    assert "checkpoints" not in str(manifest_of(record.folder)["files"])
    assert make(tmp_path, force=True).finished
