"""`GET /events`: a stream that begins with every fabric and ends when the client is gone."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from reconciler.errors import ConfigurationError, StateError, StoppedError, TooManyFollowersError
from reconciler.model.news import News, NewsKind
from tests.unit.webhooks.asgi import ask
from webhooks.api.events import KEEP_ALIVE, MOST_OF_A_CLIENT
from webhooks.app import create_app
from webhooks.sessions import LIFETIME
from webhooks.testing import FakePlans

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.applications import Starlette
    from starlette.types import Message

    from webhooks.app import WebOptions
    from webhooks.testing import FakeIntake, FakeStatus


class Stream:
    """What a client reads of a stream, and its hanging up."""

    def __init__(self) -> None:
        self.head: Message = {}
        self.text = ""
        self.completed = anyio.Event()
        self.left = anyio.Event()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.head = message
        else:
            self.text += message["body"].decode("ascii")
            if not message.get("more_body", False):
                self.completed.set()

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.head["headers"]}

    @property
    def events(self) -> list[tuple[str, Any]]:
        """What a browser would dispatch."""
        found = []
        for block in self.text.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "event" in fields:
                found.append((fields["event"], json.loads(fields["data"])))
        return found


@asynccontextmanager
async def _streaming(
    app: Starlette, query: str = "", headers: Sequence[tuple[bytes, bytes]] = (), client: str = "192.0.2.1"
) -> AsyncIterator[Stream]:
    """A client that reads until the block ends; then it hangs up, and the answer must end."""
    stream = Stream()
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/events",
        "raw_path": b"/events",
        "root_path": "",
        "query_string": query.encode(),
        "headers": list(headers),
        "client": (client, 50000),
    }
    async with anyio.create_task_group() as group:
        group.start_soon(app, scope, stream.receive, stream.send)
        await anyio.sleep(0.1)
        yield stream
        stream.left.set()
        with anyio.fail_after(1):
            await stream.completed.wait()


async def test_stream(app: Starlette, status: FakeStatus) -> None:
    """Fabrics first, then news as they come, each as one event; and nobody follows any more once the client is gone."""
    async with _streaming(app) as stream:
        assert stream.head["status"] == 200
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert (stream.headers["cache-control"], stream.headers["x-accel-buffering"]) == ("no-store", "no")
        assert "content-length" not in stream.headers
        assert stream.text.startswith("retry: 2000\n\n")
        assert [(event, data["name"]) for event, data in stream.events] == [
            ("fabric", "dc1"),
            ("fabric", "dc2"),
            ("fabric", "dc3"),
        ]
        (follower,) = status.followers
        follower.tell(News(NewsKind.PASS, "dc1", '{"id":"p1"}'), News(NewsKind.REMOVED, "dc2", '{"name":"dc2"}'))
        await anyio.sleep(0.1)
        assert stream.events[3:] == [("pass", {"id": "p1"}), ("removed", {"name": "dc2"})]
    assert status.followers == []


async def test_silence_is_broken_by_comments(app: Starlette) -> None:
    """One each fifteen seconds, which no browser dispatches."""
    async with _streaming(app) as stream:
        before = len(stream.text)
        await anyio.sleep(3 * KEEP_ALIVE)
        assert stream.text[before:] == ": still here\n\n" * 3


async def test_one_fabric(app: Starlette) -> None:
    async with _streaming(app, "fabric=dc3") as stream:
        assert [data["name"] for _, data in stream.events] == ["dc3"]


async def test_an_unknown_fabric(app: Starlette, status: FakeStatus) -> None:
    """It is refused before a stream begins."""
    answer = await ask(app, "GET", "/events?fabric=dc9")

    assert (answer.status, answer.code) == (404, "unknown_fabric")
    assert status.followers == []


async def test_the_end_of_news_ends_the_answer(app: Starlette, status: FakeStatus) -> None:
    """As when the service stops: the client need not hang up."""
    async with _streaming(app) as stream:
        status.followers[0].end()
        await anyio.sleep(0.1)
        assert stream.completed.is_set()


async def test_a_head_only(app: Starlette, status: FakeStatus) -> None:
    answer = await ask(app, "HEAD", "/events")

    assert (answer.status, answer.body) == (200, b"")
    assert status.followers == []


async def test_refusals_are_json(app: Starlette, status: FakeStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    """What forbids to follow is answered as any error, before the stream begins."""
    for failure, expected in (
        (TooManyFollowersError("100 follow"), (503, "busy", "10")),
        (StoppedError("stopping"), (503, "stopping", "10")),
        (StateError("damaged"), (503, "state_unusable", "10")),
    ):
        status.failure = failure
        answer = await ask(app, "GET", "/events")
        assert (answer.status, answer.code, answer.headers["retry-after"]) == expected


async def test_events_are_reads(intake: FakeIntake, status: FakeStatus, options: WebOptions) -> None:
    """Where reads need the token, so do events."""
    app = create_app(intake, status, FakePlans(), replace(options, protect_reads=True))

    answer = await ask(app, "GET", "/events")

    assert (answer.status, answer.code) == (401, "unauthorized")


class Guarded:
    """A service that protects its reads, whose token changes and whose clock is set."""

    def __init__(self, intake: FakeIntake, status: FakeStatus, options: WebOptions) -> None:
        self.status = status
        self.token: bytes | None = b"one"
        self.now = 1000.0
        guarded = replace(options, protect_reads=True, api_token=self._read, now=lambda: self.now)
        self.app = create_app(intake, status, FakePlans(intake), guarded)

    def _read(self) -> bytes:
        if self.token is None:
            raise ConfigurationError("the file cannot be read")
        return self.token

    async def cookie(self) -> bytes:
        """That of somebody who logs in now."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        answer = await ask(self.app, "POST", "/login", headers, b"token=one")
        return answer.headers["set-cookie"].partition(";")[0].encode()


