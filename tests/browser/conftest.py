"""A real browser on a real service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser import chromium
from tests.browser.served import Served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page

SCREENSHOTS = Path(__file__).parents[2] / "test-output" / "dashboard"
PATIENCE = 10_000
"""Milliseconds that a page may take on a busy machine."""

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    service = Served(tmp_path_factory.mktemp("served"))
    yield service
    service.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = chromium.chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(program), args=chromium.ARGUMENTS)
        yield browser
        browser.close()


class Complaints(list[str]):
    """What the browser held against a page: errors of scripts, and what the page's policy refused."""

    def follow(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.append(f"{page.url}: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.append(f"{message.type}: {message.text} ({message.location['url']})")


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """Those of every page of the test, of which there must be none at its end."""
    found = Complaints()
    yield found
    assert found == []


@pytest.fixture
def page(browser: Browser, served: Served, complaints: Complaints) -> Iterator[Page]:
    """A page of somebody who is not logged in."""
    context = browser.new_context(base_url=served.url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    complaints.follow(page)
    yield page
    context.close()


@pytest.fixture
def member(page: Page, served: Served) -> Page:
    """The same of somebody who is. How that is done with the form is a test of its own."""
    log_in(page, served)
    return page


def log_in(page: Page, served: Served) -> None:
    form: dict[str, str | float | bool] = {"token": served.token, "name": "Ada"}
    page.context.request.post("/login", form=form, headers={"Origin": served.url}, max_redirects=0)


def photograph(page: Page, name: str) -> None:
    """Keep a picture for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
