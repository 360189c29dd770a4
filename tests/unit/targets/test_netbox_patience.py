"""How long an answer of NetBox is waited for while somebody else waits for us."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import requests

from reconciler.errors import NetBoxUnavailableError
from reconciler.model.netbox import Projection
from reconciler.targets.netbox import NetBoxServer, session
from reconciler.targets.netbox.client import NetBoxAccess, NetBoxClient
from tests.unit.targets.odd_server import Odd, odd

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["odd"]

ID = "b3d1c7c4-7d5c-4e62-9c0e-3a2f6b1d9a55"


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is overdue at once."""
    monkeypatch.setattr(session, "OVERDUE", 0.0)
    monkeypatch.setattr(session, "_LOOK", 0.01)


@pytest.fixture
def held(odd: Odd) -> Iterator[threading.Event]:
    """The server answers once this is set."""
    odd.say({"netbox-version": "4.7.3"}, X_Request_ID=ID)
    odd.gate = threading.Event()
    yield odd.gate
    odd.gate.set()


def client(url: str, *, is_pressed: bool) -> NetBoxClient:
    return NetBoxClient(NetBoxAccess(url, b"token".strip, is_pressed=lambda: is_pressed), lambda _: None)


def test_an_overdue_answer_is_given_up(odd: Odd, held: threading.Event) -> None:
    """Whoever waits for us need not wait for NetBox; the request is not made again."""
    with pytest.raises(NetBoxUnavailableError, match="no answer within 0 s, and there is newer work to do"):
        client(odd.url, is_pressed=True).version()

    assert not held.is_set()
    # The server may take the request in later than its client gives it up.
    held.wait(0.5)
    assert len(odd.seen) == 1


def test_nobody_waits(odd: Odd, held: threading.Event) -> None:
    """Without anybody else the answer is waited for, however late it comes."""
    threading.Timer(0.2, held.set).start()

    assert client(odd.url, is_pressed=False).version() == "4.7.3"


def test_a_write_that_is_given_up_stays_ours(odd: Odd, held: threading.Event) -> None:
    """NetBox carries it out in the end, and tells of it: that is no edit of somebody else's."""
    asked = client(odd.url, is_pressed=True)
    with pytest.raises(NetBoxUnavailableError):
        asked.write("POST", "dcim/devices", [])
    assert not asked.written.holds(ID)

    held.set()

    assert asked.written.holds(ID, patience=10.0)


class Late(requests.Response):
    """Tells whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


def test_an_answer_that_comes_too_late_is_closed() -> None:
    """Its connection is let go."""
    gate, late = threading.Event(), Late()

    def ask() -> requests.Response:
        gate.wait(10.0)
        return late

    awaited = session.Awaited(ask)
    with pytest.raises(NetBoxUnavailableError):
        awaited.result(lambda: True)
    assert not late.closed.is_set()

    gate.set()

    assert late.closed.wait(10.0)


def test_nobody_looks_beside_a_write_that_was_given_up(odd: Odd, held: threading.Event) -> None:
    """It may come into effect after the look: until it is over NetBox counts as not there."""
    server = NetBoxServer(NetBoxAccess(odd.url, b"token".strip, is_pressed=lambda: True), lambda _: None)
    with pytest.raises(NetBoxUnavailableError):
        server._client.write("POST", "dcim/devices", [])

    with pytest.raises(NetBoxUnavailableError, match="an earlier write is still under way"):
        server.observe("dc1", Projection())

    held.set()
    assert server._client.written.holds(ID, patience=10.0)
    with server._client.written._changed:
        assert server._client.written._changed.wait_for(lambda: not server._client.written._under_way, 10.0)
    assert not server._client.written.is_busy
