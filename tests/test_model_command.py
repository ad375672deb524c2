"""`atc model`: what is shown, what rows score, and that nothing wrong passes."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from sklearn.metrics import log_loss
from typer.testing import CliRunner

import atc
from atc.cli import application
from atc.errors import AtcError, DataError, UsageError
from atc.models.artifact import load_model
from atc.models.checks import Check, sample_rows
from atc.models.manifest import manifest_digest
from atc.models.per_head import PerHead
from atc.opened_run import OpenedRun
from atc.protocol.row_runs import FloatMatrix
from atc.run import run
from atc.tasks.scoring import SCHEMA_KEY, file_rows, write_scores

WORDS = (
    *("+experiment=gbdt_36feat", "data.days=5", "data.rate=0.1", "evaluation.resamples=20"),
    *("window.train_days=4", "window.holdout_days=1", "backtest=none", "tracking=none"),
    *("model.n_estimators=15", "model.min_child_samples=50", "calibration=temperature", "seed=2"),
    "runtime.progress=off",
)
HOLDOUT_DAY = "2025-01-10"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> OpenedRun:
    outputs = tmp_path_factory.mktemp("model_command")
    return atc.open_run(run(atc.compose([*WORDS, f"paths.outputs={outputs}"])))


@pytest.fixture
def copied(made: OpenedRun, tmp_path: Path) -> Path:
    """The run's folder, to be spoiled; its data stay where they are."""
    folder = tmp_path / made.folder.name
    shutil.copytree(made.folder, folder)
    return folder


def model(*words: object) -> Result:
    """Runs `atc model`; a failure with a message is raised."""
    done = CliRunner().invoke(application(), ["model", *map(str, words)])
    if isinstance(done.exception, AtcError):
        raise done.exception
    return done


def inputs_of(made: OpenedRun, tmp_path: Path, rows: int = 300) -> pl.DataFrame:
    """Rows such as training had, with keys."""
    x = sample_rows(made.model.profile, rows)
    frame = pl.DataFrame({name: x[:, i] for i, name in enumerate(made.model.model.features)})
    keys = pl.DataFrame({"symbol": ["T"] * rows, "ts_recv": np.arange(rows)})
    return pl.concat([keys, frame.fill_nan(None)], how="horizontal")


# show


def test_show(made: OpenedRun, tmp_path: Path) -> None:
    done = model("show", made.folder, "--json", tmp_path / "model.json")
    assert done.exit_code == 0
    manifest = made.model.manifest
    lines = done.output.splitlines()
    for number, name in enumerate(manifest["features"], start=1):
        (line,) = [one for one in lines if one.split()[:2] == [str(number), name]]
        assert f"{made.model.profile['inputs'][number - 1]['mean']:.4g}" in line.split()
    for name, digest in manifest["files"].items():
        (line,) = [one for one in lines if one.startswith(f"{name} ")]
        assert line.split()[1:] == [f"{(made.folder / 'model' / name).stat().st_size:,}", digest[:12]]
    assert f"{manifest['valid_metrics']['auc']:.4f}" in done.output
    assert "p_hold; calibration temperature" in done.output
    (told,) = json.loads((tmp_path / "model.json").read_text())
    assert told["manifest"] == manifest
    gains = {item["feature"]: item["value"] for item in manifest["fit"]["importance"]}
    assert {item["feature"]: item["gain"] for item in told["inputs"]} == gains
    # A model folder is shown as well as its run's.
    assert model("show", made.folder / "model").output == done.output


def test_what_is_no_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no run"):
        model("show", tmp_path / "nothing")
    with pytest.raises(DataError, match="is no run"):
        model("verify", tmp_path)


def test_figures_of_validation_are_before_calibration_and_those_of_the_holdout_after(made: OpenedRun) -> None:
    found = {}
    for split in ("valid", "holdout"):
        rows = made.predictions.filter(pl.col("split") == split, pl.col("judged"))
        found[split] = [log_loss(rows["y"], rows[column]) for column in ("p_hold_raw", "p_hold")]
        assert abs(found[split][0] - found[split][1]) > 1e-5
    assert made.metrics["valid/log_loss"] == pytest.approx(found["valid"][0], abs=1e-9)
    assert made.model.manifest["valid_metrics"]["log_loss"] == pytest.approx(found["valid"][0], abs=1e-9)
    assert made.metrics["holdout/log_loss"] == pytest.approx(found["holdout"][1], abs=1e-9)


