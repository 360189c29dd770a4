"""The lab: servers in one folder."""

from __future__ import annotations

import os
import stat
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import packages
from tests.lab.cache import exclusive
from tests.lab.errors import LabError
from tests.lab.git_server import GitServer
from tests.lab.kubernetes_server import KubernetesServer
from tests.lab.netbox_server import NetBoxServer
from tests.lab.ssh_server import SshServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.lab.progress import Progress
    from tests.lab.server import Server

NAMES = (GitServer.name, KubernetesServer.name, NetBoxServer.name, SshServer.name)


def default_folder() -> Path:
    """Where `make lab` keeps its lab: `$RECONCILER_LAB_DIR`, else a name of this user's in the temporary folder."""
    chosen = os.environ.get("RECONCILER_LAB_DIR")
    return Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"hedgehog-reconciler-lab-{os.geteuid()}"


@dataclass(frozen=True)
class Lab:
    folder: Path

    @cached_property
    def git(self) -> GitServer:
        return GitServer(self.folder / GitServer.name)

    @cached_property
    def kubernetes(self) -> KubernetesServer:
        return KubernetesServer(self.folder / KubernetesServer.name)

    @cached_property
    def netbox(self) -> NetBoxServer:
        return NetBoxServer(self.folder / NetBoxServer.name)

    @cached_property
    def ssh(self) -> SshServer:
        return SshServer(self.folder / SshServer.name)

    def servers(self, names: Iterable[str] = NAMES) -> list[Server]:
        """The servers of these names."""
        every: tuple[Server, ...] = (self.git, self.kubernetes, self.netbox, self.ssh)
        wanted = set(names)
        return [server for server in every if server.name in wanted]

    def up(self, progress: Progress, names: Iterable[str] = NAMES) -> None:
        """Have these servers running, all at once; those that run already are left alone.

        Raises `LabError` with the reason for each that does not come up; the others stay up.
        """
        servers = self.servers(names)
        self._own_folder()
        with exclusive(self.folder / "lock"):
            packages.ensure(set().union(*(server.needed_programs() for server in servers)), progress)
            _all_at_once(servers, lambda server: server.up(progress))

    def down(self, names: Iterable[str] = NAMES) -> None:
        """End these servers and remove their data; what does not run is fine."""
        if self.folder.exists():
            self._own_folder()
            with exclusive(self.folder / "lock"):
                _all_at_once(self.servers(names), lambda server: server.down())

    def _own_folder(self) -> None:
        """The folder's files say which processes to end: nobody else may have made or may change them."""
        self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        found = self.folder.lstat()
        is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if not is_ours or stat.S_IMODE(found.st_mode) & 0o077:
            raise LabError(f"{self.folder} is not a folder of this user alone (mode 0700)")


def _all_at_once(servers: list[Server], act: Callable[[Server], None]) -> None:
    with ThreadPoolExecutor(max_workers=len(NAMES)) as threads:
        attempts = [(server.name, threads.submit(act, server)) for server in servers]
    reasons = []
    for name, attempt in attempts:
        try:
            attempt.result()
        except LabError as error:
            reasons.append(f"{name}: {error}")
    if reasons:
        raise LabError("\n".join(reasons))
