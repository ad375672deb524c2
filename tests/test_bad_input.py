"""What bad input gets, whatever the model: a message that names it, a run marked failed, others untouched."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from planted_heads import blocks
from planted_rows import FEATURES, planted_rows

import atc
from atc.config.model import Gbdt, Logistic, Model, Ridge, Softmax
from atc.config.nets import Multihorizon, MultihorizonTransformer, SoftmaxMlp, Trainer
from atc.errors import DataError
from atc.models.base import fit_model
from atc.models.build import build_model
from atc.models.kinds import KINDS
from atc.protocol.dataset import Block
from atc.protocol.row_windows import RowWindows
from atc.run import run

CPU = Trainer(accelerator="cpu", num_threads=1)
CONFIGS: dict[str, Model] = {
    "gbdt": Gbdt(kind="gbdt", n_estimators=3, min_child_samples=20, num_leaves=4, num_threads=1),
    "logistic": Logistic(kind="logistic"),
    "softmax": Softmax(kind="softmax"),
    "ridge": Ridge(kind="ridge"),
    "softmax_mlp": SoftmaxMlp(kind="softmax_mlp", hidden=(4,), epochs=1, trainer=CPU),
    "multihorizon": Multihorizon(kind="multihorizon", epochs=1, trainer=CPU),
    "multihorizon_transformer": MultihorizonTransformer(
        kind="multihorizon_transformer",
        epochs=1,
        layers=1,
        d_model=4,
        nhead=1,
        dim_feedforward=4,
        sequence_length=4,
        dropout=0.0,
        trainer=CPU,
    ),
}
PARTS = ("training", "validation")
kinds = pytest.mark.parametrize("kind", sorted(CONFIGS))


def rows_for(kind: str, n: int = 1200) -> tuple[Block, Block]:
    """Training and validation rows as a model of `kind` takes them."""
    train, valid = blocks(planted_rows(n))
    if kind == "ridge":
        data = planted_rows(n)
        train, valid = blocks(replace(data, y=data.r_bps, classes=()))
    return _windows(kind, train), _windows(kind, valid)


def _windows(kind: str, block: Block) -> Block:
    if kind != "multihorizon_transformer":
        return replace(block, x=np.array(block.x))
    matrix = np.concatenate([np.zeros((3, block.x.shape[1]), dtype=np.float32), np.asarray(block.x)])
    return replace(block, x=RowWindows.ending_at(matrix, np.arange(3, len(matrix)), 4))


def edited(block: Block, row: int, column: str, value: float) -> Block:
    x = np.array(block.x[:])
    x[row, FEATURES.index(column)] = value
    if not isinstance(block.x, RowWindows):
        return replace(block, x=x)
    matrix = np.concatenate([np.zeros((3, x.shape[1]), dtype=np.float32), x])
    return replace(block, x=RowWindows.ending_at(matrix, np.arange(3, len(matrix)), 4))


def test_every_kind_is_tried() -> None:
    assert set(CONFIGS) == set(KINDS)


@kinds
@pytest.mark.parametrize("part", PARTS)
def test_an_infinite_value_names_column_and_row(kind: str, part: str) -> None:
    train, valid = rows_for(kind)
    if part == "training":
        train = edited(train, 17, "noise", np.inf)
    else:
        valid = edited(valid, 17, "noise", -np.inf)
    with pytest.raises(
        DataError, match=rf"{part} rows: infinite values in noise \(1 rows, the first is 17\)"
    ):
        fit_model(build_model(CONFIGS[kind]), train, valid, seed=1)


@kinds
def test_a_constant_column_and_an_absent_one_are_named_and_harm_nothing(kind: str) -> None:
    train, valid = rows_for(kind)
    model = build_model(CONFIGS[kind])
    report = fit_model(model, train, valid, seed=1)
    assert report.constant_columns == ("constant",)
    assert report.null_columns == ("absent",)
    assert np.isfinite(model.predict(valid.x)).all()


@pytest.mark.parametrize(
    ("kind", "part"),
    # Returns that validate may be all the same.
    [(kind, part) for kind in sorted(CONFIGS) for part in PARTS if (kind, part) != ("ridge", "validation")],
)
def test_one_class_is_refused_by_name(kind: str, part: str) -> None:
    train, valid = rows_for(kind)
    one = {"training": train, "validation": valid}[part]
    same = replace(one, y=np.full_like(one.y, 1.0))
    pair = (same, valid) if part == "training" else (train, same)
    with pytest.raises(DataError, match=rf"{part} rows: all {one.n_rows:,} (labels are of class 1|returns)"):
        fit_model(build_model(CONFIGS[kind]), *pair, seed=1)


@pytest.mark.parametrize("kind", ["softmax_mlp", "multihorizon", "multihorizon_transformer"])
def test_fewer_rows_than_a_batch_are_one_batch(kind: str) -> None:
    config, (train, valid) = CONFIGS[kind], rows_for(kind, n=300)
    found = []
    for size in (train.n_rows, 10 * train.n_rows):
        model = build_model(config.model_copy(update={"batch_size": size}))
        fit_model(model, train, valid, seed=1)
        found.append(model.predict(valid.x))
    # The order of the rows in the one batch is another, and the sum over them rounds in another way.
    np.testing.assert_allclose(*found, atol=1e-5)


def test_fewer_rows_than_a_batch_of_a_line_are_one_batch() -> None:
    train, valid = rows_for("logistic", n=300)
    found = []
    for size in (train.n_rows, 10 * train.n_rows):
        config = Logistic(kind="logistic", solver="adam", epochs=3, batch_size=size)
        model = build_model(config)
        fit_model(model, train, valid, seed=1)
        found.append(model.predict(valid.x))
    np.testing.assert_array_equal(*found)


TOO_LARGE = """
import resource, sys
import numpy as np
from atc.errors import DataError
from test_bad_input import CONFIGS
from atc.models.base import fit_model
from atc.models.build import build_model
from atc.protocol.dataset import Block
from atc.protocol.row_windows import RowWindows
kind = sys.argv[1]
rng = np.random.default_rng(0)
x = rng.standard_normal((1_500_000, 20), dtype=np.float32)
y = np.empty((len(x), 1))
np.greater(x[:, :1], 0.0, out=y, casting="unsafe")  # nothing large is left to be used again
names = tuple(f"f{i}" for i in range(20))
classes = () if kind == "ridge" else ("FLAT", "HOLD")

