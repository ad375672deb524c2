"""`atc config`: validate, show, diff, snapshot."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from atc.cli import application
from atc.config.compose import Composer, compose
from atc.config.diff import BY_MEANING, Difference, differences, load, plain
from atc.config.leaves import leaves
from atc.config.root import ProjectRoot, project_root
from atc.config.schema import RunConfig
from atc.config.snapshot import snapshot_folder, snapshots, stale
from atc.errors import DataError, UsageError

A, B = "gbdt_36feat", "logistic_13feat"
EXPERIMENTS = ("gbdt_36feat", "gbdt_13feat", "logistic_36feat", "logistic_13feat")
"""Those of the sweep `baselines`."""


def command(*arguments: str) -> Result:
    return CliRunner().invoke(application(), ["config", *arguments])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectRoot:
    """The project's options, a few of its experiments and one sweep, copied and the current project."""
    root = project_root()
    shutil.copytree(root.folder / "conf", tmp_path / "conf")
    for folder, names in (("experiments", EXPERIMENTS), ("sweeps", ("baselines",))):
        (tmp_path / folder).mkdir()
        for name in names:
            shutil.copy(root.folder / folder / f"{name}.yaml", tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    return project_root()


def test_leaves_keep_their_order_and_lists_and_nulls_as_they_are() -> None:
    values = {"b": {"y": None, "x": [1, {"in": "a list"}], "none": {}}, "a": "31", "c": {"d": {"e": []}}}
    told = [("b.y", None), ("b.x", [1, {"in": "a list"}]), ("a", "31"), ("c.d.e", [])]
    assert list(leaves(values)) == told
    assert list(leaves({"low": 1}, "search.")) == [("search.low", 1)]


def test_snapshots_are_up_to_date() -> None:
    composer = Composer()
    assert stale(composer) == [], "a default changed: look at it, then run `atc config snapshot` and commit"


def test_a_snapshot_is_the_resolved_config_without_paths() -> None:
    path, text = next(iter(snapshots(Composer()).items()))
    values = yaml.safe_load(text)
    assert values == {k: v for k, v in plain(compose([f"+experiment={path.stem}"])).items() if k != "paths"}


def test_a_changed_default_makes_its_snapshots_stale(project: ProjectRoot) -> None:
    assert command("snapshot").exit_code == 0
    assert stale(Composer()) == []
    model = project.folder / "conf" / "model" / "gbdt.yaml"
    model.write_text(model.read_text().replace("num_leaves: 63", "num_leaves: 64"))
    trees = {name for name in EXPERIMENTS if name.startswith("gbdt_")}
    assert {path.stem for path in stale(Composer())} == trees
    (project.folder / "experiments" / "gbdt_13feat.yaml").unlink()
    result = command("snapshot")
    assert result.exit_code == 0
    # All but the one that is gone with its experiment, which counts as changed too.
    assert f"{len(trees)} changed" in result.output
    assert stale(Composer()) == []
    assert not (snapshot_folder(project) / "gbdt_13feat.yaml").exists()


def test_validate_checks_every_experiment_and_sweep(project: ProjectRoot) -> None:
    result = command("validate")
    assert result.exit_code == 0, result.output
    assert f"ok    +experiment={A}" in result.output
    assert "ok    -m +sweep=baselines" in result.output
    experiments, sweeps = project.folder / "experiments", project.folder / "sweeps"
    (experiments / "bad.yaml").write_text("# A hypothesis.\nmodel: {num_leafs: 3}\n")
    (experiments / "mute.yaml").write_text("seed: 3\n")
    (sweeps / "worse.yaml").write_text("# A question.\nhydra: {sweeper: {params: {model: 'gbdt,gbtd'}}}\n")
    result = command("validate")
    assert result.exit_code == 2
    assert "FAIL  +experiment=bad\n      model.num_leafs: unknown key" in result.output
    assert "FAIL  +experiment=mute\n      experiments/mute.yaml: the first line must be" in result.output
    assert "FAIL  -m +sweep=worse\n      model: no option 'gbtd'; did you mean 'gbdt'?" in result.output
    assert "3 wrong" in result.output


SKIPPED = ("label=fwd_logret", "cost=unknown", "model=ridge", "baseline=ridge_13feat", "model=ensemble")
"""Options that need others than the default ones beside them."""


def test_every_experiment_and_sweep_of_the_project_is_valid() -> None:
    result = command("validate")
    assert result.exit_code == 0, result.output


def test_validate_all_adds_every_option_and_says_why_it_skips_some(project: ProjectRoot) -> None:
    label = project.folder / "conf" / "label" / "tlob.yaml"
    label.write_text(label.read_text() + "exit_bps: 2.0\n")
    result = command("validate", "--all")
    assert result.exit_code == 2
    assert "FAIL  label=tlob\n      label.exit_bps: unknown key of label kind 'tlob'" in result.output
    assert "1 wrong" in result.output
    assert f"ok    +experiment={A} data=binance_ethbtc_2020" in result.output
    for group in ("data", "features", "label", "model", "protocol", "window"):
        for option in {*Composer().options(group)} - {"tlob"}:
            verdict = "skip" if f"{group}={option}" in SKIPPED else "ok  "
            assert f"{verdict}  {group}={option}\n" in result.output
    skipped = result.output.partition("skip  label=fwd_logret\n")[2]
    assert skipped.startswith("      valid, but not with the default options of the other groups:\n")
    assert "      label.kind: fwd_logret is a return" in skipped
    assert all(f"skip  {one}\n" in result.output for one in SKIPPED)
    assert result.output.count("skip  ") == len(SKIPPED)


@pytest.mark.slow  # its options are in the test above, experiments by data sets in test_config_compose.py
def test_validate_all_finds_nothing_wrong() -> None:
    result = command("validate", "--all")
    assert result.exit_code == 0, result.output


def test_an_experiment_whose_values_do_not_fit_together_fails(project: ProjectRoot) -> None:
    (project.folder / "experiments" / "bad.yaml").write_text(
        "# A hypothesis.\n# @package _global_\ndefaults:\n  - override /label: fwd_logret\n"
    )
    result = command("validate")
    assert result.exit_code == 2
    assert "FAIL  +experiment=bad\n      label.kind: fwd_logret is a return" in result.output


def test_show_prints_the_resolved_config() -> None:
    result = command("show", A, "model.num_leaves=31")
    assert result.exit_code == 0
    assert RunConfig.model_validate(yaml.safe_load(result.output)) == compose(
        [f"+experiment={A}", "model.num_leaves=31"]
    )


def test_diff_is_sorted_by_meaning() -> None:
    found = differences(
        load(A), load(f"{B} data=eth_jpy label.horizon_s=60 seed=2 paths.outputs=x tracking=none")
    )
    sections = [difference.key.partition(".")[0] for difference in found]
    assert sections == sorted(sections, key=BY_MEANING.index)
    assert set(sections) == {"label", "data", "window", "features", "model", "seed"}
    assert found[0] == Difference("label.horizon_s", "300.0", "60.0")


def test_diff_shows_members_of_lists() -> None:
    found = {d.key: (d.left, d.right) for d in differences(load(A), load(B))}
    assert found["features.families"] == ("−nits −phase2", "")
    assert found["features.drop"] == ("−ob_imbalance_top5", "")
    assert found["model.num_leaves"] == ("63", "—")
    assert found["model.l2"] == ("—", "0.0001")
    back = {d.key: (d.left, d.right) for d in differences(load(B), load(A))}
    assert back["features.families"] == ("", "+nits +phase2")


def test_diff_aligns_its_columns() -> None:
    result = command("diff", A, f"{A} model.num_leaves=31 label.exit_bps=4 features.drop=[rv_30s]")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        f"A  {A}",
        f"B  {A} model.num_leaves=31 label.exit_bps=4 features.drop=[rv_30s]",
        "",
        f"{'':<33}  A    B    changes",
        f"{'label.exit_bps':<33}  2.0  4.0  run id, labels",
        f"{'features.drop − ob_imbalance_top5':<33}            run id, training only",
        f"{'features.drop + rv_30s':<33}            run id, training only",
        f"{'model.num_leaves':<33}  63   31   run id, training only",
    ]
    short = command("diff", A, f"{A} seed=2").output.splitlines()
    assert short == [f"      {A}  {A} seed=2  changes", f"seed  1{' ' * 12}2{' ' * 19}run id, training only"]
    named = f"{A} tracking=none name=other data.name=other features.name=other"
    assert command("diff", A, named).output == "no difference in meaning\n"


