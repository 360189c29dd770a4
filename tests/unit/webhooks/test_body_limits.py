"""Bodies are read within limits, whatever the client promises."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.payloads import github
from tests.unit.webhooks.asgi import Answer, Body, ask
from webhooks.app import create_app
from webhooks.body import LINGER_BYTES
from webhooks.testing import FakePlans

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from starlette.applications import Starlette

    from webhooks.app import WebOptions
    from webhooks.testing import FakeIntake, FakeStatus

MEBIBYTE = 2**20
LIMIT = 5 * MEBIBYTE
CHUNK = b"A" * 65536


async def send(app: Starlette, body: Body, path: str = "/webhooks/github", **headers: str) -> Answer:
    """A delivery whose headers name its length where `headers` do, unsigned."""
    return await ask(app, "POST", path, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def padded(size: int) -> bytes:
    """A push of exactly `size` bytes."""
    body = github.encoded(github.push())
    return body + b" " * (size - len(body))


async def test_announced_6_megabytes(app: Starlette) -> None:
    """A Content-Length over the limit is answered 413; the body is read so that its sender sees that, not kept."""
    body = Body(repeat(CHUNK, 96))

    answer = await send(app, body, content_length=str(6 * MEBIBYTE))

    assert (answer.status, answer.code, body.read) == (413, "too_large", 6 * MEBIBYTE)


@pytest.mark.parametrize(
    "length",
    [
        pytest.param(str(LIMIT + 1), id="one more"),
        pytest.param("0005242881", id="leading zeros"),
        pytest.param("9" * 5000, id="5000 digits"),
    ],
)
async def test_announced_too_much(app: Starlette, length: str) -> None:
    """Every spelling of a length over the limit is answered 413."""
    body = Body()

    answer = await send(app, body, content_length=length)

    assert answer.status == 413
    assert body.read <= LINGER_BYTES + len(CHUNK)


async def test_chunked_100_megabytes(app: Starlette) -> None:
    """Without a Content-Length bytes are counted: of 100 MB only the limit and a bounded rest is read."""
    body = Body(repeat(CHUNK, 1600))

    answer = await send(app, body, transfer_encoding="chunked")

    assert (answer.status, answer.code) == (413, "too_large")
    assert body.read <= LIMIT + LINGER_BYTES + 2 * len(CHUNK)


@pytest.mark.parametrize("length", ["10", "0", "-1", "1e9", "²", "abc", ""])
async def test_lying_content_length(app: Starlette, length: str) -> None:
    """A Content-Length that promises less than comes, or nothing readable, changes nothing."""
    body = Body(repeat(CHUNK, 1600))

    answer = await send(app, body, content_length=length)

    assert answer.status == 413
    assert body.read <= LIMIT + LINGER_BYTES + 2 * len(CHUNK)


@pytest.mark.parametrize(
    "headers", [{}, {"X-Hub-Signature-256": "sha256="}, {"X-GitHub-Event": "push", "Content-Type": "text/plain"}]
)
async def test_size_comes_first(app: Starlette, headers: dict[str, str]) -> None:
    """Size is judged before signature, event and content type."""
    assert (await send(app, Body(repeat(CHUNK, 96)), **headers)).status == 413


@pytest.mark.parametrize(
    ("size", "expected"), [pytest.param(LIMIT, 202, id="at the limit"), pytest.param(LIMIT + 1, 413, id="over it")]
)
async def test_boundary(app: Starlette, size: int, expected: int) -> None:
    """A body of exactly the limit is taken in, one byte more is not."""
    body = padded(size)

    assert (await ask(app, "POST", "/webhooks/github", github.headers(body), body)).status == expected


async def test_byte_by_byte(app: Starlette) -> None:
    """A body in single bytes is the same body."""
    body = github.encoded(github.push())

    answer = await ask(app, "POST", "/webhooks/github", github.headers(body), Body(bytes([one]) for one in body))

    assert answer.status == 202


async def test_trickling_body(app: Starlette) -> None:
    """A byte a second is answered 408 when 30 seconds are over, and not read further."""
    body = Body(repeat(b"A", 60), pause=1.0)
    started = anyio.current_time()

    answer = await send(app, body, content_length="60")

    assert (answer.status, answer.code) == (408, "timeout")
    assert (anyio.current_time() - started, body.read) == (30.0, 29)


async def test_slow_body_in_time(app: Starlette) -> None:
    """A slow body that is complete within the time is taken in."""
    whole = github.encoded(github.push())
    body = Body([whole[:100], whole[100:]], pause=9.0)

    assert (await ask(app, "POST", "/webhooks/github", github.headers(whole), body)).status == 202


async def test_cut_body(app: Starlette, intake: FakeIntake) -> None:
    """A body whose connection ends early is not interpreted, though what came of it is signed."""
    body = github.encoded(github.push())

    answer = await ask(app, "POST", "/webhooks/github", github.headers(body), Body([body], is_cut=True))

    assert (answer.status, answer.code, intake.delivered) == (400, "incomplete", [])


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param({"Content-Length": "104857600"}, Body(repeat(CHUNK, 1600)), id="too large"),
        pytest.param({"Transfer-Encoding": "chunked"}, Body(repeat(CHUNK, 1600)), id="too large in chunks"),
        pytest.param({"Content-Length": "60"}, Body(repeat(b"A", 60), pause=1.0), id="too slow"),
    ],
)
async def test_connection_of_an_unread_body_is_closed(app: Starlette, headers: dict[str, str], body: Body) -> None:
    """The rest of a body that is not wanted is not waited for: the server is told to close the connection."""
    answer = await ask(app, "POST", "/webhooks/github", headers, body)

    assert answer.headers["connection"] == "close"


async def test_connection_of_a_read_body_is_kept(app: Starlette) -> None:
    """A forge may send its next delivery over the same connection."""
    body = github.encoded(github.push())

    answer = await ask(
        app, "POST", "/webhooks/github", {**github.headers(body), "Content-Length": str(len(body))}, body
    )

    assert "connection" not in answer.headers


async def test_50_parallel_bodies(app: Starlette) -> None:
    """Bodies of all requests together hold no more than the budget; beyond it the answer is 503, to come again."""
    answers: list[Answer] = []
    in_flight = 0
    most = 0

    def chunks() -> Iterator[bytes]:
        nonlocal in_flight, most
        for _ in range(LIMIT // len(CHUNK) - 1):
            in_flight += len(CHUNK)
            most = max(most, in_flight)
            yield CHUNK

    async def one() -> None:
        nonlocal in_flight
        body = Body(chunks(), pause=0.001)
        answers.append(await send(app, body))
        in_flight -= body.read

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(one)

    busy = [answer for answer in answers if answer.status == 503]
    assert {answer.status for answer in answers} == {415, 503}
    assert {(answer.code, answer.headers["retry-after"]) for answer in busy} == {("busy", "10")}
    assert most <= 64 * MEBIBYTE + 50 * len(CHUNK)


async def test_budget_is_given_back(intake: FakeIntake, status: FakeStatus, options: WebOptions) -> None:
    """However requests end, their bytes no longer count; a body of the largest size fits whatever the budget says."""
    app = create_app(intake, status, FakePlans(), replace(options, max_body_bytes=4096, body_budget=1))
    ends: Iterable[Body] = [
        Body([b"A" * 4096]),
        Body([b"A" * 4096, b"A"]),
        Body([b"A" * 4096], is_cut=True),
        Body([b"A" * 2048, b"A" * 2048], pause=16.0),
    ]
    statuses = [(await send(app, body)).status for body in ends]
    body = padded(4096)

    answer = await ask(app, "POST", "/webhooks/github", github.headers(body), body)

    assert statuses == [415, 413, 400, 408]
    assert answer.status == 202


async def test_limits_of_reconcile(app: Starlette) -> None:
    """The body of a manual request has the same limits, and is not read for those who may not ask."""
    allowed, denied = Body(repeat(CHUNK, 96)), Body(repeat(CHUNK, 96))

    first = await send(app, allowed, "/reconcile", authorization="Bearer canary-api-token")
    second = await send(app, denied, "/reconcile", transfer_encoding="chunked")

    assert (first.status, second.status) == (413, 401)
    assert (denied.read, second.headers["connection"]) == (0, "close")