# score


@pytest.mark.parametrize("raw", [False, True])
def test_days_score_as_in_the_run(made: OpenedRun, tmp_path: Path, raw: bool) -> None:
    out = tmp_path / "scores.parquet"
    done = model("score", made.folder, "--from", HOLDOUT_DAY, "--out", out, *(["--raw"] if raw else []))
    assert done.exit_code == 0, done.output
    found = pl.read_parquet(out)
    assert found.columns == ["symbol", "ts_recv", "ev_seq", "ts_close", "p_hold"]
    held = made.predictions.filter(split="holdout")
    both = held.join(found, on=["symbol", "ts_recv", "ev_seq", "ts_close"], suffix="_again")
    assert len(both) == len(held) > 500
    assert both["p_hold_again"].equals(both["p_hold_raw" if raw else "p_hold"], check_names=False)
    assert not both["p_hold"].equals(both["p_hold_raw"], check_names=False)


def test_a_file_scores_as_the_model_does(made: OpenedRun, tmp_path: Path) -> None:
    frame = inputs_of(made, tmp_path)
    frame.write_parquet(tmp_path / "rows.parquet")
    model(
        "score", made.folder / "model", "--rows", tmp_path / "rows.parquet", "--out", tmp_path / "a.parquet"
    )
    found = pl.read_parquet(tmp_path / "a.parquet")
    x = frame.select(made.model.model.features).fill_null(float("nan")).to_numpy()
    expected = made.model.scores(np.ascontiguousarray(x, dtype=np.float32))[:, 0]
    assert found.columns == ["symbol", "ts_recv", "p_hold"]
    assert found["p_hold"].to_list() == expected.tolist()
    # By name in any order, as float64, with whatever else is there.
    mixed = frame.select([pl.lit(1).alias("more"), *reversed(frame.columns)])
    mixed = mixed.with_columns(pl.col(made.model.model.features).cast(pl.Float64))
    mixed.write_parquet(tmp_path / "mixed.parquet")
    words = ("--rows", tmp_path / "mixed.parquet", "--out", tmp_path / "b.parquet", "--by-name")
    model("score", made.folder, *words)
    assert pl.read_parquet(tmp_path / "b.parquet").equals(found)


