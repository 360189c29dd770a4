"""Every call of an outside system is told when it is over: how, how long it took, and what class of answer came."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ReconcilerError
from reconciler.model.calls import result_class
from reconciler.targets.kubernetes import ClusterAccess
from reconciler.targets.kubernetes.async_transport import AsyncTransport
from reconciler.targets.kubernetes.transport import Transport
from reconciler.targets.netbox.client import NetBoxAccess, NetBoxClient
from tests.unit.loopback import closed_port
from tests.unit.targets.api_server import ApiServer, Scripted
from tests.unit.targets.event_server import EventServer, serving
from tests.unit.targets.odd_server import Odd, odd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

__all__ = ["odd"]


@pytest.fixture
def anyio_backend() -> str:
    """Real time: sockets know no other."""
    return "asyncio"


@dataclass
class Calls:
    """A hook, and what it was told."""

    told: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, method: str, seconds: float, result: str) -> None:
        assert 0 <= seconds < 30
        self.told.append((method, result))


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def api() -> Iterator[ApiServer]:
    server = ApiServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def streams() -> AsyncIterator[EventServer]:
    async with serving() as server:
        yield server


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, "ok"), (304, "ok"), (404, "client_error"), (499, "client_error"), (500, "server_error")],
)
def test_classes(status: int, expected: str) -> None:
    """By the first digit; what is not modified is fine."""
    assert result_class(status) == expected


def test_netbox(odd: Odd, calls: Calls) -> None:
    """Each request counts, also one that is made again because NetBox was busy, and one that was refused."""
    client = NetBoxClient(NetBoxAccess(odd.url, b"token".strip, on_call=calls), lambda _: None)
    odd.say({"netbox-version": "4.7.3"})
    odd.answers = [503, 200]
    client.version()
    odd.answers = [403]
    with pytest.raises(ReconcilerError):
        client.version()

    assert calls.told == [("GET", "server_error"), ("GET", "ok"), ("GET", "client_error")]


def test_a_netbox_that_is_away(calls: Calls) -> None:
    """A call without an answer is one as well."""
    access = NetBoxAccess(f"http://127.0.0.1:{closed_port()}", b"token".strip, on_call=calls)
    with pytest.raises(ReconcilerError):
        NetBoxClient(access, lambda _: None).version()

    assert set(calls.told) == {("GET", "no_answer")}


def test_a_cluster(api: ApiServer, calls: Calls) -> None:
    """Each try counts by its own answer, under the verb of HTTP."""
    transport = Transport(ClusterAccess(server=api.url, token=b"t".strip, on_call=calls), lambda _: None)
    api.then = [Scripted(429), Scripted(200), Scripted(409)]

    assert transport.send("GET", "/version").is_ok
    transport.send("PATCH", "/apis/x", body={})
    transport.close()

    assert calls.told == [("GET", "client_error"), ("GET", "ok"), ("PATCH", "client_error")]


def test_a_cluster_that_hangs_up(api: ApiServer, calls: Calls) -> None:
    """A connection that breaks is a call without an answer."""
    transport = Transport(ClusterAccess(server=api.url, token=b"t".strip, on_call=calls), lambda _: None)
    api.then = [Scripted(200, cut=True), Scripted(200)]

    assert transport.send("GET", "/version").is_ok
    transport.close()

    assert calls.told == [("GET", "no_answer"), ("GET", "ok")]


async def test_watches(streams: EventServer, calls: Calls) -> None:
    """Lists count as every call; of a stream its begin counts, however long it lasts."""
    transport = AsyncTransport(ClusterAccess(server=streams.url, token=b"t".strip, on_call=calls))
    streams.say({})
    streams.say({}, 403)
    streams.say({})
    streams.say({}, 410)

    await transport.get("/list")
    await transport.get("/list")
    pieces = transport.stream("/watch", (), 1.0, lambda _: ReconcilerError("refused"))
    await anext(pieces)
    assert calls.told == [("GET", "ok"), ("GET", "client_error"), ("WATCH", "ok")]
    await pieces.aclose()
    with pytest.raises(ReconcilerError, match="refused"):
        await anext(transport.stream("/watch", (), 1.0, lambda _: ReconcilerError("refused")))
    await transport.close()

    assert calls.told[3:] == [("WATCH", "client_error")]
