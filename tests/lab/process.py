"""Background processes that outlive the one that started them, known by a record in a folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.lab.commands import Command

_PAUSE = 0.05
_KILL_WAIT = 10.0
_TAIL = 2000
_STATE, _START_TIME = 0, 19  # fields of /proc/<pid>/stat, counted after the command's name (proc(5))

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Processes that this very process started: they have to be waited for, else they stay as zombies."""


@dataclass(frozen=True)
class ProcessRecord:
    """Names one process for good: a process id alone is given to another process sooner or later."""

    pid: int
    start_time: int
    """Clock ticks after boot."""
    boot_id: str


class Background:
    """One named background process of a folder; its record and its log are files there."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._record = folder / f"{name}.process.json"

    def start(
        self,
        command: Command,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
    ) -> None:
        """Start the command in a session of its own, as `user` where given, its output appended to the log.

        Nothing happens when it runs already. Raises `LabError` when the program cannot be run.
        """
        if self.is_running():
            return
        try:
            with self.log.open("ab") as log:
                child = subprocess.Popen(
                    command,
                    env=env,
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    user=user,
                    group=user,
                    extra_groups=None if user is None else [],
                )
        except (FileNotFoundError, PermissionError) as error:
            raise LabError(f"{command[0]} cannot be run: {error.strerror}") from error
        _children[child.pid] = child
        started = _observe(child.pid)
        if started is not None:
            self._record.write_text(json.dumps(asdict(started)), encoding="ascii")

    def is_running(self) -> bool:
        """Whether the process that was started here, and not another that got its id, is alive."""
        return self._running() is not None

    def stop(self, *, sign: signal.Signals = signal.SIGTERM, grace: float = 10.0) -> None:
        """Ask the process to end, kill its group after `grace` seconds; nothing happens when it does not run.

        Raises `LabError` when even that does not end it.
        """
        running = self._running()
        if running is not None:
            os.kill(running.pid, sign)
            if not self._ended(grace):
                os.killpg(running.pid, signal.SIGKILL)
                if not self._ended(_KILL_WAIT):
                    raise LabError(f"{self.name} (process {running.pid}) does not end")
        self._record.unlink(missing_ok=True)

    def wait_until(self, probe: Callable[[], object], *, timeout: float) -> None:
        """Return when `probe` no longer raises `LabError`.

        Raises `LabError` with the probe's last reason and the log's end when the process dies or time is up.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                probe()
            except LabError as reason:
                if not self.is_running():
                    raise LabError(f"{self.name} ended while starting: {self.log_tail()}") from reason
                if time.monotonic() > deadline:
                    raise LabError(f"{self.name} is not ready after {timeout:.0f} s: {reason}") from reason
            else:
                return
            time.sleep(_PAUSE)

    def log_tail(self) -> str:
        """The last lines that the process wrote, at most 2000 bytes."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _TAIL))
            return log.read(_TAIL).decode(errors="replace").strip()

    def _running(self) -> ProcessRecord | None:
        if not self._record.exists():
            return None
        recorded = ProcessRecord(**json.loads(self._record.read_text(encoding="ascii")))
        return recorded if _observe(recorded.pid) == recorded else None

    def _ended(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while self.is_running():
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE)
        return True


def _observe(pid: int) -> ProcessRecord | None:
    """The living process with this id; None for no process and for a zombie."""
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]
        return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[_STATE] == "Z":
        return None
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ProcessRecord(pid=pid, start_time=int(fields[_START_TIME]), boot_id=boot_id)
