"""model=ensemble through the whole task: the mean of finished runs, what it refuses, how it loads alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

import atc
from atc.config.problems import ConfigError
from atc.errors import UsageError
from atc.models.artifact import load_model
from atc.models.average import AverageModel
from atc.opened_run import OpenedRun
from atc.run import run
from atc.tasks.verifying_model import verify_model

SIX_DAYS = (
    *("data.days=6", "window.train_days=4", "window.holdout_days=2", "data.rate=0.1"),
    *("evaluation.resamples=20", "backtest=none", "tracking=none", "runtime.progress=off"),
    "evaluation.adversarial.enabled=false",
    "explain=none",
)
TREES = (
    *("+experiment=gbdt_36feat", "model.n_estimators=8", "model.min_child_samples=50"),
    *("model.num_leaves=7", "model.num_threads=1"),
)
TICKER = ("name=ticker_line", "model=logistic", "features=ticker16")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


def made(outputs: Path, *words: str) -> OpenedRun:
    return atc.open_run(run(atc.compose([*SIX_DAYS, *words, f"paths.outputs={outputs}"])))


@pytest.fixture(scope="module")
def trees(outputs: Path) -> OpenedRun:
    return made(outputs, *TREES, "seeds.count=2", "calibration=temperature")


@pytest.fixture(scope="module")
def line(outputs: Path) -> OpenedRun:
    return made(outputs, *TICKER)


@pytest.fixture(scope="module")
def both(outputs: Path, trees: OpenedRun, line: OpenedRun) -> OpenedRun:
    members = f"model.runs=[{trees.folder.name},{line.run_id[:12]}]"
    words = ("name=both", "model=ensemble", members, "model.weights=[3,1]", "explain=default")
    return made(outputs, *words)


def test_scores_are_the_weighted_mean_of_what_the_runs_said(
    both: OpenedRun, trees: OpenedRun, line: OpenedRun
) -> None:
    keys = ["ts_recv", "ev_seq", "split"]
    for one in (trees, line):
        assert one.predictions.select(keys).equals(both.predictions.select(keys))
    said = [one.predictions["p_hold"].to_numpy() for one in (trees, line)]
    mean = (3 * said[0] + said[1]) / 4
    np.testing.assert_allclose(both.predictions["p_hold"].to_numpy(), mean, rtol=1e-13)
    held = ((both.predictions["split"] == "holdout") & both.predictions["judged"]).to_numpy()
    own = roc_auc_score(both.predictions["y"].to_numpy()[held], mean[held])
    assert both.metrics["holdout/auc"] == pytest.approx(own, abs=1e-12)


def test_figures_of_members_stand_beside_it_as_their_runs_had_them(
    both: OpenedRun, trees: OpenedRun, line: OpenedRun
) -> None:
    assert both.metrics["members/count"] == 2
    table = pl.read_parquet(both.folder / "members.parquet")
    for one in (trees, line):
        for split in ("valid", "holdout"):
            for figure in ("auc", "log_loss", "direction_auc"):
                found = table.filter(member=one.folder.name, split=split, figure=figure)["value"].item()
                assert found == pytest.approx(one.metrics[f"{split}/{figure}"], rel=1e-12)
    values = [one.metrics["holdout/auc"] for one in (trees, line)]
    assert both.metrics["members/holdout/auc/min"] == pytest.approx(min(values))  # type: ignore[type-var]


def test_it_sees_the_columns_of_all_members_and_each_its_own(
    both: OpenedRun, trees: OpenedRun, line: OpenedRun
) -> None:
    features = both.model.model.features
    assert set(features) == {*trees.model.model.features, *line.model.model.features}
    assert len(features) == 36 + 16 - len({*trees.model.model.features} & {*line.model.model.features})
    model = both.model.model
    assert isinstance(model, AverageModel)
    assert [one.model.features for one in model.members] == [
        trees.model.model.features,
        line.model.model.features,
    ]


def test_it_loads_without_the_runs_that_it_was_made_of(
    both: OpenedRun, trees: OpenedRun, line: OpenedRun, tmp_path: Path
) -> None:
    shutil.copytree(both.folder / "model", tmp_path / "model")
    found = load_model(tmp_path / "model")
    x = np.random.default_rng(2).standard_normal((40, len(found.model.features))).astype(np.float32)
    x[3, 5] = np.nan
    place = {name: number for number, name in enumerate(found.model.features)}
    said = [
        one.model.scores(np.ascontiguousarray(x[:, [place[name] for name in one.model.model.features]]))
        for one in (trees, line)
    ]
    np.testing.assert_allclose(found.scores(x), 0.75 * said[0] + 0.25 * said[1], rtol=1e-13)
    told = json.loads((tmp_path / "model" / "members.json").read_text())
    assert [one["origin"]["run_id"] for one in told["members"]] == [trees.run_id, line.run_id]


def test_members_are_part_of_the_run_id_and_a_name_may_be_an_experiment(
    both: OpenedRun, outputs: Path, trees: OpenedRun
) -> None:
    again = made(
        outputs, "name=both", "model=ensemble", "model.runs=[gbdt_36feat,ticker_line]", "model.weights=[3,1]"
    )
    assert again.run_id != both.run_id  # the config spells its members in another way
    assert again.predictions["p_hold"].equals(both.predictions["p_hold"])
    # The same words mean another run once another member fits them.
    words = ("name=both", "model=ensemble", f"model.runs=[{trees.folder.name},copied]")
    ids = []
    for seed in (1, 2):
        folder = outputs / "runs" / "copied"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made(outputs, *TREES, f"seed={seed}", "name=one").folder, folder)
        ids.append(made(outputs, *words).run_id)
    shutil.rmtree(folder)
    assert ids[0] != ids[1]


def test_members_of_one_name_are_told_apart(
    outputs: Path, trees: OpenedRun, line: OpenedRun, tmp_path: Path
) -> None:
    for folder, one in (("a", trees), ("b", line)):
        shutil.copytree(one.folder, tmp_path / folder / "best")
    members = f"model.runs=[{tmp_path / 'a/best'},{tmp_path / 'b/best'}]"
    found = made(outputs, "name=same", "model=ensemble", members)
    names = ["best", f"best-{line.run_id[:6]}"]
    assert [member.name for member in found.model.model.members] == names  # type: ignore[attr-defined]
    assert set(pl.read_parquet(found.folder / "members.parquet")["member"].unique()) == set(names)
    assert [(found.folder / "model" / name).is_dir() for name in names] == [True, True]


def edited(key: str, value: object) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))

    return edit


REFUSED: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    # What the member is made with, what the ensemble is, and what it says.
    "horizon": ((), ("label.horizon_s=60",), r"has label\.horizon_s=300\.0, this run 60\.0"),
    "label": ((), ("label=hold10_oracle_q14",), r"has label\.kind=hold10_oracle, this run hold10_oracle_q14"),
    "sampling": ((), ("sampling.group_ms=0",), r"has sampling\.group_ms=5\.0, this run 0\.0"),
    "formulas": ((), ("features.engine.min_values=30",), r"has features\.engine\.min_values=20, this run 30"),
    "data": ((), ("data.seed=2",), r"is of venue .*: other data"),
    "holdout": (
        (),
        ("window.train_days=3",),
        r"train window that reaches into this run's holdout or beyond: to .*T.*, this run's to ",
    ),
    "validation": (
        (),
        ("protocol.valid_fraction=0.3",),
        r"selected on those after, this run's validation begins at .*valid_fraction differ",
    ),
    "gate": (
        (
            *("protocol=walk_forward", "protocol.folds=2", "protocol.gate.max_half_width=0.9"),
            "protocol.gate.max_gap=0.00001",
        ),
        (),
        "was rejected by its gate",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_member_that_does_not_fit_is_refused_with_the_reason(
    what: str, outputs: Path, trees: OpenedRun, line: OpenedRun
) -> None:
    made_with, asked, said = REFUSED[what]
    name = made(outputs, *TREES, *made_with).folder.name if made_with else trees.folder.name
    before = sorted(path.name for path in (outputs / "runs").iterdir())
    with pytest.raises(UsageError, match=rf"model\.runs\.0={name} cannot be a member: {name} .*{said}"):
        made(outputs, "model=ensemble", f"model.runs=[{name},{line.folder.name}]", *asked)
    assert sorted(path.name for path in (outputs / "runs").iterdir()) == before


def _member_names(both: OpenedRun) -> list[str]:
    model = both.model.model
    assert isinstance(model, AverageModel)
    return [one.name for one in model.members]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (edited("status", "failed"), "is no finished run but failed"),
        (edited("data_digest", "0" * 64), r"was fitted on other events \(data digest 000000000000…"),
        (lambda folder: (folder / "model" / "manifest.json").unlink(), "is missing"),
    ],
)
def test_a_run_that_failed_or_is_damaged_is_refused(
    edit: Callable[[Path], None], said: str, outputs: Path, both: OpenedRun, tmp_path: Path
) -> None:
    trees, line = (outputs / "runs" / name for name in _member_names(both))
    folder = tmp_path / "damaged"
    shutil.copytree(trees, folder)
    edit(folder)
    with pytest.raises(UsageError, match=said):
        made(outputs, "model=ensemble", f"model.runs=[{line.name},{folder}]")


NET = (
    *("name=net", "model=softmax_mlp", "features=legacy13", "model.hidden=[4]", "model.epochs=1"),
    *("model.batch_size=4096", "model.trainer.accelerator=cpu", "model.trainer.num_threads=1"),
)


def test_architectures_are_averaged(outputs: Path, trees: OpenedRun) -> None:
    net = made(outputs, *NET)
    both = made(outputs, "name=nets", "model=ensemble", f"model.runs=[net,{trees.folder.name}]")
    said = [one.predictions["p_hold"].to_numpy() for one in (net, trees)]
    np.testing.assert_allclose(both.predictions["p_hold"].to_numpy(), np.mean(said, axis=0), rtol=1e-13)
    assert {path.suffix for path in (both.folder / "model" / net.folder.name).iterdir()} == {
        *(".safetensors", ".onnx", ".json")
    }


def test_names_that_are_not_clear_are_refused(outputs: Path, trees: OpenedRun, both: OpenedRun) -> None:
    def refused(*runs: str) -> str:
        with pytest.raises(UsageError) as failure:
            made(outputs, "model=ensemble", f"model.runs=[{','.join(runs)}]")
        return str(failure.value)

    name = trees.folder.name
    assert "is a member already" in refused(name, trees.run_id[:10])
    assert "no run of that folder, name, id or experiment" in refused(name, "gbdt_3feat")
    assert "is an ensemble itself: name its members" in refused(name, both.folder.name)
    made(outputs, *TREES, "seed=3", "name=twin")
    made(outputs, *TREES, "seed=4", "name=twin")
    assert "2 finished runs fit (twin-" in refused(name, "twin")


def test_of_an_experiment_the_one_run_that_fits_the_data_is_taken(outputs: Path, line: OpenedRun) -> None:
    """Which one it is takes the windows of both to say, and is asked before anything reads their columns."""
    fits = made(outputs, *TREES, "name=twice")
    made(outputs, *TREES, "name=twice", "window.train_days=3")
    both = made(outputs, "name=by_name", "model=ensemble", "model.runs=[twice,ticker_line]")
    folders = f"model.runs=[{fits.folder.name},{line.folder.name}]"
    plain = made(outputs, "name=by_folder", "model=ensemble", folders)
    assert both.predictions.equals(plain.predictions)
    # The record and the artifact have the words of whoever asked.
    assert both.config.model.runs == ("twice", "ticker_line")  # type: ignore[union-attr]
    assert both.model.manifest["model_config"]["runs"] == ["twice", "ticker_line"]
    assert all(check.passed for check in verify_model(both.folder / "model", both))


def test_what_an_ensemble_cannot_do_is_said_before_anything_runs() -> None:
    two = ("model=ensemble", "model.runs=[a,b]")
    for words, said in (
        (("protocol=walk_forward",), r"protocol\.kind"),
        (("refit=expanding",), r"refit\.kind"),
        (("seeds.count=2",), r"seeds\.count"),
        (("model.runs=[a]",), "at least two"),
        (("model.runs=[]",), r"model\.runs.*names none"),
        (("model.runs=[a,a]",), "named twice"),
        (("model.weights=[1]",), "1 of them for 2 runs"),
        (("model.weights=[1,0]",), "greater than 0"),
    ):
        with pytest.raises(ConfigError, match=said):
            atc.compose([*two, *words])
