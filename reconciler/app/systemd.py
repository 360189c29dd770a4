"""What systemd is told of the service, as sd_notify(3) has it: lines in a datagram to the socket that it names."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping

log = structlog.get_logger("service")

_SEND_TIMEOUT = 1.0
"""Seconds; systemd reads at once, and nothing here may wait for it."""

_MICROSECONDS = 1_000_000


class Notifier:
    """Tells whoever started the service, if it wants to be told. What cannot be told is logged once, and no error."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """`environment`: the process's own by default."""
        environment = os.environ if environment is None else environment
        address = environment.get("NOTIFY_SOCKET", "")
        # A name without a file is spelt with @, and is one with a zero byte.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._limit = _limit(environment) if address else None
        self._has_failed = False
        self._status = ""

    @property
    def is_watched(self) -> bool:
        """Whether the service is ended unless it says that it lives."""
        return self._limit is not None

    @property
    def interval(self) -> float | None:
        """Seconds between two signs of life, half of what is allowed; None where nobody wants them."""
        return None if self._limit is None else self._limit / 2

    def ready(self) -> None:
        """It serves."""
        self._tell("READY=1")

    def alive(self) -> None:
        """It gets on."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """It is about to end."""
        self._tell("STOPPING=1", "STATUS=Stopping")

    def status(self, text: str) -> None:
        """What it does, in a line for people; told where it is another one than before."""
        line = " ".join(text.split())[:500]
        if line != self._status:
            self._status = line
            self._tell(f"STATUS={line}")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(_SEND_TIMEOUT)
                # The name of a file that is no UTF-8 may be part of a status.
                sender.sendto("\n".join(lines).encode(errors="backslashreplace"), self._address)
        except OSError as error:
            if not self._has_failed:
                log.warning("the service manager cannot be told", error=error.strerror or str(error))
            self._has_failed = True


def _limit(environment: Mapping[str, str]) -> float | None:
    """Seconds within which a sign of life is expected of this process."""
    text, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not text.isdecimal() or int(text) == 0 or (process and process != str(os.getpid())):
        return None
    return int(text) / _MICROSECONDS
