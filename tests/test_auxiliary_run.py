"""auxiliary.horizons_s through the whole task: what is labelled, purged, judged and refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import atc
from atc.config.compose import Composer
from atc.config.problems import ConfigError
from atc.config.schema import RunConfig
from atc.models.nets.model import NetModel
from atc.opened_run import OpenedRun
from atc.protocol.dataset import Block, Dataset
from atc.protocol.sealed_holdout import Split, split
from atc.report.progress import Progress
from atc.run import run
from atc.tasks import fitting
from atc.tasks import loaded as loaded_module
from atc.tasks.base import Desk
from atc.tasks.fitting import fit_one
from atc.tasks.loaded import Loaded
from atc.tasks.tick_classification import TickClassification
from atc.tracking.stages import Stages

SECOND = 1_000_000_000
SIX_DAYS = (
    *("data.days=6", "window.train_days=4", "window.holdout_days=2", "data.rate=0.1"),
    *("evaluation.resamples=20", "backtest=none", "tracking=none", "runtime.progress=off"),
    "evaluation.adversarial.enabled=false",
    "explain=none",
)
NET = (
    *("+experiment=hold10_softmax_mlp_36feat", "features=legacy13", "model.hidden=[8]", "model.epochs=2"),
    *("model.batch_size=4096", "model.trainer.accelerator=cpu", "model.trainer.num_threads=1"),
    "label.horizon_s=60",
)
KEYS = ["ts_recv", "ev_seq"]
LONG = "auxiliary.horizons_s=[5,900]"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


def config_of(outputs: Path, *words: str) -> RunConfig:
    return atc.compose([*SIX_DAYS, *NET, *words, f"paths.outputs={outputs}"])


def made(outputs: Path, *words: str) -> OpenedRun:
    return atc.open_run(run(config_of(outputs, *words)))


def task_of(outputs: Path, *words: str) -> tuple[Loaded, Split]:
    """The rows of a run, and where each went."""
    found: list[Split] = []

    def remembered(*arguments: Any, **named: Any) -> Split:
        found.append(split(*arguments, **named))
        return found[-1]

    task = TickClassification(config_of(outputs, *words))
    desk = Desk(Stages().stage, Progress("off").bar, look=lambda _holdout, _reason: None)
    task.prepare(desk)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaded_module, "split", remembered)
        loaded = task.load(desk)
    return loaded, found[-1]


def everything(loaded: Loaded) -> Dataset:
    rows, _ = loaded.parts.holdout.open_among_all("a test of labels and purge")
    return rows


@pytest.fixture(scope="module")
def alone(outputs: Path) -> OpenedRun:
    return made(outputs)


@pytest.fixture(scope="module")
def taught(outputs: Path) -> OpenedRun:
    return made(outputs, LONG, "explain=default")


def test_the_run_judges_what_it_judged_without_them(alone: OpenedRun, taught: OpenedRun) -> None:
    assert taught.run_id != alone.run_id
    assert taught.predictions.columns == alone.predictions.columns
    assert set(taught.metrics) == set(alone.metrics)
    keys = [*KEYS, "split", "y", "t0", "t1"]
    held = [one.predictions.filter(split="holdout").select(keys) for one in (alone, taught)]
    assert held[0].equals(held[1])
    model = taught.model.model
    assert isinstance(model, NetModel)
    assert taught.model.manifest["scores"] == ["p_short", "p_flat", "p_hold"]
    assert taught.model.manifest["fit"]["parameters"]["auxiliary.heads"] == "5s,900s"
    (note,) = [note for note in taught.manifest["notes"] if note.startswith("auxiliary.")]
    for said in (
        "[5,900]",
        "on the direction",
        " at 5s, ",
        " at 900s",
        "judge nothing",
        "looked 900 s ahead",
    ):
        assert said in note
    # The lift is over the same baseline, which never had them: where the rows are the same, so is its fit.
    rows = [one.predictions.filter(split="holdout") for one in (alone, taught)]
    assert not rows[0]["p_hold"].equals(rows[1]["p_hold"])


def test_their_labels_are_those_of_runs_with_that_horizon(outputs: Path) -> None:
    """Class for class and null for null, with constants that are fitted to the horizon."""
    short, further = ("label=tlob", "label.smooth_s=30", "label.horizon_s=60"), "auxiliary.horizons_s=[300]"
    both, split_of_both = task_of(outputs, *short, further, "auxiliary.target=label")
    single, split_of_single = task_of(outputs, *short[:2], "label.horizon_s=300")
    found, peer = everything(both).auxiliary, everything(single)
    assert found is not None
    np.testing.assert_array_equal(found.r_bps, peer.r_bps)
    np.testing.assert_array_equal(found.t1, peer.t1)
    # Purged alike: by 300 s, the longest of either run. So half the mean move is that of the same rows.
    np.testing.assert_array_equal(split_of_both.train, split_of_single.train)
    assert found.classes == peer.classes == ("SHORT", "FLAT", "HOLD")
    np.testing.assert_array_equal(found.y, peer.y)
    assert both.label.constants != single.label.constants
    direction, _ = task_of(outputs, *short, further)
    up = everything(direction).auxiliary
    assert up is not None
    expected = np.where(peer.r_bps == 0.0, np.nan, np.sign(peer.r_bps) / 2 + 0.5)
    np.testing.assert_array_equal(up.y, expected)


def reach(rows: Dataset, some: NDArray[np.int64], horizon_s: float) -> NDArray[np.int64]:
    return rows.t0[some] + round(horizon_s * SECOND)


def test_a_row_is_purged_for_the_horizon_that_looks_furthest(outputs: Path) -> None:
    """To the last row: one whose label of 60 s has ended, but not that of 900 s, trains nothing."""
    _, plain = task_of(outputs)
    loaded, found = task_of(outputs, LONG)
    rows, train, valid = everything(loaded), plain.train, plain.valid
    first_valid, first_held = (rows.t0[one].min() for one in (found.valid_decisions, found.holdout_decisions))
    kept = train[reach(rows, train, 900) < first_valid]
    np.testing.assert_array_equal(found.train, kept)
    assert len(kept) < len(train)
    np.testing.assert_array_equal(found.valid, valid[reach(rows, valid, 900) < first_held])
    assert len(found.valid) < len(valid)
    # What a fit gets of them is of these rows, and no row that selects has any.
    targets = loaded.parts.train.auxiliary
    assert targets is not None and rows.auxiliary is not None
    np.testing.assert_array_equal(targets.y, rows.auxiliary.y[kept])
    assert loaded.parts.valid.auxiliary is None
    assert (rows.auxiliary.t1[kept].max(axis=1) < first_valid).all()


def test_folds_purge_and_embargo_by_it_and_fit_their_own_constants(outputs: Path) -> None:
    cpcv = ("protocol=cpcv", "protocol.groups=4", "protocol.test_groups=1", "protocol.valid_fraction=0.2")
    loaded, _ = task_of(outputs, *cpcv, LONG)
    rows = loaded.train_range
    assert rows is not None and rows.auxiliary is not None
    assert len(loaded.folds) == 4
    for fold in loaded.folds:
        test = (rows.t0[fold.test_decisions], rows.last_t1[fold.test_decisions])
        for part in (fold.train, fold.valid):
            begin, end = rows.t0[part], rows.auxiliary.t1[part].max(axis=1)
            # No instant that a fitting row's longest label looks at is one that a test label looks at.
            assert not any(
                ((begin <= last) & (end >= first)).any() for first, last in zip(*test, strict=True)
            )
        late = rows.t0[fold.train][rows.t0[fold.train] > test[0].max()]
        assert (late > test[1].max()).all()


def test_refits_wait_for_the_longest_label(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from atc.tasks import refitting

    seen: list[tuple[int, int]] = []
    before = refitting.training_rows

    def watched(config: RunConfig, rows: Dataset, some: NDArray[np.int64]) -> Any:
        found = before(config, rows, some)
        assert rows.auxiliary is not None and found.block.auxiliary is not None
        seen.append((int(rows.auxiliary.t1[found.positions].max()), len(some)))
        return found

    monkeypatch.setattr(refitting, "training_rows", watched)
    refit = ("refit=expanding", "refit.every_days=1")
    found = made(outputs, LONG, *refit)
    assert found.metrics["refit/holdout/fits"] == 2
    holdout = found.predictions.filter(split="holdout")["ts_recv"].to_numpy()
    delay = round(found.config.refit.label_delay_s * 1e9)  # type: ignore[union-attr]
    # The last fit, at the begin of the last day, knew labels that had ended before it.
    starts = holdout[0] + (holdout - holdout[0]) // (86_400 * SECOND) * (86_400 * SECOND)
    assert seen[-1][0] + delay < starts.max() + 86_400 * SECOND
    assert seen[-1][0] + delay < holdout[holdout >= starts.max()].min()


def test_only_the_named_model_has_them(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the baseline is such a net: the lift is over what it says without them."""
    loaded, _ = task_of(outputs, LONG)
    given: list[bool] = []
    before = fitting.fit_model

    def watched(model: Any, train: Block, valid: Block, **named: Any) -> Any:
        given.append(train.auxiliary is not None)
        return before(model, train, valid, **named)

    monkeypatch.setattr(fitting, "fit_model", watched)
    config = config_of(outputs, LONG)
    plans = fitting.plans_of(config)
    for plan in plans:
        fit_one(config, replace(plan, config=config.model), loaded.parts.train, loaded.parts.valid)
    assert [plan.name for plan in plans] == ["model", "baseline", "volatility"]
    assert given == [True, False, False]


