"""By which figure a run stands on the leaderboard, and with which others it is judged alike."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from compared_runs import HOLDOUT, curve
from made_sweeps import Sweeps, board, metrics_with, shown, top3
from record_example import with_interval

from atc.opened_run import OpenedRun
from atc.protocol.ledger import Asker, Ledger
from atc.report.candidates import candidates_in
from atc.report.claims import claim_of
from atc.report.leaderboard import leaderboard_of
from atc.tracking.run_files import MANIFEST


@pytest.fixture
def sweeps(tmp_path: Path) -> Sweeps:
    return Sweeps(tmp_path)


def test_the_plan_is_that_of_the_run_whatever_the_sweep_froze_after_it(sweeps: Sweeps) -> None:
    """No digest holds the plan: a sweep that names another figure after the look finds the run made."""
    run = sweeps.run("gbdt_36feat", 0.056, key=1)
    later = {"figure": "lift/holdout/direction_auc", "expects": 0.001, "source": "the look"}
    folder = sweeps.sweep(run, plan=later)
    text = " ".join(shown(folder).split())
    row = pl.read_csv(folder / "leaderboard.csv").row(0, named=True)
    assert (row["figure"], row["expects"]) == ("lift/holdout/auc", 0.056)
    assert "gbdt_36feat: the sweep froze another plan (lift/holdout/direction_auc, 0.001 expected)" in text
    assert "another plan" not in shown(sweeps.sweep(run, name="honest"))


LATER = {"figure": "lift/holdout/direction_auc", "expects": 0.001, "source": "the look"}


def made_again(sweeps: Sweeps, run: OpenedRun) -> OpenedRun:
    """The same run by force, with a plan of the figure that the look was kind to."""
    words = [f"plan.{key}={value}" for key, value in LATER.items()]
    metrics = {**run.metrics, **with_interval("lift/holdout/direction_auc", 0.03, 0.01)}
    return sweeps.run("gbdt_36feat", 0.0, 0.0, *words, key=1, metrics=metrics, force=True)


def test_a_plan_that_is_stated_after_the_look_is_not_what_is_ranked(sweeps: Sweeps) -> None:
    first = sweeps.run("gbdt_36feat", 0.056, key=1)
    folder = sweeps.sweep(first)
    run = made_again(sweeps, first)
    assert run.folder == first.folder
    assert run.raw_config["plan"] == LATER
    told = "made again with another plan (lift/holdout/direction_auc, 0.001 expected) after attempt 1 had"
    for words in ([run.folder], [folder], [sweeps.sweep(run, name="later")]):
        assert told in " ".join(shown(*words).split())
        ((ranked,),) = (ranking.entries for ranking in leaderboard_of(candidates_in(words), "it").rankings)
        assert (ranked.entry.claim.key, ranked.entry.claim.expects) == ("lift/holdout/auc", 0.056)
    # Made once more as it was: what was first stated holds, and there is nothing to say.
    again = sweeps.run("gbdt_36feat", 0.056, key=1, force=True)
    assert "another plan" not in leaderboard_words(again)
    # The first attempt thrown away: nobody knows what was stated.
    run = made_again(sweeps, first)
    shutil.rmtree(run.folder / "attempts")
    assert "may have been chosen after the look" in leaderboard_words(run)


def test_a_plan_may_be_mended_until_the_figures_are_there(sweeps: Sweeps) -> None:
    first = sweeps.run("gbdt_36feat", 0.056, key=1)
    run = made_again(sweeps, first)
    path = run.folder / "attempts" / "1" / MANIFEST
    manifest = json.loads(path.read_bytes())
    for stages, figure in (
        ({"fit": {}}, "lift/holdout/direction_auc"),
        ({"fit": {}, "evaluate": {}}, "lift/holdout/auc"),
    ):
        path.write_text(json.dumps({**manifest, "status": "interrupted", "stages": stages}))
        (run.folder / MANIFEST).write_text(json.dumps({**run.manifest, "previous": None}))
        (entry,) = board(run).entries
        assert entry.claim.key == figure, stages
        assert bool(entry.candidate.restated) is (figure == "lift/holdout/auc")


def leaderboard_words(run: OpenedRun) -> str:
    return " ".join(shown(run.folder).split())


def test_a_plan_for_a_figure_that_the_run_does_not_have_is_no_expectation(sweeps: Sweeps) -> None:
    """Refused when a run is composed; a record that was made before that may hold one."""
    run = sweeps.run("gbdt_36feat", 0.05, 0.01, key=1)
    plan = {"figure": "lift/holdout/auc@300s", "expects": 0.1}
    claim = claim_of(run.metrics, {**run.config.model_dump(mode="json"), "plan": plan})
    assert claim is not None
    assert (claim.name, claim.expects) == ("AUC", None)


def test_no_model_is_ranked_for_a_larger_loss(sweeps: Sweeps) -> None:
    """Refused when a run is composed; a record that was made before that may hold such a plan."""
    metrics = metrics_with("lift/holdout/log_loss", 0.05, 0.01)
    run = sweeps.run("gbdt_36feat", metrics=metrics, key=1)
    plan = {"figure": "lift/holdout/log_loss", "expects": 0.1}
    claim = claim_of(run.metrics, {**run.config.model_dump(mode="json"), "plan": plan})
    assert claim is not None
    assert (claim.name, claim.expects) == ("AUC", None)


def test_of_several_horizons_the_longest_is_the_claim_where_no_plan_says(sweeps: Sweeps) -> None:
    metrics = {
        **metrics_with("lift/holdout/auc@30s", 0.01, 0.001),
        **metrics_with("lift/holdout/auc@300s", 0.02, 0.001),
        **metrics_with("lift/holdout/auc@5s", 0.03, 0.001),
    }
    (entry,) = board(sweeps.run("heads", metrics=metrics, key=1)).entries
    assert (entry.claim.name, entry.claim.lift) == ("AUC@300s", 0.02)
    assert entry.cost.judged_rows == 112_345


def test_absolute_figures_have_places_among_runs_that_are_judged_alike_only(sweeps: Sweeps) -> None:
    runs = [
        sweeps.run("gbdt_13feat", 0.02, key=1),
        sweeps.run("logistic_36feat", 0.03, key=2),
        sweeps.run("other", 0.03, 0.01, "model=logistic", key=3),
        sweeps.run("elsewhere", 0.09, 0.01, "label.exit_bps=3", key=4),
        sweeps.run("later", 0.09, 0.01, "window.holdout_days=14", "window.train_days=46", key=5),
        sweeps.run("walked", 0.09, 0.01, "protocol=walk_forward", key=6),
    ]
    entries = {one.candidate.label: one for one in board(*runs).entries}
    places = {name: (one.group.letter, one.place, one.of) for name, one in entries.items()}
    letters = {places[name][0] for name in ("gbdt_13feat", "logistic_36feat", "other")}
    assert len(letters) == 1
    assert [places[name][1:] for name in ("logistic_36feat", "other", "gbdt_13feat")] == [
        (1, 3),
        (1, 3),
        (3, 3),
    ]
    assert {places[name][1:] for name in ("elsewhere", "later", "walked")} == {(1, 1)}
    assert len({places[name][0] for name in places}) == 4


def test_runs_of_other_rows_are_not_judged_alike(sweeps: Sweeps) -> None:
    """A net that reads sequences is judged where a whole one ends, whatever else is the same."""
    key = "lift/holdout/auc@300s"
    metrics = metrics_with(key, 0.05, 0.01)
    ticker, longer = (
        sweeps.run(f"multihorizon_{name}_24feat", metrics=metrics, key=number)
        for number, name in enumerate(("ticker", "transformer"), start=1)
    )
    fewer = sweeps.run("multihorizon_ticker_24feat", metrics={**metrics, "holdout/rows@300s": 99}, key=3)
    entries = board(ticker, longer, fewer).entries
    assert {entry.of for entry in entries} == {1}
    told = {entry.group.told.partition(", windows")[2] for entry in entries}
    assert told == {
        " of 1 row, 112,345 rows judged",
        " of 1 row, 99 rows judged",
        " of 128 rows, 112,345 rows judged",
    }


def test_groups_of_one_kind_of_label_say_what_they_differ_in(sweeps: Sweeps) -> None:
    """As those of sweeps/label_costs.yaml: same data, same rows, another answer."""
    runs = [sweeps.run("gbdt_36feat", 0.05, 0.01, f"label.exit_bps={bps}", key=bps) for bps in (1, 3)]
    told = [entry.group.told for entry in board(*runs).entries]
    assert [one.rpartition(", ")[2] for one in told] == ["label.exit_bps 1.0", "label.exit_bps 3.0"]


def test_runs_of_other_code_or_data_are_told_apart(sweeps: Sweeps) -> None:
    runs = [sweeps.run("gbdt_36feat", key=number) for number in (1, 2, 3)]
    assert "different code" not in shown(*(run.folder for run in runs))
    for run, changed in zip(runs[1:], ("code", "data"), strict=True):
        path = run.folder / MANIFEST
        path.write_text(json.dumps({**run.manifest, f"{changed}_digest": "f" * 64}))
    folder = sweeps.sweep(*runs)
    text = shown(folder)
    said = "the configs': eeeeeeeeeeee made gbdt_36feat #1, gbdt_36feat #3; ffffffffffff made gbdt_36feat #2"
    assert said in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 100
    for number, code, data in ((1, "e", "d"), (2, "f", "d"), (3, "e", "f")):
        assert re.search(rf"\ngbdt_36feat #{number} +{code * 12} +{data * 12}\n", text)
    rows = pl.read_csv(folder / "leaderboard.csv").to_dicts()
    assert {(row["job"], row["code_digest"], row["data_digest"]) for row in rows} == {
        (1, "e" * 12, "d" * 12),
        (2, "f" * 12, "d" * 12),
        (3, "e" * 12, "f" * 12),
    }
    groups = re.findall(r"[AB]: AUC of .*\n?.*data ([df]{12})", text)
    assert sorted(groups) == ["d" * 12, "f" * 12]


def test_trials_deflate_each_other_across_labels_and_a_look_counts_once(sweeps: Sweeps) -> None:
    runs = top3(sweeps)
    found = board(*runs)
    (trials,) = (one for one in found.trials if one.split == "holdout")
    assert trials.records.trials == 3
    assert trials.records.overfitting is not None
    assert {one.looks for one in found.entries} == {3}
    assert all(one.track is not None and one.track.deflated is not None for one in found.entries)
    # A run that was killed after its look looks again, and knows no more.
    asker = Asker(runs[0].run_id, "gbdt_36feat", "c" * 64, "d" * 64, None, None, None, None)
    Ledger(sweeps.outputs / "data").enter(HOLDOUT, asker, "metrics of the run")
    assert {one.looks for one in board(*runs).entries} == {3}


def test_curves_of_other_time_are_trials_of_their_own(sweeps: Sweeps) -> None:
    first = sweeps.run("gbdt_36feat", key=1)
    other = sweeps.run("gbdt_13feat", key=2)
    curve(
        pl.read_parquet(other.folder / "equity.parquet")["alpha"].diff().to_numpy()[1:][:-48]
    ).write_parquet(other.folder / "equity.parquet")
    manifest = json.loads((other.folder / "manifest.json").read_bytes())
    manifest["files"]["equity.parquet"] = (other.folder / "equity.parquet").stat().st_size
    (other.folder / "manifest.json").write_text(json.dumps(manifest))
    found = board(first, other)
    assert [len(one.records.runs) for one in found.trials if one.split == "holdout"] == [1, 1]
