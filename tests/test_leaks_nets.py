"""`atc leaks` on what goes through the nets' loop, on several seeds, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from leak_market import SMALL, market, searched
from leaks_in_fits import Everything
from leaks_in_labels import other_labels
from typer.testing import CliRunner

import atc
from atc.cli import application
from atc.errors import UsageError
from atc.features.sets import set_columns
from atc.leaks.localise import Effort, Report
from atc.leaks.stages import TICK_STAGES, Stage
from atc.leaks.tick_run import TickRun
from atc.models.nets import model as net
from atc.protocol.dataset import Block
from atc.tasks.rows import LabelledRows

NET = (
    *("model=softmax_mlp", "model.hidden=[4]", "model.epochs=2", "model.batch_size=512"),
    *("model.trainer.accelerator=cpu", "model.trainer.num_threads=1", "features=legacy13"),
)
WINDOWS = (
    *("model=multihorizon_transformer", "model.sequence_length=2", "model.layers=1", "model.d_model=4"),
    *("model.nhead=1", "model.dim_feedforward=4", "model.epochs=1", "model.batch_size=256"),
    *("model.trainer.accelerator=cpu", "model.trainer.num_threads=1", "features=legacy13"),
    *("label=multihorizon_up", "label.horizons_s=[300]", "protocol.valid_fraction=0.4"),
)
QUICK = ("backtest=none",)
CONFIGS = {
    "net": NET,
    "auxiliary": (*NET, "auxiliary.horizons_s=[60,900]", "auxiliary.target=label"),
    "seeds": (*NET, "seeds.count=2"),
    "heads": (
        *("model=multihorizon", "model.trunk=[4]", "model.epochs=2", "model.trainer.accelerator=cpu"),
        *("model.trainer.num_threads=1", "features=legacy13", "label=multihorizon_up"),
        *("label.horizons_s=[30,300]", "weights.classes=balanced"),
    ),
    "windows": WINDOWS,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("market")


OF_FITS = tuple(stage for stage in TICK_STAGES if stage.name in {"label", "scaler", "model"})


def report_of(
    root: Path, folder: Path, *words: str, stages: Sequence[Stage[TickRun]] = TICK_STAGES
) -> Report:
    return searched(*market(root, *words, *QUICK), folder, Effort(windows=1), stages, outputs=root)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_net_raises_no_alarm_and_is_looked_at(name: str, root: Path, tmp_path: Path) -> None:
    """The weights of each net, and of each seed, are among what was compared: a fit repeats to the bit."""
    report = report_of(root, tmp_path, *CONFIGS[name], stages=OF_FITS)
    assert report.leak is None, report.stages
    tables = {(one.stage, one.table) for finding in report.findings for one in finding.comparisons}
    models = {table for stage, table in tables if stage == "model"}
    named = {"model seed1", "model seed2"} if name == "seeds" else {"model"}
    assert named <= models, models
    assert {("scaler", one) for one in named} <= tables
    if name == "auxiliary":
        assert {("label", "returns 60s"), ("label", "nulls of returns 900s")} <= tables


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_a_whole_search_finds_nothing_in_a_net(name: str, root: Path, tmp_path: Path) -> None:
    report = report_of(root, tmp_path, *CONFIGS[name])
    assert report.leak is None, report.stages
    checked = {one.stage: one.checked for one in report.stages}
    assert all(checked[stage] > 0 for stage in ("scaler", "model", "calibration", "prediction")), checked


def standardised_on_everything(patch: pytest.MonkeyPatch) -> None:
    everything = Everything(patch)
    columns = set_columns(atc.compose([*SMALL, *NET]).features)
    fit_standardiser = net.fit_standardiser

    def planted(_: Any, clip: float) -> Any:
        return fit_standardiser(everything.block("all rows", columns).x, clip)

    patch.setattr(net, "fit_standardiser", planted)


def fitted_on_everything(patch: pytest.MonkeyPatch) -> None:
    everything = Everything(patch)
    fit = net.NetModel.fit

    def planted(self: Any, train: Block, valid: Block, **named: Any) -> Any:
        # The scaler is as it should be: standardised inputs of other rows, under their own scale.
        more = everything.block("all rows", train.features)
        with pytest.MonkeyPatch.context() as own:
            own.setattr(net, "fit_standardiser", lambda _, clip: honest(train.x, clip))
            return fit(self, more, valid, **named)

    honest = net.fit_standardiser
    patch.setattr(net.NetModel, "fit", planted)


@pytest.mark.parametrize(
    ("plant", "stage"), [(standardised_on_everything, "scaler"), (fitted_on_everything, "model")]
)
def test_a_net_that_saw_the_holdout_is_named(
    plant: Callable[[pytest.MonkeyPatch], None],
    stage: str,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    config, stream = market(root, *NET, *QUICK)
    effort = Effort(windows=1, stop_at_first=True)
    report = searched(config, stream, tmp_path, effort, TICK_STAGES[:7], outputs=root)
    assert report.leak is not None
    assert report.leak.moved is not None
    assert (report.leak.moved.stage, report.leak.moved.table) == (stage, "model")


def test_an_auxiliary_label_that_looks_further_than_it_says_is_named(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_the_longest(rows: LabelledRows) -> None:
        known = ~np.isnan(rows.r_bps[:, 2])
        rows.r_bps[known, 1] = rows.r_bps[known, 2]

    other_labels(of_the_longest)(monkeypatch)
    config, stream = market(root, *CONFIGS["auxiliary"], *QUICK)
    report = searched(config, stream, tmp_path, Effort(windows=1), TICK_STAGES[:3], outputs=root)
    assert report.leak is not None
    assert report.leak.moved is not None
    assert (report.leak.moved.stage, report.leak.moved.table) == ("label", "returns 60s")


def test_an_ensemble_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    words = [SMALL[0], "model=ensemble", "model.runs=[one,two]", f"paths.outputs={tmp_path}"]
    found = CliRunner().invoke(application(), ["leaks", *words])
    assert isinstance(found.exception, UsageError)
    said = str(found.exception)
    assert "model.kind=ensemble averages models that other runs have fitted (one, two)" in said
    assert "Probe the config of each member instead" in said
    assert not any(tmp_path.iterdir())
