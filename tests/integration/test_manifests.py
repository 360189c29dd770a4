"""The Kubernetes manifests as a real API server takes them: every object, in a dry run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.lab.commands import run
from tests.lab.errors import LabError
from tests.lab.kubectl import kubectl_program
from tests.lab.progress import Progress

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab

MANIFESTS = Path(__file__).parents[2] / "deploy" / "kubernetes"
NAMESPACE = "hedgehog-reconciler"
MONITORS = "servicemonitors.monitoring.coreos.com"
STRING = {"type": "string"}
STRINGS = {"type": "object", "additionalProperties": STRING}
MONITOR = {
    "selector": {"type": "object", "properties": {"matchLabels": STRINGS}},
    "endpoints": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                **dict.fromkeys(("port", "path", "interval"), STRING),
                "authorization": {"type": "object", "properties": {"credentials": STRINGS}},
            },
        },
    },
}
"""Of the real kind's spec what our manifest uses."""


@pytest.fixture(scope="module")
def server(kubernetes_server: KubernetesServer, tmp_path_factory: pytest.TempPathFactory) -> KubernetesServer:
    """With the namespace of the service, which a dry run does not make, and a kind of the Prometheus operator."""
    kubernetes_server.api.create_namespace(NAMESPACE)
    folder = tmp_path_factory.mktemp("crds")
    (folder / "monitors.yaml").write_text(yaml.safe_dump(_monitors()))
    kubernetes_server.apply_crds(folder)
    return kubernetes_server


def _monitors() -> JSONObject:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": MONITOR}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "ServiceMonitor", "plural": "servicemonitors"}
    spec = {"group": "monitoring.coreos.com", "scope": "Namespaced", "names": names, "versions": [version]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": MONITORS},
        "spec": spec,
    }


def _kubectl(server: KubernetesServer, *arguments: str, stdin: str = "") -> str:
    """Raises `LabError` with what kubectl said."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(server.kubeconfig.parent), "KUBECONFIG": str(server.kubeconfig)}
    return run([kubectl_program(Progress()), *arguments], timeout=120, env=environment, stdin=stdin)


def _try(server: KubernetesServer, manifests: str) -> list[str]:
    """What the server would make of them, as `kind/name`. Fields that it does not know are an error."""
    options = ("--dry-run=server", "--validate=strict", "--output=name", "--filename=-")
    return _kubectl(server, "apply", *options, stdin=manifests).split()


SERVICE = {
    "ConfigMap",
    "Deployment",
    "Namespace",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "Service",
    "ServiceAccount",
}
RIGHTS = {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}


@pytest.mark.parametrize(
    ("folder", "kinds"),
    [
        ("base", SERVICE),
        ("rbac/apply", RIGHTS),
        ("rbac/observe", RIGHTS),
        ("monitoring", {"ServiceMonitor"}),
        ("overlays/example", {*SERVICE, *RIGHTS, "ServiceMonitor", "Ingress"}),
    ],
)
def test_every_object_is_taken(server: KubernetesServer, folder: str, kinds: set[str]) -> None:
    """As kustomize renders them; nothing of them is left in the cluster."""
    rendered = _kubectl(server, "kustomize", str(MANIFESTS / folder))

    taken = _try(server, rendered)

    assert {name.partition("/")[0].partition(".")[0] for name in taken} == {kind.lower() for kind in kinds}
    assert len(taken) == len(list(yaml.safe_load_all(rendered)))


@pytest.mark.parametrize(
    ("kind", "replaced"),
    [
        pytest.param("Deployment", ("replicas:", "replica:"), id="an unknown field"),
        pytest.param("Deployment", ("runAsUser: 10001", "runAsUser: root"), id="a wrong type"),
        pytest.param("Service", ("port: 80", "port: 800000"), id="a value out of range"),
    ],
)
def test_what_is_wrong_is_not_taken(server: KubernetesServer, kind: str, replaced: tuple[str, str]) -> None:
    """The dry run tells good manifests from bad ones."""
    rendered = yaml.safe_load_all(_kubectl(server, "kustomize", str(MANIFESTS / "base")))
    (found,) = [yaml.safe_dump(one) for one in rendered if one["kind"] == kind]
    assert replaced[0] in found

    with pytest.raises(LabError, match="kubectl failed"):
        _try(server, found.replace(*replaced))
