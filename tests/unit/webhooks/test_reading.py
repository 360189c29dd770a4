"""The GET routes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread
from starlette.testclient import TestClient

from reconciler.errors import StateError
from tests.unit.webhooks.asgi import ask
from tests.unit.webhooks.dashboard import samples
from webhooks.app import create_app
from webhooks.testing import FakePlans, FakeStatus

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject
    from webhooks.app import WebOptions
    from webhooks.testing import FakeIntake

DC1 = {"name": "dc1", "repository": "gitops", "enabled": True, "suspended": None}
OPEN = ["/livez", "/readyz", "/healthz"]
PROTECTED = [
    "/metrics",
    "/fabrics",
    "/fabrics/dc1",
    "/fabrics/dc1/resources",
    "/fabrics/dc1/topology",
    "/fabrics/dc1/passes",
    "/fabrics/dc1/passes/p1",
    "/requests/r1",
    "/fabrics/nonesuch",
]
PATIENCE = 10.0
"""Seconds, after which a test goes on, to fail."""
AUTHORIZED = {"Authorization": "Bearer canary-api-token"}


@pytest.fixture
def protected(intake: FakeIntake, status: FakeStatus, options: WebOptions) -> TestClient:
    """A client of a service whose reads need the token."""
    return TestClient(create_app(intake, status, FakePlans(), replace(options, protect_reads=True)))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/fabrics/dc1", DC1),
        ("/fabrics/dc1/resources", {"resources": [{"kind": "VPC", "name": "vpc-1", "state": "in_sync"}]}),
        ("/fabrics/dc3/resources", {"resources": []}),
        ("/fabrics/dc3/topology", {"fabric": "dc3", "nodes": [], "links": []}),
        ("/fabrics/dc1/passes", {"passes": [{"id": "p1", "outcome": "succeeded"}]}),
        ("/fabrics/dc1/passes/p1", {"id": "p1", "outcome": "succeeded"}),
        ("/livez", {"status": "ok"}),
        ("/readyz", {"status": "ok"}),
        ("/healthz", {"status": "ok"}),
    ],
)
def test_read(client: TestClient, path: str, expected: JSON) -> None:
    """Each route answers with the JSON of the status."""
    answer = client.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == expected


def test_fabrics(client: TestClient) -> None:
    """All fabrics are listed, the disabled one too."""
    assert [one["name"] for one in client.get("/fabrics").json()["fabrics"]] == ["dc1", "dc2", "dc3"]


def test_request(client: TestClient) -> None:
    """A request that was accepted can be read by its id."""
    accepted = client.post("/reconcile", json={"fabric": "dc1"}, headers=AUTHORIZED).json()["requests"][0]

    assert client.get(f"/requests/{accepted['id']}").json() == {
        "id": "r1",
        "fabric": "dc1",
        "trigger": "request",
        "accepted": "2026-01-01T00:00:00Z",
        "state": "queued",
        "outcome": None,
        "pass": None,
        "revision": None,
        "reason": None,
        "message": None,
    }


@pytest.mark.parametrize(
    "path",
    [
        "/requests/r1",
        "/fabrics/dc9",
        "/fabrics/dc9/resources",
        "/fabrics/dc9/passes",
        "/fabrics/dc9/passes/p1",
        "/fabrics/dc1/passes/p9",
        "/fabrics/%1B%5B31m%0A",
        "/fabrics/" + "x" * 5000,
        "/fabrics/%ED%A0%80",
    ],
)
def test_unknown(client: TestClient, path: str) -> None:
    """What is not known is 404, in a short message that can be printed."""
    answer = client.get(path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert answer.json()["error"]["message"].isprintable()
    assert len(answer.content) < 1000


def test_metrics(client: TestClient) -> None:
    """The metrics come with the content type that the status gives them."""
    answer = client.get("/metrics")

    assert (answer.status_code, answer.text) == (200, "reconciler_requests_total 0\n")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(("path", "expected"), [("/livez", 200), ("/readyz", 503), ("/healthz", 503)])
def test_not_ready(client: TestClient, status: FakeStatus, path: str, expected: int) -> None:
    """Health that is not ok is 503, with its body."""
    status.is_ready = False

    answer = client.get(path)

    assert (answer.status_code, answer.json()["status"]) == (expected, "ok" if expected == 200 else "failing")


@pytest.mark.parametrize("path", [*PROTECTED, "/readyz", "/healthz"])
def test_unusable_state(client: TestClient, status: FakeStatus, path: str) -> None:
    """While the state cannot be read nothing is made up: 503."""
    status.failure = StateError("the state is damaged")

    answer = client.get(path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "state_unusable")


@pytest.mark.parametrize("path", ["/fabrics", "/fabrics/dc1", "/livez", "/readyz", "/metrics"])
def test_head(client: TestClient, path: str) -> None:
    """HEAD answers as GET does, without the body."""
    head, get = client.head(path), client.get(path)

    assert (head.status_code, head.headers, head.content) == (200, get.headers, b"")


def test_text_from_a_repository(client: TestClient, status: FakeStatus) -> None:
    """Text that has no UTF-8 form is told in JSON all the same."""
    status.objects["dc1"] = [{"message": "\ud800 ü"}]

    assert client.get("/fabrics/dc1/resources").json() == {"resources": [{"message": "\ud800 ü"}]}


@pytest.mark.parametrize("path", PROTECTED)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_protected_reads(protected: TestClient, path: str, method: str) -> None:
    """Where reads are protected each needs the token, and tells without it not even what exists."""
    denied = protected.request(method, path)
    allowed = protected.request(method, path, headers=AUTHORIZED)

    assert (denied.status_code, "www-authenticate" in denied.headers) == (401, True)
    assert allowed.status_code in {200, 404}


@pytest.mark.parametrize("path", OPEN)
def test_probes_are_never_protected(protected: TestClient, path: str) -> None:
    """Whoever probes health has no token, and needs none."""
    assert protected.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "//fabrics",
        "/fabrics/",
        "/FABRICS",
        "/livez/../fabrics",
        "/livez/%2e%2e/fabrics",
        "/livez%2F..%2Ffabrics",
        "/fabrics%0A",
        "/fabrics;/livez",
        "/fabrics?/livez",
        "/fabrics#/livez",
        "/livez?x=/fabrics",
    ],
)
@pytest.mark.parametrize("host", ["testserver", "evil.example.com/livez?", "evil.example.com/livez#", "[::1", "a:b:c"])
def test_no_spelling_goes_around_the_token(protected: TestClient, path: str, host: str) -> None:
    """Neither the path's spelling nor the Host header opens what is protected."""
    answer = protected.get(path, headers={"Host": host}, follow_redirects=False)

    assert answer.status_code in ({200} if path.startswith("/livez?") else {401, 404})
    assert "fabrics" not in answer.json()


@dataclass
class SlowPictures(FakeStatus):
    """Topologies take until `may_end`; `begun` counts those that are being made."""

    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    may_end: threading.Event = field(default_factory=threading.Event)

    def topology(self, name: str) -> JSONObject | None:
        self.begun.release()
        assert self.may_end.wait(PATIENCE)
        return super().topology(name)


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
async def test_many_topologies(intake: FakeIntake, options: WebOptions, accept: str) -> None:
    """Those who look at pictures wait for each other, and nobody else does."""
    status = SlowPictures(intake, views={"dc3": samples.fabric()})
    app = create_app(intake, status, FakePlans(intake), options)
    answers: list[int] = []

    async def look() -> None:
        answers.append((await ask(app, "GET", "/fabrics/dc3/topology", {"Accept": accept})).status)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(look)
        try:
            assert await to_thread.run_sync(partial(status.begun.acquire, timeout=PATIENCE))
            with anyio.fail_after(PATIENCE):
                assert (await ask(app, "GET", "/fabrics")).status == 200
            assert answers == []
        finally:
            status.may_end.set()
    assert answers == [200] * 20
