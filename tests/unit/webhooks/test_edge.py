"""What holds for every request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.websockets import WebSocketDisconnect
from structlog.testing import capture_logs

from reconciler.errors import ReconcilerError, StateError
from tests.unit.webhooks.asgi import ask
from webhooks.middleware import Edge

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.testclient import TestClient
    from starlette.types import Receive, Scope, Send

    from webhooks.testing import FakeIntake, FakeStatus


@pytest.mark.parametrize(
    ("method", "path", "expected", "code"),
    [
        ("POST", "/", 405, "method_not_allowed"),
        ("GET", "/nonesuch", 404, "not_found"),
        ("GET", "/fabrics/", 404, "not_found"),
        ("POST", "/fabrics/dc1/plan", 405, "method_not_allowed"),
        ("POST", "/webhooks/github/", 404, "not_found"),
        ("GET", "/webhooks/github", 405, "method_not_allowed"),
        ("GET", "/reconcile", 405, "method_not_allowed"),
        ("DELETE", "/fabrics/dc1", 405, "method_not_allowed"),
        ("POST", "/livez", 405, "method_not_allowed"),
        ("OPTIONS", "/fabrics", 405, "method_not_allowed"),
        ("BREW", "/fabrics", 405, "method_not_allowed"),
    ],
)
def test_routes_that_do_not_exist(client: TestClient, method: str, path: str, expected: int, code: str) -> None:
    """Unknown paths and methods are answered in the same JSON as every other error, without a redirect."""
    answer = client.request(method, path, follow_redirects=False)

    assert (answer.status_code, answer.json()["error"]["code"]) == (expected, code)
    assert ("allow" in answer.headers) == (expected == 405)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/livez"),
        ("GET", "/nonesuch"),
        ("POST", "/webhooks/github"),
        ("POST", "/reconcile"),
        ("GET", "/metrics"),
    ],
)
def test_security_headers(client: TestClient, method: str, path: str) -> None:
    """Every answer, error or not, forbids guessing its type and keeping it."""
    headers = client.request(method, path).headers

    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


@pytest.mark.parametrize("host", ["evil.example.com", "evil.com/admin?", "a@b", "", "[::1", "x:99999", "é"])
async def test_host_header(app: Starlette, host: str) -> None:
    """The Host header decides nothing and comes back nowhere."""
    answer = await ask(app, "GET", "/fabrics/", {"Host": host})

    assert answer.status == 404
    assert "location" not in answer.headers
    assert not host or host not in answer.body.decode()


def test_access_log(client: TestClient) -> None:
    """A request leaves one line: method, path, status and time; neither query nor headers."""
    with capture_logs() as lines:
        client.get("/fabrics/dc1?token=canary", headers={"Authorization": "Bearer canary", "X-Canary": "canary"})

    (line,) = lines
    assert line.pop("ms") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "path": "/fabrics/dc1",
        "status": 200,
    }


async def test_hostile_request_line(app: Starlette) -> None:
    """What a stranger writes into method and path is short and printable in the log."""
    with capture_logs() as lines:
        await ask(app, "X" * 1000, "/a%0Alevel=error%1B%5B31m" + "y" * 10_000)

    (line,) = lines
    assert (len(line["method"]), len(line["path"])) == (20, 200)
    assert line["path"].startswith("/a�level=error�[31my")


@pytest.mark.parametrize(
    "error", [RuntimeError("canary"), ReconcilerError("canary"), ExceptionGroup("canary", [ValueError()])]
)
async def test_unexpected_error(app: Starlette, status: FakeStatus, error: Exception) -> None:
    """What nobody expected is a 500 that says nothing of the inside; the log has the traceback."""
    status.failure = error

    with capture_logs() as lines:
        answer = await ask(app, "GET", "/fabrics")

    assert (answer.status, answer.code, b"canary" in answer.body) == (500, "internal_error", False)
    assert answer.headers["cache-control"] == "no-store"
    assert [(line["event"], line["log_level"], line.get("exc_info")) for line in lines] == [
        ("unexpected error", "error", True),
        ("request", "info", None),
    ]


async def test_service_lives_on_after_an_error(app: Starlette, intake: FakeIntake, status: FakeStatus) -> None:
    """An unexpected error of one request is no other request's."""
    status.failure = RuntimeError("boom")
    await ask(app, "GET", "/fabrics")
    status.failure = None

    assert (await ask(app, "GET", "/fabrics")).status == 200


async def test_half_an_answer_is_broken_off() -> None:
    """An error after the answer began is left to the server, which alone can close the connection."""

    async def half(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"), capture_logs() as lines:
        await ask(Edge(half), "GET", "/")

    assert [line["status"] for line in lines] == [200]


async def test_headers_of_a_route_win() -> None:
    """A route that says how long its answer may be kept is left alone."""

    async def kept(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"max-age=60")]})
        await send({"type": "http.response.body"})

    assert (await ask(Edge(kept), "GET", "/")).headers["cache-control"] == "max-age=60"


def test_web_sockets_are_refused(client: TestClient) -> None:
    """There is nothing to open a web socket to."""
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/fabrics"):
        pass


async def test_an_answer_that_fails() -> None:
    """Whoever makes the answer to an error may fail with it: JSON is left."""

    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise StateError("canary")

    def fail(_scope: Scope, error: Exception) -> Response:
        raise error

    with capture_logs() as lines:
        answer = await ask(Edge(broken, fail), "GET", "/")

    assert (answer.status, answer.code, b"canary" in answer.body) == (503, "state_unusable", False)
    assert [line["event"] for line in lines] == ["unexpected error", "the page of an error failed", "request"]
