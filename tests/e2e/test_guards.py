"""What must not lead to deletes does not, on the real API server, and the status says why nothing was deleted.

That `prune` is off, that deletes are more than `max_deletes` and that a file is broken is shown in `test_main_path`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from reconciler.model.kinds import OBSERVED
from tests.e2e.fabrics import documents, file_name, files
from tests.e2e.installation import wait_until
from tests.lab.kubernetes_server import LIMITED_USER
from tests.lab.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.conftest import World
    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab

ROLE = "reconciler"
SERVER = """\
apiVersion: wiring.githedgehog.com/v1beta1
kind: Server
metadata: {name: new}
"""


def _attachments() -> dict[str, str | None]:
    """Every file that attaches a VPC, to be removed."""
    return {file_name(one): None for one in documents() if one.body["kind"] == "VPCAttachment"}


def test_a_fabric_that_git_empties(world: World) -> None:
    """Neither a directory without a document nor one that is gone deletes anything."""
    world.fabric["cluster"] |= {"prune": True, "max_deletes": 1000}
    world.fabric.pop("netbox")
    service = world.service
    service.start()
    service.wait_applied(service.push(files()))
    mark = world.cluster.mark()
    emptied: dict[str, str | None] = {**dict.fromkeys(files()), "README.md": "moved"}

    for change, sync_status, reason, said in (
        (emptied, "out_of_sync", "DesiredEmpty", "Git declares no object at all"),
        ({"README.md": None}, "error", "PathNotFound", "there is no such directory"),
    ):
        service.push(change)
        status, blocked = service.wait_idle(), service.condition("PruneBlocked")
        assert (status["sync_status"], blocked["status"], blocked["reason"]) == (sync_status, "True", reason)
        assert said in blocked["message"]
    assert world.cluster.everything() == {(one.body["kind"], one.name) for one in documents()}
    assert world.cluster.writes_since(mark) == []


def _role(namespace: str, unreadable: str = "") -> str:
    """May do everything to the fabric's kinds, but for reading one (its plural)."""
    writes, reads = ["create", "update", "patch", "delete"], ["get", "list", "watch"]
    rules = [
        {"apiGroups": [kind.group], "resources": [kind.plural], "verbs": writes + reads * (kind.plural != unreadable)}
        for kind in OBSERVED
    ]
    metadata = {"name": ROLE, "namespace": namespace}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules}
    return json.dumps(role)


@pytest.fixture
def limited(world: World, kubernetes_server: KubernetesServer, tmp_path: Path) -> Iterator[Proxy]:
    """The service acts as a user with a role, by way of a proxy."""
    namespace = world.cluster.namespace
    kubernetes_server.kubectl("apply", "--filename", "-", stdin=_role(namespace))
    binding = ("--role", ROLE, "--user", LIMITED_USER, "--namespace", namespace)
    kubernetes_server.kubectl("create", "rolebinding", ROLE, *binding)
    token = tmp_path / "cluster-token"
    token.touch(mode=0o600)
    token.write_text(kubernetes_server.limited_token)
    with Proxy(urlsplit(kubernetes_server.url).port or 0) as proxy:
        access = {"server": proxy.url, "token_file": str(token), "ca_file": str(kubernetes_server.ca_file)}
        world.fabric["cluster"] = {"namespace": namespace, "prune": True, **access}
        yield proxy
        world.service.close()


def test_a_kind_that_may_no_longer_be_read(world: World, limited: Proxy, kubernetes_server: KubernetesServer) -> None:
    """Nothing at all is deleted while the role does not let us list one kind, not even of other kinds; what else there
    is to do is done. Once the kind can be read again, what waited is deleted without anybody asking.
    """
    world.fabric.pop("netbox")
    service, namespace = world.service, world.cluster.namespace
    service.start()
    service.wait_applied(service.push(files()))
    attached = world.cluster.names("VPCAttachment")

    kubernetes_server.kubectl("apply", "--filename", "-", stdin=_role(namespace, "externals"))
    limited.cut()
    watch = f"watch/{service.fabric}/External"
    wait_until(lambda: service.healthz()["components"][watch]["reason"], what="the kind cannot be read")
    service.push(_attachments() | {"new.yaml": SERVER})
    status = service.wait_idle()

    assert attached
    assert world.cluster.names("VPCAttachment") == attached
    assert "new" in world.cluster.names("Server")
    assert (status["sync_status"], status["last_pass"]["outcome"]) == ("error", "failed")
    blocked = service.condition("PruneBlocked")
    assert (blocked["status"], blocked["reason"]) == ("True", "KindUnknown")
    assert "could not read External" in blocked["message"]
    (failure,) = service.passes()[0]["failures"]
    assert failure["subject"] == "kind External"
    assert "forbidden" in failure["message"]

    kubernetes_server.kubectl("apply", "--filename", "-", stdin=_role(namespace))
    wait_until(lambda: service.status()["sync_status"] == "in_sync", seconds=90, what="in sync again")
    assert world.cluster.names("VPCAttachment") == set()
