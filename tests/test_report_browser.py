"""The page of a run in a real browser: nothing to complain of, nothing asked for; sorting, filtering,
schemes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import asked_for, complaints, faint, needs_browser, opened, prefers, show
from reported_runs import whole_run
from reported_sweeps import made_sweep
from waiting import waited_for

from atc.opened_run import open_run
from atc.report.html.content import Cell, Column, DataTable, Page, Section, figure
from atc.report.html.page import rendered
from atc.report.html.written import write_report

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_browser()
    folder = tmp_path_factory.mktemp("reported")
    return write_report(whole_run(folder / "outputs").folder, folder / "run.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with opened() as chrome:
        yield chrome


@pytest.fixture
def chrome(browser: Chrome, page: Path) -> Iterator[Chrome]:
    """The page, freshly loaded; what it keeps is forgotten afterwards."""
    show(browser, page)
    yield browser
    browser.execute_script("localStorage.clear()")


def find(chrome: Any, selector: str) -> WebElement:
    from selenium.webdriver.common.by import By

    found: WebElement = chrome.find_element(By.CSS_SELECTOR, selector)
    return found


def press(chrome: Chrome, selector: str) -> WebElement:
    """Clicks what is first brought to the middle of the window, and gives it."""
    found = find(chrome, selector)
    chrome.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", found)
    found.click()
    return found


def column(chrome: Chrome, table: str, place: int) -> list[str]:
    """The visible cells of a column."""
    script = (
        f"return [...document.querySelectorAll('{table} tbody tr')].filter((row) => !row.hidden)"
        f".map((row) => row.cells[{place}].textContent)"
    )
    cells: list[str] = chrome.execute_script(script)
    return cells


def test_the_console_is_silent_and_nothing_is_asked_for(chrome: Chrome, page: Path) -> None:
    assert asked_for(chrome) == [page.resolve().as_uri()]
    for heading in ("#order-log-rows th button", "#drift-table-rows th button", "#scheme"):
        press(chrome, heading)
    assert complaints(chrome) == []


def test_a_table_sorts_by_number_both_ways_and_says_so(chrome: Chrome) -> None:
    heading = find(chrome, "#drift-table-rows thead th:nth-child(2)")
    button = press(chrome, "#drift-table-rows thead th:nth-child(2) button")
    down = [float(one) for one in column(chrome, "#drift-table", 1)]
    assert heading.get_attribute("aria-sort") == "descending"
    assert down == sorted(down, reverse=True)
    button.send_keys("\n")  # by the keyboard
    up = [float(one) for one in column(chrome, "#drift-table", 1)]
    assert heading.get_attribute("aria-sort") == "ascending"
    assert up == sorted(up) != down
    press(chrome, "#drift-table-rows thead th:nth-child(1) button")
    names = column(chrome, "#drift-table", 0)
    assert names == sorted(names)
    assert heading.get_attribute("aria-sort") is None


def test_the_page_of_a_sweep_is_silent_sorts_and_can_be_read(browser: Chrome, page: Path) -> None:
    (run,) = (page.parent / "outputs" / "runs").glob("gbdt_36feat-*")
    sweep = write_report(made_sweep(open_run(run), jobs=9), page.parent / "sweep.html")
    prefers(browser, "dark")
    show(browser, sweep)
    assert asked_for(browser) == [sweep.resolve().as_uri()]
    titles = "return [...document.querySelectorAll('#board-rows thead th')].map((one) => one.textContent)"
    place = browser.execute_script(titles).index("lift")
    press(browser, f"#board-rows thead th:nth-child({place + 1}) button")
    shown = [float(one) for one in column(browser, "#board", place)]
    assert shown == sorted(shown, reverse=True)
    assert len(shown) == 8
    assert faint(browser) == {"texts": [], "marks": []}
    assert complaints(browser) == []


def test_a_wide_table_that_is_scrolled_keeps_its_title_its_names_and_their_marks(
    browser: Chrome, tmp_path: Path
) -> None:
    columns = [Column("run"), *(Column(f"figure number {place}", True) for place in range(20))]
    cells = [[Cell("a run", look="marked"), *(figure(0.5) for _ in range(20))]]
    table = DataTable("board", "The title", columns, cells)
    page = tmp_path / "page.html"
    page.write_text(rendered(Page("t", "", [Section("a", "A", [table])], "ATC")), encoding="utf-8")
    show(browser, page)
    title, name = find(browser, "#board caption span"), find(browser, "#board tbody th")
    before = [one.location["x"] for one in (title, name)]
    browser.execute_script("document.querySelector('#board .scroll').scrollLeft = 500")
    assert find(browser, "#board tbody td").location["x"] < 0
    assert [one.location["x"] for one in (title, name)] == before
    mark = "return getComputedStyle(document.querySelector('#board tbody th')).backgroundColor"
    probe = "return getComputedStyle(document.documentElement).getPropertyValue('--mark')"
    red, green, blue = (int(browser.execute_script(probe)[at : at + 2], 16) for at in (1, 3, 5))
    assert browser.execute_script(mark) == f"rgb({red}, {green}, {blue})"


def test_what_is_not_known_stands_last_both_ways(chrome: Chrome) -> None:
    place = next(
        number
        for number, title in enumerate(
            chrome.execute_script(
                "return [...document.querySelectorAll('#order-log-rows thead th')].map((one) => "
                "one.textContent)"
            )
        )
        if title == "ask met"
    )
    for _ in range(2):
        press(chrome, f"#order-log-rows thead th:nth-child({place + 1}) button")
        assert column(chrome, "#order-log", place)[-1] == "–"


def test_filters_hide_rows_and_count_them(chrome: Chrome) -> None:
    from selenium.webdriver.support.select import Select

    every = len(column(chrome, "#order-log", 0))
    chooser = find(chrome, "#order-log select[data-column='2']")
    Select(chooser).select_by_visible_text("thin")
    thin = column(chrome, "#order-log", 2)
    assert set(thin) == {"thin"}
    assert find(chrome, "#order-log output").text == f"{len(thin)} of {every} rows"
    field = find(chrome, "#order-log input.filter")
    field.send_keys("no such word")
    assert column(chrome, "#order-log", 0) == []
    field.clear()
    field.send_keys(" ")
    Select(chooser).select_by_visible_text("all")
    assert len(column(chrome, "#order-log", 0)) == every


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_in_both_schemes(chrome: Chrome, scheme: str) -> None:
    prefers(chrome, scheme)
    chrome.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    background = chrome.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    assert faint(chrome) == {"texts": [], "marks": []}


def test_the_switch_overrules_the_system_and_is_remembered(chrome: Chrome, page: Path) -> None:
    prefers(chrome, "light")
    background = "return getComputedStyle(document.body).backgroundColor"
    light = chrome.execute_script(background)
    button = find(chrome, "#scheme")
    while "dark" not in button.text:
        button.click()
    dark = chrome.execute_script(background)
    assert dark != light
    show(chrome, page)
    assert chrome.execute_script(background) == dark
    button = find(chrome, "#scheme")
    while "system" not in button.text:
        button.click()
    assert chrome.execute_script(background) == light


def test_marks_tell_what_they_are_worth(chrome: Chrome) -> None:
    from selenium.webdriver import ActionChains

    mark = find(chrome, "#psi .hit")
    chrome.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", mark)
    tip = find(chrome, "#tip")

    def pointed_at() -> bool:
        # Again and again: the page hides what it tells when it scrolls, and may hear of the scrolling late.
        ActionChains(chrome).move_to_element_with_offset(mark, 1, 0).move_to_element(mark).perform()
        return tip.is_displayed()

    waited_for(pointed_at)
    assert tip.text.startswith("input_00\nPSI 0.900")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_width_scrolls_the_page_sideways(chrome: Chrome, width: int) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        inner, whole = chrome.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
        assert inner == width
        assert whole <= width
    finally:
        chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_headings_break_before_a_table_is_wider_than_the_page(chrome: Chrome, tmp_path: Path) -> None:
    columns = [Column("input"), *(Column(f"AUC lost without {place}", True) for place in range(9))]
    table = DataTable("wide", "The title", columns, [[Cell("an_input"), *[figure(0.5)] * 9]])
    page = tmp_path / "page.html"
    page.write_text(rendered(Page("t", "", [Section("a", "A", [table])], "ATC")), encoding="utf-8")
    size = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    widths = "const box = document.querySelector('{} .scroll'); return [box.scrollWidth, box.clientWidth]"
    try:
        needed, there = chrome.execute_script(widths.format("#order-log"))
        assert 1000 < needed <= there
        show(chrome, page)
        needed, there = chrome.execute_script(widths.format("#wide"))
        assert 1000 < needed <= there
    finally:
        chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_without_a_script_the_page_says_the_same(browser: Chrome, page: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        show(browser, page)
        text = find(browser, "main").text
        assert "The model ranks better than the baseline" in text
        assert "thin" in text
        assert not find(browser, "#order-log .filters").is_displayed()
        assert not find(browser, "#scheme").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_paper_gets_light_colours_and_no_controls(chrome: Chrome) -> None:
    prefers(chrome, "dark")
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert (
            chrome.execute_script("return getComputedStyle(document.body).backgroundColor")
            == "rgb(255, 255, 255)"
        )
        assert not find(chrome, "nav").is_displayed()
        assert not find(chrome, "#order-log .filters").is_displayed()
        shown = chrome.execute_script(
            "return [...document.querySelectorAll('#order-log tbody tr')].filter((row) => "
            "row.checkVisibility()).length"
        )
        assert shown == 40
        assert "paper has the first 40" in find(chrome, "#order-log").text
    finally:
        chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
