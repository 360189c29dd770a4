"""The lab's proxy breaks connections in the ways that it says."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from tests.lab.ports import HOST
from tests.lab.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOMENT = 0.2


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it gets, and ends with the other side."""
    with socket.create_server((HOST, 0)) as listener:

        def serve(connection: socket.socket) -> None:
            with connection, suppress(ConnectionError):
                while piece := connection.recv(1 << 16):
                    connection.sendall(piece)

        def accept() -> None:
            while not is_over.is_set():
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=serve, args=(connection,)))
                threads[-1].start()

        is_over = threading.Event()
        threads = [threading.Thread(target=accept)]
        threads[0].start()
        port: int = listener.getsockname()[1]
        yield port
        is_over.set()
        socket.create_connection((HOST, port)).close()
        for thread in threads:
            thread.join()


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Proxy(echo) as proxy:
        yield proxy


@contextmanager
def _connected(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, proxy.port), timeout=5.0) as client:
        yield client


def _say(client: socket.socket, said: bytes) -> bytes:
    client.sendall(said)
    answer = b""
    while len(answer) < len(said) and (piece := client.recv(1 << 16)):
        answer += piece
    return answer


def _is_dead(client: socket.socket) -> bool:
    """Whether something can be sent, and no answer comes for a moment."""
    client.settimeout(_MOMENT)
    client.sendall(b"anybody?")
    try:
        client.recv(1)
    except TimeoutError:
        return True
    return False


def test_everything_is_forwarded(proxy: Proxy) -> None:
    """More than any buffer holds, both ways; also what is still under way when a side hangs up."""
    large = b"x" * (1 << 17)
    with _connected(proxy) as client:
        assert _say(client, large) == large
        client.sendall(b"last")
        client.shutdown(socket.SHUT_WR)

        assert (client.recv(10), client.recv(10)) == (b"last", b"")


def test_cut_resets_connections(proxy: Proxy) -> None:
    """Those that are open; a new one is forwarded."""
    with _connected(proxy) as client:
        _say(client, b"a")
        proxy.cut()
        with pytest.raises(ConnectionError):
            client.recv(1)
    with _connected(proxy) as client:
        assert _say(client, b"b") == b"b"


def test_refuse_lasts_until_heal(proxy: Proxy) -> None:
    """Nobody listens meanwhile."""
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError), _connected(proxy):
        pass
    proxy.heal()
    with _connected(proxy) as client:
        assert _say(client, b"a") == b"a"


def test_stalled_connections_stay_dead(proxy: Proxy) -> None:
    """Old ones and such as were made meanwhile, also after the proxy works again; only new ones are forwarded."""
    with _connected(proxy) as old:
        _say(old, b"a")
        proxy.stall()
        with _connected(proxy) as meanwhile:
            assert _is_dead(old)
            assert _is_dead(meanwhile)
            proxy.heal()
            assert _is_dead(old)
            assert _is_dead(meanwhile)
            with _connected(proxy) as new:
                assert _say(new, b"b") == b"b"
