"""The leaderboard of runs and sweeps whose figures, costs and looks are known."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from compared_runs import HOLDOUT, curve
from made_sweeps import FAILED, INTERRUPTED, Sweeps, metrics_with
from record_example import with_interval
from typer.testing import CliRunner

from atc.cli import application
from atc.opened_run import OpenedRun
from atc.protocol.ledger import Asker, Ledger
from atc.report.candidates import candidates_in
from atc.report.claims import claim_of
from atc.report.leaderboard import Leaderboard, leaderboard_of
from atc.report.leaderboard_files import whole_frame
from atc.sweep.state import JobError, JobState
from atc.tracking.run_files import MANIFEST, METRICS

FILES = [f"{name}.{ending}" for name in ("leaderboard", "cost") for ending in ("md", "csv", "parquet")]


@pytest.fixture
def sweeps(tmp_path: Path) -> Sweeps:
    return Sweeps(tmp_path)


def board(*runs: OpenedRun) -> Leaderboard:
    return leaderboard_of(candidates_in([run.folder for run in runs]), "them")


def ranks(found: Leaderboard) -> dict[str, int | None]:
    return {one.entry.candidate.label: one.rank for ranking in found.rankings for one in ranking.entries}


def shown(*words: object) -> str:
    done = CliRunner().invoke(application(), ["compare", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def top3(sweeps: Sweeps) -> list[OpenedRun]:
    """Of the plan's order of worth, with the hoped-for lifts: the second is cheapest, the third dearest."""
    return [
        sweeps.run("gbdt_36feat", 0.056, cpu_s=3600, key=1),
        sweeps.run("multihorizon_ticker_24feat", 0.015, 0.005, cpu_s=1800, key=2),
        sweeps.run("hold10_softmax_mlp_36feat", 0.03, cpu_s=36000, key=3),
    ]


def test_experiments_are_ranked_by_what_they_attain_for_what_they_cost(sweeps: Sweeps) -> None:
    found = board(*top3(sweeps))
    (ranking,) = found.rankings
    assert ranking.unit == "expectation"
    # 0.75 of the expectation in half an hour, all of it in one hour, all of it in ten.
    assert [one.entry.candidate.experiment for one in ranking.entries] == [
        "multihorizon_ticker_24feat",
        "gbdt_36feat",
        "hold10_softmax_mlp_36feat",
    ]
    assert [one.amount for one in ranking.entries] == pytest.approx([0.75, 1.0, 1.0])
    assert [one.per_core_hour for one in ranking.entries] == pytest.approx([1.5, 1.0, 0.1])
    assert [one.rank for one in ranking.entries] == [1, 2, 3]
    # Three labels: no absolute figure can be held against another.
    assert [(one.entry.place, one.entry.of) for one in ranking.entries] == [(1, 1)] * 3
    assert len({one.entry.group.letter for one in ranking.entries}) == 3


def test_nothing_stands_above_its_baseline_that_is_not_shown(sweeps: Sweeps) -> None:
    runs = [
        sweeps.run("gbdt_36feat", 0.004, 0.010, key=1, cpu_s=1.0),  # its interval holds 0
        sweeps.run("multihorizon_ticker_24feat", 0.0105, 0.010, key=2, cpu_s=1.0),  # alone it would be shown
        sweeps.run("hold10_softmax_mlp_36feat", -0.05, 0.010, key=3, cpu_s=1.0),
    ]
    found = board(*runs)
    assert set(ranks(found).values()) == {None}
    assert [one.judged.verdict for one in found.entries] == ["not shown", "not shown", "below"]
    lines = shown(*(run.folder for run in runs)).splitlines()
    (baseline,) = (place for place, line in enumerate(lines) if "its own baseline" in line)
    above = lines[baseline - 1]
    assert above.lstrip().startswith("#"), "the first row of the ranking is the baseline"
    # One real lift beside them has the only rank.
    real = sweeps.run("gbdt_13feat", 0.05, key=4)
    assert ranks(board(*runs, real)) | {} == {
        "gbdt_36feat": None,
        "multihorizon_ticker_24feat": None,
        "hold10_softmax_mlp_36feat": None,
        "gbdt_13feat": 1,
    }


def test_runs_without_expectations_are_ranked_figure_by_figure_beside_the_others(sweeps: Sweeps) -> None:
    planned = top3(sweeps)
    found = board(
        *planned,
        sweeps.run("gbdt_13feat", 0.02, key=4),
        sweeps.run("unplanned", metrics=metrics_with("lift/holdout/macro_f1", 0.02, 0.01), key=5),
    )
    assert [ranking.unit for ranking in found.rankings] == ["expectation", "auc", "macro_f1"]
    hoped, *others = found.rankings
    # One run without a plan leaves the order of those with one as it was.
    assert [(one.entry.candidate.label, one.rank) for one in hoped.entries] == [
        (one.entry.candidate.label, one.rank) for one in board(*planned).rankings[0].entries
    ]
    assert [[(one.entry.candidate.label, one.rank) for one in some.entries] for some in others] == [
        [("gbdt_13feat", 1)],
        [("unplanned", 1)],
    ]


