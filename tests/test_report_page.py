"""The page of a run as text: whole, self-contained, small; and what runs without this or that get instead."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from compared_runs import Folder, known, predictions
from reported_runs import ORDERS, tables, whole_run
from typer.testing import CliRunner

from atc.cli import application
from atc.errors import DataError, UsageError
from atc.opened_run import OpenedRun
from atc.report.html.content import (
    Cell,
    Column,
    DataTable,
    Page,
    Section,
    between,
    figure,
    from_rich,
    plain,
    with_unique_names,
)
from atc.report.html.page import LARGEST, rendered
from atc.report.html.record import Record
from atc.report.html.run_page import run_page
from atc.report.html.sections.config import origin_of, reproduce
from atc.report.html.sections.orders import MOST
from atc.report.html.written import write_report
from atc.report.table import new_table

VOID = {"meta", "link", "input", "path", "line", "rect", "circle", "br", "wbr"}


class Reader(HTMLParser):
    """Elements that are left open, ids, what is referred to, and the text of each section."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.used: set[str] = set()
        self.addresses: list[str] = []
        self.count: dict[str, int] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in {"aria-labelledby", "aria-controls"}:
                self.used |= set((value or "").split())
            if name in {"href", "src"}:
                self.addresses.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> OpenedRun:
    return whole_run(tmp_path_factory.mktemp("outputs"))


@pytest.fixture(scope="module")
def page(run: OpenedRun) -> str:
    return rendered(run_page(run))


def section(page: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', page, re.DOTALL)
    assert found is not None, name
    return found[0]


def test_the_page_is_well_formed_and_its_anchors_are_distinct(page: str) -> None:
    read = Reader(page)
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))
    assert read.used <= set(read.ids)
    assert {one.removeprefix("#") for one in read.addresses if one.startswith("#")} <= set(read.ids)


def test_the_page_needs_nothing_from_anywhere_and_is_small(page: str) -> None:
    assert set(Reader(page).addresses) <= {f"#{one}" for one in Reader(page).ids} | {"data:,"}
    assert not re.findall(r"url\(|@import|https?://(?!www\.w3\.org)", page)
    assert "default-src 'none'" in page
    assert len(page.encode()) < LARGEST / 4


def test_every_section_of_a_whole_run_has_something(run: OpenedRun) -> None:
    found = {one.name: len(one.blocks) for one in run_page(run).sections}
    assert list(found) == [
        *("summary", "money", "ranking", "groups", "inputs", "drift", "sensitivity", "orders", "config"),
        "provenance",
    ]
    assert all(found.values()), found


def test_figures_have_title_description_and_the_numbers_they_show(page: str) -> None:
    read = Reader(page)
    drawings = len(re.findall(r'<svg role="img"', page))
    assert read.count["figure"] == drawings == read.count["title"] - 1 == read.count["desc"]
    assert all(len(one) > 12 for one in re.findall(r"<desc[^>]*>(.*?)</desc>", page))
    assert "lift over baseline" in section(page, "summary")
    assert "+0.0204" in section(page, "summary")
    assert "36% of it: +0.0204" in section(page, "summary")  # the plan expects 0.056
    assert "The model ranks better than the baseline" in section(page, "summary")
    assert "+52,000" in section(page, "money")


def test_the_area_beside_the_curve_is_that_of_the_rows(run: OpenedRun, page: str) -> None:
    from sklearn.metrics import roc_auc_score

    rows = run.predictions.filter("judged")
    area = roc_auc_score(rows["y"], rows["p_hold"])
    assert f"model {area:.4f}" in section(page, "ranking")


