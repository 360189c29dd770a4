"""What the API of a fabric's cluster must grant: asked about by `check`, and the source of the RBAC manifests."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from reconciler.model.kinds import AGENTS, DECLARABLE, OBSERVED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSONObject
    from reconciler.model.kinds import Kind

ROLE = "hedgehog-reconciler"
DISCOVERY_ROLE = f"{ROLE}-discovery"
OBSERVER = "observer"

_RBAC_GROUP = "rbac.authorization.k8s.io"
_RBAC = f"{_RBAC_GROUP}/v1"


@dataclass(frozen=True, slots=True)
class Rights:
    """The same verbs on several kinds of objects, within the fabric's namespace."""

    kinds: tuple[Kind, ...]
    verbs: tuple[str, ...]


READ = Rights(OBSERVED, ("list", "watch"))
READ_AGENTS = Rights(AGENTS, ("list",))
"""Their status is polled. The API has no right to a status alone, so this one shows what their specs hold too."""

WRITE = Rights(DECLARABLE, ("get", "create", "patch", "delete"))
"""A server-side apply of an object that is not there needs both `create` and `patch`. `get` is for what a server up to
1.20 says only in part (who owns a field), and `delete` also for what cannot be changed in place.
"""


def needed_rights(*, is_observer: bool) -> tuple[Rights, ...]:
    """All that passes and watches need for the objects of a fabric; an observer writes none."""
    return (READ, READ_AGENTS) if is_observer else (READ, READ_AGENTS, WRITE)


@dataclass(frozen=True, slots=True)
class Account:
    """A ServiceAccount."""

    namespace: str
    name: str


def rbac_manifests(namespace: str, account: Account, *, is_observer: bool) -> Iterator[JSONObject]:
    """What grants the account exactly the needed rights on a fabric in `namespace`: a role there with its binding, and
    a cluster-wide one for what has no namespace.
    """
    role = f"{ROLE}-{OBSERVER}" if is_observer else ROLE
    yield {
        "apiVersion": _RBAC,
        "kind": "Role",
        "metadata": {"name": role, "namespace": namespace},
        "rules": list(_rules(needed_rights(is_observer=is_observer))),
    }
    yield _binding("Role", role, account, {"name": role, "namespace": namespace})
    yield {
        "apiVersion": _RBAC,
        "kind": "ClusterRole",
        "metadata": {"name": DISCOVERY_ROLE},
        "rules": list(_discovery_rules()),
    }
    # several accounts of one cluster may be bound to it
    yield _binding(
        "ClusterRole", DISCOVERY_ROLE, account, {"name": f"{DISCOVERY_ROLE}:{account.namespace}:{account.name}"}
    )


def _rules(rights: tuple[Rights, ...]) -> Iterator[JSONObject]:
    for right in rights:
        for group, kinds in groupby(sorted(right.kinds, key=lambda kind: kind.group), lambda kind: kind.group):
            plurals = sorted(kind.plural for kind in kinds)
            yield {"apiGroups": [group], "resources": plurals, "verbs": list(right.verbs)}


def _discovery_rules() -> Iterator[JSONObject]:
    """What clusters grant to every account unless somebody took it away: the version, the schemas of kinds, and to ask
    what one may do.
    """
    paths = ["/version", "/openapi/v2", "/openapi/v3", "/openapi/v3/*"]
    yield {"nonResourceURLs": paths, "verbs": ["get"]}
    reviews = ["selfsubjectaccessreviews"]
    yield {"apiGroups": ["authorization.k8s.io"], "resources": reviews, "verbs": ["create"]}


def _binding(kind: str, role: str, account: Account, metadata: JSONObject) -> JSONObject:
    return {
        "apiVersion": _RBAC,
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": {"apiGroup": _RBAC_GROUP, "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account.name, "namespace": account.namespace}],
    }
