"""What bad input gets of each kind of model: what only some can meet (a loss that diverges, a checkpoint that
was interrupted, a batch), and runs of each that fail.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from test_bad_input import CONFIGS, SMALL, digests, rows_for

import atc
from atc.config.model import Gbdt, Logistic, Model, Softmax
from atc.config.nets import Net
from atc.errors import DataError
from atc.models.base import fit_model
from atc.models.build import build_model
from atc.models.kinds import KINDS, NET_KINDS
from atc.run import run

SGD: dict[str, Any] = {"solver": "sgd", "learning_rate": 1.0, "l2": 1e6, "epochs": 400}
DIVERGING: dict[str, Model] = {
    "logistic": Logistic(kind="logistic", **SGD),
    "softmax": Softmax(kind="softmax", **SGD),
    **{
        kind: CONFIGS[kind].model_copy(
            update={"optimiser": "sgd", "learning_rate": 1.0, "l2": 1e30, "epochs": 20, "batch_size": 100}
        )
        for kind in NET_KINDS
    },
}
CLOSED = {"ridge", "gbdt"}
"""Ridge is solved; the loss of trees is bounded by the leaves."""


def test_every_kind_that_takes_steps_is_tried() -> None:
    assert set(DIVERGING) == set(KINDS) - CLOSED


@pytest.mark.parametrize("kind", DIVERGING)
def test_a_loss_that_diverges_names_the_learning_rate(kind: str) -> None:
    train, valid = rows_for(kind, n=400)
    model = build_model(DIVERGING[kind])
    with pytest.raises(DataError, match=r"diverged.*lower model\.learning_rate"):
        fit_model(model, train, valid, seed=1)
    with pytest.raises(RuntimeError, match="not fitted"):
        model.predict(valid.x)


def test_fewer_rows_than_a_batch_of_a_softmax_are_one_batch() -> None:
    train, valid = rows_for("softmax", n=300)
    found = []
    for size in (train.n_rows, 10 * train.n_rows):
        model = build_model(Softmax(kind="softmax", solver="adam", epochs=3, batch_size=size))
        fit_model(model, train, valid, seed=1)
        found.append(model.predict(valid.x))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_rows_for_a_handful_of_labels_are_fitted_or_refused_in_words(kind: str) -> None:
    """Fewer rows than the smallest leaf of the trees; lines and nets take them as they are."""
    train, valid = rows_for(kind, n=130)
    assert train.n_rows < 100
    config = CONFIGS[kind]
    if isinstance(config, Gbdt):
        config = config.model_copy(update={"min_child_samples": 60})
    model = build_model(config)
    if kind == "gbdt":
        with pytest.raises(DataError, match=r"training rows cannot be split.*min_child_samples=60"):
            fit_model(model, train, valid, seed=1)
        return
    fit_model(model, train, valid, seed=1)
    assert np.isfinite(model.predict(valid.x)).all()


class Interrupted(Exception):
    """Power is off."""


@pytest.mark.parametrize("kind", NET_KINDS)
def test_an_interrupted_checkpoint_costs_no_bit_and_a_damaged_one_is_named(kind: str, tmp_path: Path) -> None:
    train, valid = rows_for(kind, n=600)
    changed: dict[str, Any] = {"epochs": 4, "batch_size": 100, "early_stopping": 4}
    if kind == "multihorizon_transformer":
        changed["dropout"] = 0.1  # drawn anew in each epoch, so it has to go on where it was
    config = CONFIGS[kind].model_copy(update=changed)
    assert isinstance(config, Net)

    done_steps: list[int] = []

    def scores(checkpoint: Path | None, stop_at: int | None = None) -> bytes:
        done_steps.clear()

        def progress(done: int, of: int) -> None:
            done_steps.append(done)
            if done == stop_at:
                raise Interrupted

        model = build_model(config, checkpoint=checkpoint)
        fit_model(model, train, valid, seed=1, progress=progress)
        return model.predict(valid.x).tobytes()

    undisturbed = scores(None)
    steps = -(-train.n_rows // 100)
    with pytest.raises(Interrupted):
        scores(tmp_path / "fit", stop_at=2 * steps + 2)
    (file,) = tmp_path.iterdir()
    kept = file.read_bytes()
    # What was half written when the power went is not looked at.
    file.with_name(f".{file.name}.part").write_bytes(kept[: len(kept) // 2])
    assert scores(tmp_path / "fit") == undisturbed
    assert done_steps == list(range(2 * steps + 1, 4 * steps + 1))  # it went on after the second epoch
    file.write_bytes(kept[: len(kept) // 2])
    with pytest.raises(DataError, match=rf"{file.name} is a damaged checkpoint.*begins anew"):
        scores(tmp_path / "fit")


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 64.0 GiB for an array"),
        lightgbm.basic.LightGBMError("std::bad_alloc"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    ],
    ids=["numpy", "lightgbm", "torch", "cuda"],
)
def test_too_little_memory_is_said_in_the_words_of_every_library(
    kind: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, valid = rows_for(kind, n=300)
    model = build_model(CONFIGS[kind])

    def fit(*words: Any, **named: Any) -> Any:
        raise error

    monkeypatch.setattr(type(model), "fit", fit)
    said = rf"model\.kind={kind}: not enough memory to fit {train.n_rows} rows × 7 columns.*thinning=every_k"
    with pytest.raises(DataError, match=said):
        fit_model(model, train, valid, seed=1)


def _infinite_beside_the_baseline(patch: pytest.MonkeyPatch) -> None:
    """In a column that the baseline does not read."""
    from atc.tasks import rows

    real = rows.read_rows

    def read(symbol: str, features: Any, labels: Any, columns: Any, *words: Any, **named: Any) -> Any:
        found = real(symbol, features, labels, columns, *words, **named)
        if "signed_vpin_5m" not in columns:
            return found
        x = np.array(found.x)
        x[1234, list(columns).index("signed_vpin_5m")] = np.inf
        return replace(found, x=x)

    patch.setattr(rows, "read_rows", read)


def _nothing(patch: pytest.MonkeyPatch) -> None:
    """The settings are bad enough."""


FEW = ("model.trainer.num_threads=1", "model.trainer.accelerator=cpu", "model.batch_size=256")
STEEP = ("model.optimiser=sgd", "model.learning_rate=1", "model.l2=1e30")
INFINITE = r"training rows: infinite values in signed_vpin_5m \(1 rows, the first is \d+\)"
DIVERGED = r"diverged.*lower model\.learning_rate"
RUNS: dict[str, tuple[tuple[str, ...], Callable[[pytest.MonkeyPatch], None], str]] = {
    "gbdt": (
        ("+experiment=gbdt_36feat", "model.n_estimators=3"),
        _infinite_beside_the_baseline,
        INFINITE,
    ),
    "ridge": (("+experiment=linear_36feat",), _infinite_beside_the_baseline, INFINITE),
    "logistic": (("+experiment=logistic_36feat",), _infinite_beside_the_baseline, INFINITE),
    "softmax": (
        ("+experiment=softmax_36feat", "model.solver=sgd", "model.learning_rate=1", "model.l2=1e6"),
        _nothing,
        DIVERGED,
    ),
    "softmax_mlp": (("+experiment=hold10_softmax_mlp_36feat", *FEW, *STEEP), _nothing, DIVERGED),
    "multihorizon": (("+experiment=multihorizon_full_36feat", *FEW, *STEEP), _nothing, DIVERGED),
    "multihorizon_transformer": (
        (
            *("+experiment=multihorizon_transformer_24feat", "sampling=trade", *FEW, *STEEP),
            *("model.sequence_length=4", "model.layers=1", "model.d_model=4", "model.nhead=1"),
        ),
        _nothing,
        DIVERGED,
    ),
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs")
    run(atc.compose([*SMALL, "+experiment=logistic_13feat", f"paths.outputs={folder}"]))
    return folder


def test_a_run_of_every_kind_is_tried() -> None:
    assert set(RUNS) == set(KINDS)


@pytest.mark.parametrize("kind", RUNS)
def test_a_run_of_each_kind_fails_in_words_and_leaves_earlier_ones(
    kind: str, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, spoil, said = RUNS[kind]
    before = digests(outputs / "runs")
    assert before
    config = atc.compose([*SMALL, *words, "explain=none", f"name=bad_{kind}", f"paths.outputs={outputs}"])
    assert config.model.kind == kind
    spoil(monkeypatch)
    with pytest.raises(DataError, match=said):
        run(config)
    monkeypatch.undo()
    (folder,) = (outputs / "runs").glob(f"bad_{kind}-*")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "failed"
    assert manifest["error"]["message"]
    assert "Traceback" in (folder / "log.txt").read_text()
    assert not (folder / "metrics.json").exists()
    assert not (folder / "model").exists()
    after = digests(outputs / "runs")
    assert {key: after[key] for key in before} == before