def test_weights_of_rows_are_those_of_their_own_labels(outputs: Path) -> None:
    from atc.labels.uniqueness import uniqueness_weights

    loaded, found = task_of(outputs, LONG, "weights=uniqueness", "weights.classes=balanced")
    rows, kept, targets = everything(loaded), found.train, loaded.parts.train.auxiliary
    assert targets is not None and rows.auxiliary is not None
    expected, _ = uniqueness_weights(targets.y, rows.t0[kept], rows.auxiliary.t1[kept])
    assert targets.weights is not None
    np.testing.assert_array_equal(targets.weights, expected)
    assert loaded.parts.train.weights is not None
    assert loaded.parts.train.weights.shape == (len(kept), 1)


def test_several_seeds_and_an_ensemble_take_such_a_net(
    outputs: Path, alone: OpenedRun, taught: OpenedRun
) -> None:
    both = made(outputs, LONG, "seeds.count=2")
    assert both.metrics["seeds/count"] == 2
    assert both.predictions.columns == alone.predictions.columns
    label = ("label=hold10_3class", "label.horizon_s=60", "baseline=softmax_13feat")
    members = ("model=ensemble", f"model.runs=[{alone.folder.name},{taught.folder.name}]")
    words = (*SIX_DAYS, *label, *members, f"paths.outputs={outputs}")
    mean = atc.open_run(run(atc.compose(list(words)))).predictions
    said = []
    for one in (alone, taught):
        own = one.predictions.select(*KEYS, said="p_hold")
        said.append(mean.join(own, on=KEYS, how="left", maintain_order="left")["said"].to_numpy())
    # Rows that one run judges and another purges are scored in other places of a batch, and in so narrow a
    # net the place decides how a product of float32 is summed.
    np.testing.assert_allclose(mean["p_hold"].to_numpy(), np.mean(said, axis=0), rtol=1e-6)


