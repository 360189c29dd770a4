"""The rights that are asked for and granted are those that the work needs, kind by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.kinds import AGENTS, DECLARABLE, KINDS, OBSERVED
from reconciler.plan.cluster_rights import Account, needed_rights, rbac_manifests

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject

ACCOUNT = Account("ops", "robot")
READ = {"list", "watch"}
WRITE = {"get", "create", "patch", "delete"}


def _needed(*, is_observer: bool) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for rights in needed_rights(is_observer=is_observer):
        for kind in rights.kinds:
            found.setdefault(f"{kind.group}/{kind.plural}", set()).update(rights.verbs)
    return found


def _manifests(*, is_observer: bool) -> dict[str, JSONObject]:
    return {one["kind"]: one for one in rbac_manifests("fabric", ACCOUNT, is_observer=is_observer)}


def _granted(role: JSONObject) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for rule in role["rules"]:
        for resource in (f"{group}/{plural}" for group in rule["apiGroups"] for plural in rule["resources"]):
            found.setdefault(resource, set()).update(rule["verbs"])
    return found


def test_who_applies_writes_what_git_may_hold() -> None:
    """Every kind is read; those that Git may hold are written; of agents there is a list and nothing else."""
    needed = _needed(is_observer=False)

    written = {f"{kind.group}/{kind.plural}" for kind in DECLARABLE}
    agents = {f"{kind.group}/{kind.plural}" for kind in AGENTS}
    assert needed.keys() == {f"{kind.group}/{kind.plural}" for kind in (*OBSERVED, *AGENTS)}
    assert {name for name, verbs in needed.items() if verbs == READ | WRITE} == written
    assert {name for name, verbs in needed.items() if verbs == {"list"}} == agents
    assert all(verbs == READ for name, verbs in needed.items() if name not in written | agents)


def test_an_observer_writes_nothing() -> None:
    """It lists and watches all the same kinds."""
    needed = _needed(is_observer=True)

    assert needed.keys() == _needed(is_observer=False).keys()
    assert set().union(*needed.values()) == READ


@pytest.mark.parametrize("is_observer", [False, True])
def test_the_role_grants_what_is_needed_and_nothing_else(is_observer: bool) -> None:  # noqa: FBT001 - a parameter
    """In the fabric's namespace, by name, without a wildcard."""
    role = _manifests(is_observer=is_observer)["Role"]

    assert role["metadata"]["namespace"] == "fabric"
    assert _granted(role) == _needed(is_observer=is_observer)
    assert "*" not in str(role)


def test_what_has_no_namespace_is_only_looked_at() -> None:
    """The version, the schemas, and what one may do oneself."""
    rules = _manifests(is_observer=False)["ClusterRole"]["rules"]

    assert rules == [
        {"nonResourceURLs": ["/version", "/openapi/v2", "/openapi/v3", "/openapi/v3/*"], "verbs": ["get"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews"], "verbs": ["create"]},
    ]


@pytest.mark.parametrize(("kind", "namespace"), [("RoleBinding", "fabric"), ("ClusterRoleBinding", None)])
def test_a_binding_is_for_the_account_alone(kind: str, namespace: str | None) -> None:
    """The account may be in another namespace than the fabric."""
    found = _manifests(is_observer=True)
    binding = found[kind]

    role = found[kind.removesuffix("Binding")]
    assert binding["metadata"].get("namespace") == namespace
    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == (role["kind"], role["metadata"]["name"])
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "robot", "namespace": "ops"}]


def test_every_kind_of_the_table_is_covered() -> None:
    """A kind that is added to the table is asked for without another line."""
    assert {f"{kind.group}/{kind.plural}" for kind in KINDS.values()} <= _needed(is_observer=True).keys()
