"""Kinds that a cluster does not serve, or not yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import CRDS
from tests.e2e.fabrics import documents, files
from tests.e2e.installation import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import World
    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab

GROUP = """\
apiVersion: gateway.githedgehog.com/v1alpha1
kind: GatewayGroup
metadata: {name: default}
spec: {}
"""


@pytest.fixture
def without_gateway_groups(crds: None, kubernetes_server: KubernetesServer) -> Iterator[KubernetesServer]:
    """The cluster of an older release, which does not serve this kind."""
    kubernetes_server.kubectl("delete", "crd", "gatewaygroups.gateway.githedgehog.com")
    yield kubernetes_server
    kubernetes_server.apply_crds(CRDS)


def test_a_kind_that_is_not_served(world: World, without_gateway_groups: KubernetesServer) -> None:
    """The object of a kind that the cluster does not serve fails alone and is named; all others are applied."""
    world.fabric.pop("netbox")
    service = world.service
    service.start()

    service.push({**files(), "gateway-group.yaml": GROUP})
    status = service.wait_idle()

    kinds = {document.body["kind"] for document in documents()}
    assert sum(len(world.cluster.names(kind)) for kind in kinds) == len(files())
    assert (status["sync_status"], status["last_pass"]["outcome"]) == ("error", "partial")
    resources = service.get(f"/fabrics/{service.fabric}/resources")["resources"]
    (failed,) = [one for one in resources if one["state"] != "in_sync"]
    assert (failed["kind"], failed["name"], failed["reason"]) == ("GatewayGroup", "default", "KindNotServed")
    assert service.condition("PruneBlocked")["status"] == "False"


@pytest.mark.long
def test_a_kind_that_is_served_later(without_gateway_groups: KubernetesServer, world: World) -> None:
    """Once the cluster serves a kind, the objects of it that wait in Git are applied without anybody asking."""
    world.fabric.pop("netbox")
    service = world.service
    service.start()
    service.push({**files(), "gateway-group.yaml": GROUP})
    assert service.wait_idle()["sync_status"] == "error"

    without_gateway_groups.apply_crds(CRDS)

    wait_until(lambda: "default" in world.cluster.names("GatewayGroup"), seconds=90, what="the group is applied")
    wait_until(lambda: service.status()["sync_status"] == "in_sync", what="in sync")
