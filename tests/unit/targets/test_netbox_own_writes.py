"""Which changes of NetBox were ours: by the ids under which it carried out our writes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from reconciler.errors import NetBoxUnavailableError
from reconciler.targets.netbox.answers import RefusedError
from reconciler.targets.netbox.client import NetBoxAccess, NetBoxClient
from reconciler.targets.netbox.server import NetBoxServer
from reconciler.targets.netbox.session import OwnWrites
from tests.unit.targets.odd_server import Odd, odd

__all__ = ["odd"]

ID = "b3d1c7c4-7d5c-4e62-9c0e-3a2f6b1d9a55"


def access(url: str) -> NetBoxAccess:
    return NetBoxAccess(url, b"nbt_canary000001.canarycanary".strip)


def client(url: str) -> NetBoxClient:
    return NetBoxClient(access(url), lambda _: None)


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_write_is_remembered(odd: Odd, method: str) -> None:
    """The id that NetBox answers a write with is ours from then on."""
    odd.say([], X_Request_ID=ID)
    asked = client(odd.url)

    asked.write(method, "dcim/devices", [])

    assert asked.written.holds(ID)
    assert not asked.written.holds("another")


def test_a_refused_write_is_remembered(odd: Odd) -> None:
    """A write that NetBox refused keeps its id: what it did before it gave up may have been told."""
    odd.say({"detail": "no"}, 400, X_Request_ID=ID)
    asked = client(odd.url)

    with pytest.raises(RefusedError):
        asked.write("POST", "dcim/devices", [])

    assert asked.written.holds(ID)


def test_a_read_is_not_remembered(odd: Odd) -> None:
    """Reads change nothing, so their ids would only drive out others."""
    odd.say({"netbox-version": "4.7.3"}, X_Request_ID=ID)
    asked = client(odd.url)

    asked.version()

    assert not asked.written.holds(ID)


@pytest.mark.parametrize("headers", [{}, {"X-Request-ID": ""}], ids=["absent", "empty"])
def test_an_answer_without_id(odd: Odd, headers: dict[str, str]) -> None:
    """A write whose answer has no id is like one of somebody else; nothing is remembered of it."""
    odd.say([])
    odd.headers |= headers
    asked = client(odd.url)

    asked.write("POST", "dcim/devices", [])

    assert not asked.written.holds("")


def test_a_long_id_is_cut(odd: Odd) -> None:
    """However long a server's id is, what is remembered of it is short."""
    odd.say([], X_Request_ID="x" * 5000)
    asked = client(odd.url)

    asked.write("POST", "dcim/devices", [])

    assert asked.written.holds("x" * 200)


def test_server_asks_its_client(odd: Odd) -> None:
    """A server that has written nothing calls no request its own."""
    assert not NetBoxServer(access(odd.url)).is_own_write(ID)


def remember(writes: OwnWrites, *ids: str) -> None:
    for request_id in ids:
        with writes.write() as write:
            write(request_id)


def test_the_oldest_are_forgotten() -> None:
    """Beyond the limit the oldest ids go, and one that is added again takes no second place."""
    writes = OwnWrites(limit=3)
    remember(writes, "a", "b", "b", "c", "d")

    assert [writes.holds(one) for one in "abcd"] == [False, True, True, True]


def test_a_write_that_is_not_answered_yet() -> None:
    """NetBox may tell of a write before it answers: whoever asks meanwhile waits for the answer."""
    writes = OwnWrites()

    with ThreadPoolExecutor(1) as threads, writes.write() as write:
        asked = threads.submit(writes.holds, ID, patience=30.0)
        assert not writes.holds(ID)
        write(ID)

        assert asked.result(timeout=30.0)


def test_a_write_of_somebody_else_meanwhile() -> None:
    """Once the writes that were under way are answered, an id that none of them has is somebody else's."""
    writes = OwnWrites()

    with ThreadPoolExecutor(1) as threads:
        with writes.write() as write:
            asked = threads.submit(writes.holds, "another", patience=30.0)
            write(ID)

        assert not asked.result(timeout=30.0)


def test_later_writes_are_not_waited_for() -> None:
    """Whoever asks waits only for what was under way then: a busy writer holds nobody up for longer."""
    writes = OwnWrites()
    looked_up = threading.Event()

    class Telling(str):
        """An id that tells when it is looked up."""

        __slots__ = ()

        def __hash__(self) -> int:
            looked_up.set()
            return super().__hash__()

    with ThreadPoolExecutor(1) as threads, ExitStack() as later:
        with writes.write():
            asked = threads.submit(writes.holds, Telling(ID), patience=30.0)
            assert looked_up.wait(30.0)
            later.enter_context(writes.write())

        assert not asked.result(timeout=30.0)


def test_patience_ends() -> None:
    """A write that is not answered in time leaves the question as it is: not known to be ours."""
    writes = OwnWrites()

    with writes.write():
        assert not writes.holds(ID, patience=0.01)


def test_a_write_whose_answer_was_lost(odd: Odd) -> None:
    """A write without an answer is no longer under way."""
    asked = client("http://127.0.0.1:9")

    with pytest.raises(NetBoxUnavailableError):
        asked.write("POST", "dcim/devices", [])

    assert not asked.written.holds(ID, patience=30.0)


def test_many_threads() -> None:
    """Threads that write and look at once lose nothing."""
    writes = OwnWrites(limit=10_000)

    def work(thread: int) -> bool:
        names = [f"{thread}-{number}" for number in range(1000)]
        remember(writes, *names)
        return all(writes.holds(name) for name in names)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(8)))
