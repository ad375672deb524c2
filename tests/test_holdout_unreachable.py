"""Ways to the holdout while something is fitted or chosen: by type, by hand at run time, by its values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from misuse import assert_every_line_after_is_an_error
from planted_rows import halves, planted_rows

import atc
from atc.config.labels import Hold10OracleQ14
from atc.config.model import Logistic
from atc.evaluation.controls import shuffled_control
from atc.evaluation.metrics import auc
from atc.evaluation.power import power_before
from atc.labels.definitions import fit_label
from atc.models.base import fit_model
from atc.models.build import build_model
from atc.models.standardise import fit_standardiser
from atc.protocol.dataset import Block, Dataset, labelled
from atc.protocol.ledger import Ledger
from atc.protocol.sealed_holdout import Parts, SealBrokenError, SealedHoldout, seal, split
from atc.run import run
from atc.tasks.base import Desk
from atc.tasks.fitting import FALLBACK
from atc.tasks.loaded import Loaded
from atc.tasks.tick_classification import TickClassification

WORDS = (
    *("+experiment=gbdt_36feat", "data.days=6", "data.rate=0.05", "window.train_days=4"),
    *("window.holdout_days=2", "model.n_estimators=12", "model.min_child_samples=50"),
    *("model.early_stopping=3", "label=hold10_oracle_q14", "label.quantile=0.4"),
    # Folds, and a gate that rejects, so that there is a fallback.
    *("protocol=walk_forward", "protocol.folds=2", "protocol.valid_fraction=0.2"),
    *("protocol.gate.max_gap=0.0001", "calibration=isotonic"),
    *("refit=rolling", "refit.every_days=1", "refit.window_days=2"),
    *("protocol.gate.max_half_width=0.9", "evaluation.resamples=20", "tracking=none", "runtime.progress=off"),
    *("backtest.sensitivity.fee_bps=[]", "backtest.capacity=[]", "backtest.random_draws=2"),
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("unreachable")


# By type

MISUSE = """
from atc.config.model import Logistic
from atc.evaluation.power import left_out_aucs
from atc.labels.definitions import fit_label
from atc.models.base import Model, fit_model
from atc.models.standardise import fit_standardiser
from atc.config.labels import Hold10OracleQ14
from atc.protocol.dataset import Block, Dataset
from atc.protocol.sealed_holdout import Parts, SealedHoldout

def misuse(parts: Parts, model: Model, label: Hold10OracleQ14) -> None:
    holdout = parts.holdout
    fit_model(model, parts.train, holdout, seed=1)  # early stopping
    fit_model(model, holdout, parts.valid, seed=1)  # a fit
    model.fit(parts.train, holdout, seed=1)
    fit_label(label, holdout)  # a threshold of the label
    fit_standardiser(holdout, 10.0)  # a scaler
    block: Block = holdout
    rows: Dataset = holdout
    holdout.x
    holdout.y
    holdout.select(())
    holdout[0]
    len(holdout)
    for _ in holdout: pass
    SealedHoldout(rows, block.y, sealed=False)  # without anyone who is told
