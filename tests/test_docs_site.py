"""The site of docs/ in a real browser: its widths leave room for what the theme puts beside the content."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import needs_browser, opened, show

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

STYLE = Path(__file__).parents[1] / "docs" / "style"
WIDTHS = (1232, 1280, 1312, 1328, 1392, 1552, 1568, 1600, 1680, 1712, 1920)
"""Where the style or the theme changes the page, and what screens have."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A page with headings beside it, shown."""
    needs_browser()
    pytest.importorskip("furo", reason="furo is not installed: uv sync --group docs")
    folder = tmp_path_factory.mktemp("site")
    (folder / "conf.py").write_text(
        f"html_theme = 'furo'\nhtml_static_path = [{str(STYLE)!r}]\nhtml_css_files = ['wide.css']\n"
    )
    text = (
        "Title\n=====\n\nA heading\n---------\n\nSome words.\n\nAnother heading\n---------------\n\nMore.\n"
    )
    (folder / "index.rst").write_text(text + f"\n{'The end of a long page.' * 5}\n\n" * 40)
    words = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(folder), str(folder / "out")]
    subprocess.run(words, check=True)
    with opened() as chrome:
        show(chrome, folder / "out" / "index.html")
        yield chrome


@pytest.mark.parametrize("width", WIDTHS)
def test_no_width_of_the_site_scrolls_sideways_or_cuts_its_headings(site: Chrome, width: int) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    site.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    whole, own = site.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert own <= width
    assert whole <= own
    headings = site.execute_script(
        "const beside = document.querySelector('.toc-drawer').getBoundingClientRect();"
        "return [beside.left, beside.right]"
    )
    assert headings[1] <= own or headings[0] >= own  # all of it, or none where the theme hides it


@pytest.mark.parametrize("width", [1280, 1920])
def test_a_line_of_an_output_fits_into_a_screen(site: Chrome, width: int) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    site.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    room, needed = site.execute_script(
        "const pre = document.createElement('pre'); pre.textContent = 'x'.repeat(110);"
        "document.querySelector('article').append(pre);"
        "const sizes = [pre.clientWidth, pre.scrollWidth]; pre.remove(); return sizes"
    )
    assert needed <= room
