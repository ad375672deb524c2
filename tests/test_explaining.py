"""A run that explains its model: what is lost without an input, in which tables, and never on the holdout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import spearmanr
from sklearn.metrics import log_loss, roc_auc_score

import atc
from atc.config.explain import Explain
from atc.evaluation.dependent_inputs import dependent_groups, rank_correlations
from atc.evaluation.head import Head, HeadRows
from atc.evaluation.importance import AsItIs
from atc.evaluation.lift import Resampling, resampling
from atc.opened_run import OpenedRun
from atc.protocol.sealed_holdout import SealBrokenError
from atc.run import run
from atc.tasks import explaining

WORDS = (
    *("+experiment=gbdt_36feat", "data.days=5", "data.rate=0.1", "evaluation.resamples=20"),
    *("window.train_days=4", "window.holdout_days=1", "backtest=none", "tracking=none"),
    *("model.n_estimators=15", "model.min_child_samples=50", "runtime.progress=off"),
    *("explain.rows=400", "explain.resamples=50", "evaluation.min_blocks=4"),
)
TABLES = {"importance", "importance_groups", "shap", "interactions", "dependence"}


# What is lost


def head_rows(y: NDArray[np.float64], classes: tuple[str, ...]) -> HeadRows:
    columns = (0,) if len(classes) < 3 else (0, 1, 2)
    head = Head(name="", classes=classes, columns=columns, horizon_ns=1, exit_bps=1.0)
    n = len(y)
    times = np.arange(n, dtype=np.int64)
    days = np.zeros(n, dtype="datetime64[D]")
    return HeadRows(head=head, rows=np.arange(n), y=y, r_bps=y, t0=times, days=days)


def undrawn(n: int) -> Resampling:
    return Resampling(np.zeros(n, dtype=np.int64), None, 0.95)


def test_what_two_classes_lose() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.95, 300)
    y = (rng.uniform(size=300) < p).astype(np.float64)
    others = [rng.permutation(p)[:, None] for _ in range(3)]
    found = AsItIs.of(head_rows(y, ("0", "1")), p[:, None], undrawn(300)).lost(others)
    aucs = [roc_auc_score(y, one[:, 0]) for one in others]
    losses = [log_loss(y, one[:, 0]) for one in others]
    assert found.ranking.value == pytest.approx(roc_auc_score(y, p) - np.mean(aucs), abs=1e-12)
    assert found.loss.value == pytest.approx(np.mean(losses) - log_loss(y, p), abs=1e-12)
    assert found.ranking.interval is None and found.loss.interval is None


def test_what_a_return_loses() -> None:
    rng = np.random.default_rng(1)
    predicted = rng.normal(size=300)
    y = predicted + rng.normal(size=300)
    other = rng.permutation(predicted)
    found = AsItIs.of(head_rows(y, ()), predicted[:, None], undrawn(300)).lost([other[:, None]])
    rho = [np.corrcoef(one, y)[0, 1] for one in (predicted, other)]
    assert found.ranking.value == pytest.approx(rho[0] - rho[1], abs=1e-12)
    squared = [np.mean((one - y) ** 2) for one in (predicted, other)]
    assert found.loss.value == pytest.approx(squared[1] - squared[0], abs=1e-12)


def test_the_interval_knows_that_neighbours_are_alike() -> None:
    """A thousand rows that are copies of twenty say as much as twenty."""
    rng = np.random.default_rng(2)
    p = rng.uniform(0.3, 0.7, 20)
    y = (rng.uniform(size=20) < p).astype(np.float64)
    other = rng.permutation(p)

    def width(copies: int, blocks: int) -> float:
        def repeated(values: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.repeat(values, copies)

        n = 20 * copies
        draws = resampling(
            np.arange(n) * blocks // n, blocks, enough=True, resamples=400, confidence=0.9, seed=0
        )
        as_it_is = AsItIs.of(head_rows(repeated(y), ("0", "1")), repeated(p)[:, None], draws)
        interval = as_it_is.lost([repeated(other)[:, None]]).loss.interval
        assert interval is not None
        return interval.hi - interval.lo

    assert width(50, 20) == pytest.approx(width(1, 20))
    assert width(50, 1000) < 0.3 * width(50, 20)


# Inputs that say the same


def test_rank_correlations_are_spearmans() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4)).astype(np.float32)
    x[:, 1] = np.exp(x[:, 0])
    x[:, 2] = np.round(x[:, 2] + x[:, 0])
    found = rank_correlations(x)
    assert found == pytest.approx(np.abs(spearmanr(x).statistic), abs=1e-12)
    x[:, 3], x[:100, 2] = np.nan, np.nan
    found = rank_correlations(x)
    assert found[3].tolist() == [0.0] * 4
    assert 0.1 < found[0, 2] < 1.0


def test_groups_are_those_of_complete_linkage() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x = (rng.normal(size=(300, 3)) @ rng.normal(size=(3, 9)) + rng.normal(size=(300, 9)) * 0.5).astype(
            np.float32
        )
        strengths = rank_correlations(x)
        distance = 1.0 - strengths
        np.fill_diagonal(distance, 0.0)
        labels = fcluster(linkage(squareform(distance, checks=False), "complete"), 0.4, "distance")
        members = [tuple(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)]
        expected = sorted(group for group in members if len(group) > 1)
        assert dependent_groups(strengths, 0.6, ()) == expected
        assert expected


def test_inputs_of_one_cause_are_a_group_whatever_they_correlate() -> None:
    strengths = np.eye(4)
    strengths[0, 1] = strengths[1, 0] = 0.9
    assert dependent_groups(strengths, 0.8, ()) == [(0, 1)]
    assert dependent_groups(strengths, 0.8, (2, 3)) == [(0, 1), (2, 3)]
    # One that is like a member of them alone does not join.
    assert dependent_groups(strengths, 0.8, (1, 2)) == [(1, 2)]


# A run


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explaining")


@pytest.fixture(scope="module")
def made(outputs: Path) -> OpenedRun:
    return atc.open_run(run(atc.compose([*WORDS, f"paths.outputs={outputs}"])))


def table(made: OpenedRun, name: str) -> pl.DataFrame:
    return pl.read_parquet(made.folder / f"{name}.parquet")


def test_importance_of_every_input(made: OpenedRun) -> None:
    found, features = table(made, "importance"), made.model.model.features
    assert sorted(found["feature"]) == sorted(features)
    assert found["loss_increase"].is_sorted(descending=True)
    fit = {item["feature"]: item for item in made.model.manifest["fit"]["importance"]}
    for row in found.iter_rows(named=True):
        assert (row["fit_importance"], row["splits"]) == (
            fit[row["feature"]]["value"],
            fit[row["feature"]]["splits"],
        )
        for figure in ("auc_drop", "loss_increase"):
            assert row[f"{figure}_lo"] <= row[f"{figure}_hi"]
        if row["splits"] == 0:  # it has no part in any score
            assert row["auc_drop"] == row["loss_increase"] == row["mean_abs_shap"] == 0.0
    assert found["auc_drop"].max() > 0
    groups = table(made, "importance_groups")
    clock = {"tod_sin", "tod_cos", "biz_day_frac", "ttc_sec_norm", "in_no_new_entry_window"}
    assert clock in [set(members) for members in groups["features"].to_list()]
    for row in groups.iter_rows(named=True):
        members = found.filter(group=row["group"])["feature"].to_list()
        assert sorted(members) == sorted(row["features"]) and len(members) > 1


def test_shap_values_sum_to_the_score(made: OpenedRun) -> None:
    found, features = table(made, "shap"), made.model.model.features
    shap = found.select(f"shap_{name}" for name in features).to_numpy()
    margin = found["base"].to_numpy() + shap.sum(axis=1)
    assert margin == pytest.approx(found["margin"].to_numpy())
    valid = made.predictions.filter(split="valid")
    both = found.join(valid, on=["symbol", "ts_recv", "ev_seq"], how="left")
    assert both["p_hold"].null_count() == 0  # rows of validation, every one
    assert 1 / (1 + np.exp(-margin)) == pytest.approx(both["p_hold"].to_numpy())
    x = found.select(features).cast(pl.Float32).fill_null(float("nan")).to_numpy()
    scores = made.model.model.predict(np.ascontiguousarray(x))[:, 0]
    assert scores == pytest.approx(both["p_hold"].to_numpy())
    means = table(made, "importance").select("feature", "mean_abs_shap").rows_by_key("feature", unique=True)
    for place, name in enumerate(features):
        assert means[name][0] == pytest.approx(np.abs(shap[:, place]).mean())


def test_curves_and_pairs_of_the_most_important(made: OpenedRun) -> None:
    top = table(made, "importance").head(6)["feature"].to_list()
    curves, pairs = table(made, "dependence"), table(made, "interactions")
    assert set(curves["feature"]) <= set(top) and len(set(curves["feature"])) > 3
    assert set(curves["kind"]) == {"partial", "accumulated"}
    for _, one in curves.group_by("feature", "kind"):
        assert one["value"].is_sorted() and one["value"].n_unique() == one.height <= 12
    assert pairs.height == 15 and pairs["strength"].is_sorted(descending=True)
    assert set(pairs["feature_a"]) | set(pairs["feature_b"]) == set(top)
    assert pairs["h_squared"].drop_nulls().is_between(0.0, 1.0).all()


def test_the_notes_name_the_most_important(made: OpenedRun) -> None:
    (note,) = [one for one in made.manifest["notes"] if one.startswith("inputs: permuted")]  # type: ignore[attr-defined]
    first = table(made, "importance").sort("auc_drop", descending=True).head(1)
    assert f"most without {first['feature'][0]} {first['auc_drop'][0]:.4f} (" in note
    assert "explain" in made.manifest["stages"]  # type: ignore[operator]


def test_a_run_that_does_not_explain_is_the_same_run_without_tables(made: OpenedRun, outputs: Path) -> None:
    other = atc.open_run(run(atc.compose([*WORDS, "explain=none", f"paths.outputs={outputs}"])))
    assert other.run_id != made.run_id
    assert other.metrics == made.metrics
    assert other.predictions.equals(made.predictions)
    own = {path.stem for path in made.folder.glob("*.parquet")}
    assert own - {path.stem for path in other.folder.glob("*.parquet")} == TABLES
    assert "explain" not in other.manifest["stages"]  # type: ignore[operator]


def test_several_heads_and_a_linear_model(outputs: Path) -> None:
    words = (*WORDS[:8], "model=logistic", "label=multihorizon_up", "runtime.progress=off", *WORDS[-3:])
    made = atc.open_run(run(atc.compose([*words, f"paths.outputs={outputs}"])))
    found = table(made, "importance")
    heads = ["1s", "5s", "30s", "300s"]
    assert found["head"].unique(maintain_order=True).to_list() == heads
    assert found.height == 36 * 4 and found["mean_abs_shap"].null_count() == found.height
    assert not (made.folder / "shap.parquet").exists()
    # A linear model is a sum of its inputs.
    pairs = table(made, "interactions")
    assert pairs.height == 15 * 4 and pairs["strength"].max() < 1e-9
    curves = table(made, "dependence").filter(kind="partial")
    assert (curves["high"] - curves["low"]).max() == pytest.approx(0.0, abs=1e-9)
    notes = [one for one in made.manifest["notes"] if one.startswith("inputs ")]  # type: ignore[attr-defined]
    assert [note.split()[1].rstrip(":") for note in notes] == heads


def test_a_return_has_a_correlation_to_lose(outputs: Path) -> None:
    words = ("+experiment=linear_36feat", *WORDS[1:8], "runtime.progress=off", *WORDS[-3:])
    made = atc.open_run(run(atc.compose([*words, f"paths.outputs={outputs}"])))
    found = table(made, "importance")
    assert "auc_drop" not in found.columns and found["pearson_drop"].null_count() == 0
    assert found["pearson_drop"].max() > 0
    (note,) = [one for one in made.manifest["notes"] if one.startswith("inputs: ")]  # type: ignore[attr-defined]
    assert "the Pearson's ρ falls most without" in note
    assert table(made, "interactions")["strength"].max() < 1e-9


def test_three_classes(outputs: Path) -> None:
    words = (*WORDS, "label=hold10_3class", "policy=class", "baseline=softmax_13feat", "explain.shap_rows=60")
    made = atc.open_run(run(atc.compose([*words, f"paths.outputs={outputs}"])))
    found = table(made, "importance")
    assert found["auc_drop"].max() > 0
    shap = table(made, "shap")
    assert shap.height == 60
    contributions = shap.select(pl.col("^shap_.*$")).to_numpy().sum(axis=1)
    margin = shap["margin"].to_numpy()
    assert shap["base"].to_numpy() + contributions == pytest.approx(margin)
    # LightGBM's own raw score of the last class, of the same rows.
    x = shap.select(made.model.model.features).cast(pl.Float32).fill_null(float("nan")).to_numpy()
    trees = lightgbm.Booster(model_file=str(made.folder / "model" / "model.txt"))
    raw = np.asarray(trees.predict(np.ascontiguousarray(x), raw_score=True))
    assert raw.shape == (60, 3)
    assert margin == pytest.approx(raw[:, -1], abs=1e-9)
    assert table(made, "dependence").height > 0


def test_the_holdout_is_closed_meanwhile(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    question_of: Callable[..., Any] = explaining.question_of

    def curious(config: Any, loaded: Any, *others: Any) -> Any:
        loaded.parts.holdout.open("a look while the model is explained")
        return question_of(config, loaded, *others)

    monkeypatch.setattr(explaining, "question_of", curious)
    with pytest.raises(SealBrokenError, match="a look while the model is explained"):
        run(atc.compose([*WORDS, "seed=7", f"paths.outputs={outputs}"]))


def test_more_pairs_than_can_be_asked_for_are_refused() -> None:
    assert Explain(top=12, pair_rows=100).pair_rows == 100
    with pytest.raises(ValueError, match="grows with the square"):
        Explain(top=36, pair_rows=2000)