@pytest.mark.parametrize("held", [True, False])
def test_folds_are_drawn_as_the_mean_of_their_curves_and_never_pooled(tmp_path: Path, held: bool) -> None:
    """Three folds whose models rank alike on scales of their own: pooled, they would rank far worse."""
    from sklearn.metrics import roc_auc_score

    r_bps, signal = known()
    p = 1 / (1 + np.exp(-signal))
    whole = predictions(r_bps, p).with_columns(baseline_p_hold=pl.Series(p / 2))
    rng = np.random.default_rng(3)
    folds = [
        whole[2_000 * number : 2_000 * (number + 1)].with_columns(
            split=pl.lit(f"fold{number}"),
            p_hold=pl.col("p_hold") * 0.3 + 0.3 * number + pl.Series(rng.normal(0, 0.05, 2_000)),
        )
        for number in range(3)
    ]
    frame = pl.concat([*folds, *([whole] if held else [])])
    page = rendered(run_page(Folder(tmp_path).run("walked", frame)))
    shown = section(page, "ranking")
    areas = [roc_auc_score(one["y"], one["p_hold"]) for one in (fold.filter("judged") for fold in folds)]
    assert f"model {np.mean(areas):.4f} ({min(areas):.4f} … {max(areas):.4f})" in shown
    assert "ROC, mean of 3 folds" in shown and "Precision and recall, mean of 3 folds" in shown
    pooled = pl.concat(folds).filter("judged")
    assert f"{roc_auc_score(pooled['y'], pooled['p_hold']):.4f}" not in shown
    assert len(re.findall(r"<figcaption>ROC, HOLD<", shown)) == held  # that of the holdout's one model
    assert "Calibration" in shown


def test_a_table_that_is_wider_than_paper_turns_the_page(page: str) -> None:
    def made(columns: int) -> str:
        table = DataTable("wide", "Wide", [Column("a.key")] * columns, [[Cell("ten letters")] * columns] * 20)
        return rendered(Page("it", "", [Section("one", "One", [table])], "ATC"))

    assert '<div class="table" id="wide">' in made(4)
    assert '<div class="table crowded" id="wide">' in made(12)
    assert ">a.<wbr>key</th>" in made(4)
    # A button in it keeps Chromium from repeating a header on the next page.
    printed = page[page.index("@media print") :]
    assert "th button { display: contents; }" in printed and "size: A4 landscape" in printed


def test_the_order_log_is_thinned_in_words_and_keeps_what_is_rare_and_large(page: str) -> None:
    log = section(page, "orders")
    shown = log.count("<tr") - 1
    assert MOST * 0.9 < shown <= MOST + 2
    assert f"of {ORDERS:,} orders" in log
    assert log.count(">thin<") >= ORDERS // 100
    assert "stale book" in log
    # Of 9,000,000,000 of cash: order 1,234.
    from atc.report.html.sections.orders import _thinned

    assert 1_234 in _thinned(tables()["orders"])["decision"].to_list()


def test_the_config_marks_what_differs(page: str) -> None:
    config = section(page, "config")
    marked = dict(
        re.findall(r'<th scope="row" class="marked">(.*?)</th><td class="wrap marked">(.*?)</td>', config)
    )
    assert marked["data.days"] == "40"
    assert marked["model.kind"] == "gbdt"  # the baseline's is logistic
    assert "paths.outputs" not in marked
    (there,) = re.findall(
        r">features.families</th>.*?</td><td>baseline</td><td class=\"wrap\">(.*?)</td>", config
    )
    assert there == "[legacy]"


def test_the_command_makes_the_run_again(page: str) -> None:
    told = section(page, "provenance")
    assert "python -m atc.run +experiment=gbdt_36feat data=demo data.days=40" in told


@pytest.mark.parametrize("dirty", [True, False])
def test_a_commit_alone_does_not_make_a_run_of_changed_code_again(run: OpenedRun, dirty: bool) -> None:
    record = Record(run)
    record.manifest = {**record.manifest, "git": {"commit": "abc123", "dirty": dirty}}
    first, second, *_ = reproduce(record, origin_of(record)).splitlines()
    assert first == "git checkout abc123"
    assert second.startswith("# changes were not committed") is dirty


def test_drift_is_told_from_what_sampling_makes(page: str) -> None:
    drift = section(page, "drift")
    assert "15 of 20 inputs lie above what sampling alone" in drift
    assert "0.900" in drift


def test_a_sealed_run_says_so_and_shows_validation(tmp_path: Path) -> None:
    page = rendered(run_page(whole_run(tmp_path, sealed=True)))
    assert "The holdout is sealed" in section(page, "summary")
    assert "On validation" in page.replace("on validation", "On validation")
    assert "where it chose its thresholds, flatters" in section(page, "money")
    assert "The holdout is closed in this run" in section(page, "drift")
    assert 'class="empty"' in section(page, "orders")
    assert "ROC" in section(page, "ranking")
    assert Reader(page).open == []