def test_raw_lifts_of_other_labels_have_rankings_of_their_own(sweeps: Sweeps) -> None:
    """Without a plan nothing makes a lift at 2 bps and one at 20 bps comparable."""
    runs = [
        sweeps.run("gbdt_13feat", 0.02, key=1),
        sweeps.run("other", 0.03, 0.01, "model=logistic", key=2),
        sweeps.run("wide", 0.09, 0.01, "label.exit_bps=20", key=3),
        sweeps.run("walked", 0.08, 0.01, "protocol=walk_forward", key=4),
    ]
    found = board(*runs)
    told = [
        (ranking.unit, [(one.entry.candidate.label, one.rank) for one in ranking.entries])
        for ranking in found.rankings
    ]
    assert told == [
        ("auc", [("other", 1), ("gbdt_13feat", 2)]),
        ("auc", [("wide", 1)]),
        ("auc", [("walked", 1)]),
    ]
    letters = [ranking.group.letter for ranking in found.rankings if ranking.group is not None]
    assert len(set(letters)) == 3
    text = " ".join(shown(*(run.folder for run in runs)).split())
    assert f"the same on the holdout of runs without a plan, in units of AUC of group {letters[1]}" in text
    assert text.count("ranking by lift over each run's own baseline") == 1
    assert found.claims == 4  # looked at together all the same


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


def test_a_lift_that_may_be_knowing_volatility_is_warned_of(sweeps: Sweeps) -> None:
    told = {
        **metrics_with("lift/holdout/auc", 0.05, 0.01),
        **with_interval("lift_over_volatility/holdout/auc", 0.004, 0.01),
        "power/holdout/direction_auc/min_detectable": 0.2,
    }
    runs = [sweeps.run("gbdt_36feat", metrics=told, key=1), sweeps.run("gbdt_13feat", key=2)]
    folder = sweeps.sweep(*runs)
    text = shown(folder)
    assert max(map(len, text.splitlines())) <= 100
    assert re.search(r"gbdt_36feat +\+0\.0500 +\+0\.0040  -0\.0060 … \+0\.0140 +0\.5811 †\n", text)
    assert re.search(r"gbdt_13feat +\+0\.0500 +\+0\.0569  \+0\.0468 … \+0\.0670 +0\.5811\n", text)
    warned = "gbdt_36feat: not shown to be better than volatility and time of day alone"
    for words in ([folder], [run.folder for run in runs]):
        assert warned in " ".join(shown(*words).split())
    rows = {row["run"]: row for row in pl.read_csv(folder / "leaderboard.csv").to_dicts()}
    ends = ("lift_over_volatility", "lift_over_volatility_lo", "lift_over_volatility_hi", "direction_auc")
    assert [rows["gbdt_36feat"][name] for name in ends] == pytest.approx([0.004, -0.006, 0.014, 0.5811])
    assert rows["gbdt_36feat"]["direction_auc_below_power"] == 1
    assert rows["gbdt_13feat"]["direction_auc_below_power"] is None


def test_a_run_of_several_sweeps_is_one_claim_at_its_own_cost(sweeps: Sweeps) -> None:
    runs = top3(sweeps)
    other = sweeps.run("gbdt_36feat", 0.02, cpu_s=60.0, key=9)
    found = leaderboard_of(
        candidates_in([sweeps.sweep(*runs, name="one"), sweeps.sweep(runs[0], other, name="two")]), "both"
    )
    assert found.claims == len(found.entries) == 4
    ((again, why),) = found.apart
    assert why == f"it is the run {runs[0].folder.name}, whose config means the same"
    rows = whole_frame(found).to_dicts()
    assert len({row["run"] for row in rows}) == len(rows) == 5
    costs = {row["folder"]: row["fit_cpu_seconds"] for row in rows if row["table"] == "ranking"}
    assert costs == {
        run.folder.name: cost for run, cost in zip([*runs, other], (3600, 1800, 36000, 60), strict=True)
    }
    assert [row["fit_cpu_seconds"] for row in rows if row["run"] == again.label] == [None]


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


