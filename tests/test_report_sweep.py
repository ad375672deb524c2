"""The page of a sweep: who ranks where, what failed, and that an unfinished sweep has one too."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from made_sweeps import INTERRUPTED, TOP3, Sweeps
from reported_runs import whole_run
from reported_sweeps import FAILS, made_sweep
from test_report_page import Reader, section

from atc.report.candidates import candidates_of
from atc.report.html.page import LARGEST
from atc.report.html.written import write_report
from atc.report.leaderboard import leaderboard_of
from atc.report.leaderboard_notes import told_of, warnings_on
from atc.sweep.opened import open_sweep
from atc.sweep.state import JobState


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_sweep(whole_run(tmp_path_factory.mktemp("outputs")), jobs=9)


@pytest.fixture(scope="module")
def page(sweep: Path) -> str:
    return write_report(sweep).read_text(encoding="utf-8")


def test_the_page_is_whole_and_lies_beside_those_of_runs(sweep: Path, page: str) -> None:
    read = Reader(page)
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))
    assert set(read.addresses) <= {f"#{one}" for one in read.ids} | {"data:,"}
    assert len(page.encode()) < LARGEST / 4
    assert (sweep.parent.parent / "reports" / f"{sweep.name}.html").is_file()


def test_every_finished_job_is_on_the_board_and_the_best_is_named(page: str) -> None:
    board = section(page, "leaderboard")
    assert len(set(re.findall(r"gbdt_36feat #(\d+)", board))) == 8
    ranks = [int(one) for one in re.findall(r'<td class="n" data-v="(\d+).0">\1</td><td>lift/holdout', board)]
    assert ranks == list(range(1, len(ranks) + 1)) != []
    assert re.search(r"Rank 1: gbdt_36feat #\d+, lift/holdout/auc \+0\.0", section(page, "summary"))


def test_the_page_says_what_the_board_at_the_terminal_says(sweep: Path, page: str) -> None:
    board = leaderboard_of(candidates_of(open_sweep(sweep)), "it")
    warned = list(warnings_on(board.entries))
    trials = [told for one in board.trials for told in told_of(one)]
    assert warned and trials
    shown = unescape(section(page, "leaderboard"))
    assert [told for told in (*warned, *trials) if told not in shown] == []
    assert "over volatility" in shown and "direction AUC" in shown


def test_what_failed_is_listed_with_its_reason_and_log(page: str) -> None:
    failures = section(page, "failures")
    assert failures.count("<tr") - 1 == 1
    assert "MemoryError: no room for &lt;histograms&gt;" in failures
    assert f"jobs/{FAILS:04d}/log.txt" in failures


def test_what_differed_is_drawn_and_listed(page: str) -> None:
    keys = section(page, "keys")
    assert keys.count('class="thread"') == 8
    assert "model.num_leaves" in keys
    assert ">seed<" in keys


def test_cost_and_lift_have_their_front(page: str) -> None:
    cost = section(page, "cost")
    assert cost.count(" ring") + cost.count("s1 dot") >= 8
    assert "On the front" in cost


def test_the_way_on_is_said(sweep: Path, page: str) -> None:
    told = section(page, "provenance")
    assert "python -m atc.run -m +experiment=gbdt_36feat model.num_leaves=15,31,63,127" in told
    assert "atc sweep resume" in told
    assert sweep.name in told


def test_lifts_share_an_axis_within_a_group_or_as_shares_of_what_was_expected(tmp_path: Path) -> None:
    made = Sweeps(tmp_path)
    planned = [made.run(name, 0.05, key=key) for key, name in enumerate(TOP3, start=1)]
    alike = [
        made.run(f"gbdt_13feat_{words[-2:]}", 0.03, 0.01, words, key=key, cpu_s=key)
        for key, words in enumerate(
            ("model.num_leaves=15", "model.num_leaves=31", "label.exit_bps=20"), start=4
        )
    ]
    page = write_report(made.sweep(*planned, *alike)).read_text(encoding="utf-8")
    board = section(page, "leaderboard")
    drawn = re.findall(r"<figcaption>Lift over [^<]*</figcaption>(.*?)</figure>", board, re.S)
    assert len(drawn) == 3
    shares, *raw = drawn
    assert "share of what was expected" in shares
    assert all(name in shares for name in TOP3)
    assert [sum(f"gbdt_13feat_{end}" in one for end in ("15", "31", "20")) for one in raw] == [2, 1]
    assert all("lift, AUC of group" in one for one in raw)
    # Fronts and parallel coordinates likewise; a single run has none.
    assert re.findall(r"<figcaption>(Lift and cost[^<]*)<", page) == [
        "Lift and cost",
        "Lift and cost, group A",
    ]
    assert len(re.findall(r"<figcaption>What told the runs apart", page)) == 2
    # No p-value is 0; sorted is by the number all the same.
    assert 0.0 < max(float(p) for p in re.findall(r'data-v="([^"]*)">&lt; 0\.0001<', board)) < 0.0001
    assert ">0.0000<" not in board
    verdict = section(page, "summary")
    assert "6 lifts were looked at together" in verdict
    assert verdict.count("Rank 1") == 3


def test_one_lift_is_said_as_one_and_a_stopped_job_has_its_reason(tmp_path: Path) -> None:
    made = Sweeps(tmp_path)
    folder = made.sweep(made.run("gbdt_36feat"), INTERRUPTED, JobState("pruned", 1), None)
    page = write_report(folder).read_text(encoding="utf-8")
    assert "1 lift was looked at together" in section(page, "summary")
    failures = section(page, "failures")
    assert "unfinished: it was stopped before its end" in failures
    assert "unfinished: it has not begun" in failures
    assert failures.count("<tr") - 1 == 2  # what a search ended early has not failed
    assert "ended early" in section(page, "summary")


def test_no_part_of_a_page_says_that_nothing_finished_where_no_run_has_a_lift(tmp_path: Path) -> None:
    made = Sweeps(tmp_path)
    run = made.run("gbdt_36feat", metrics={"holdout/rows": 9.0, "lift/holdout/auc": None})
    page = write_report(made.sweep(run)).read_text(encoding="utf-8")
    assert "has no lift over its baseline" in section(page, "leaderboard")
    assert "No job has finished" not in page
    assert "No run stands on a ranking" in section(page, "cost")


def test_a_sweep_in_which_nothing_has_finished_has_a_page(tmp_path: Path) -> None:
    folder = made_sweep(whole_run(tmp_path), jobs=2)
    for job in open_sweep(folder).jobs:
        (job.folder / "state.json").unlink()
    page = write_report(folder).read_text(encoding="utf-8")
    assert "Nothing is shown to rank above its baseline" in section(page, "summary")
    assert "No job has finished" in section(page, "leaderboard")
    assert section(page, "failures").count("pending") >= 2
