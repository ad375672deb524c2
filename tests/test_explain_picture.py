"""The pictures of a run that explains its model, in its folder and in W&B."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from wandb_files import read_offline

import atc
from atc.errors import DataError
from atc.opened_run import OpenedRun
from atc.report.explain_picture import draw_dependence, draw_importance, pictures_of
from atc.run import run

WORDS = (
    *("+experiment=gbdt_36feat", "data.days=5", "data.rate=0.1", "evaluation.resamples=20"),
    *("window.train_days=4", "window.holdout_days=1", "backtest=none", "tracking=offline"),
    *("model.n_estimators=15", "model.min_child_samples=50", "runtime.progress=off"),
    *("explain.rows=200", "explain.resamples=20", "explain.repeats=1", "explain.pictures=true"),
)
PNG = b"\x89PNG\r\n"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explain_picture")


@pytest.fixture(scope="module")
def made(outputs: Path) -> OpenedRun:
    return atc.open_run(run(atc.compose([*WORDS, f"paths.outputs={outputs}"])))


def test_the_record_has_them(made: OpenedRun) -> None:
    for name in ("importance.png", "dependence.png"):
        assert (made.folder / name).read_bytes().startswith(PNG)
        assert name in made.manifest["files"]  # type: ignore[operator]
    assert "pictures" in made.manifest["stages"]  # type: ignore[operator]


def test_wandb_has_tables_and_pictures(made: OpenedRun, outputs: Path) -> None:
    media = read_offline(outputs).folder / "files" / "media"
    tables = {file.name.rsplit("_", 2)[0]: file for file in media.glob("table/explain/*.json")}
    # SHAP values of single rows stay in the record.
    assert set(tables) == {"importance", "importance_groups", "interactions", "dependence"}
    for name, file in tables.items():
        content, kept = json.loads(file.read_text()), pl.read_parquet(made.folder / f"{name}.parquet")
        assert (content["columns"], len(content["data"])) == (kept.columns, kept.height)
    for name in ("importance", "dependence"):
        (picture,) = media.glob(f"images/explain/{name}_*.png")
        assert picture.read_bytes() == (made.folder / f"{name}.png").read_bytes()


def test_words_and_numbers_of_the_tables_are_drawn(made: OpenedRun, tmp_path: Path) -> None:
    for name, draw in pictures_of(made.folder):
        draw(made.folder, tmp_path / f"{name}.svg", kind="svg")
        draw(made.folder, tmp_path / "again.svg", kind="svg")
        assert (tmp_path / "again.svg").read_bytes() == (tmp_path / f"{name}.svg").read_bytes()
    importance = pl.read_parquet(made.folder / "importance.parquet")
    drawn = (tmp_path / "importance.svg").read_text()
    for name in importance.sort("auc_drop", descending=True).head(12)["feature"]:
        assert f">{name}</text>" in drawn
    pairs, drawn = (
        pl.read_parquet(made.folder / "interactions.parquet"),
        (tmp_path / "dependence.svg").read_text(),
    )
    first = pairs.row(0, named=True)
    assert f">{first['feature_a']} × {first['feature_b']}</text>" in drawn
    assert f"{first['h_squared']:.3f}" in drawn


def test_what_cannot_be_drawn_is_said(made: OpenedRun, tmp_path: Path) -> None:
    assert [*pictures_of(tmp_path)] == []
    with pytest.raises(DataError, match="explain=none"):
        draw_importance(tmp_path, tmp_path / "x.png")
    with pytest.raises(DataError, match="has no head '5s'"):
        draw_dependence(made.folder, tmp_path / "x.png", head="5s")


def test_a_model_without_shap_values_or_pairs_has_the_rest(made: OpenedRun, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("importance", "dependence"):
        shutil.copy(made.folder / f"{name}.parquet", folder)
    for name, draw in pictures_of(folder):
        draw(folder, tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(PNG)
