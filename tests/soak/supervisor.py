"""A supervisor of the service's process, as systemd is one with `Restart=always`."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.soak.invariants import Life

if TYPE_CHECKING:
    from tests.e2e.service_process import ServiceProcess

_PAUSE = 0.1
"""Seconds until a process that ended is started again."""


class Supervisor:
    """Starts the process, and again whenever it ends, until it is closed."""

    def __init__(self, process: ServiceProcess) -> None:
        self._process = process
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self.lives: list[Life] = []
        self.codes: list[int] = []
        """The exit codes, negative for the signal that ended it."""

    def start(self) -> None:
        self._begin()
        self._thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def age(self) -> float:
        """Seconds since the process began."""
        return time.time() - self.lives[-1].began

    def signal(self, sign: signal.Signals) -> None:
        """Send it to the process that runs now."""
        assert self._process.running is not None
        self._process.running.send_signal(sign)

    def close(self) -> int:
        """Ask it to end, and start it no more; its exit code."""
        self._closing.set()
        if self._process.running is None:
            return 0
        if self._process.running.poll() is None:
            self.signal(signal.SIGTERM)
        self._thread.join(timeout=60)
        return self.codes[-1]

    def _begin(self) -> None:
        self._process.start()
        self.lives.append(Life(self._process.pid, time.time()))

    def _watch(self) -> None:
        while True:
            assert self._process.running is not None
            self.codes.append(self._process.running.wait())
            self.lives[-1] = replace(self.lives[-1], ended=time.time())
            if self._closing.wait(_PAUSE):
                return
            self._begin()
