"""Documents that the cluster's schemas do not allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.kinds import DECLARABLE
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster
from tests.e2e.fabrics import documents, files
from tests.e2e.installation import wait_until

if TYPE_CHECKING:
    from tests.e2e.conftest import World
    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab

WRONG_TYPE = """\
apiVersion: vpc.githedgehog.com/v1beta1
kind: VPC
metadata: {name: wrong-type}
spec:
  subnets:
    a:
      subnet: 10.1.1.0/24
      vlan: "1901"
"""

UNKNOWN_FIELD = """\
# The field is called subnet.
apiVersion: vpc.githedgehog.com/v1beta1
kind: VPC
metadata: {name: unknown}
spec:
  subnets:
    a: {subnett: 10.1.2.0/24, vlan: 1902}
"""

BAD_PATTERN = """\
apiVersion: wiring.githedgehog.com/v1beta1
kind: Connection
metadata: {name: bad-pattern}
spec:
  fabric:
    links:
    - spine: {port: spine-01/E1/31, ip: 172.30.9.0/31}
      leaf:
        port: leaf-01/E1/31
        ip: 172.30.9.1
"""

WRONG = {"wrong/type.yaml": WRONG_TYPE, "wrong/field.yaml": UNKNOWN_FIELD, "wrong/pattern.yaml": BAD_PATTERN}


@pytest.fixture
def told(crds: None, kubernetes_server: KubernetesServer) -> None:
    """The server tells of schemas a moment after it serves their kinds."""
    cluster = KubernetesCluster(ClusterAccess(kubeconfig=kubernetes_server.kubeconfig), "default")
    wait_until(
        lambda: all(cluster.served().schema(kind) for kind in DECLARABLE), seconds=90, what="the schemas are told"
    )
    cluster.close()


def test_wrong_documents_are_not_sent(world: World, told: None) -> None:
    """Each is named with file, line, field and rule, and no request is made for it; all others are applied."""
    world.fabric.pop("netbox")
    service = world.service
    service.push({**files(), **WRONG}, deliver=False)
    mark = world.cluster.mark()
    service.start()

    status = service.wait_idle()

    found = [(one["file"], one["document"], one["line"], one["field"], one["rule"]) for one in status["problems"]]
    assert found == [
        (f"{service.path}/wrong/field.yaml", 0, 7, "spec.subnets.a.subnett", "UnknownField"),
        (f"{service.path}/wrong/pattern.yaml", 0, 10, "spec.fabric.links[0].leaf.ip", "PatternMismatch"),
        (f"{service.path}/wrong/type.yaml", 0, 8, "spec.subnets.a.vlan", "WrongType"),
    ]
    assert (status["sync_status"], status["last_pass"]["outcome"]) == ("error", "partial")
    written = {name for _, _, name in world.cluster.writes_since(mark)}
    assert written == {document.name for document in documents()}


def test_a_corrected_document_is_sent(world: World, told: None) -> None:
    """Once its author has put it right, the fabric is in sync."""
    world.fabric.pop("netbox")
    service = world.service
    service.push({**files(), "wrong/type.yaml": WRONG_TYPE}, deliver=False)
    service.start()
    assert service.wait_idle()["sync_status"] == "error"

    status = service.wait_applied(service.push({"wrong/type.yaml": WRONG_TYPE.replace('"', "")}))

    assert status["sync_status"] == "in_sync"
    assert "wrong-type" in world.cluster.names("VPC")
