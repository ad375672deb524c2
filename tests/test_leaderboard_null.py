"""Real runs on markets with nothing to find: the leaderboard ranks none of them above its baseline."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_experiments import ANY, BUDGET_OF

import atc
from atc.opened_run import open_run
from atc.report.candidates import candidates_in
from atc.report.leaderboard import leaderboard_of
from atc.report.leaderboard_lines import board_lines
from atc.run import run

EXPERIMENTS = {
    "gbdt_36feat": "gbdt",
    "hold10_softmax_mlp_36feat": "softmax_mlp",
    "logistic_36feat": "logistic",
}
"""And the kinds of their models."""
MARKETS = (1, 2, 3)


@pytest.mark.slow
def test_on_markets_with_nothing_to_find_nothing_is_above_its_baseline(tmp_path: Path) -> None:
    """With intervals of 95 % alone, one of nine such lifts would stand above 0 in one board of five."""
    folders = [
        run(
            atc.compose(
                [
                    f"+experiment={name}",
                    *(word for word in ANY if not word.startswith(("data=", "evaluation.resamples"))),
                    *("data=demo_null", f"data.seed={seed}", "evaluation.resamples=500"),
                    *("window.train_days=3", "window.holdout_days=3", *BUDGET_OF[kind]),
                    f"paths.outputs={tmp_path}",
                ]
            )
        )
        for name, kind in EXPERIMENTS.items()
        for seed in MARKETS
    ]
    found = leaderboard_of(candidates_in(folders), "null")
    assert len(found.entries) == found.claims == len(folders)
    assert {one.rank for ranking in found.rankings for one in ranking.entries} == {None}
    assert {one.judged.verdict for one in found.entries} <= {"not shown", "below"}
    # Each on a market of its own: no two models are judged alike but on the same one.
    assert {one.of for one in found.entries if one.claim.measure == "auc"} == {2}
    for one in found.entries:
        cost = one.cost
        assert cost.fit_cpu_seconds is not None and cost.cpu_seconds is not None
        assert 0.0 < cost.fit_cpu_seconds <= cost.cpu_seconds
    first = open_run(folders[0])
    assert {"fit", "evaluate"} <= set(dict(first.manifest["stages"]))  # type: ignore[call-overload]
    assert max(map(len, board_lines(found))) <= 100