SOME = "auxiliary.horizons_s=[30,60]"
HEADS = "+experiment=multihorizon_full_36feat"
REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "trees": (
        ("+experiment=gbdt_36feat", SOME),
        r"auxiliary\.horizons_s: \[30,60\] .*=gbdt fits each head by itself.*softmax_mlp",
    ),
    "line": (("+experiment=logistic_36feat", SOME), r"model\.kind=logistic fits each head by itself"),
    "ridge": (("+experiment=linear_36feat", SOME), r"model\.kind=ridge fits each head by itself"),
    "ensemble": (("+experiment=ensemble_36feat", SOME), r"horizons_s.*averages finished models"),
    "no trunk": ((HEADS, "auxiliary.horizons_s=[60]"), r"trunk=\[\].*shares nothing.*trunk=\[128,64\]"),
    "no layer": ((*NET, "auxiliary.horizons_s=[30]", "model.hidden=[]"), r"hidden=\[\].*shares nothing"),
    "judged": ((*NET, SOME), r"60 s is a horizon of label hold10_3class itself"),
    "one of four": ((HEADS, "model.trunk=[8]", SOME), r"30 s is a horizon of label multihorizon_up"),
    "short": ((*NET, "label=tlob", "auxiliary.horizons_s=[5]"), r"5 s is shorter than label\.smooth_s=30"),
    "order": ((*NET, "auxiliary.horizons_s=[30,5]"), r"must ascend.*\[30, 5\]"),
    "twice": ((*NET, "auxiliary.horizons_s=[30,30]"), r"must ascend"),
    "weight": ((*NET, "auxiliary.weight=0"), r"auxiliary\.weight"),
    "target": ((*NET, "auxiliary.target=up"), r"auxiliary\.target"),
    "typo": ((*NET, "auxiliary.horizon_s=[30]"), r"auxiliary\.horizon_s: unknown key"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_in_words(what: str) -> None:
    words, said = REFUSED[what]
    with pytest.raises(ConfigError, match=said):
        atc.compose(list(words))


def test_heads_with_a_trunk_may_have_them() -> None:
    config = atc.compose([HEADS, "model.trunk=[8]", "auxiliary.horizons_s=[60]"])
    assert config.auxiliary.horizons_s == (60.0,)


def test_no_experiment_has_them_unless_it_says_so() -> None:
    for name in Composer().options("experiment"):
        assert atc.compose([f"+experiment={name}"]).auxiliary.horizons_s == ()
