"""What Git may not declare is refused by name; the rest is applied, and every count and state says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from tests.e2e.fabrics import files

if TYPE_CHECKING:
    from tests.e2e.conftest import World

pytestmark = pytest.mark.lab


def _document(kind: str, name: str, api_version: str, namespace: str | None = None) -> str:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return yaml.safe_dump({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": {}})


REFUSED = {
    "secret.yaml": (_document("Secret", "s", "v1"), "UnknownKind", "kind"),
    "catalog.yaml": (_document("Catalog", "c", "agent.githedgehog.com/v1beta1"), "ControllerKind", "kind"),
    "agent.yaml": (_document("Agent", "leaf-01", "agent.githedgehog.com/v1beta1"), "ControllerKind", "kind"),
    "elsewhere.yaml": (
        _document("Server", "far", "wiring.githedgehog.com/v1beta1", "elsewhere"),
        "WrongNamespace",
        "metadata.namespace",
    ),
    "reference.yaml": (
        yaml.safe_dump(
            {
                "apiVersion": "vpc.githedgehog.com/v1beta1",
                "kind": "VPCAttachment",
                "metadata": {"name": "lost"},
                "spec": {"connection": "nowhere", "subnet": "vpc-01/default"},
            }
        ),
        "MissingReference",
        "spec.connection",
    ),
}
"""By file: its text, and the rule and the field that it is refused by."""


def test_what_git_may_not_declare(world: World) -> None:
    """Other kinds, those of controllers, another namespace and a reference to nothing: each is refused with its place
    and sent nowhere, everything else is in sync, and counts and states tell the two apart.
    """
    service = world.service
    world.fabric.pop("netbox")
    service.start()
    service.wait_applied(service.push(files()))
    service.wait_idle()
    mark = world.cluster.mark()

    service.push({name: text for name, (text, _, _) in REFUSED.items()})
    status = service.wait_idle()

    assert (status["sync_status"], status["reason"]) == ("error", "DocumentsRefused")
    found = {one["file"].rpartition("/")[2]: (one["rule"], one["field"]) for one in status["problems"]}
    assert found == {name: (rule, field) for name, (_, rule, field) in REFUSED.items()}
    assert all(one["line"] >= 1 and one["message"] for one in status["problems"])
    assert world.cluster.writes_since(mark) == []

    attachments = status["kinds"]["VPCAttachment"]
    assert (attachments["failed"], attachments["in_sync"]) == (1, attachments["desired"] - 1)
    assert status["kinds"]["VPC"]["failed"] == 0
    resources = service.get(f"/fabrics/{service.fabric}/resources")["resources"]
    failed = {one["name"]: one["reason"] for one in resources if one["state"] == "failed"}
    assert failed["lost"] == "MissingReference"
    (newest, *_) = service.passes()
    assert newest["outcome"] == "partial"
