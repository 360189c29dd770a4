"""What a server's OpenAPI documents say of the kinds that we know. Pure; of whatever quality they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.model.kinds import KINDS
from reconciler.model.served import Schema, ServedKind
from reconciler.plan.lenient import mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject

GROUPS = frozenset(kind.group for kind in KINDS.values())

_GROUP = re.compile(r"apis/([^/]+)/[^/]+")
_COLLECTION = re.compile(r"/apis/([^/]+)/([^/]+)/namespaces/\{namespace\}/([^/]+)")
_SAYS_KIND = "x-kubernetes-group-version-kind"


def documents_of(index: JSON) -> dict[str, str]:
    """The documents of our groups in the index at `/openapi/v3`: by path below it, what changes with the content.

    Raises ValueError for what is no such index.
    """
    paths = mapping(mapping(index).get("paths"))
    if not paths:
        raise ValueError("no paths")
    found = ((path, _GROUP.fullmatch(path), mapping(entry).get("serverRelativeURL")) for path, entry in paths.items())
    return {path: str(url) for path, group, url in found if group is not None and group[1] in GROUPS}


def kinds_of(document: JSON) -> Iterator[ServedKind]:
    """The kinds of our groups that a document of version 2 or 3 describes, each in every version.

    A kind is served where there is a path for its objects; its schema is the one that says to be of this kind alone.
    """
    body = mapping(document)
    components = mapping(mapping(body.get("components")).get("schemas"))
    schemas = dict(_schemas(components or mapping(body.get("definitions"))))
    for path, operations in mapping(body.get("paths")).items():
        found = _COLLECTION.fullmatch(path)
        kind = _kind(operations)
        if found is not None and found[1] in GROUPS and kind is not None:
            group, version, plural = found.groups()
            yield ServedKind(kind, group, version, plural, Schema.of_object(schemas.get((group, version, kind))))


def _schemas(definitions: JSONObject) -> Iterator[tuple[tuple[str, ...], JSONObject]]:
    """The schemas of kinds, by group, version and kind. Those of several kinds, as of delete options, are none."""
    for schema in map(mapping, definitions.values()):
        match schema.get(_SAYS_KIND):
            case [{"group": str(group), "version": str(version), "kind": str(kind)}]:
                yield (group, version, kind), schema


def _kind(operations: JSON) -> str | None:
    """The kind that the operations of a path are about."""
    for operation in map(mapping, mapping(operations).values()):
        kind = mapping(operation.get(_SAYS_KIND)).get("kind")
        if isinstance(kind, str):
            return kind
    return None