@pytest.fixture
def guarded(intake: FakeIntake, status: FakeStatus, options: WebOptions) -> Guarded:
    return Guarded(intake, status, options)


@pytest.mark.parametrize("token", [b"two", b"", None])
async def test_a_token_that_is_no_longer_good(guarded: Guarded, token: bytes | None) -> None:
    """Who could not begin a stream now hears nothing more of one that goes on."""
    async with _streaming(guarded.app, headers=[(b"authorization", b"Bearer one")]) as stream:
        assert len(stream.events) == 3
        guarded.token = token
        guarded.status.followers[0].tell(News(NewsKind.PASS, "dc1", '{"id":"p1"}'))
        with anyio.fail_after(1):
            await stream.completed.wait()
        assert len(stream.events) == 3
    assert guarded.status.followers == []


async def test_a_session_that_ends(guarded: Guarded) -> None:
    """Its stream ends with the next sign of life, which comes within fifteen seconds."""
    async with _streaming(guarded.app, headers=[(b"cookie", await guarded.cookie())]) as stream:
        await anyio.sleep(KEEP_ALIVE + 1)
        assert stream.text.endswith(": still here\n\n")
        guarded.now += LIFETIME
        with anyio.fail_after(KEEP_ALIVE + 1):
            await stream.completed.wait()


async def test_streams_of_one_client(app: Starlette) -> None:
    """So many at a time, and no more; others are not held back, and what was left is free again."""
    async with AsyncExitStack() as stack:
        for _ in range(MOST_OF_A_CLIENT):
            await stack.enter_async_context(_streaming(app))
        refused = await ask(app, "GET", "/events")
        assert (refused.status, refused.code) == (503, "busy")
        async with _streaming(app, client="192.0.2.2") as other:
            assert other.head["status"] == 200
    async with _streaming(app) as again:
        assert again.head["status"] == 200
