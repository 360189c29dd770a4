"""A mutating webhook that no rule knows, on a real API server: applied once, told from drift, and asked about once."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from reconciler.model.fabric import ClusterPolicy
from reconciler.model.kinds import KINDS
from reconciler.model.objects import FIELD_MANAGER, Manifest, ObjectKey, Source
from reconciler.model.passes import Outcome, SyncState
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster
from reconciler.targets.local.faults import FaultyCluster
from tests.integration.test_cluster_contract import CRDS, ServerOthers
from tests.lab.certificates import Authority
from tests.unit.reconcile.rig import FABRIC, Rig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.objects import Resource
    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab

SERVER = KINDS["Server"]
LABEL = "lowering.example.com/namespace"
"""Of the namespaces that the webhook serves: servers up to 1.20 give them none by themselves."""

HOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


class _Lowering(BaseHTTPRequestHandler):
    """Stores descriptions in lower case."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = review["request"]
        description = request["object"].get("spec", {}).get("description")
        patch = [{"op": "replace", "path": "/spec/description", "value": description.lower()}] if description else []
        said = {"uid": request["uid"], "allowed": True, "patchType": "JSONPatch"}
        said["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
        answer = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": said}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def webhook(kubernetes_server: KubernetesServer, namespace: str, tmp_path: Path) -> Iterator[None]:
    """Admission that rewrites Servers in the test's namespace."""
    Authority(tmp_path).issue_server("webhook")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "webhook.crt", tmp_path / "webhook.key")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Lowering) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        name = f"lowering-{namespace}"
        labels = {"metadata": {"labels": {LABEL: namespace}}}
        path = f"/api/v1/namespaces/{namespace}"
        kubernetes_server.api.request("PATCH", path, labels, content_type="application/merge-patch+json")
        kubernetes_server.api.request("POST", HOOKS, _configuration(name, namespace, server.server_port, tmp_path))
        yield
        kubernetes_server.api.request("DELETE", f"{HOOKS}/{name}")
        server.shutdown()
        thread.join()


def _configuration(name: str, namespace: str, port: int, folder: Path) -> dict[str, object]:
    bundle = base64.b64encode((folder / "ca.crt").read_bytes()).decode()
    hook = {
        "name": "lowering.example.com",
        "clientConfig": {"url": f"https://127.0.0.1:{port}/", "caBundle": bundle},
        "rules": [
            {
                "apiGroups": [SERVER.group],
                "apiVersions": [SERVER.version],
                "resources": [SERVER.plural],
                "operations": ["CREATE", "UPDATE"],
            }
        ],
        "namespaceSelector": {"matchLabels": {LABEL: namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    return {**kind, "metadata": {"name": name}, "webhooks": [hook]}


class Site:
    """A fabric of one object, on a real cluster."""

    def __init__(self, rig: Rig, cluster: KubernetesCluster, namespace: str) -> None:
        self.rig = rig
        self.cluster = cluster
        rig.cluster = FaultyCluster(cluster)
        self.key = ObjectKey("Server", namespace, "server-01")
        self.manifest = Manifest(self.key, Source("server.yaml"), {"description": "Rack One"})
        rig.source.push([self.manifest])

    def live(self) -> Resource:
        (found,) = self.cluster.list(SERVER)
        return found

    def state(self) -> SyncState:
        return self.rig.states()[str(self.key)].state

    def run(self) -> list[str]:
        """One full pass; what it sent, and asked."""
        before = len(self.rig.cluster.calls)
        self.rig.run()
        return [call.verb for call in self.rig.cluster.calls[before:] if call.verb in {"apply", "dry_run"}]


@pytest.fixture
def site(kubernetes_server: KubernetesServer, namespace: str, webhook: None, tmp_path: Path) -> Iterator[Site]:
    """One pass applied the object, and the webhook stored it in another form."""
    kubernetes_server.apply_crds(CRDS)
    cluster = KubernetesCluster(ClusterAccess(kubeconfig=kubernetes_server.kubeconfig), namespace)
    fabric = replace(FABRIC, cluster=ClusterPolicy(namespace=namespace), netbox=None)
    rig = Rig(tmp_path, fabric)
    made = Site(rig, cluster, namespace)
    _wait_for_admission(made)
    assert made.run() == ["apply"]
    assert rig.last.outcome is Outcome.SUCCEEDED, rig.last.message
    yield made
    rig.store.close()
    cluster.close()


def _wait_for_admission(site: Site) -> None:
    """The server takes a moment to know of a new webhook."""
    deadline = time.monotonic() + 10
    body = site.manifest.body("dc1")
    while site.cluster.dry_run(body).spec["description"] != "rack one":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_one_apply_is_enough(site: Site, kubernetes_server: KubernetesServer) -> None:
    """Its answer is the proof; the next full pass sends nothing, by the server's own log."""
    mark = kubernetes_server.mark()

    assert site.run() == []
    assert site.live().spec == {"description": "rack one"}
    assert site.state() is SyncState.IN_SYNC
    assert kubernetes_server.writes_since(mark) == []


def test_applying_it_again_changes_nothing(site: Site) -> None:
    """Neither version nor generation move: the server counts what it stores, not what it was sent."""
    before = site.live()

    assert site.cluster.apply(site.manifest.body("dc1")) == before


def test_a_lost_state_costs_a_question(site: Site) -> None:
    """And no write."""
    before = site.live()
    site.rig.store.remember("dc1", {})

    assert [site.run(), site.run()] == [["dry_run"], []]
    assert site.live() == before
    assert site.state() is SyncState.IN_SYNC


def test_a_real_edit_is_healed(site: Site, kubernetes_server: KubernetesServer) -> None:
    """Of that very field, without a question; the conflict about it is forced."""
    ServerOthers(kubernetes_server).edit(site.key, {"spec": {"description": "Mine"}}, "kubectl-edit")

    assert [site.run(), site.run()] == [["apply", "apply"], []]
    assert site.live().spec == {"description": "rack one"}
    assert site.state() is SyncState.IN_SYNC


def test_an_apply_in_our_name_is_healed(site: Site, kubernetes_server: KubernetesServer) -> None:
    """The field stays that of our apply: the server says that ours would change it."""
    ours = {**site.manifest.body("dc1"), "spec": {"description": "Mine"}}
    ServerOthers(kubernetes_server).apply(ours, FIELD_MANAGER)

    assert [site.run(), site.run()] == [["dry_run", "apply"], []]
    assert site.live().spec == {"description": "rack one"}


def test_an_edit_in_our_name_is_healed(site: Site, kubernetes_server: KubernetesServer) -> None:
    """Who does not apply is another owner to the server, whatever he is called."""
    ServerOthers(kubernetes_server).edit(site.key, {"spec": {"description": "Mine"}}, FIELD_MANAGER)

    assert site.run()[-1] == "apply"
    assert site.live().spec == {"description": "rack one"}
    assert site.run() == []


def test_a_change_beside_ours_is_asked_about_once(site: Site, kubernetes_server: KubernetesServer) -> None:
    """A field that Git does not declare moves the generation, and nothing is drift."""
    ServerOthers(kubernetes_server).edit(site.key, {"spec": {"profile": "x"}}, "controller")

    assert [site.run(), site.run()] == [["dry_run"], []]
    assert site.state() is SyncState.IN_SYNC
