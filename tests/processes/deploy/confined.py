"""A process as in a container of ours: another user without capabilities, on a file system that cannot be written.

Whoever wants this is root: mount namespaces and other users are theirs to make.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from tests.lab.packages import ensure, locate
from tests.lab.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

USER = 10001
_TIMEOUT = 120.0
# Trees and interpreters of tests may lie in somebody's home, which an image has not. It allows to read, no more.
_CAPABILITY = "dac_read_search"


@dataclass(frozen=True)
class Confinement:
    """`writable` are the only folders in which anything can be written; they are given to the user."""

    tree: Path
    writable: tuple[Path, ...]

    def start(self, command: list[str], variables: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        """The process has the id of the command, so that a signal for it reaches the command."""
        ensure({"unshare", "setpriv"}, Progress())
        for folder in self.writable:
            _give(folder)
        environment = {"PATH": f"{self.tree / 'bin'}:/usr/bin:/bin", **variables}
        whole: list[str | Path] = [locate("unshare"), "--mount", "sh", "-c", self._script(command)]
        return subprocess.Popen(whole, cwd="/", env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def run(self, command: list[str], variables: dict[str, str], log: Path) -> int:
        """The exit code; what it wrote is in `log`."""
        with log.open("wb") as file, self.start(command, variables, file) as process:
            return process.wait(_TIMEOUT)

    def _script(self, command: list[str]) -> str:
        mounts = [f"mount --bind {shlex.quote(str(folder))} {shlex.quote(str(folder))}" for folder in self.writable]
        only = f"-all,+{_CAPABILITY}"
        user = [
            *("exec", "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"),
            *(f"--bounding-set={only}", f"--inh-caps={only}", f"--ambient-caps={only}"),
        ]
        parts = ["mount --make-rprivate /", *mounts, "mount -o remount,bind,ro /", shlex.join([*user, *command])]
        return " && ".join(parts)


def _give(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)
