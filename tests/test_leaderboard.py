"""Who stands where on the leaderboard of runs and sweeps whose figures, costs and looks are known."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from made_sweeps import Sweeps, board, metrics_with, ranks, shown, top3
from record_example import with_interval

from atc.report.candidates import candidates_in
from atc.report.leaderboard import leaderboard_of
from atc.report.leaderboard_files import whole_frame
from atc.sweep.state import JobError, JobState


@pytest.fixture
def sweeps(tmp_path: Path) -> Sweeps:
    return Sweeps(tmp_path)


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


def test_ties_go_by_name(sweeps: Sweeps) -> None:
    names = ("b", "a", "c")
    runs = [sweeps.run(name, 0.05, key=key) for key, name in enumerate(names)]
    assert ranks(board(*runs)) == {"a": 1, "b": 2, "c": 3}
    assert ranks(board(*reversed(runs))) == {"a": 1, "b": 2, "c": 3}
