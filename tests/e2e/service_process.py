"""The process of a service: how it is started and ended, and what it costs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STOP_TIMEOUT = 25.0
PROJECT = Path(__file__).parents[2]

_STEP = 0.02
"""Seconds."""

_USER_TICKS, _SYSTEM_TICKS = 11, 12  # fields of /proc/<pid>/stat, counted after the command's name (proc(5))


@dataclass
class ServiceProcess:
    """One process after another on one configuration file, all of which write to one log."""

    configuration: Path
    log: Path
    program: tuple[str, ...] = (sys.executable, "-m", "reconciler")
    """What is run: by default these sources."""
    variables: dict[str, str] = field(default_factory=dict)
    """Of the environment, beside those of the tests."""
    running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.running is not None, "the service was not started"
        return self.running.pid

    def start(self) -> None:
        """Start it; it is not ready yet."""
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                [*self.program, "serve", "--config", str(self.configuration)],
                cwd=PROJECT,
                env={**os.environ, "COVERAGE_PROCESS_START": "", **self.variables},
                stdout=log,
                stderr=log,
            )

    def assert_alive(self) -> None:
        assert self.running is not None, "the service was not started"
        assert self.running.poll() is None, self.log.read_text()[-3000:]

    def run_until(self, condition: Callable[[], object], *, seconds: float = 60.0, what: str = "") -> None:
        """Let it run in short steps and look between them, while it stands still: however busy the machine is, a moment
        that is longer than a step is not missed. It stands still afterwards; `kill` ends it there.
        """
        assert self.running is not None, "the service was not started"
        deadline = time.monotonic() + seconds
        self.running.send_signal(signal.SIGSTOP)
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what or condition}"
            self.running.send_signal(signal.SIGCONT)
            time.sleep(_STEP)
            self.running.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it as a crash does."""
        assert self.running is not None, "the service was not started"
        self.running.send_signal(signal.SIGKILL)
        self.running.wait(STOP_TIMEOUT)

    def stop(self) -> int:
        """End it as an operator does; its exit code."""
        assert self.running is not None, "the service was not started"
        self.running.send_signal(signal.SIGTERM)
        return self.running.wait(STOP_TIMEOUT)

    def close(self) -> None:
        """End what still runs."""
        if self.running is not None and self.running.poll() is None:
            self.kill()

    def cpu_seconds(self) -> float:
        """Processor time that it took so far, without that of programs it ran."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """MiB that it holds now."""
        return self._memory("VmRSS")

    def peak_memory(self) -> float:
        """MiB that it held at most."""
        return self._memory("VmHWM")

    def _memory(self, figure: str) -> float:
        found = re.search(rf"{figure}:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found, figure
        return int(found[1]) / 1024
