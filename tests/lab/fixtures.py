"""pytest fixtures for tests that need the real servers.

They use the lab of `make lab` when one is up, and leave it up. Otherwise they start what the tests ask for in a
folder of the session's own, and end it with the session. Of several pytest processes that share the tests (`-n 2`) the
first uses the lab that is up: servers are stopped and reset by tests, so no two processes share one.

A `conftest.py` imports the ones its tests use.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import pytest

from tests.lab.lab import NAMES, Lab, default_folder
from tests.lab.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.lab.git_server import GitServer, Repository
    from tests.lab.kubernetes_server import KubernetesServer
    from tests.lab.netbox_server import NetBoxServer
    from tests.lab.ssh_server import SshServer


class LabSession:
    """The lab of one pytest session, and which of its servers the session has to end."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._progress = Progress()
        self._started: set[str] = set()

    def take(self, names: Iterable[str]) -> Lab:
        """The lab with these servers running; one that an earlier test left stopped is started again."""
        absent = {server.name for server in self.lab.servers(names) if not server.exists()}
        self._started |= absent
        self.lab.up(self._progress, names)
        return self.lab

    def end(self) -> None:
        self.lab.down(self._started)


_SESSION = pytest.StashKey[LabSession]()


@pytest.fixture(scope="session")
def lab_session(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabSession]:
    """One for the whole session: pytest takes the fixture for another one in each `conftest.py` that imports it."""
    if _SESSION in pytestconfig.stash:
        yield pytestconfig.stash[_SESSION]
        return
    standing = Lab(default_folder())
    is_first = os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0"
    is_up = any(server.exists() for server in standing.servers())
    session = LabSession(standing if is_up and is_first else Lab(tmp_path_factory.mktemp("lab")))
    pytestconfig.stash[_SESSION] = session
    yield session
    session.end()


@pytest.fixture(scope="session")
def lab(lab_session: LabSession) -> Lab:
    """All servers."""
    return lab_session.take(NAMES)


@pytest.fixture(scope="session")
def git_server(lab_session: LabSession) -> GitServer:
    return lab_session.take(["git"]).git


@pytest.fixture(scope="session")
def kubernetes_server(lab_session: LabSession) -> KubernetesServer:
    return lab_session.take(["kubernetes"]).kubernetes


@pytest.fixture(scope="session")
def netbox_server(lab_session: LabSession) -> NetBoxServer:
    """NetBox with whatever earlier tests left in it; see `pristine_netbox`."""
    return lab_session.take(["netbox"]).netbox


@pytest.fixture(scope="session")
def ssh_server(lab_session: LabSession) -> SshServer:
    """The way by ssh to the repositories of the Git server."""
    return lab_session.take(["git", "ssh"]).ssh


@pytest.fixture
def repository(git_server: GitServer) -> Iterator[Repository]:
    """An empty repository of this test's own."""
    name = f"test-{secrets.token_hex(4)}"
    git_server.create_repository(name)
    yield git_server.repository(name)
    git_server.delete_repository(name)


@pytest.fixture
def namespace(kubernetes_server: KubernetesServer) -> Iterator[str]:
    """A namespace of this test's own; the fabric's objects in it are deleted after the test."""
    name = kubernetes_server.create_namespace()
    yield name
    kubernetes_server.delete_hedgehog_objects(name)


@pytest.fixture
def pristine_netbox(netbox_server: NetBoxServer) -> NetBoxServer:
    """NetBox as it is after its migrations: what others wrote is gone."""
    netbox_server.reset()
    return netbox_server
