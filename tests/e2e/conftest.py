"""Installations of the service over the lab's real servers, each with a repository, namespace and site of its own."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.crds import serve
from tests.e2e.fabrics import shared_folder
from tests.e2e.installation import Installation, lay_out
from tests.e2e.targets import ClusterView, NetBoxView
from tests.lab.fixtures import (
    git_server,
    kubernetes_server,
    lab,
    lab_session,
    namespace,
    netbox_server,
    pristine_netbox,
    repository,
    ssh_server,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.git_server import GitServer, Repository
    from tests.lab.kubernetes_server import KubernetesServer
    from tests.lab.netbox_server import NetBoxServer

__all__ = [
    "git_server",
    "kubernetes_server",
    "lab",
    "lab_session",
    "namespace",
    "netbox_server",
    "pristine_netbox",
    "repository",
    "ssh_server",
]

CRDS = Path(__file__).parents[1] / "crds"


@dataclass(frozen=True)
class World:
    """The service with the two real systems that it writes to."""

    service: Installation
    cluster: ClusterView
    netbox: NetBoxView

    @property
    def fabric(self) -> JSONSettings:
        """The fabric's settings, to be changed before a start."""
        settings: JSONSettings = self.service.fabric_settings
        return settings


JSONSettings = dict[str, dict[str, object]]


@pytest.fixture(scope="session")
def crds(kubernetes_server: KubernetesServer) -> None:
    """The kinds of Hedgehog, served."""
    kubernetes_server.apply_crds(CRDS)


@pytest.fixture(scope="module")
def shared(crds: None, kubernetes_server: KubernetesServer) -> Path:
    """The folder with real samples and a generator of large fabrics, whose CRDs are served; skips where it is not."""
    folder = shared_folder()
    if folder is None:
        pytest.skip("no samples beside the checkout (RECONCILER_SHARED)")
    serve(kubernetes_server, folder / "data" / "crds")
    return folder


@pytest.fixture
def world(
    crds: None,
    repository: Repository,
    namespace: str,
    kubernetes_server: KubernetesServer,
    netbox_server: NetBoxServer,
    tmp_path: Path,
) -> Iterator[World]:
    """A service that is laid out and not started."""
    fabric = f"f{secrets.token_hex(3)}"
    token = tmp_path / "netbox-token"
    token.touch(mode=0o600)
    token.write_text(netbox_server.token)
    targets = {
        "cluster": {"kubeconfig": str(kubernetes_server.kubeconfig), "namespace": namespace},
        "netbox": {"url": netbox_server.url, "token_file": str(token), "site": fabric},
    }
    service = lay_out(tmp_path / "service", repository, fabric, targets)
    found = World(service, ClusterView(kubernetes_server, namespace), NetBoxView(netbox_server, fabric))
    yield found
    service.close()
    found.netbox.session.close()


LOCAL: dict[str, object] = {"cluster": {"local": True}}
"""Targets of a fabric whose cluster is the embedded one: cheap, and all else is real."""


@pytest.fixture
def local_service(repository: Repository, tmp_path: Path) -> Iterator[Installation]:
    """A service with an embedded cluster and real Git, laid out and not started."""
    service = lay_out(tmp_path / "service", repository, "dc1", LOCAL)
    yield service
    service.close()


@pytest.fixture
def another_repository(git_server: GitServer) -> Iterator[Callable[[], Repository]]:
    """Makes empty repositories, which are gone after the test."""
    made = []

    def make() -> Repository:
        name = f"test-{secrets.token_hex(4)}"
        git_server.create_repository(name)
        made.append(name)
        return git_server.repository(name)

    yield make
    for name in made:
        git_server.delete_repository(name)
