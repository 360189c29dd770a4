"""Bodies that strangers choose to exhaust the service: each is refused in time, nothing of it is kept, and genuine
deliveries are taken in meanwhile.
"""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from tests.e2e.fabrics import files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.installation import Installation

pytestmark = pytest.mark.lab

MIB = 1024 * 1024
LIMIT = 5 * MIB
"""The default of `server.max_body_bytes`."""

HUGE = 100 * MIB
BUDGET = 64
"""MiB of bodies that are held at a time, by default."""

PATIENCE = 60.0


def _head(length: int | None, *, is_form: bool = False) -> bytes:
    kind = "application/x-www-form-urlencoded" if is_form else "application/json"
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = ["POST /webhooks/github HTTP/1.1", "Host: reconciler", f"Content-Type: {kind}", framing]
    lines += ["X-GitHub-Event: push", "X-GitHub-Delivery: 1", f"X-Hub-Signature-256: sha256={'0' * 64}"]
    if is_form:
        lines += ["X-Gitea-Event: push", f"X-Gitea-Signature: {'0' * 64}"]
    return "\r\n".join([*lines, "", ""]).encode()


def _chunks(size: int) -> Iterator[bytes]:
    piece = b"A" * (64 * 1024)
    for _ in range(size // len(piece)):
        yield b"%x\r\n%s\r\n" % (len(piece), piece)


def _pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 256 * 1024):
        yield body[start : start + 256 * 1024]


def _send(service: Installation, head: bytes, pieces: Iterator[bytes]) -> tuple[int, int]:
    """The status of the answer, and how many pieces the service took before it hung up."""
    port = service.settings["server"]["port"]
    with closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)) as connection:
        taken = 0
        with suppress(ConnectionError):
            connection.sendall(head)
            for piece in pieces:
                connection.sendall(piece)
                taken += 1
        answer = b""
        with suppress(ConnectionError):
            while b"\r\n" not in answer and (part := connection.recv(4096)):
                answer += part
    return int(answer.split()[1]) if answer else 0, taken


@pytest.fixture
def service(local_service: Installation) -> Installation:
    """A running service, in sync."""
    local_service.start()
    local_service.wait_applied(local_service.push(files()))
    local_service.wait_idle()
    return local_service


def _assert_untouched(service: Installation, passes: int, memory: float) -> None:
    """No trace in history, status or memory, and the next genuine delivery is applied."""
    assert len(service.passes()) == passes
    assert service.status()["sync_status"] == "in_sync"
    assert service.process.peak_memory() < memory, service.process.peak_memory()
    assert service.wait_applied(service.push({"note.txt": str(time.time())}))["sync_status"] == "in_sync"


def test_bodies_without_end(service: Installation) -> None:
    """A body of 100 MB is refused by what it announces, in chunks by what has come, and one that announces less than it
    is by what was announced; none of it is read to its end.
    """
    passes, before = len(service.passes()), service.process.memory()

    announced, _ = _send(service, _head(HUGE), iter(()))
    chunked, taken = _send(service, _head(None), _chunks(HUGE))
    lying, _ = _send(service, _head(10), _pieces(b'{"ref":"' + b"A" * LIMIT))

    assert (announced, chunked, lying) == (413, 413, 401)
    assert taken * 64 * 1024 < HUGE / 2
    _assert_untouched(service, passes, before + BUDGET)


@pytest.mark.parametrize("unit", [b"%", b"%41", b"+"], ids=["percent signs", "escapes", "spaces"])
def test_forms_full_of_escapes(service: Installation, unit: bytes) -> None:
    """Forms of the largest size that is taken, many at once and signed by nobody, cost a few times their size."""
    passes, before = len(service.passes()), service.process.memory()
    body = b"payload=" + unit * ((LIMIT - 100) // len(unit))
    head = _head(len(body), is_form=True)

    with ThreadPoolExecutor(8) as pool:
        codes = {code for code, _ in pool.map(lambda _: _send(service, head, _pieces(body)), range(8))}

    assert codes <= {401, 503}
    _assert_untouched(service, passes, before + 4 * BUDGET)


def test_many_large_bodies_at_once(service: Installation) -> None:
    """Of 50 bodies of nearly the largest size at once only so many are held as there is room for; the others are asked
    to come again.
    """
    passes, before = len(service.passes()), service.process.memory()
    body = b'{"ref":"' + b"A" * (LIMIT - 11) + b'"}'
    head = _head(len(body))

    with ThreadPoolExecutor(50) as pool:
        codes = {code for code, _ in pool.map(lambda _: _send(service, head, _pieces(body)), range(50))}

    assert codes <= {401, 429, 503}
    assert 401 in codes
    _assert_untouched(service, passes, before + 3 * BUDGET)


@pytest.mark.long
def test_a_body_that_trickles(service: Installation) -> None:
    """A byte a second is not waited for longer than half a minute."""
    passes, before, began = len(service.passes()), service.process.memory(), time.monotonic()

    def bytes_of_it() -> Iterator[bytes]:
        for _ in range(60):
            time.sleep(1.0)
            yield b"A"

    code, taken = _send(service, _head(1000), bytes_of_it())

    assert code == 408
    assert taken <= 40
    assert time.monotonic() - began < 65
    _assert_untouched(service, passes, before + BUDGET)