"""


@pytest.mark.slow
def test_no_program_that_hands_it_to_a_fit_type_checks(tmp_path: Path) -> None:
    assert_every_line_after_is_an_error("    holdout = parts.holdout", MISUSE, tmp_path)


# By hand, at run time


def parts_of(data: Dataset, looks: list[str]) -> Parts:
    rows = split(data.t0, data.last_t1, halves(data), 0.1, labelled=labelled(data.y))
    return seal(data, rows, sealed=False, on_open=looks.append)


TAKERS: dict[str, Callable[[Any, Parts], object]] = {
    "early stopping": lambda held, parts: fit_model(linear(), parts.train, held, seed=1),
    "fit": lambda held, parts: fit_model(linear(), held, parts.valid, seed=1),
    "scaler": lambda held, parts: fit_standardiser(held, 10.0),
    "threshold of the label": lambda held, parts: fit_label(Hold10OracleQ14(kind="hold10_oracle_q14"), held),
    "power": lambda held, parts: power_before(
        positive=held,
        scores=(held, held),
        t0=held,
        days=held,
        horizon_ns=1,
        pilot_windows=1,
        holdout_windows=1,
        min_blocks=2,
        confidence=0.95,
    ),
    "selection by AUC": lambda held, parts: auc(held, held),
    "control": lambda held, parts: shuffled_control(linear, parts.train, held, parts.valid, seed=1),
    "array": lambda held, parts: np.asarray(held, dtype=np.float64),
    "frame": lambda held, parts: pl.DataFrame(held),
    "unpacking": lambda held, parts: [*held],
    "vars": lambda held, parts: vars(held),
}


def linear() -> Any:
    return build_model(Logistic(kind="logistic"))


@pytest.mark.parametrize("way", TAKERS)
def test_whatever_takes_rows_does_not_take_it(way: str) -> None:
    looks: list[str] = []
    parts = parts_of(planted_rows(2000), looks)
    with pytest.raises((TypeError, AttributeError, ValueError)):
        TAKERS[way](parts.holdout, parts)
    assert looks == []


class Curious:
    """A desk whose every hook looks at the holdout, itself and from another thread."""

    def __init__(self) -> None:
        self.holdout: SealedHoldout | None = None
        self.places: list[str] = []
        self.looks: list[str] = []

    def try_it(self, place: str) -> None:
        if self.holdout is None:
            return
        self.places.append(place)
        with pytest.raises(SealBrokenError):
            self.holdout.open(place)
        with ThreadPoolExecutor(1) as pool, pytest.raises(SealBrokenError):
            pool.submit(self.holdout.open, f"{place}, from a thread").result()

    @contextmanager
    def stage(self, name: str) -> Iterator[Any]:
        self.try_it(f"stage {name} begins")
        yield SimpleNamespace(cached=False)
        self.try_it(f"stage {name} ends")

    @contextmanager
    def bar(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Any]:
        yield SimpleNamespace(
            update=lambda *_, **__: self.try_it(f"progress of {name}"),
            advance=lambda *_, **__: self.try_it(f"progress of {name}"),
        )

    @property
    def desk(self) -> Desk:
        return Desk(self.stage, self.bar, say=self.try_it, look=lambda _, reason: self.looks.append(reason))


def test_every_hook_of_the_fit_finds_it_closed(outputs: Path) -> None:
    """Fits, early stopping, folds, gate, fallback, calibration, power: all between load and save."""
    curious = Curious()
    task = TickClassification(atc.compose([*WORDS, f"paths.outputs={outputs}"]))
    task.prepare(curious.desk)
    loaded = task.load(curious.desk)
    curious.holdout = loaded.parts.holdout
    fitted = task.fit(loaded, curious.desk)
    assert FALLBACK in fitted.by_name
    for stage in ("fit", "fit baseline", "fit volatility", "power", "fit fallback"):
        assert f"stage {stage} begins" in curious.places
        assert f"stage {stage} ends" in curious.places
    assert any(place.startswith("progress of fit") for place in curious.places)
    assert any(place.startswith("before the fit") or "power" in place for place in curious.places)
    assert curious.looks == []
    # Afterwards it opens, and says so.
    loaded.parts.holdout.open("figures")
    assert curious.looks == ["figures"]


def test_the_rows_that_a_fit_is_handed_end_before_the_holdout(outputs: Path) -> None:
    task = TickClassification(atc.compose([*WORDS, f"paths.outputs={outputs}"]))
    desk = Curious().desk
    task.prepare(desk)
    loaded = task.load(desk)
    start = loaded.spans.holdout[0]
    assert loaded.valid.t0.max() < start
    blocks = (loaded.parts.train, loaded.parts.valid)
    whole = sum(block.n_rows for block in blocks) + loaded.parts.holdout.n_rows
    for block in blocks:
        assert block.y.base is None
        assert block.n_rows < whole
    carriers = {field.name for field in fields(Loaded)} - {"parts", "holdout_windows"}
    for name in carriers:
        assert not isinstance(getattr(loaded, name), SealedHoldout | Block), name


# By its values


def test_nothing_that_is_fitted_or_chosen_depends_on_its_values(
    outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With other inputs and returns in the holdout a run is the same in all that is not of the holdout."""
    from atc.tasks import rows as rows_module

    config = atc.compose([*WORDS, f"paths.outputs={outputs}"])
    honest = atc.open_run(run(config))
    read = rows_module.read_rows
    start = SimpleNamespace(ns=int(Ledger(config.paths.events_dir).looks_of(honest.run_id)[0].from_ns))

    def spoiled(*arguments: Any, **named: Any) -> Any:
        rows = read(*arguments, **named)
        held = rows.t0 >= start.ns
        rng = np.random.default_rng(1)
        rows.x[held] = rng.normal(size=(int(held.sum()), rows.x.shape[1])) * 1e6
        there = held & ~np.isnan(rows.r_bps).any(axis=1)  # gaps stay gaps
        rows.r_bps[there] = rng.normal(scale=500.0, size=rows.r_bps[there].shape)
        return rows

    monkeypatch.setattr(rows_module, "read_rows", spoiled)
    places = (f"paths.outputs={tmp_path}", f"paths.events={config.paths.events_dir}")
    other = atc.open_run(run(atc.compose([*WORDS, *places])))

    judged = {key for key in honest.metrics if of_the_holdout(key)}
    assert honest.metrics.keys() == other.metrics.keys()
    assert honest.metrics["holdout/auc"] != other.metrics["holdout/auc"]  # it was spoiled
    assert honest.metrics["gate/verdict"] == 0
    assert honest.metrics["backtest/theta"] is not None
    assert honest.metrics["fallback/backtest/theta"] is not None
    assert (
        honest.metrics["refit/backtest/theta"] is not None and honest.metrics["refit/valid/auc"] is not None
    )
    assert honest.metrics["fold/1/test/auc"] is not None
    for key in honest.metrics.keys() - judged:
        assert honest.metrics[key] == other.metrics[key], key
    assert honest.predictions.filter(pl.col("split") != "holdout").equals(
        other.predictions.filter(pl.col("split") != "holdout")
    )
    for name in ("importance", "importance_groups", "shap", "dependence", "interactions"):
        explained = [pl.read_parquet(one.folder / f"{name}.parquet") for one in (honest, other)]
        assert explained[0].equals(explained[1]), name
    for file in sorted((honest.folder / "model").rglob("*")):
        mine, theirs = (one / file.relative_to(honest.folder) for one in (honest.folder, other.folder))
        if file.name == "manifest.json":
            contents = [json.loads(one.read_bytes()) for one in (mine, theirs)]
            for content in contents:
                del content["created_at"], content["manifest_digest"]
            assert contents[0] == contents[1]
        elif file.is_file():
            assert mine.read_bytes() == theirs.read_bytes(), file


def of_the_holdout(key: str) -> bool:
    """Whether a metric speaks of the holdout; the power does not, although it is named after it, nor does
    what a policy learned on validation.
    """
    key = key.removeprefix("fallback/").removeprefix("refit/")
    if key.startswith(("power/", "backtest/theta", "backtest/valid/", "valid/")):
        return False
    return "holdout" in key or key.startswith(("backtest/", "adversarial/", "age/"))