def rows(n):
    ends = np.arange(3, n)
    if kind == "multihorizon_transformer":
        return Block(RowWindows.ending_at(x[:n], ends, 4), y[ends], names, classes=classes)
    return Block(x[:n], y[:n], names, classes=classes)

small, whole = rows(2000), rows(len(x))
fit_model(build_model(CONFIGS[kind]), small, small, seed=1)  # what a first fit loads is loaded
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 8 * 2**20,) * 2)
try:
    fit_model(build_model(CONFIGS[kind]), whole, small, seed=1)
    print("fitted")
except DataError as error:
    print(error)
"""


FILLED_ALIKE = {"softmax", "multihorizon", "multihorizon_transformer"}
"""Filled by the code of `logistic` and `softmax_mlp`; in words, test_bad_input_kinds.py has every kind."""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS and /proc")
@pytest.mark.parametrize(
    "kind",
    [pytest.param(one, marks=[pytest.mark.slow] * (one in FILLED_ALIKE)) for one in sorted(CONFIGS)],
)
def test_too_little_memory_is_said_with_what_takes_less(kind: str) -> None:
    here = str(Path(__file__).parent)
    paths = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", TOO_LARGE, kind],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    if kind == "ridge":  # its sums take as much of 2,000 rows as of 1.5 M
        assert done.stdout == "fitted\n", done.stderr
        return
    assert re.match(
        rf"model\.kind={kind}: not enough memory to fit 1,(500,000|499,997) rows × 20 columns", done.stdout
    ), done.stderr
    assert "thinning=every_k" in done.stdout


SMALL = (
    *("data.days=6", "window.train_days=4", "window.holdout_days=2", "data.rate=0.1"),
    *("evaluation.resamples=20", "backtest=none", "tracking=none", "runtime.progress=off"),
    "evaluation.adversarial.enabled=false",
    "explain=none",
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs")
    run(atc.compose([*SMALL, "+experiment=logistic_13feat", f"paths.outputs={folder}"]))
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _infinite_row(patch: pytest.MonkeyPatch) -> None:
    from atc.tasks import rows

    real = rows.read_rows

    def read(*words: Any, **named: Any) -> Any:
        found = real(*words, **named)
        x = np.array(found.x)
        x[1234, 0] = np.inf
        return replace(found, x=x)

    patch.setattr(rows, "read_rows", read)


def _nan_beside_nulls(patch: pytest.MonkeyPatch) -> None:
    from atc.tasks import rows

    real = rows.read_table

    def read(file: Path, columns: Any = None) -> pa.Table:
        table = real(file, columns)
        if "rv_5s" not in table.column_names:
            return table
        values = table["rv_5s"].to_numpy().copy()
        values[7] = np.nan
        place = table.column_names.index("rv_5s")
        return table.set_column(place, "rv_5s", pa.array(values, table["rv_5s"].type, from_pandas=False))

    patch.setattr(rows, "read_table", read)


def _no_memory(patch: pytest.MonkeyPatch) -> None:
    from atc.models.linear import LinearClassifier

    def fit(*words: Any, **named: Any) -> Any:
        raise MemoryError("Unable to allocate 64.0 GiB")

    patch.setattr(LinearClassifier, "_fit", fit)


def _full_disk(patch: pytest.MonkeyPatch) -> None:
    from atc.tasks import model_folder

    def save(*words: Any, **named: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere/model.json")

    patch.setattr(model_folder, "save_model", save)


BAD: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], tuple[str, ...], str]] = {
    "inf": (_infinite_row, (), r"infinite values in logret_1s \(1 rows, the first is \d+\)"),
    "nan": (_nan_beside_nulls, ("data.seed=2",), r"column rv_5s has 1 values that are NaN and not null"),
    "one class": (lambda _: None, ("label.exit_bps=9999",), r"all [\d,]+ labels are of class 1"),
    "diverging": (
        lambda _: None,
        ("model.solver=sgd", "model.learning_rate=1", "model.l2=1e6", "model.epochs=400"),
        r"diverged: the loss is .*lower model\.learning_rate",
    ),
    "memory": (_no_memory, (), r"model\.kind=logistic: not enough memory to fit"),
    "disk": (_full_disk, (), "No space left on device"),
}


@pytest.mark.parametrize("what", BAD)
def test_the_run_fails_in_words_and_earlier_ones_stay_as_they_are(
    what: str, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil, words, said = BAD[what]
    before = digests(outputs / "runs")
    name = f"bad_{what.replace(' ', '_')}"
    config = atc.compose(
        [*SMALL, "+experiment=logistic_13feat", *words, f"name={name}", f"paths.outputs={outputs}"]
    )
    spoil(monkeypatch)
    with pytest.raises((DataError, OSError), match=said):
        run(config)
    monkeypatch.undo()
    (folder,) = (outputs / "runs").glob(f"{name}-*")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "failed"
    assert manifest["error"]["message"]
    assert "Traceback" in (folder / "log.txt").read_text()
    assert not (folder / "metrics.json").exists()
    after = digests(outputs / "runs")
    assert {key: after[key] for key in before} == before