def test_diff_as_markdown() -> None:
    result = command("diff", "--md", A, f"{A} label.exit_bps=4 features.drop=[]")
    assert result.output.splitlines() == [
        "",
        f"| key | {A} | {A} label.exit_bps=4 features.drop=[] | changes |",
        "|---|---|---|---|",
        "| `label.exit_bps` | 2.0 | 4.0 | run id, labels |",
        "| `features.drop − ob_imbalance_top5` |  |  | run id, training only |",
    ]


def test_diff_as_json_has_values_and_not_their_texts() -> None:
    right = f"{B} label.exit_bps=4"
    found = json.loads(command("diff", "--json", A, right).output)
    assert (found["left"], found["right"]) == (A, right)
    by_key = {one["key"]: one for one in found["differences"]}
    assert by_key["label.exit_bps"] == {
        "key": "label.exit_bps",
        "left": 2.0,
        "right": 4.0,
        "changes": ["run id", "labels"],
    }
    assert by_key["features.drop"]["lost"] == ["ob_imbalance_top5"]
    assert by_key["features.drop"]["left"] == ["ob_imbalance_top5"]
    assert "right" not in by_key["model.num_leaves"]
    assert json.loads(command("diff", "--json", A, A).output)["differences"] == []
    result = CliRunner().invoke(application(), ["config", "diff", A, B, "--json", "--md"])
    assert isinstance(result.exception, UsageError)


