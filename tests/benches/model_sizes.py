"""`python tests/benches/model_sizes.py`: bytes of the folder of each model of the plan, file by file.

The architectures are those of the experiments; what they are fitted on is made up, and little of it, since a
size depends on the columns, the classes and the number of trees alone. Trees are grown to the plan's 500, or
to the last one that helps.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

import atc
from atc.config.nets import Net
from atc.config.schema import RunConfig
from atc.features.declarations import feature_schema
from atc.features.sets import set_columns
from atc.models.artifact import Provenance, load_model, save_model
from atc.models.base import fit_model
from atc.models.build import build_model
from atc.models.profile import reference_profile
from atc.models.window_length import window_length
from atc.protocol.dataset import Block
from atc.protocol.row_windows import RowWindows

ROWS = 20_000
FEW = ("model.epochs=1", "model.early_stopping=1", "model.trainer.checkpoints=false")
GROWN = ("model.min_child_samples=20", "model.early_stopping=500")
EXPERIMENTS = (
    *("linear_13feat", "linear_36feat", "logistic_13feat", "logistic_36feat", "softmax_36feat"),
    *("gbdt_36feat", "hold10_softmax_mlp_36feat", "multihorizon_ticker_24feat", "multihorizon_full_36feat"),
    "multihorizon_transformer_24feat",
)
HEADS = {"multihorizon_up": ("1s", "5s", "30s", "300s")}
CLASSES = {"hold10_3class": ("SHORT", "FLAT", "HOLD"), "fwd_logret": ()}


def made_up(config: RunConfig) -> tuple[Block, Block]:
    """Rows with the columns, heads and classes of an experiment."""
    rng = np.random.default_rng(0)
    columns = set_columns(config.features)
    heads = HEADS.get(config.label.kind, ("",))
    classes = CLASSES.get(config.label.kind, ("FLAT", "HOLD"))
    x = rng.standard_normal((ROWS, len(columns))).astype(np.float32)
    shape = (ROWS, len(heads))
    # Something to learn, or trees would stop at the first.
    signal = x[:, 0] * x[:, 1] + x[:, 2] + np.sin(3.0 * x[:, 3]) + 0.01 * rng.normal(size=shape).T
    cuts = np.quantile(signal, np.arange(1, len(classes)) / len(classes)) if classes else np.empty(0)
    y = (np.digitize(signal, cuts) if classes else signal).T.astype(np.float64)
    whole = Block(x=x, y=y, features=columns, heads=heads, classes=classes)
    length = getattr(config.model, "length", 1)

    def part(first: int, last: int) -> Block:
        if length == 1:
            return replace(whole, x=x[first:last], y=y[first:last])
        ends = np.arange(max(first, length), min(last, first + 2000))
        return replace(whole, x=RowWindows.ending_at(x, ends, length), y=y[ends])

    return part(0, ROWS - 2000), part(ROWS - 2000, ROWS)


def saved(name: str, folder: Path) -> Path:
    """The folder of the model of an experiment."""
    kind = atc.compose([f"+experiment={name}"]).model
    words = FEW if isinstance(kind, Net) else GROWN if kind.kind == "gbdt" else ()
    config = atc.compose([f"+experiment={name}", *words])
    train, valid = made_up(config)
    model = build_model(config.model)
    report = fit_model(model, train, valid, seed=1)
    columns = model.features
    save_model(
        model,
        folder,
        config=config.model,
        provenance=Provenance(
            symbol=config.data.symbol,
            train_from=date(2022, 1, 1),
            train_to=date(2026, 2, 16),
            train_span_ns=(0, 1),
            feature_schema=feature_schema(columns),
            label=config.label.model_dump(mode="json"),
            config_digest="c" * 64,
            data_digest="d" * 64,
            git_commit="e" * 40,
            created_at="2026-02-17T00:00:00+00:00",
            versions={"atc": "0.1.0", "numpy": "2.4.6"},
        ),
        report=report,
        valid_metrics={"auc": 0.5, "log_loss": 0.7},
        profile=reference_profile(train.x, columns),
    )
    assert window_length(load_model(folder).model) == getattr(config.model, "length", 1)
    return folder


def lines(names: list[str]) -> Iterator[str]:
    """A Markdown table; bytes."""
    yield "| experiment | model | its bytes | ONNX | manifest | profile | together |"
    yield "|---|---|--:|--:|--:|--:|--:|"
    with tempfile.TemporaryDirectory() as root:
        for name in names:
            folder = saved(name, Path(root) / name)
            sizes = {
                file.relative_to(folder): file.stat().st_size for file in folder.rglob("*") if file.is_file()
            }
            beside = {Path("manifest.json"), Path("profile.json")}
            own = {
                file: size for file, size in sizes.items() if file not in beside and file.suffix != ".onnx"
            }
            onnx = sum(size for file, size in sizes.items() if file.suffix == ".onnx")
            kinds = " + ".join(dict.fromkeys(file.suffix.removeprefix(".") for file in sorted(own)))
            cells = (
                sum(own.values()),
                onnx,
                *(sizes[file] for file in sorted(beside)),
                sum(sizes.values()),
            )
            yield f"| `{name}` | {kinds} | {' | '.join(f'{cell:,}' if cell else '' for cell in cells)} |"


def main() -> None:
    """Prints the table of docs/model_folder.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiments", nargs="*", default=list(EXPERIMENTS))
    for line in lines(parser.parse_args().experiments):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
