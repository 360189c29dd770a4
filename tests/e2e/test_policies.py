"""What a fabric is allowed to do, and what its cluster lets it do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from reconciler.demo.fabric import render
from tests.e2e.conftest import CRDS
from tests.e2e.fabrics import documents, files

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


def test_without_self_heal_drift_is_shown(world: World) -> None:
    """A declared field that somebody changed stays as it is and keeps the fabric out of sync until it is put back."""
    world.fabric["cluster"]["self_heal"] = False
    world.fabric.pop("netbox")
    service = world.service
    service.start()
    service.wait_applied(service.push(files()))
    vpc = next(document for document in documents() if document.body["kind"] == "VPC")
    subnet, content = next(iter(yaml.safe_load(render(vpc))["spec"]["subnets"].items()))

    def set_vlan(vlan: int) -> None:
        world.cluster.patch("VPC", vpc.name, f'{{"spec":{{"subnets":{{"{subnet}":{{"vlan":{vlan}}}}}}}}}')

    set_vlan(content["vlan"] + 800)
    assert service.reconcile()["outcome"] == "succeeded"
    status = service.status()
    assert world.cluster.read("VPC", vpc.name)["spec"]["subnets"][subnet]["vlan"] == content["vlan"] + 800
    assert (status["sync_status"], status["drift"]["count"]) == ("out_of_sync", 1)

    set_vlan(content["vlan"])
    service.reconcile()
    status = service.status()
    assert (status["sync_status"], status["drift"]["count"]) == ("in_sync", 0)
