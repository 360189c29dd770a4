"""The dashboard on fakes that behave, used as a browser does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from tests.unit.webhooks.conftest import TOKEN
from tests.unit.webhooks.dashboard import samples
from webhooks.app import WebOptions, create_app
from webhooks.testing import FakeFabric, FakeIntake, FakePlans, FakeStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpx2 import Response

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Sec-Fetch-Site": "same-origin"}


class Browser:
    """A client with cookies, which sends forms as the page that it looked at last does."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.csrf = ""

    def get(self, path: str, **headers: str) -> Response:
        answer = self.client.get(path, headers=BROWSER | headers, follow_redirects=False)
        found = re.search(r'name="csrf" value="([^"]+)"', answer.text)
        self.csrf = found[1] if found else ""
        return answer

    def post(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> Response:
        data = {"csrf": self.csrf, **(fields or {})}
        return self.client.post(path, data=data, headers=BROWSER | headers, follow_redirects=False)

    def log_in(self, token: str = TOKEN.decode(), **fields: str) -> Response:
        return self.post("/login", {"token": token, **fields})


@pytest.fixture
def intake() -> FakeIntake:
    return FakeIntake(fabrics=[FakeFabric("dc1"), FakeFabric("dc2", is_enabled=False)])


@pytest.fixture
def status(intake: FakeIntake) -> FakeStatus:
    return FakeStatus(
        intake,
        histories={"dc1": [samples.done()]},
        objects={"dc1": samples.resources()},
        wirings={"dc1": samples.wiring()},
        views={"dc1": samples.fabric(), "dc2": samples.fabric(sync_status="in_sync", reconciling=False, progress=None)},
    )


@pytest.fixture
def plans(intake: FakeIntake) -> FakePlans:
    return FakePlans(intake, {"dc1": samples.HASH}, views={"dc1": samples.plan()})


@pytest.fixture
def options() -> WebOptions:
    return WebOptions(api_token=lambda: TOKEN, now=lambda: samples.NOW)


@pytest.fixture
def browser(intake: FakeIntake, status: FakeStatus, plans: FakePlans, options: WebOptions) -> Iterator[Browser]:
    with TestClient(create_app(intake, status, plans, options)) as client:
        yield Browser(client)


@pytest.fixture
def member(browser: Browser) -> Browser:
    """A browser of somebody who has logged in."""
    assert browser.log_in(name="Ada").status_code == 303
    return browser