def test_other_rows_are_refused(made: OpenedRun, tmp_path: Path) -> None:
    frame = inputs_of(made, tmp_path)
    first, second, *rest = made.model.model.features
    spoiled = {
        f"column 0 is '{first}' there and '{second}' here": frame.select(second, first, *rest),
        f"lacking here {first}": frame.drop(first),
        "unknown there more": frame.with_columns(more=1.0),
        rf"{first} \(large_string\): numbers were expected": frame.with_columns(pl.lit("a").alias(first)),
        rf"{first} \(1 rows, the first is 7\)": frame.with_columns(
            pl.when(pl.col("ts_recv") == 7).then(float("inf")).otherwise(pl.col(first)).alias(first)
        ),
        "there is no row to score": frame.head(0),
    }
    for message, rows in spoiled.items():
        rows.write_parquet(tmp_path / "rows.parquet")
        with pytest.raises(DataError, match=message):
            model(
                "score", made.folder, "--rows", tmp_path / "rows.parquet", "--out", tmp_path / "out.parquet"
            )
    for schema, passes in (("core-999", False), (made.model.manifest["feature_schema"], True)):
        table = frame.to_arrow().replace_schema_metadata({SCHEMA_KEY: schema})
        pq.write_table(table, tmp_path / "rows.parquet")
        words = ("score", made.folder, "--rows", tmp_path / "rows.parquet", "--out", tmp_path / "out.parquet")
        if passes:
            assert model(*words).exit_code == 0
        else:
            with pytest.raises(DataError, match="these features are core-999"):
                model(*words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet", "rows.parquet"]


def test_days_of_another_schema_are_refused(copied: Path, tmp_path: Path) -> None:
    """The columns of today's engine have the names of those that the model was fitted on, and that is all."""
    rewritten(copied, feature_schema="core-999")
    words = ("score", copied, "--from", HOLDOUT_DAY, "--out", tmp_path / "out.parquet")
    with pytest.raises(DataError, match="was fitted on core-999, these features are core-"):
        model(*words)
    manifest = json.loads((copied / "model" / "manifest.json").read_text())
    rewritten(copied, features=["mystery", *manifest["features"][1:]])
    with pytest.raises(DataError, match="mystery"):
        model(*words)
    assert not (tmp_path / "out.parquet").exists()


def test_rows_that_do_not_say_their_schema_are_told_of(made: OpenedRun, tmp_path: Path) -> None:
    rows = tmp_path / "rows.parquet"
    table = inputs_of(made, tmp_path).to_arrow()
    said = made.model.manifest["feature_schema"]
    for number, schema in enumerate(({}, {SCHEMA_KEY: said})):
        pq.write_table(table.replace_schema_metadata(schema), rows)
        done = model("score", made.folder, "--rows", rows, "--out", tmp_path / f"{number}.parquet")
        assert ("does not say which feature schema made its columns" in done.stderr) == (not schema)
        assert (f"taken for those of {said}" in done.stderr) == (not schema)
        assert done.exit_code == 0


def test_a_full_disk_leaves_nothing_behind(made: OpenedRun, tmp_path: Path) -> None:
    inputs_of(made, tmp_path, 20_000).write_parquet(tmp_path / "rows.parquet")
    found = file_rows(made.model, made.folder / "model", tmp_path / "rows.parquet", by_name=False)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(UsageError, match=r"--out .*out\.parquet: cannot be written"):
            write_scores(made.model, found, tmp_path / "out.parquet", raw=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


def test_wrong_words_are_refused(made: OpenedRun, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    for words, message in (
        ((), "either --rows FILE or --from DATE"),
        (("--rows", tmp_path / "no.parquet"), "there is no such file"),
        (("--rows", tmp_path / "no.parquet", "--from", HOLDOUT_DAY), "either --rows FILE or --from DATE"),
        (("--from", HOLDOUT_DAY, "--by-name"), "--by-name is of --rows"),
        (("--from", "10 January"), "expected a date"),
        (("--from", "2031-01-01"), "no business day of demo"),
    ):
        with pytest.raises(UsageError, match=message):
            model("score", made.folder, "--out", out, *words)
    with pytest.raises(UsageError, match="a model without its run"):
        model("score", made.folder / "model", "--from", HOLDOUT_DAY, "--out", out)
    assert not out.exists()
    out.write_text("mine")
    with pytest.raises(UsageError, match="nothing is overwritten"):
        model("score", made.folder, "--from", HOLDOUT_DAY, "--out", out)
    assert out.read_text() == "mine"
    (tmp_path / "text.parquet").write_text("no Parquet")
    with pytest.raises(DataError, match="no readable Parquet"):
        model("score", made.folder, "--rows", tmp_path / "text.parquet", "--out", tmp_path / "b.parquet")


# verify


def results(folder: Path, tmp_path: Path) -> tuple[int, dict[str, bool | None], str]:
    """The exit code, each check's result, and what was said of those that failed or did not happen."""
    done = model("verify", folder, "--json", tmp_path / "verify.json")
    (told,) = json.loads((tmp_path / "verify.json").read_text())
    found = {one["name"]: one["passed"] for one in told["checks"]}
    return done.exit_code, found, " ".join(one["said"] for one in told["checks"] if not one["passed"])


def test_a_run_verifies(made: OpenedRun, tmp_path: Path) -> None:
    code, found, _ = results(made.folder, tmp_path)
    names = ("manifest", "files", "features", "model", "scores", "run", "predictions")
    assert (code, found) == (0, dict.fromkeys(names, True))
    # A model alone has no predictions to compare with.
    code, found, _ = results(made.folder / "model", tmp_path)
    assert (code, found) == (0, dict.fromkeys(names[:-2], True))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_each_damage_is_named(copied: Path, tmp_path: Path) -> None:
    folder = copied / "model"
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name in ("model.txt", "profile.json", "calibration.json"):
        flip(folder / name)
        code, found, said = results(copied, tmp_path)
        assert (code, found["files"]) == (1, False)
        assert f"{name} is corrupt" in said and "model" not in found
        (folder / name).write_bytes(whole[name])
    flip(folder / "manifest.json")
    code, found, _ = results(folder.parent, tmp_path)
    assert (code, found) == (1, {"manifest": False})


def refiled(run_folder: Path, name: str) -> None:
    """Lets the run's manifest list the file `name` with the size that it has now."""
    manifest = json.loads((run_folder / "manifest.json").read_text())
    manifest["files"][name] = (run_folder / name).stat().st_size
    (run_folder / "manifest.json").write_text(json.dumps(manifest))


def rewritten(run_folder: Path, **changes: object) -> None:
    """Gives the model another manifest, whose own digest fits."""
    path = run_folder / "model" / "manifest.json"
    manifest = {**json.loads(path.read_text()), **changes}
    manifest["manifest_digest"] = manifest_digest(manifest)
    path.write_text(json.dumps(manifest))
    refiled(run_folder, "model/manifest.json")


def test_what_does_not_belong_together_fails(copied: Path, tmp_path: Path) -> None:
    before = json.loads((copied / "model" / "manifest.json").read_text())
    features = before["features"]
    for changes, check, message in (
        ({"feature_schema": "core-999"}, "features", "these features are core-"),
        ({"features": ["mystery", *features[1:]]}, "features", "'mystery', which this checkout does not"),
        ({"features": [features[1], features[0], *features[2:]]}, "model", "its manifest "),
        ({"config_digest": "0" * 64}, "run", "another config_digest"),
        ({"files": {}}, "files", "no digest of model.txt"),
        ({"files": {"../x": "0", "model.txt": "0", "profile.json": "0"}}, "files", "not in its folder"),
        ({"features": "all"}, "manifest", "'features' is str, list was expected"),
    ):
        rewritten(copied, **{**before, **changes})
        code, found, said = results(copied, tmp_path)
        assert (code, found[check]) == (1, False), (changes, said)
        assert message in said
    rewritten(copied, **before)
    assert results(copied, tmp_path)[0] == 0


def test_other_predictions_fail(copied: Path, tmp_path: Path) -> None:
    path = copied / "predictions.parquet"
    frame = pl.read_parquet(path)
    last = frame.height - 1
    for spoiled, message in (
        (frame.with_columns(p_hold=pl.col("p_hold") + (pl.row_index() == last) * 1e-4), "by up to 0.0001"),
        (frame.with_columns(ev_seq=pl.col("ev_seq") + (pl.row_index() == last)), "not among the rows"),
        (frame.drop("p_hold"), "has no column p_hold"),
    ):
        spoiled.write_parquet(path)
        refiled(copied, "predictions.parquet")
        code, found, said = results(copied, tmp_path)
        assert (code, found["predictions"]) == (1, False)
        assert message in said


def test_rows_missing_from_a_cached_day_fail_whatever_else_is_cached(made: OpenedRun, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    shutil.copytree(made.config.paths.outputs, outputs)
    copied = outputs / "runs" / made.folder.name
    config = copied / "config.yaml"
    config.write_text(config.read_text().replace(str(made.config.paths.outputs), str(outputs)))
    refiled(copied, "config.yaml")
    for folder in [*(outputs / "cache" / "features").rglob(f"date={HOLDOUT_DAY}")]:
        shutil.rmtree(folder)
    code, found, said = results(copied, tmp_path)
    assert (code, found["predictions"]) == (0, True), said
    frame = pl.read_parquet(copied / "predictions.parquet")
    there = (frame["split"] == "valid").sum()
    assert 0 < there < len(frame)
    for moved in (1, there):  # one row of a cached day is another, or every one of them
        frame.with_columns(ev_seq=pl.col("ev_seq") + (pl.row_index() < moved)).write_parquet(
            copied / "predictions.parquet"
        )
        refiled(copied, "predictions.parquet")
        code, found, said = results(copied, tmp_path)
        assert (code, found["predictions"]) == (1, False)
        assert f"{moved:,} more are of cached days and not among the rows" in said


def test_scores_of_another_device_may_be_a_little_further_off(copied: Path, tmp_path: Path) -> None:
    path = copied / "predictions.parquet"
    frame = pl.read_parquet(path)
    frame.with_columns(p_hold=pl.col("p_hold") + (pl.row_index() == 0) * 5e-6).write_parquet(path)
    refiled(copied, "predictions.parquet")
    assert results(copied, tmp_path)[1]["predictions"] is False
    fit = json.loads((copied / "model" / "manifest.json").read_text())["fit"]
    rewritten(copied, fit={**fit, "parameters": {**fit["parameters"], "device": "cuda"}})
    assert results(copied, tmp_path)[1]["predictions"] is True


def test_without_the_cache_nothing_is_claimed(copied: Path, tmp_path: Path) -> None:
    config = copied / "config.yaml"
    config.write_text(
        config.read_text().replace(str(atc.open_run(copied).config.paths.outputs), str(tmp_path))
    )
    refiled(copied, "config.yaml")
    code, found, said = results(copied, tmp_path)
    assert (code, found["predictions"]) == (0, None)
    assert "nothing to compare with" in said


def test_a_config_of_another_version_is_no_failure_of_the_model(copied: Path, tmp_path: Path) -> None:
    config = copied / "config.yaml"
    config.write_text(config.read_text() + "unheard_of: 1\n")
    refiled(copied, "config.yaml")
    code, found, said = results(copied, tmp_path)
    assert (code, found["predictions"]) == (0, None)
    assert "does not fit the schema of this version" in said


def test_a_kind_brings_a_check_of_its_own(
    made: OpenedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def own_checks(self: PerHead, directory: Path, sample: FloatMatrix) -> Iterable[Check]:
        agreed = np.array_equal(load_model(directory).model.predict(sample), self.predict(sample))
        yield Check("twice", agreed, "the same twice")
        yield Check("never", False, "this never agrees")

    monkeypatch.setattr(PerHead, "own_checks", own_checks, raising=False)
    code, found, said = results(made.folder, tmp_path)
    assert (code, found["twice"], found["never"], said) == (1, True, False, "this never agrees")


def test_rows_made_from_a_profile_are_like_training(made: OpenedRun) -> None:
    x = sample_rows(made.model.profile, 20_000)
    assert np.isnan(x[0]).all()
    for place, item in enumerate(made.model.profile["inputs"]):
        column = x[1:, place]
        assert np.isnan(column).any() == (item["null_share"] > 0 or item["mean"] is None)
        if item["mean"] is not None and item["std"]:
            assert np.nanmean(column) == pytest.approx(item["mean"], abs=0.05 * item["std"])
            assert np.nanstd(column) == pytest.approx(item["std"], rel=0.05)
    assert pa.array(x[1]).type == pa.float32()


def test_seeds_and_a_fallback_verify_each_in_its_folder(tmp_path: Path) -> None:
    words = (
        *(*WORDS, "seeds.count=2", "protocol=walk_forward", "protocol.folds=2", "explain=none"),
        *("protocol.gate.max_gap=0.0001", "protocol.gate.max_half_width=0.9"),
    )
    made = atc.open_run(run(atc.compose([*words, f"paths.outputs={tmp_path}"])))
    done = model("verify", made.folder, "--json", tmp_path / "verify.json")
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "verify.json").read_text())
    assert [Path(one["folder"]).name for one in told] == ["model", "fallback"]
    for one in told:
        checks = {check["name"]: check["said"] for check in one["checks"]}
        assert "largest difference" in checks["predictions"]
    shown = model("show", made.folder).output
    assert "seed2/model.txt" in shown and "logistic, fallback of its run" in shown
