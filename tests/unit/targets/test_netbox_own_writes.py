"""Which changes of NetBox were ours: by the ids under which it carried out our writes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from reconciler.targets.netbox.answers import RefusedError
from reconciler.targets.netbox.client import NetBoxAccess, NetBoxClient
from reconciler.targets.netbox.server import NetBoxServer
from reconciler.targets.netbox.session import WriteIds
from tests.unit.targets.odd_server import Odd, odd

if TYPE_CHECKING:
    from collections.abc import Callable

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

    assert ID in asked.written
    assert "another" not in asked.written


def test_a_refused_write_is_remembered(odd: Odd) -> None:
    """A write that NetBox refused keeps its id: what it did before it gave up may have been told."""
    odd.say({"detail": "no"}, 400, X_Request_ID=ID)
    asked = client(odd.url)

    with pytest.raises(RefusedError):
        asked.write("POST", "dcim/devices", [])

    assert ID in asked.written


def test_a_read_is_not_remembered(odd: Odd) -> None:
    """Reads change nothing, so their ids would only drive out others."""
    odd.say({"netbox-version": "4.7.3"}, X_Request_ID=ID)
    asked = client(odd.url)

    asked.version()

    assert ID not in asked.written


@pytest.mark.parametrize("headers", [{}, {"X-Request-ID": ""}], ids=["absent", "empty"])
def test_an_answer_without_id(odd: Odd, headers: dict[str, str]) -> None:
    """A write whose answer has no id is like one of somebody else; nothing is remembered of it."""
    odd.say([])
    odd.headers |= headers
    asked = client(odd.url)

    asked.write("POST", "dcim/devices", [])

    assert "" not in asked.written


def test_a_long_id_is_cut(odd: Odd) -> None:
    """However long a server's id is, what is remembered of it is short."""
    odd.say([], X_Request_ID="x" * 5000)
    asked = client(odd.url)

    asked.write("POST", "dcim/devices", [])

    assert "x" * 200 in asked.written


def test_server_asks_its_client(odd: Odd) -> None:
    """A server that has written nothing calls no request its own."""
    assert not NetBoxServer(access(odd.url)).is_own_write(ID)


def test_the_oldest_are_forgotten() -> None:
    """Beyond the limit the oldest ids go, and one that is added again takes no second place."""
    ids = WriteIds(limit=3)
    for request_id in ("a", "b", "b", "c", "d"):
        ids.add(request_id)

    assert [one in ids for one in "abcd"] == [False, True, True, True]


def test_many_threads() -> None:
    """Threads that write and look at once lose nothing."""
    ids = WriteIds(limit=10_000)

    def work(thread: int) -> bool:
        names = [f"{thread}-{number}" for number in range(1000)]
        for name in names:
            ids.add(name)
        return all(name in ids for name in names)

    with ThreadPoolExecutor(8) as threads:
        tasks: list[Callable[[], bool]] = [threads.submit(work, thread).result for thread in range(8)]

        assert all(task() for task in tasks)
