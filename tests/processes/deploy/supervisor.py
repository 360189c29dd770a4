"""A small systemd: it knows a unit's command, environment and folders, when to start it again, and how to end it."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.processes.deploy.tree import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_UNITS = {"s": 1.0, "min": 60.0, "ms": 0.001}
_STEP = 0.02


@dataclass(frozen=True)
class Unit:
    """The section [Service] of a unit file: every value of every key, in order."""

    values: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls, text: str) -> Unit:
        values: dict[str, list[str]] = {}
        section = ""
        for line in text.splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif "=" in line and not line.startswith(("#", ";")) and section == "Service":
                key, _, value = line.partition("=")
                values.setdefault(key.strip(), []).append(value.strip())
        return cls(values)

    def one(self, key: str) -> str:
        (value,) = self.values[key]
        return value

    def seconds(self, key: str) -> float:
        """A time span, of which one unit is enough for us."""
        number = self.one(key).rstrip("abcdefghijklmnopqrstuvwxyz")
        return float(number) * _UNITS[self.one(key).removeprefix(number) or "s"]

    def environment(self) -> dict[str, str]:
        assignments = (word for value in self.values.get("Environment", []) for word in shlex.split(value))
        return dict(word.split("=", 1) for word in assignments)


@dataclass
class Supervisor:
    """Runs a unit. `places` are what its folders are called here; `folder` is where it may work and log."""

    unit: Unit
    places: Mapping[str, str]
    folder: Path
    pids: list[int] = field(default_factory=list)
    """Of every process so far, in order."""
    codes: list[int] = field(default_factory=list)
    """How each of them ended."""
    told: list[str] = field(default_factory=list)
    """What the process told of itself (sd_notify)."""
    _is_wanted: bool = True
    _running: subprocess.Popen[bytes] | None = None
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def log(self) -> Path:
        return self.folder / "service.log"

    def start(self) -> None:
        """Start it; returns once it says that it is ready, as Type=notify wants it."""
        assert self.unit.one("Type") == "notify"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._listener.bind(str(self.folder / "notify"))
        self._threads = [threading.Thread(target=self._listen), threading.Thread(target=self._keep_running)]
        for thread in self._threads:
            thread.start()
        self.wait_ready(1)

    def wait_ready(self, times: int) -> None:
        """Until so many processes said that they are ready."""
        deadline = time.monotonic() + self.unit.seconds("TimeoutStartSec")
        while self.told.count("READY=1") < times:
            assert time.monotonic() < deadline, f"{self.told}\n{self.log.read_text()}"
            assert any(thread.is_alive() for thread in self._threads), self.log.read_text()
            time.sleep(_STEP)

    def kill(self) -> None:
        """What a crash does."""
        os.kill(self.pids[-1], signal.SIGKILL)

    def stop(self) -> float:
        """End it as `systemctl stop` does; the seconds that it took. It has failed where it had to be killed."""
        begun = time.monotonic()
        self._is_wanted = False
        if self._running is not None and self._running.poll() is None:
            self._running.send_signal(signal.SIGTERM)
            try:
                self._running.wait(self.unit.seconds("TimeoutStopSec"))
            except subprocess.TimeoutExpired:
                self._running.kill()
        took = time.monotonic() - begun
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as farewell:
            farewell.sendto(b"", str(self.folder / "notify"))
        for thread in self._threads:
            thread.join()
        self._listener.close()
        return took

    def _here(self, text: str) -> str:
        for there, here in self.places.items():
            text = text.replace(there, here)
        return text

    def _keep_running(self) -> None:
        assert self.unit.one("Restart") == "always"
        while self._is_wanted:
            with self.log.open("ab") as log:
                self._running = self._spawn(log.fileno())
            self.pids.append(self._running.pid)
            self.codes.append(self._running.wait())
            deadline = time.monotonic() + self.unit.seconds("RestartSec")
            while self._is_wanted and time.monotonic() < deadline:
                time.sleep(_STEP)

    def _spawn(self, log: int) -> subprocess.Popen[bytes]:
        watchdog = str(round(self.unit.seconds("WatchdogSec") * 1_000_000))
        own = {name: self._here(value) for name, value in self.unit.environment().items()}
        given = {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": str(self.folder / "notify"), "WATCHDOG_USEC": watchdog}
        return subprocess.Popen(
            shlex.split(self._here(self.unit.one("ExecStart"))),
            cwd=self._here(self.unit.one("WorkingDirectory")),
            env={**given, **own},
            umask=int(self.unit.one("UMask"), 8),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

    def _listen(self) -> None:
        while True:
            message = self._listener.recv(4096).decode()
            if not message:
                return
            self.told += message.splitlines()


def places(tree: Path, configuration: Path, state: Path) -> dict[str, str]:
    """What the folders of the unit file are called in a test."""
    etc, lib = "/etc/hedgehog-reconciler", "/var/lib/hedgehog-reconciler"
    return {PREFIX: str(tree), etc: str(configuration), lib: str(state)}