def test_what_cannot_be_ranked_is_listed_with_its_reason(sweeps: Sweeps) -> None:
    good = sweeps.run("gbdt_36feat", key=1)
    half = sweeps.run("logistic_36feat", key=2)
    (half.folder / METRICS).write_bytes((half.folder / METRICS).read_bytes()[:100])
    control = sweeps.run(
        "gbdt_36feat_random",
        metrics={**metrics_with("lift/holdout/auc", 0.2, 0.01), "warning/random_split": 1},
    )
    undefined = {**metrics_with("lift/holdout/auc", 0.2, 0.01), "lift/holdout/auc": None, "holdout/auc": None}
    empty = sweeps.run("gbdt_13feat", metrics=undefined, key=3)
    folder = sweeps.sweep(good, FAILED, INTERRUPTED, None, half, control, empty, good, name="mixed")
    text = shown(folder)
    assert "leaderboard of mixed-555555555555: 1 run on it, 7 apart" in text
    why = {row["job"]: row["why_apart"] for row in pl.read_csv(folder / "leaderboard.csv").to_dicts()}
    assert why[1] is None
    assert why[2] == "failed: DataError: the disk is full"
    assert why[3] == "unfinished: it was stopped before its end"
    assert why[4] == "unfinished: it has not begun"
    assert why[5].startswith("runs/logistic_36feat-")
    assert "metrics.json has 100 bytes" in why[5]
    assert str(sweeps.outputs) not in (folder / "leaderboard.md").read_text()
    assert why[6] == "a control and no result: a random split flatters"
    assert why[7].startswith("it has no lift over its baseline")
    assert why[8] == "it is the run of job 1, whose config means the same"


def test_runs_given_one_by_one_are_not_lost_for_one_that_cannot_be_read(sweeps: Sweeps) -> None:
    good, half = sweeps.run("gbdt_36feat", key=1), sweeps.run("logistic_36feat", key=2)
    whole = (half.folder / METRICS).read_bytes()
    (half.folder / METRICS).write_bytes(whole[:-2] + b"  ")
    text = shown(half.folder, good.folder)
    assert "apart, each for its reason" in text
    assert "metrics.json is not whole JSON" in " ".join(text.split())
    assert text.splitlines()[0].startswith("5,880 holdout rows")  # the pairs begin with the first that can


def test_sealed_runs_are_ordered_by_validation_and_none_has_a_rank(sweeps: Sweeps) -> None:
    runs = [
        sweeps.run("gbdt_36feat", lift, 0.01, f"model.num_leaves={leaves}", key=leaves, sealed=True)
        for leaves, lift in ((15, 0.01), (31, 0.05), (63, -0.02))
    ]
    found = board(*runs)
    (ranking,) = found.rankings
    assert ranking.split == "valid"
    assert [one.rank for one in ranking.entries] == [None] * 3
    assert [one.entry.claim.lift for one in ranking.entries] == pytest.approx([0.05, 0.01, -0.02])
    assert [one.entry.place for one in ranking.entries] == [1, 2, 3]
    text = " ".join(shown(*(run.folder for run in runs)).split())
    assert "ON VALIDATION, the holdout untouched: an order by which to choose, and no ranking" in text
    assert "its own baseline" not in text
    assert "keys that differ" in text
    assert "model.num_leaves" in text


@pytest.mark.parametrize(("direction", "order"), [("maximize", [2, 3, 1]), ("minimize", [3, 2, 1])])
def test_trials_stand_by_the_objective_that_chooses_them(
    sweeps: Sweeps, direction: str, order: list[int]
) -> None:
    """By lift on validation it would be 1, 3, 2: the first has no objective, its folds being of one class."""
    trials = [
        sweeps.run(
            "gbdt_36feat",
            metrics={**metrics_with("lift/holdout/auc", lift, 0.01), "folds/auc/mean": value},
            key=key,
            sealed=True,
        )
        for key, (lift, value) in enumerate([(0.05, None), (0.01, 0.66), (0.02, 0.64)], start=1)
    ]
    pruned = JobState("pruned", 1, error=JobError("Pruned", "ended by the search after fold 1 of 3"))
    asked = {"objective": "folds/auc/mean", "direction": direction, "trials": 4}
    folder = sweeps.sweep(*trials, pruned, search=asked)
    text = shown(folder)
    rows = pl.read_csv(folder / "leaderboard.csv").to_dicts()
    assert [row["job"] for row in rows] == [*order, 4]
    assert [row["objective_value"] for row in rows if row["job"] == order[0]] == [
        {"maximize": 0.66, "minimize": 0.64}[direction]
    ]
    assert rows[-1]["why_apart"] == "pruned: ended by the search after fold 1 of 3"
    best = f"best: trial {order[0]}, folds/auc/mean {0.66 if order[0] == 2 else 0.64}, of 2 complete trials"
    assert best in " ".join(text.split())
    assert text.splitlines()[-1] == "python -m atc.run +experiment=gbdt_36feat"
    assert best in (folder / "leaderboard.md").read_text()
    assert "by folds/auc/mean, the search's objective, the" in " ".join(text.split())
    assert "best: trial" not in shown(*(run.folder for run in trials))


