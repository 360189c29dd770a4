"""Requests are counted by what we named, never by what strangers send."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from reconciler.status.metrics import Metrics
from tests.unit.webhooks.conftest import TOKEN
from webhooks.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webhooks.options import WebOptions
    from webhooks.testing import FakeIntake, FakePlans, FakeStatus

Counted = Counter[tuple[str, str, int]]


@pytest.fixture
def requests() -> Counted:
    return Counter()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def stranger(
    intake: FakeIntake, status: FakeStatus, plans: FakePlans, options: WebOptions, requests: Counted, metrics: Metrics
) -> Iterator[TestClient]:
    def count(method: str, route: str, code: int, seconds: float | None) -> None:
        assert seconds is None or seconds >= 0
        requests[method, route, code] += 1
        metrics.request(method, route, code, seconds)

    counting = replace(options, on_request=count, on_delivery=metrics.delivery)
    with TestClient(create_app(intake, status, plans, counting)) as client:
        yield client


def test_by_template(stranger: TestClient, requests: Counted) -> None:
    """The route's own spelling is told, with the method and the status."""
    stranger.get("/fabrics/dc1")
    stranger.get("/fabrics/other")
    stranger.delete("/fabrics/dc1")
    stranger.get("/livez")

    assert requests == {
        ("GET", "/fabrics/{name}", 200): 1,
        ("GET", "/fabrics/{name}", 404): 1,
        ("DELETE", "/fabrics/{name}", 405): 1,
        ("GET", "/livez", 200): 1,
    }


def test_strangers_add_no_series(stranger: TestClient, metrics: Metrics) -> None:
    """Random paths, names, methods and providers, as many as they like, add as many series as one of each."""

    def send(number: int) -> None:
        stranger.get(f"/nonesuch-{number}")
        stranger.get(f"/fabrics/f{number}")
        stranger.request(f"BREW{number}", f"/x/{number}")
        stranger.post(f"/webhooks/provider{number}", json={"number": number})
        stranger.get(f"/requests/r{number}?token=t{number}")

    def series() -> int:
        text = metrics.render((), depth=0, oldest=0.0)[0].decode()
        return sum(line.startswith("reconciler_") for line in text.splitlines())

    send(0)
    few = series()
    for number in range(1, 40):
        send(number)

    assert series() == few


def test_what_is_waited_for_has_no_duration(stranger: TestClient, requests: Counted, metrics: Metrics) -> None:
    """How long a client follows or waits is its own choice; how long everything else takes is ours."""
    authorization = {"Authorization": f"Bearer {TOKEN.decode()}"}
    stranger.post("/reconcile", json={"fabric": "dc1", "wait": 0.01}, headers=authorization)
    stranger.post("/reconcile", json={"fabric": "dc1", "wait": -1}, headers=authorization)
    stranger.head("/events")

    text = metrics.render((), depth=0, oldest=0.0)[0].decode()
    counts = [line for line in text.splitlines() if line.startswith("reconciler_http_request_duration_seconds_count")]

    assert requests == {
        ("POST", "/reconcile", 202): 1,
        ("POST", "/reconcile", 400): 1,
        ("HEAD", "/events", 200): 1,
    }
    assert counts == ['reconciler_http_request_duration_seconds_count{method="POST",route="/reconcile"} 1.0']
