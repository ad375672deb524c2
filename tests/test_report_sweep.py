"""The page of a sweep: who ranks where, what failed, and that an unfinished sweep has one too."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from reported_runs import whole_run
from reported_sweeps import FAILS, made_sweep
from test_report_page import Reader, section

from atc.report.candidates import candidates_of
from atc.report.html.page import LARGEST
from atc.report.html.written import write_report
from atc.report.leaderboard import leaderboard_of
from atc.report.leaderboard_notes import told_of, warnings_on
from atc.sweep.opened import open_sweep


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


def test_a_sweep_in_which_nothing_has_finished_has_a_page(tmp_path: Path) -> None:
    folder = made_sweep(whole_run(tmp_path), jobs=2)
    for job in open_sweep(folder).jobs:
        (job.folder / "state.json").unlink()
    page = write_report(folder).read_text(encoding="utf-8")
    assert "nothing has a rank" in section(page, "summary")
    assert "No job has finished" in section(page, "leaderboard")
    assert section(page, "failures").count("pending") >= 2