def test_a_run_with_nothing_but_figures_has_sections_that_say_why(tmp_path: Path) -> None:
    r_bps, signal = known()
    run = Folder(tmp_path).run("bare", predictions(r_bps, 1 / (1 + abs(signal))), entered=False)
    page = rendered(run_page(run))
    for name in ("money", "inputs", "drift", "sensitivity", "orders", "groups"):
        assert 'class="empty"' in section(page, name), name
    assert "ROC" in section(page, "ranking")
    assert "Not compared with the experiment" in section(page, "config")


def test_a_run_of_returns_has_no_roc(tmp_path: Path) -> None:
    r_bps, signal = known()
    frame = predictions(r_bps, signal).rename({"p_hold": "predicted_bps"})
    frame = frame.with_columns(y=frame["r_bps"], baseline_predicted_bps=-frame["predicted_bps"])
    metrics = {"holdout/pearson": 0.4, "holdout/rows": 100, "holdout/mse": 1.0, "lift/holdout/pearson": 0.1}
    run = Folder(tmp_path).run("returns", frame, "+experiment=linear_36feat", metrics=metrics, entered=False)
    page = rendered(run_page(run))
    assert "Mean return by prediction" in section(page, "ranking")
    assert "ROC" not in section(page, "ranking")
    assert "holdout Pearson" in section(page, "summary")


def test_what_is_shown_is_escaped(tmp_path: Path) -> None:
    table = DataTable("t", "<i>", [Column("<b>")], [[Cell("<script>alert(1)</script>", look="x")]])
    text = rendered(Page("<t>", "&", [Section("s", "<h>", [table])], "ATC"))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert text.count("<script>") == 1


def test_cells_sort_by_their_numbers() -> None:
    assert plain("+1,234.5 †").value == 1234.5
    assert plain("−3").value == -3.0
    assert plain("12 %").value == 12.0
    assert plain("–").value is plain("words").value is None
    assert figure(float("nan")).said == figure(None).said == "–"
    assert figure(-0.00001, 2).said == "0.00"
    assert between(0.1, None).said == "–"
    assert between(-1.0, 2.0, 1, "+") == Cell("-1.0 … +2.0", -1.0)


def test_a_table_of_the_terminal_keeps_its_cells_and_rules() -> None:
    made = new_table("name", right=("AUC",))
    for name, area in (("a", "0.6"), ("b", "0.7"), ("c", "0.5")):
        made.add_row(name, area, end_section=name == "b")
    found = from_rich(made, "t", "words")
    assert [[cell.said for cell in row] for row in found.rows] == [["a", "0.6"], ["b", "0.7"], ["c", "0.5"]]
    assert [column.number for column in found.columns] == [False, True]
    assert found.ruled == {1}
    assert found.fixed


def test_names_are_made_distinct() -> None:
    one = DataTable("t", "", [], [])
    found = with_unique_names([Section("a", "", [one, one]), Section("b", "", [one])])
    names = [block.name for part in found for block in part.blocks if isinstance(block, DataTable)]
    assert names == ["t", "t-2", "t-3"]


def test_the_command_writes_beside_the_runs_and_changes_no_record(run: OpenedRun, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    done = CliRunner().invoke(application(), ["report", str(run.folder)], catch_exceptions=False)
    assert done.exit_code == 0
    file = run.folder.parent.parent / "reports" / f"{run.folder.name}.html"
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert re.search(r"report: \S+ \([1-9]\d+ KiB\)\n$", done.output)
    assert before == {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    other = tmp_path / "new" / "page.html"
    CliRunner().invoke(application(), ["report", str(run.folder), "--to", str(other)], catch_exceptions=False)
    assert other.read_bytes() == file.read_bytes()  # the same record, the same page


def test_what_is_no_record_is_said(run: OpenedRun, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no run"):
        write_report(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="folder of runs"):
        write_report(run.folder.parent)
    with pytest.raises(UsageError, match="lies in the record"):
        write_report(run.folder, run.folder / "page.html")
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(run.folder, Path("/proc/nowhere/page.html"))
