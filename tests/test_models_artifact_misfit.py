"""Artifacts whose digests fit and whose parts do not: each is refused when it is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from planted_heads import blocks, three_classes, two_heads
from planted_rows import FEATURES, planted_rows
from test_models_artifact import PROVENANCE, manifest_of

from atc.config.model import Gbdt, Logistic, Softmax
from atc.config.model import Model as ModelConfig
from atc.errors import DataError
from atc.models.artifact import load_model, save_model
from atc.models.base import fit_model
from atc.models.build import build_model
from atc.models.manifest import file_digest, manifest_digest
from atc.models.profile import reference_profile
from atc.protocol.dataset import Block, Dataset

TREES = Gbdt(kind="gbdt", n_estimators=3, min_child_samples=40, num_leaves=4, num_threads=1)
LINE = Logistic(kind="logistic")
SWAPPED = (FEATURES[1], FEATURES[0], *FEATURES[2:])


def saved(config: ModelConfig, data: Dataset, folder: Path, *, seeds: int = 1, swap: bool = False) -> Path:
    """A fitted model's folder; with `swap` its first two inputs are in another order."""
    rows: list[Block] = [*blocks(data)]
    if swap:
        rows = [block.select(SWAPPED) for block in rows]
    train, valid = rows
    model = build_model(config, seeds)
    report = fit_model(model, train, valid, seed=1)
    save_model(
        model,
        folder,
        config=config,
        provenance=PROVENANCE,
        report=report,
        valid_metrics={},
        profile=reference_profile(train.x, train.features),
    )
    load_model(folder)  # it is whole
    return folder


def sealed(folder: Path, **changes: object) -> None:
    """Gives every listed file of `folder` the digest that it has now, and the manifest its own."""
    manifest = {**manifest_of(folder), **changes}
    manifest["files"] = {name: file_digest(folder / name) for name in manifest["files"]}
    manifest["manifest_digest"] = manifest_digest(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def model_files(folder: Path) -> list[Path]:
    return [folder / name for name in manifest_of(folder)["model_files"]]


@pytest.mark.parametrize("config", [TREES, LINE], ids=["gbdt", "logistic"])
def test_a_later_head_with_other_inputs(config: ModelConfig, tmp_path: Path) -> None:
    good = saved(config, two_heads(1500), tmp_path / "good")
    other = saved(config, two_heads(1500), tmp_path / "other", swap=True)
    _, far = model_files(good)
    far.write_bytes(model_files(other)[1].read_bytes())
    sealed(good)
    with pytest.raises(DataError, match=r"far/.*takes the features interaction_b, interaction_a"):
        load_model(good)


@pytest.mark.parametrize(
    ("config", "said"),
    [(TREES, "gives 3 numbers a row, for the scores p"), (LINE, r"scores p_short, p_flat, p_hold, p were")],
    ids=["gbdt", "logistic"],
)
def test_more_outputs_than_scores(config: ModelConfig, said: str, tmp_path: Path) -> None:
    two = saved(config, planted_rows(1500), tmp_path / "two")
    three = saved(
        config if config is TREES else Softmax(kind="softmax"), three_classes(1500), tmp_path / "three"
    )
    (file,), (other,) = model_files(two), model_files(three)
    content = other.read_text()
    if config is LINE:
        formats = [json.loads(text)["format"] for text in (file.read_text(), content)]
        content = content.replace(formats[1], formats[0])
    file.write_text(content)
    sealed(two)
    with pytest.raises(DataError, match=said):
        load_model(two)


def without_digest(folder: Path) -> None:
    manifest = manifest_of(folder)
    del manifest["files"]["seed2/model.txt"]
    sealed(
        folder,
        files=manifest["files"],
        model_files=[name for name in manifest["model_files"] if name != "seed2/model.txt"],
    )


def listed(change: Callable[[list[dict[str, object]]], None]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "members.json"
        content = json.loads(path.read_text())
        change(content["members"])
        path.write_text(json.dumps(content))
        sealed(folder)

    return edit


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without_digest, r"no digest of model\.txt in the folder seed2"),
        (listed(lambda told: told[1].update(model_files=["../seed1/model.txt"])), r"no digest of \.\./seed1"),
        (
            listed(lambda told: told[1].update(calibration="calibration.json")),
            r"no digest of calibration\.json",
        ),
        (listed(lambda told: told[1].update(scores=["p_hold"])), "seed2 has the scores p_hold"),
        (
            listed(lambda told: told[1].update(features=["a", *FEATURES[1:]])),
            "has inputs that the model has not: a",
        ),
        (
            listed(lambda told: told[1].update(features=[*SWAPPED])),
            "takes the features interaction_a, interact",
        ),
    ],
)
def test_members_that_do_not_belong(spoil: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    folder = saved(TREES, planted_rows(1500), tmp_path / "seeds", seeds=2)
    spoil(folder)
    with pytest.raises(DataError, match=said):
        load_model(folder)


def test_scores_of_another_name(tmp_path: Path) -> None:
    folder = saved(TREES, planted_rows(1500), tmp_path / "seeds", seeds=2)
    sealed(folder, scores=["p_hold"])
    with pytest.raises(DataError, match="have the scores p, its manifest has p_hold"):
        load_model(folder)
