"""The kinds of Hedgehog, served as a folder of CRDs defines them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from reconciler.desired.manifests.crds import read_crds
from reconciler.model.kinds import DECLARABLE
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster
from tests.e2e.installation import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.served import Served
    from tests.lab.kubernetes_server import KubernetesServer


def serve(server: KubernetesServer, folder: Path) -> None:
    """Apply the CRDs in a folder, and wait until the server tells of their schemas too, which takes it seconds more:
    documents are checked by what it tells.
    """
    server.apply_crds(folder)
    wanted = _fields_of(read_crds(folder))
    with closing(KubernetesCluster(ClusterAccess(kubeconfig=server.kubeconfig), "default")) as cluster:
        wait_until(lambda: _fields_of(cluster.served()) == wanted, seconds=90, what="the schemas are told")


def _fields_of(served: Served) -> dict[str, JSON]:
    found = {kind.name: served.schema(kind) for kind in DECLARABLE}
    return {name: _fields(schema.body) for name, schema in found.items() if schema}


def _fields(schema: JSON) -> JSONObject:
    """The names of what a schema allows, and nothing else of it: what is told is worded a little differently."""
    if not isinstance(schema, dict):
        return {}
    inner = {f"<{name}>": schema[name] for name in ("items", "additionalProperties") if name in schema}
    members = {**(schema.get("properties") or {}), **inner}
    return {name: _fields(member) for name, member in members.items()}
