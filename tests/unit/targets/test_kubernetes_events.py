"""The events of a cluster, from servers that answer oddly, break off, or fall silent."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import (
    ClusterAccessError,
    ClusterUnavailableError,
    ConfigurationError,
    KindNotServedError,
    ReconcilerError,
    VersionExpiredError,
)
from reconciler.model.events import EventType
from reconciler.model.kinds import KINDS
from reconciler.targets.kubernetes import ClusterAccess, async_transport
from reconciler.targets.kubernetes import events as module
from reconciler.targets.kubernetes.events import KubernetesEvents, WatchLimits
from reconciler.targets.kubernetes.frames import FrameSplitter
from tests.lab.certificates import Authority
from tests.unit.loopback import closed_port
from tests.unit.targets.api_server import status
from tests.unit.targets.event_server import MUTE, Ending, EventServer, Streamed, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from reconciler.model.events import WatchEvent
    from reconciler.model.json import JSON, JSONObject

VPC = KINDS["VPC"]
COLLECTION = "/apis/vpc.githedgehog.com/v1beta1/namespaces/fabric/vpcs"
LIMITS = WatchLimits(lambda: 250.0, lambda: 50.0, silence=0.4)


@pytest.fixture
def anyio_backend() -> str:
    """Real time: sockets know no other."""
    return "asyncio"


@pytest.fixture
async def server() -> AsyncIterator[EventServer]:
    async with serving() as server:
        yield server


@pytest.fixture
async def events(server: EventServer) -> AsyncIterator[KubernetesEvents]:
    made = _events(server.url)
    yield made
    await made.close()


def _events(url: str, limits: WatchLimits = LIMITS, token: Callable[[], bytes] = b"canary".strip) -> KubernetesEvents:
    return KubernetesEvents(ClusterAccess(server=url, token=token), "fabric", limits)


def _item(name: str, version: str = "7", **more: JSON) -> JSONObject:
    return {"metadata": {"name": name, "namespace": "fabric", "resourceVersion": version}, **more}


def _page(*names: str, then: str = "", version: str = "9") -> JSONObject:
    return {
        "items": [_item(name) for name in names],
        "metadata": {"continue": then, "resourceVersion": version},
    }


def _frame(event_type: str, name: str, version: str, **more: JSON) -> bytes:
    return json.dumps({"type": event_type, "object": _item(name, version, **more)}).encode() + b"\n"


ADDED = _frame("ADDED", "a", "8")
BOOKMARK = _frame("BOOKMARK", "", "9")
EXPIRED = b'{"type":"ERROR","object":{"code":410,"reason":"Expired","message":"too old resource version: 1 (9)"}}\n'


async def _watch(events: KubernetesEvents, version: str = "7") -> list[tuple[str, str, str]]:
    return [_told(event) async for event in events.watch(VPC, version)]


def _told(event: WatchEvent) -> tuple[str, str, str]:
    return event.type.value, event.version, event.resource.key.name if event.resource else ""


class TestList:
    async def test_pages_are_joined(self, server: EventServer, events: KubernetesEvents) -> None:
        """The version is the list's; each request carries our token and name."""
        server.say(_page("a", "b", then="t1"))
        server.say(_page("c"))

        listing = await events.list(VPC)

        assert [one.key.name for one in listing.resources] == ["a", "b", "c"]
        assert listing.version == "9"
        assert [(one.path, one.query) for one in server.asked] == [
            (COLLECTION, {"limit": "200"}),
            (COLLECTION, {"limit": "200", "continue": "t1"}),
        ]
        assert server.asked[0].headers["authorization"] == "Bearer canary"
        assert server.asked[0].headers["user-agent"] == "hedgehog-reconciler"
        assert server.connections == 1

    async def test_an_expired_list_begins_again(self, server: EventServer, events: KubernetesEvents) -> None:
        """What was read of the first is not mixed into the second."""
        server.say(_page("a", then="t1"))
        server.say(status(410, "token expired", "Expired"), 410)
        server.say(_page("b"))

        assert [one.key.name for one in (await events.list(VPC)).resources] == ["b"]

    async def test_a_list_that_expires_for_ever_is_given_up(
        self, server: EventServer, events: KubernetesEvents
    ) -> None:
        """After three tries."""
        server.then = [Streamed(status=410)] * 3

        with pytest.raises(ClusterUnavailableError, match="list VPC: the server forgot the list's version 3 times"):
            await events.list(VPC)

    async def test_a_list_without_end_is_given_up(
        self, server: EventServer, events: KubernetesEvents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server that always has one more page is wrong."""
        monkeypatch.setattr(module, "MAX_PAGES", 2)
        server.say(_page("a", then="t"))
        server.say(_page("a", then="t"))

        with pytest.raises(ClusterUnavailableError, match="more than 400 objects"):
            await events.list(VPC)

    async def test_a_huge_answer_is_given_up(
        self, server: EventServer, events: KubernetesEvents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Before it fills the memory."""
        monkeypatch.setattr(async_transport, "MAX_ANSWER", 1 << 20)
        monkeypatch.setattr(module, "PAGE", 1)
        server.then = [Streamed((b" " * (1 << 20), b" " * 10))]

        with pytest.raises(ClusterUnavailableError, match="answers with more than 1 MiB"):
            await events.list(VPC)

    async def test_pages_that_are_too_large_are_halved(
        self, server: EventServer, events: KubernetesEvents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Until they are small enough; what was read before is kept."""
        monkeypatch.setattr(async_transport, "MAX_ANSWER", 1000)
        too_large = Streamed((b" " * 1001,))
        page = Streamed((json.dumps(_page("a", then="t")).encode(),))
        server.then = [too_large, page, too_large, too_large, Streamed((json.dumps(_page("b")).encode(),))]

        listing = await events.list(VPC)

        assert [one.key.name for one in listing.resources] == ["a", "b"]
        asked = [(one.query["limit"], one.query.get("continue")) for one in server.asked]
        assert asked == [("200", None), ("100", None), ("100", "t"), ("50", "t"), ("25", "t")]

    async def test_pages_of_large_objects_are_smaller(
        self, server: EventServer, events: KubernetesEvents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So that reading one does not hold up everything else; also in later lists."""
        monkeypatch.setattr(module, "EASY", 100)
        server.say(_page("a", "b", "c", "d", then="t1"))
        server.say(_page("e"))
        server.say(_page("a"))

        await events.list(VPC)
        await events.list(VPC)

        assert [one.query["limit"] for one in server.asked] == ["200", "1", "1"]

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            pytest.param([], "not a list", id="a JSON list"),
            pytest.param({"items": None, "metadata": {}}, "not a list", id="no items"),
            pytest.param({"items": [{}], "metadata": {}}, "no VPC", id="an odd item"),
            pytest.param({"items": [], "metadata": "x"}, "odd metadata", id="odd metadata"),
            pytest.param({"items": [], "metadata": {"continue": 1}}, "odd metadata", id="an odd token"),
            pytest.param({"items": [{"metadata": {"name": ["a"]}}], "metadata": {}}, "no VPC", id="an odd name"),
            pytest.param({"items": [], "metadata": {}}, "without a version", id="no version"),
            pytest.param({"items": []}, "without a version", id="no metadata"),
            pytest.param({"items": [], "metadata": {"resourceVersion": 7}}, "without a version", id="odd version"),
        ],
    )
    async def test_what_is_no_list_is_an_error(
        self, server: EventServer, events: KubernetesEvents, body: JSON, said: str
    ) -> None:
        """Never taken for an empty one, nor for one that can be watched."""
        server.say(body)

        with pytest.raises(ClusterUnavailableError, match=said):
            await events.list(VPC)

    @pytest.mark.parametrize(
        ("code", "error"),
        [
            (401, ClusterAccessError),
            (403, ClusterAccessError),
            (404, KindNotServedError),
            (429, ClusterUnavailableError),
        ],
    )
    async def test_a_refused_list_says_why(
        self, server: EventServer, events: KubernetesEvents, code: int, error: type[ReconcilerError]
    ) -> None:
        """In the server's words."""
        server.say(status(code, "for a reason"), code)

        with pytest.raises(error, match=r"list VPC: (for a reason|the cluster does not serve this kind)"):
            await events.list(VPC)

    async def test_a_server_that_does_not_answer_is_given_up(
        self, server: EventServer, events: KubernetesEvents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A list is never waited for without end."""
        monkeypatch.setattr(async_transport, "TIMEOUT", (1.0, 0.05))
        server.then = [Streamed(status=MUTE, ending=Ending.SILENT)]

        with pytest.raises(ClusterUnavailableError, match="did not answer in time"):
            await events.list(VPC)

    async def test_an_answer_that_breaks_off_is_an_error(self, server: EventServer, events: KubernetesEvents) -> None:
        """Half a list is none."""
        server.then = [Streamed((b'{"items":',), Ending.CUT)]

        with pytest.raises(ClusterUnavailableError, match="broke off"):
            await events.list(VPC)


class TestWatch:
    async def test_events_come_as_they_happen(self, server: EventServer, events: KubernetesEvents) -> None:
        """Each once, in order, until the server ends the stream; the request says from where and for how long."""
        gone = _frame("DELETED", "a", "10")
        server.then = [Streamed((ADDED[:9], ADDED[9:] + BOOKMARK + gone[:20], gone[20:]))]

        assert await _watch(events) == [("ADDED", "8", "a"), ("BOOKMARK", "9", ""), ("DELETED", "10", "a")]
        assert server.asked[0].path == COLLECTION
        assert server.asked[0].query == {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": "7",
            "timeoutSeconds": "50",
        }

    async def test_a_large_object_comes_whole(self, server: EventServer, events: KubernetesEvents) -> None:
        """Larger than any buffer of the HTTP library."""
        large = _frame("ADDED", "a", "8", spec={"text": "x" * (5 << 20)})
        server.then = [Streamed(tuple(large[i : i + 100_000] for i in range(0, len(large), 100_000)))]

        (event,) = [event async for event in events.watch(VPC, "7")]

        assert event.resource is not None
        assert len(event.resource.spec["text"]) == 5 << 20

    async def test_the_connection_of_an_ended_stream_is_used_again(
        self, server: EventServer, events: KubernetesEvents
    ) -> None:
        """A watch that goes on costs no TLS handshake."""
        server.then = [Streamed((ADDED,)), Streamed((BOOKMARK,))]

        await _watch(events)
        await _watch(events, "8")

        assert server.connections == 1

    @pytest.mark.parametrize("said", [b"", ADDED], ids=["at once", "after an event"])
    async def test_a_silent_stream_is_left(self, server: EventServer, events: KubernetesEvents, said: bytes) -> None:
        """With an error, for servers end quiet streams before; the next watch is on another connection."""
        server.then = [Streamed((said,) if said else (), Ending.SILENT), Streamed((BOOKMARK,))]

        stream = events.watch(VPC, "7")
        if said:
            assert _told(await anext(stream)) == ("ADDED", "8", "a")
        with pytest.raises(ClusterUnavailableError, match="said nothing for too long"):
            await anext(stream)

        assert await _watch(events) == [("BOOKMARK", "9", "")]
        assert server.connections == 2

    async def test_a_dead_server_is_an_error(
        self, server: EventServer, events: KubernetesEvents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One that takes the connection and does not even say a status."""
        monkeypatch.setattr(async_transport, "BEGIN_SECONDS", 0.05)
        server.then = [Streamed(status=MUTE, ending=Ending.SILENT)]

        with pytest.raises(ClusterUnavailableError, match="did not answer in time"):
            await _watch(events)

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            pytest.param(Streamed((ADDED,), Ending.CUT), "broke off", id="between events"),
            pytest.param(Streamed((ADDED, ADDED[:20]), Ending.CUT), "broke off", id="within an event"),
            pytest.param(Streamed((ADDED, ADDED[:20])), "in the middle of an event", id="within an event, cleanly"),
            pytest.param(Streamed((ADDED, ADDED[:20]), Ending.SILENT), "said nothing", id="stalls within"),
            pytest.param(Streamed((ADDED, b"canary-secret\n")), "no JSON", id="no JSON"),
            pytest.param(Streamed((ADDED, b'{"type":"ADDED"}\n')), "no event", id="no event"),
        ],
    )
    async def test_a_broken_stream_is_an_error(
        self, server: EventServer, events: KubernetesEvents, answer: Streamed, said: str
    ) -> None:
        """What came before it was told; it is never taken for the end."""
        server.then = [answer]
        told = []

        with pytest.raises(ClusterUnavailableError, match=said) as raised:  # noqa: PT012 - the loop is the statement
            async for event in events.watch(VPC, "7"):
                told.append(event.type)  # noqa: PERF401 - what was told before the error counts

        assert told == [EventType.ADDED]
        assert "canary" not in raised.value.message

    async def test_an_event_without_end_is_given_up(
        self, server: EventServer, events: KubernetesEvents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Before it fills the memory."""
        monkeypatch.setattr(module, "FrameSplitter", lambda doing: FrameSplitter(doing, 1000))
        server.then = [Streamed((b"x" * 600, b"x" * 600), Ending.SILENT)]

        with pytest.raises(ClusterUnavailableError, match="larger than 1000 bytes"):
            await _watch(events)

    async def test_an_error_in_the_stream_ends_it(self, server: EventServer, events: KubernetesEvents) -> None:
        """An old version is told in a stream that began well."""
        server.then = [Streamed((EXPIRED, ADDED))]

        with pytest.raises(VersionExpiredError, match=r"watch VPC: too old resource version: 1 \(9\)"):
            await _watch(events)

    @pytest.mark.parametrize(
        ("code", "body", "error"),
        [
            pytest.param(410, status(410, "too old", "Expired"), VersionExpiredError, id="410"),
            pytest.param(401, status(401, "Unauthorized"), ClusterAccessError, id="401"),
            pytest.param(403, status(403, "forbidden"), ClusterAccessError, id="403"),
            pytest.param(404, status(404, "not served"), KindNotServedError, id="404"),
            pytest.param(404, b"404 page not found\n", KindNotServedError, id="404 as text"),
            pytest.param(404, b"<html>no such host</html>", ClusterUnavailableError, id="404 of a proxy"),
            pytest.param(429, status(429, "storage is (re)initializing"), ClusterUnavailableError, id="429"),
            pytest.param(503, b"upstream", ClusterUnavailableError, id="503"),
        ],
    )
    async def test_a_refused_watch_says_why(
        self, server: EventServer, events: KubernetesEvents, code: int, body: JSON, error: type[ReconcilerError]
    ) -> None:
        """As lists do."""
        said = body if isinstance(body, bytes) else json.dumps(body).encode()
        server.then = [Streamed((said,), status=code)]

        with pytest.raises(error) as raised:
            await _watch(events)

        assert type(raised.value) is error

    async def test_a_reader_that_goes_away_closes_its_stream(
        self, server: EventServer, events: KubernetesEvents
    ) -> None:
        """The server is not left with a stream that nobody reads."""
        server.then = [Streamed((ADDED,), Ending.SILENT)]
        stream = events.watch(VPC, "7")
        await anext(stream)

        await stream.aclose()

        server.then = [Streamed()]
        assert await _watch(events) == []
        assert server.connections == 2

    async def test_closing_breaks_streams_off(self, server: EventServer) -> None:
        """It does not wait for what they might still say; and nothing is sent afterwards."""
        server.then = [Streamed((ADDED,), Ending.SILENT)]
        events = _events(server.url, replace(LIMITS, silence=60.0))
        stream = events.watch(VPC, "7")
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))

        await events.close()

        with pytest.raises(ClusterUnavailableError):
            await waiting
        with pytest.raises(ClusterUnavailableError, match="was closed"):
            await events.list(VPC)

    async def test_a_quiet_kind_is_watched_for_shorter(self, server: EventServer, events: KubernetesEvents) -> None:
        """Its streams end before they are silent for too long; those of a kind that told something last for minutes."""
        server.then = [Streamed(), Streamed((BOOKMARK,)), Streamed((ADDED,)), Streamed(), Streamed()]

        for _ in range(5):
            await _watch(events)

        assert [one.query["timeoutSeconds"] for one in server.asked] == ["50", "50", "250", "250", "50"]

    def test_streams_do_not_end_all_at_once(self) -> None:
        """Each lasts for a time of its own; silence is noticed before 70 s, and quiet streams end before that."""
        limits = WatchLimits()
        lively, quiet = {limits.lively() for _ in range(50)}, {limits.quiet() for _ in range(50)}

        assert len(lively) > 1
        assert len(quiet) > 1
        assert max(quiet) <= 60 < limits.silence < 70
        assert 240 <= min(lively) <= max(lively) <= 290


class TestConnection:
    async def test_the_token_of_the_moment_is_sent(self, server: EventServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """With every request, lists and watches alike."""
        monkeypatch.setattr(async_transport, "TOKEN_HOLDS", 0.0)
        tokens = [b"first", b"second", b"third"]
        server.say(_page())
        server.then += [Streamed()]
        events = _events(server.url, token=lambda: tokens.pop(0))

        await events.list(VPC)
        await _watch(events)
        await events.close()

        assert [one.headers["authorization"] for one in server.asked] == ["Bearer second", "Bearer third"]

    async def test_a_token_is_read_once_for_some_seconds(self, server: EventServer) -> None:
        """Requests that come together share a read."""
        tokens = [b"first", b"second", b"third"]
        server.say(_page())
        server.say(_page())
        server.say(_page())
        events = _events(server.url, token=lambda: tokens.pop(0))

        await asyncio.gather(events.list(VPC), events.list(VPC))
        await events.list(VPC)
        await events.close()

        assert [one.headers["authorization"] for one in server.asked] == ["Bearer second"] * 3

    async def test_a_token_that_cannot_be_read_in_time(
        self, server: EventServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody else waits for its disk, one thread does, and it is the cluster that is not available."""
        monkeypatch.setattr(async_transport, "TOKEN_SECONDS", 0.05)
        is_there, reads = threading.Event(), []

        def token() -> bytes:
            reads.append(threading.get_ident())
            if len(reads) > 1:
                is_there.wait(10)
            return b"canary"

        server.say(_page())
        events = _events(server.url, token=token)
        for _ in range(2):
            with pytest.raises(ClusterUnavailableError, match="cannot be read in time"):
                await events.list(VPC)
        assert len(reads) == 2
        is_there.set()

        assert (await events.list(VPC)).version == "9"
        await events.close()

    async def test_a_token_that_is_gone_is_told(self, server: EventServer) -> None:
        """By what fails to read it; nothing is sent without it."""

        def token() -> bytes:
            if not tokens:
                raise ConfigurationError("token file t: No such file or directory")
            return tokens.pop()

        tokens = [b"first"]
        events = _events(server.url, token=token)

        with pytest.raises(ConfigurationError, match="token file t: No such file"):
            await _watch(events)
        await events.close()
        assert server.asked == []

    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    async def test_a_redirect_is_not_followed(self, server: EventServer, events: KubernetesEvents, code: int) -> None:
        """It would lead wherever somebody between us and the server wants."""
        server.then = [Streamed(status=code, headers={"Location": f"{server.url}/elsewhere"})]

        with pytest.raises(ClusterUnavailableError, match=f"answers with a redirect .{code}.") as raised:
            await events.list(VPC)

        assert [one.path for one in server.asked] == [COLLECTION]
        assert events.address in raised.value.message

    async def test_the_environment_has_no_say(
        self, server: EventServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither proxies nor the credentials of a netrc file."""
        netrc = tmp_path / "netrc"
        netrc.write_text("default login other password canary", encoding="ascii")
        monkeypatch.setenv("NETRC", str(netrc))
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
        server.say(_page())
        events = _events(server.url)

        await events.list(VPC)
        await events.close()

        assert server.asked[0].headers["authorization"] == "Bearer canary"

    async def test_nobody_there_is_an_error(self) -> None:
        """Named with the address, for lists and watches."""
        url = f"http://127.0.0.1:{closed_port()}"
        events = _events(url)

        with pytest.raises(ClusterUnavailableError, match=f"{url} cannot be reached"):
            await events.list(VPC)
        with pytest.raises(ClusterUnavailableError, match=f"{url} cannot be reached"):
            await _watch(events)
        await events.close()

    async def test_what_is_no_http_is_an_error(self) -> None:
        """Somebody else listens at the port."""

        async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(speak, "127.0.0.1", 0) as other:
            events = _events(f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}")
            with pytest.raises(ClusterUnavailableError):
                await events.list(VPC)
            await events.close()

    async def test_a_connection_that_never_is_made_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A TLS handshake counts: a server may take connections and say nothing."""
        monkeypatch.setattr(async_transport, "CONNECT_SECONDS", 0.05)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            events = _events(f"https://127.0.0.1:{listener.getsockname()[1]}")
            with pytest.raises(ClusterUnavailableError, match="did not answer in time"):
                await events.list(VPC)
            await events.close()

    async def test_an_untrusted_certificate_is_an_access_error(self, tmp_path: Path) -> None:
        """The server gets no token."""
        authority = Authority(tmp_path / "own")
        authority.issue_server("server")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "own" / "server.crt", tmp_path / "own" / "server.key")
        Authority(tmp_path / "other")
        server = EventServer()
        async with await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context) as listening:
            url = f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            access = ClusterAccess(server=url, token=b"canary".strip, ca_file=tmp_path / "other" / "ca.crt")
            events = KubernetesEvents(access, "fabric")
            with pytest.raises(ClusterAccessError, match=f"the certificate of {url} is not trusted"):
                await events.list(VPC)
            await events.close()

        assert server.asked == []

    def test_an_unusable_ca_file_is_refused(self, tmp_path: Path) -> None:
        """When it is read, which needs no event loop."""
        (tmp_path / "ca.crt").write_text("canary", encoding="ascii")
        access = ClusterAccess(server="https://127.0.0.1:1", token=b"t".strip, ca_file=tmp_path / "ca.crt")

        with pytest.raises(ConfigurationError, match=r"https://127\.0\.0\.1:1: its certificates cannot be used"):
            KubernetesEvents(access, "fabric")

    def test_credentials_in_the_url_are_refused(self) -> None:
        """They would stand against the token; and the error does not repeat them."""
        with pytest.raises(ConfigurationError, match="must not hold user and password") as raised:
            _events("https://user:canary@127.0.0.1:1")

        assert "canary" not in raised.value.message

    async def test_an_unused_one_can_be_closed(self) -> None:
        """It has no connection, and its address no credentials."""
        events = _events("https://127.0.0.1:1/k/")

        await events.close()

        assert events.address == "https://127.0.0.1:1/k"
