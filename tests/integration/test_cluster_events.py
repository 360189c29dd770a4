"""The promises of `ports.ClusterEvents`, kept on a real Kubernetes API server; and what only a server does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster
from reconciler.targets.kubernetes.events import KubernetesEvents
from tests.contract.cluster_events import ClusterEventsContract
from tests.integration.test_cluster_contract import CRDS, ServerOthers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab


@pytest.fixture(scope="session")
def served(kubernetes_server: KubernetesServer) -> KubernetesServer:
    """The server with the Hedgehog kinds."""
    kubernetes_server.apply_crds(CRDS)
    return kubernetes_server


@pytest.fixture
def access(served: KubernetesServer) -> ClusterAccess:
    return ClusterAccess(kubeconfig=served.kubeconfig)


@pytest.fixture
async def events(access: ClusterAccess, namespace: str) -> AsyncIterator[KubernetesEvents]:
    made = KubernetesEvents(access, namespace)
    yield made
    await made.close()


@pytest.fixture
def cluster(access: ClusterAccess, namespace: str) -> Iterator[KubernetesCluster]:
    made = KubernetesCluster(access, namespace)
    yield made
    made.close()


@pytest.fixture
def others(served: KubernetesServer) -> ServerOthers:
    return ServerOthers(served)


class TestKubernetesEvents(ClusterEventsContract):
    """On the server of the lab, each test in a namespace of its own."""

    @pytest.fixture
    def expired_version(self) -> str:
        """Before the server's memory of VPCs, which begins with the definition of the kind."""
        return "1"
