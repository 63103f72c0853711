"""A real Chromium for the tests: found, started without a way to the network, waited for."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-device-scale-factor=1",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
LONGEST = 120  # seconds that anything may take on a busy machine


def find_chromium() -> tuple[str, str]:
    """Return the paths of Chromium and its driver; skip where there is none, except in CI."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if browser and driver:
        return browser, driver
    reason = "no Chromium with its driver (Debian: apt install chromium chromium-driver)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def chromium(profile: Path, *, dark: bool = False, width: int = 1440) -> Iterator[Any]:
    """Start Chromium with a profile of its own."""
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    browser, driver = find_chromium()
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    for flag in (*FLAGS, *sandbox, f"--window-size={width},1000", f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    page = webdriver.Chrome(options=options, service=Service(driver))
    try:
        if dark:
            scheme = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
            page.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
        yield page
    finally:
        page.quit()


def until(page: Any, holds: Callable[[], Any]) -> Any:
    """Wait until something holds; what moves while it is looked at is looked at again."""
    from selenium.common import exceptions
    from selenium.webdriver.support.ui import WebDriverWait

    ignored = (
        exceptions.NoSuchElementException,
        exceptions.StaleElementReferenceException,
        exceptions.ElementNotInteractableException,  # there, not yet laid out
        exceptions.ElementClickInterceptedException,
        exceptions.MoveTargetOutOfBoundsException,
    )
    waiting = WebDriverWait(page, LONGEST, poll_frequency=0.02, ignored_exceptions=ignored)
    return waiting.until(lambda _: holds())


def find(page: Any, selector: str) -> Any:
    """Return the first element of a CSS selector, once it is there."""
    return until(page, lambda: page.find_element("css selector", selector))


def click(page: Any, selector: str) -> None:
    """Click the first element of a CSS selector, once it is there and nothing covers it."""

    def clicked() -> bool:
        page.find_element("css selector", selector).click()
        return True

    until(page, clicked)


def drag(page: Any, selector: str, right: int, down: int) -> None:
    """Drag an element by so many pixels, in a few steps as a hand does."""
    from selenium.webdriver import ActionChains

    def dragged() -> bool:
        handle = page.find_element("css selector", selector)
        chain = ActionChains(page, duration=10).click_and_hold(handle)
        for _ in range(4):
            chain = chain.move_by_offset(right // 4, down // 4)
        chain.release().perform()
        return True

    until(page, dragged)


def asked_for(page: Any) -> list[str]:
    """Return every address that the page has asked for so far."""
    told = (json.loads(entry["message"])["message"] for entry in page.get_log("performance"))
    return [
        message["params"]["request"]["url"]
        for message in told
        if message["method"] == "Network.requestWillBeSent"
    ]


def complaints(page: Any) -> list[str]:
    """Return what the browser's console holds against the page."""
    return [entry["message"] for entry in page.get_log("browser") if entry["level"] == "SEVERE"]
