"""The promises of `ports.ClusterEvents`, kept by the embedded cluster's."""

from __future__ import annotations

import pytest

from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.events import MemoryEvents
from reconciler.targets.local.memory import MemoryDocuments
from tests.contract.cluster_events import ClusterEventsContract
from tests.contract.test_cluster import LocalOthers, vpc


class TestMemoryEvents(ClusterEventsContract):
    @pytest.fixture
    def cluster(self) -> LocalCluster:
        return LocalCluster(MemoryDocuments(), "lab")

    @pytest.fixture
    def events(self, cluster: LocalCluster) -> MemoryEvents:
        return MemoryEvents(cluster)

    @pytest.fixture
    def others(self, cluster: LocalCluster) -> LocalOthers:
        return LocalOthers(cluster)

    @pytest.fixture
    def namespace(self) -> str:
        return "default"

    @pytest.fixture
    def expired_version(self, cluster: LocalCluster, events: MemoryEvents) -> str:
        cluster.apply(vpc("default", name="before"))
        events.expire()
        return "0"