def test_the_best_of_two_searches_is_none(sweeps: Sweeps) -> None:
    """The better one may have had the easier question."""
    asked = {"objective": "folds/auc/mean", "direction": "maximize", "trials": 1}
    folders = []
    for key in (1, 2):
        metrics = {**metrics_with("lift/holdout/auc", 0.01, 0.01), "folds/auc/mean": 0.6 + 0.01 * key}
        run = sweeps.run("gbdt_36feat", metrics=metrics, key=key, sealed=True)
        folders.append(sweeps.sweep(run, name=f"s{key}", search=asked, sweep_id=str(key) * 64))
    text = shown(*folders)
    assert "best: trial" not in text
    assert "the search's objective" not in text
    assert "best: trial gbdt_36feat-" in shown(folders[0], folders[0])


def test_a_reason_says_once_that_a_job_was_interrupted(sweeps: Sweeps) -> None:
    stopped = JobState("interrupted", 1, error=JobError("Interrupted", "SIGTERM reached the launcher"))
    (one,) = candidates_in([sweeps.sweep(stopped)])
    assert one.unusable == "interrupted: SIGTERM reached the launcher"


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


def test_the_files_say_the_same_whatever_the_clocks_say(sweeps: Sweeps) -> None:
    runs = top3(sweeps)
    folder = sweeps.sweep(*runs)
    shown(folder)
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == sorted(
        [*FILES, "manifest.jsonl"]
    )
    before = {name: (folder / name).read_bytes() for name in FILES}
    for run, times in zip(runs, (1.07, 0.95, 1.1), strict=True):
        fit = json.loads((run.folder / "manifest.json").read_bytes())["stages"]["fit"]["cpu_seconds"]
        sweeps.priced(run, fit * times)
    shown(folder)
    for name, content in before.items():
        assert ((folder / name).read_bytes() == content) is name.startswith("leaderboard"), name


def test_tables_fit_the_terminal_and_files_hold_everything(sweeps: Sweeps, tmp_path: Path) -> None:
    long = "gbdt_36feat_with_a_very_long_name_that_nobody_should_use"
    runs = [*top3(sweeps), sweeps.run(long, 0.02, key=5)]
    folder = sweeps.sweep(*runs, FAILED, name="wide")
    text = shown(folder)
    assert max(map(len, text.splitlines())) <= 100
    csv, parquet, file = tmp_path / "b.csv", tmp_path / "b.parquet", tmp_path / "b.json"
    marked = shown(folder, "--markdown", "--csv", csv, "--parquet", parquet, "--json", file)
    assert marked.startswith((folder / "leaderboard.md").read_text())
    assert long in marked
    rows = pl.read_parquet(parquet)
    assert rows.equals(pl.read_csv(csv, schema=rows.schema))
    assert rows["rank"].to_list() == [1, 2, 3, 1, None]
    assert rows["label.kind"].to_list()[0] == "multihorizon_up"
    first = rows.row(0, named=True)
    assert first["run"] == "multihorizon_ticker_24feat"
    assert first["lift"] == pytest.approx(0.015)
    assert (first["expects"], first["share"]) == pytest.approx((0.02, 0.75))
    assert (first["fit_cpu_seconds"], first["rest_cpu_seconds"]) == (1800.0, 2 * 9e4)
    content = json.loads(file.read_text())
    assert [row["run"] for row in content["rows"]] == rows["run"].to_list()
    assert len(content["cost"]) == 4
    elsewhere = tmp_path / "there"
    shown(*(run.folder for run in runs), "--to", elsewhere)
    assert sorted(path.name for path in elsewhere.iterdir()) == sorted(FILES)


def test_ties_go_by_name(sweeps: Sweeps) -> None:
    names = ("b", "a", "c")
    runs = [sweeps.run(name, 0.05, key=key) for key, name in enumerate(names)]
    assert ranks(board(*runs)) == {"a": 1, "b": 2, "c": 3}
    assert ranks(board(*reversed(runs))) == {"a": 1, "b": 2, "c": 3}


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


def test_nothing_finished_is_said(sweeps: Sweeps) -> None:
    folder = sweeps.sweep(FAILED, None, name="none")
    text = shown(folder)
    assert "0 runs on it, 2 apart" in text
    done = CliRunner().invoke(application(), ["compare", str(folder / "jobs")])
    assert "is no run" in str(done.exception)


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
