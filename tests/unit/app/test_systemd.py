"""What systemd is told, as it hears it."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from reconciler.app.systemd import Notifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Systemd:
    """A socket as systemd has one."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(0)

    def heard(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(str(tmp_path / "notify"))
    yield systemd
    systemd.close()


def test_the_life_of_a_service(systemd: Systemd, tmp_path: Path) -> None:
    """Each word is one datagram; a status that stays is told once, in one line."""
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"})

    notifier.ready()
    notifier.status("Serving")
    notifier.status("Serving")
    notifier.status("Not ready: poll:\nREADY=1")
    notifier.alive()
    notifier.stopping()

    assert systemd.heard() == [
        "READY=1",
        "STATUS=Serving",
        "STATUS=Not ready: poll: READY=1",
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=Stopping",
    ]


def test_a_socket_without_a_file() -> None:
    """The address may be a name that only the kernel knows."""
    name = f"reconciler-test-{os.getpid()}"
    systemd = Systemd(f"\0{name}")

    Notifier({"NOTIFY_SOCKET": f"@{name}"}).ready()

    assert systemd.heard() == ["READY=1"]
    systemd.close()


@pytest.mark.parametrize(
    ("environment", "interval"),
    [
        pytest.param({"WATCHDOG_USEC": "30000000"}, 15.0, id="half of the limit"),
        pytest.param({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 1.5, id="meant for us"),
        pytest.param({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None, id="meant for another process"),
        pytest.param({"WATCHDOG_USEC": "0"}, None, id="off"),
        pytest.param({"WATCHDOG_USEC": "soon"}, None, id="no number"),
        pytest.param({}, None, id="not asked for"),
    ],
)
def test_signs_of_life(environment: dict[str, str], interval: float | None) -> None:
    """They are sent where somebody waits for them, twice as often as he wants them."""
    assert Notifier({"NOTIFY_SOCKET": "/run/x", **environment}).interval == interval
    assert Notifier(environment).interval is None, "without a socket there is nobody"


def test_nobody_wants_to_know() -> None:
    """Without the variable nothing is sent, and nothing is logged."""
    with capture_logs() as logged:
        Notifier({}).ready()

    assert logged == []


def test_a_manager_that_is_gone(tmp_path: Path) -> None:
    """A socket that nobody reads costs the service nothing but a line in the log."""
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "nonesuch")})

    with capture_logs() as logged:
        notifier.ready()
        notifier.alive()

    (line,) = logged
    assert (line["event"], line["error"]) == ("the service manager cannot be told", "No such file or directory")


def test_a_status_that_is_no_text(systemd: Systemd, tmp_path: Path) -> None:
    """The name of a file that is no UTF-8 is spelt out."""
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}).status("Not ready: files: caf\udce9.yaml")

    assert systemd.heard() == ["STATUS=Not ready: files: caf\\udce9.yaml"]
