"""Objects that only a real cluster has, into real Git, and from there under our management."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from reconciler.model.kinds import KINDS
from reconciler.model.objects import FABRIC_ANNOTATION, FIELD_MANAGER
from reconciler.plan.structure import ensure
from tests.contract.git_branch import GitBranch
from tests.e2e.conftest import CRDS
from tests.e2e.crds import serve
from tests.e2e.fabrics import SMALL, documents
from tests.e2e.installation import lay_out
from tests.e2e.targets import ClusterView

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.installation import Installation
    from tests.lab.git_server import Repository
    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab

VPC = {"ipv4Namespace": "default", "vlanNamespace": "default"}
SERVER_FORM = {
    **VPC,
    "subnets": {
        "default": {
            "subnet": "10.0.177.0/24",
            "gateway": "10.0.177.1",
            "vlan": 1777,
            "dhcp": {"enable": True, "range": {"start": "10.0.177.2", "end": "10.0.177.255"}},
        }
    },
}
"""A VPC as the fabric's admission stores it."""

SET, COMPLETED = {"flapThreshold": 5}, {"flapThreshold": 5, "recoveryInterval": 300, "samplingInterval": 30}
"""Part of a switch as people write it, and as the API server stores it by the defaults of its schema."""


class Grown:
    """A fabric that people made with kubectl, and of which Git holds nothing yet but the structure."""

    def __init__(self, service: Installation, cluster: ClusterView) -> None:
        self.service, self.cluster = service, cluster
        self.git = GitBranch(service.repository.path)
        structure = ensure(service.fabric, service.path, ()).changes
        service.repository.push_files({one.path: (one.content or b"").decode() for one in structure})
        made = [one.body for one in documents(SMALL)]
        next(body for body in made if body["metadata"]["name"] == "leaf-01")["spec"]["linkFlapErrDisable"] = SET
        self.made = {f"{body['kind']}/{body['metadata']['name']}" for body in made} | {"VPC/grown"}
        self._create([*made, _body("VPC", "grown", SERVER_FORM), _body("GatewayGroup", "default", {})])
        owner = {"apiVersion": KINDS["VPC"].api_version, "kind": "VPC", "name": "grown"}
        uid = cluster.read("VPC", "grown")["metadata"]["uid"]
        owned = _body("VLANNamespace", "derived", {"ranges": [{"from": 10, "to": 20}]})
        owned["metadata"]["ownerReferences"] = [{**owner, "uid": uid}]
        self._create([owned])

    def _create(self, bodies: list[dict[str, Any]]) -> None:
        for body in bodies:
            body["metadata"]["namespace"] = self.cluster.namespace
        items = {"apiVersion": "v1", "kind": "List", "items": bodies}
        self.cluster.server.kubectl("apply", "--filename", "-", stdin=json.dumps(items))

    def adopt(self, *arguments: str) -> dict[str, Any]:
        """What the command says, in JSON."""
        configuration = str(self.service.process.configuration)
        command = ("adopt", self.service.fabric, "--config", configuration, "--output", "json", *arguments)
        said = self.service.run_cli(*command)
        assert said.returncode == 0, said.stdout + said.stderr
        found: dict[str, Any] = json.loads(said.stdout)
        return found

    def below(self, directory: str) -> dict[str, str]:
        """The files below a directory of the fabric's, at the tip."""
        start = f"{self.service.path}/{directory}/"
        files = self.git.files(self.git.history()[-1])
        return {name: text for name, text in files.items() if name.startswith(start) and not name.endswith(".gitkeep")}

    def generations(self) -> dict[tuple[str, str], int]:
        """How often each object's spec was changed."""
        found = {}
        for kind, name in self.cluster.everything():
            found[kind, name] = self.cluster.read(kind, name)["metadata"]["generation"]
        return found


def _body(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": KINDS[kind].api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}


@pytest.fixture
def grown(
    repository: Repository, namespace: str, kubernetes_server: KubernetesServer, tmp_path: Path
) -> Iterator[Grown]:
    serve(kubernetes_server, CRDS)  # with the schemas, by whose defaults objects are completed
    fabric = f"f{secrets.token_hex(3)}"
    targets = {"cluster": {"kubeconfig": str(kubernetes_server.kubeconfig), "namespace": namespace}}
    service = lay_out(tmp_path / "service", repository, fabric, targets)
    service.write_settings()
    yield Grown(service, ClusterView(kubernetes_server, namespace))
    service.close()


def test_a_grown_fabric_comes_under_management(grown: Grown) -> None:
    """Adopted to `unmanaged/` once, in one commit; adopted to `managed/`, where the service takes it up: it marks every
    object as ours, and changes none.
    """
    service, cluster, git = grown.service, grown.cluster, grown.git
    mark, specs, generations = cluster.mark(), cluster.specs(), grown.generations()
    start = len(git.history())

    told = grown.adopt("--dry-run")
    assert (told["revision"], len(git.history())) == (None, start)

    told = grown.adopt()
    created = {f"{one['kind']}/{one['name']}" for one in told["objects"] if one["outcome"] == "created"}
    left = {f"{one['kind']}/{one['name']}": one["rule"] for one in told["objects"] if one["outcome"] == "left"}
    assert (created, left) == (
        grown.made,
        {"VLANNamespace/derived": "Owned", "GatewayGroup/default": "MadeByController"},
    )
    assert len(git.history()) == start + 1
    assert len(grown.below("unmanaged")) == len(grown.made)
    assert f"Adopt {len(grown.made)} objects" in git.message(git.history()[-1])
    text = grown.below("unmanaged")[f"{service.path}/unmanaged/vpcs/grown.yaml"]
    assert text.partition("spec:\n")[2] == (
        "  subnets:\n    default:\n      dhcp:\n        enable: true\n      subnet: 10.0.177.0/24\n      vlan: 1777\n"
    )
    leaf = grown.below("unmanaged")[f"{service.path}/unmanaged/switches/leaf-01.yaml"]
    assert specs["Switch/leaf-01"]["linkFlapErrDisable"] == COMPLETED
    assert yaml.safe_load(leaf)["spec"]["linkFlapErrDisable"] == SET
    assert "last-applied" not in "".join(grown.below("unmanaged").values())

    assert grown.adopt()["revision"] is None
    assert len(git.history()) == start + 1

    grown.adopt("--managed")
    commit = git.history()[-1]
    assert len(git.history()) == start + 2
    assert (len(grown.below("managed")), grown.below("unmanaged")) == (len(grown.made), {})
    assert cluster.writes_since(mark) == []

    service.start()
    status = service.wait_applied(commit)
    assert (status["sync_status"], status["problems"], git.history()[-1]) == ("in_sync", [], commit)
    assert (cluster.specs(), grown.generations()) == (specs, generations)
    metadata = cluster.read("VPC", "grown")["metadata"]
    assert metadata["annotations"][FABRIC_ANNOTATION] == service.fabric
    assert FIELD_MANAGER in {one["manager"] for one in metadata["managedFields"]}

    mark = cluster.mark()
    assert service.reconcile()["state"] == "succeeded"
    assert cluster.writes_since(mark) == []
