"""A real browser without a window, for the tests of pages."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from waiting import waited_for

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def needs_browser() -> tuple[str, str]:
    """Where browser and driver are; the test is skipped with the word what is missing."""
    pytest.importorskip("selenium", reason="selenium is not installed: uv sync")
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        missing = "chromium" if browser is None else "chromedriver"
        pytest.skip(f"no {missing} here: apt install chromium chromium-driver")
    return browser, driver


@contextmanager
def opened() -> Iterator[Chrome]:
    """A browser that says what it logs and asks for."""
    browser, driver = needs_browser()
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = browser
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--mute-audio",
    ):
        options.add_argument(word)
    options.add_argument("--window-size=1280,900")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = Chrome(options=options, service=Service(executable_path=driver))
    try:
        yield chrome
    finally:
        chrome.quit()


def show(chrome: Chrome, page: Path) -> None:
    """Opens the file `page`, forgetting what was logged before."""
    chrome.get_log("browser")
    chrome.get_log("performance")
    address = page.resolve().as_uri()
    chrome.get(address)
    # On a busy machine the driver has been seen to answer before the document was the new one, and whole.
    there = "return document.URL === arguments[0] && document.readyState === 'complete'"
    waited_for(lambda: chrome.execute_script(there, address))


def complaints(chrome: Chrome) -> list[str]:
    """What the console says, whatever level."""
    return [entry["message"] for entry in chrome.get_log("browser")]


def asked_for(chrome: Chrome) -> list[str]:
    """Addresses that were asked for since `show`."""
    messages = [json.loads(entry["message"])["message"] for entry in chrome.get_log("performance")]
    found = [
        one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"
    ]
    return [address for address in found if not address.startswith("data:")]


def prefers(chrome: Chrome, scheme: str) -> None:
    """As if the system were set to `light` or `dark`."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def until(happened: Callable[[], Any], seconds: float = 10.0) -> None:
    """Waits until it is so."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def faint(chrome: Chrome) -> dict[str, list[str]]:
    """Texts and marks that WCAG's AA calls too faint for what lies behind them; see contrast.js."""
    script = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
    found: dict[str, list[str]] = chrome.execute_script(script)
    return found
