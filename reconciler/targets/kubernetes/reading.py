"""Where the objects of a kind are in the Kubernetes API, and how its answers are read."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from reconciler.errors import ClusterUnavailableError
from reconciler.model.objects import Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.json import JSON
    from reconciler.model.kinds import Kind
    from reconciler.targets.kubernetes.transport import Answer


def collection(kind: Kind, namespace: str) -> str:
    """The path of all objects of a kind in a namespace."""
    return f"/apis/{kind.group}/{kind.version}/namespaces/{quote(namespace, safe='')}/{kind.plural}"


def read_items(answer: Answer, kind: Kind, address: str) -> Sequence[JSON]:
    """The items of a page of a list. Raises ClusterUnavailableError for an answer that is no list."""
    items = answer.body.get("items") if isinstance(answer.body, dict) else None
    if not isinstance(items, list):
        raise ClusterUnavailableError(f"list {kind.name}: {address} answered something that is not a list")
    return items


def read_resource(body: JSON, kind: Kind, address: str) -> Resource:
    """An object as we keep it. Raises ClusterUnavailableError for what is none."""
    try:
        return Resource.from_body(body, kind)
    except (KeyError, TypeError, AttributeError):
        raise ClusterUnavailableError(f"{address} answered something that is no {kind.name}") from None