def test_diff_reads_run_folders_whatever_their_schema(tmp_path: Path) -> None:
    values = plain(compose([f"+experiment={A}", "seed=7"]))
    values["model"]["of_an_older_schema"] = 1
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    assert differences(load(A), load(str(tmp_path))) == [
        Difference("model.of_an_older_schema", "—", "1"),
        Difference("seed", "1", "7"),
    ]
    result = command("diff", A, str(tmp_path))
    assert "its keys are not all those of this version" in result.output
    assert "changes" not in result.output.splitlines()[0]
    (tmp_path / "config.yaml").write_text("- a list\n")
    with pytest.raises(DataError, match="expected the keys"):
        load(str(tmp_path))


def test_diff_reads_git_revisions(project: ProjectRoot) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "before"]):
        subprocess.run([*git, *arguments], cwd=project.folder, check=True)
    model = project.folder / "conf" / "model" / "gbdt.yaml"
    model.write_text(model.read_text().replace("num_leaves: 63", "num_leaves: 64"))
    assert differences(load(f"HEAD:{A}"), load(A)) == [Difference("model.num_leaves", "63", "64")]
    with pytest.raises(UsageError, match="git has no configs"):
        load(f"nowhere:{A}")
    output = command("diff", f"HEAD:{A}", f"HEAD:{A} seed=3 model.num_leaves=7").output
    assert [line.split()[0] for line in output.splitlines()[-2:]] == ["model.num_leaves", "seed"]
    with pytest.raises(UsageError, match=r"model\.num_leafs: unknown key"):
        load(f"HEAD:{A} model.num_leafs=7")


@pytest.mark.parametrize(
    ("name", "says"),
    [("gbdt_36fea", "did you mean 'gbdt_36feat'?"), ("", "valid:"), ("tests/golden", "no config.yaml there")],
)
def test_what_cannot_be_found_names_the_nearest(
    name: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project_root().folder)
    with pytest.raises(UsageError) as caught:
        load(name)
    assert says in str(caught.value)
