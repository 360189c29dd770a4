"""The lab's HTTP proxy makes requests go wrong in the ways that it says."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest
import requests

from tests.lab.http_faults import UNANSWERED, HttpFaults
from tests.lab.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOMENT = 0.3
_TIMEOUT = 20.0


class Target:
    """A server that keeps what it gets, and answers with the body and a header of its own."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, bytes]] = []
        self.port = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        target = self

        class Handler(BaseHTTPRequestHandler):
            def serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                target.got.append((self.command, self.path, body))
                self.send_response(201 if body else 200)
                self.send_header("X-Request-ID", self.headers["X-Asked"] or "none")
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_DELETE = serve  # noqa: N815 - names of the base class

            log_message: ClassVar[Callable[..., None]] = lambda *_: None

        with ThreadingHTTPServer((HOST, self.port), Handler) as server:
            self.port = server.server_port
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            yield
            server.shutdown()
            thread.join()


@pytest.fixture
def target() -> Iterator[Target]:
    target = Target()
    with target.listening():
        yield target


@pytest.fixture
def faults(target: Target) -> Iterator[HttpFaults]:
    with HttpFaults(f"http://{HOST}:{target.port}") as faults:
        yield faults


def _ask(faults: HttpFaults, method: str = "POST", body: bytes = b"x") -> requests.Response:
    headers = {"X-Asked": "me"}
    return requests.request(method, f"{faults.url}/api/a/?q=1", data=body, headers=headers, timeout=_TIMEOUT)


def test_everything_is_forwarded(faults: HttpFaults, target: Target) -> None:
    """Method, path with its query, headers and body of any length one way; status, headers and body the other."""
    large = b"x" * (1 << 20)
    answers = [_ask(faults, method, large) for method in ("POST", "PATCH", "DELETE")] + [_ask(faults, "GET", b"")]

    assert [answer.status_code for answer in answers] == [201, 201, 201, 200]
    assert [answer.content for answer in answers] == [large, large, large, b""]
    assert {answer.headers["X-Request-ID"] for answer in answers} == {"me"}
    assert [path for _, path, _ in target.got] == ["/api/a/?q=1"] * 4
    assert [(one.method, one.path, one.status) for one in faults.journal][-2:] == [
        ("DELETE", "/api/a/", 201),
        ("GET", "/api/a/", 200),
    ]
    assert [one.is_write for one in faults.since(2)] == [True, False]


def test_refused_writes_do_not_arrive(faults: HttpFaults, target: Target) -> None:
    """Reads go on meanwhile, and so do later writes."""
    faults.refuse_writes(2)
    answers = [_ask(faults, method).status_code for method in ("GET", "POST", "GET", "DELETE", "POST")]

    assert answers == [201, 502, 201, 502, 201]
    assert [method for method, _, _ in target.got] == ["GET", "GET", "POST"]
    assert [one.is_forwarded for one in faults.journal] == [True, False, True, False, True]
    assert faults.waiting == 0


def test_throttled_requests_say_when_to_come_again(faults: HttpFaults, target: Target) -> None:
    """Reads and writes alike."""
    faults.throttle(2)
    answers = [_ask(faults, method) for method in ("GET", "POST", "POST")]

    assert [answer.status_code for answer in answers] == [429, 429, 201]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["1", "1", None]
    assert len(target.got) == 1


def test_a_lost_answer_belongs_to_a_write_that_happened(faults: HttpFaults, target: Target) -> None:
    """The client learns nothing of it."""
    faults.lose_answers(1, "/api/b/")
    assert _ask(faults).status_code == 201
    faults.heal()
    faults.lose_answers(1)
    assert _ask(faults, "GET").status_code == 201
    with pytest.raises(requests.ConnectionError):
        _ask(faults)

    assert [method for method, _, _ in target.got] == ["POST", "GET", "POST"]
    assert [one.status for one in faults.journal] == [201, 201, UNANSWERED]
    assert _ask(faults).status_code == 201


def test_a_stall_holds_whatever_comes(faults: HttpFaults, target: Target) -> None:
    """It is answered afterwards."""
    faults.stall(2 * _MOMENT)
    began = time.monotonic()
    with ThreadPoolExecutor() as threads:
        asked = [threads.submit(_ask, faults, method) for method in ("GET", "POST")]
        time.sleep(_MOMENT)
        assert target.got == []

    assert [answer.result().status_code for answer in asked] == [201, 201]
    assert time.monotonic() - began >= 2 * _MOMENT


def test_delayed_writes(faults: HttpFaults) -> None:
    """Only they are late, until the proxy is healed."""
    faults.delay_writes(_MOMENT)

    assert _ask(faults, "GET").elapsed.total_seconds() < _MOMENT
    assert _ask(faults).elapsed.total_seconds() >= _MOMENT
    faults.heal()
    assert _ask(faults).elapsed.total_seconds() < _MOMENT


def test_held_writes_wait_for_the_test(faults: HttpFaults, target: Target) -> None:
    """Those to a path, until they are released; nothing else waits."""
    faults.hold_writes("/api/b/")
    assert _ask(faults).status_code == 201
    with pytest.raises(TimeoutError, match="no write was held"):
        faults.wait_held(0.0)
    faults.hold_writes("/api/a/")
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(_ask, faults)
        faults.wait_held(_TIMEOUT)
        assert _ask(faults, "GET").status_code == 201
        assert len(target.got) == 2
        faults.release()

    assert asked.result().status_code == 201


def test_nobody_behind_is_a_bad_gateway() -> None:
    """Until somebody is there again, on the same port."""
    target = Target()
    with target.listening():
        pass
    with HttpFaults(f"http://{HOST}:{target.port}") as faults:
        assert _ask(faults).status_code == 502
        with target.listening():
            assert _ask(faults).status_code == 201
