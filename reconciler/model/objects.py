"""Objects of a fabric: as Git declares them (`Manifest`) and as the cluster holds them (`Resource`)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from reconciler.model.kinds import KINDS, Kind

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject

Part = TypeVar("Part")

FIELD_MANAGER = "hedgehog-reconciler"
"""Our name in server-side apply. Load-bearing: an object that carries another name is not ours. Never rename."""

OUR_GROUP = "hnp.githedgehog.com/"
"""How the names of our annotations begin, those of earlier systems included."""

MANAGED_BY_ANNOTATION = f"{OUR_GROUP}managed-by"
FABRIC_ANNOTATION = f"{OUR_GROUP}fabric"
ORIGINAL_FILE_ANNOTATION = f"{OUR_GROUP}original-file"
ORIGINAL_INDEX_ANNOTATION = f"{OUR_GROUP}original-document-index"
GIT_ONLY_ANNOTATIONS = frozenset({ORIGINAL_FILE_ANNOTATION, ORIGINAL_INDEX_ANNOTATION})
"""Annotations that tell in Git where a document came from; they are not applied to the cluster."""


class ObjectKey(NamedTuple):
    """The identity of an object in one cluster. A tuple, because passes over large fabrics look up and sort hundreds of
    thousands of them.
    """

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def resource_kind(self) -> Kind:
        return KINDS[self.kind]


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """Where a document stands in Git: path from the repository's root, document index from 0, line from 1."""

    file: str
    document: int = 0
    line: int = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """A document of Git that declares one object.

    `spec` is the document's spec ({} when absent), `labels` and `annotations` those of its metadata
    without the annotations that stay in Git. Values are JSON; treat them as immutable.
    """

    key: ObjectKey
    source: Source
    spec: JSONObject
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)

    def body(self, fabric: str) -> JSONObject:
        """The object as server-side apply receives it, with the marks of ownership by `fabric`."""
        metadata: JSONObject = {"name": self.key.name, "namespace": self.key.namespace}
        if self.labels:
            metadata["labels"] = dict(self.labels)
        metadata["annotations"] = {**self.annotations, **ownership_marks(fabric)}
        kind = self.key.resource_kind
        return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": self.spec}


def ownership_marks(fabric: str) -> dict[str, str]:
    """The annotations that every applied object carries."""
    return {MANAGED_BY_ANNOTATION: FIELD_MANAGER, FABRIC_ANNOTATION: fabric}


def digest(body: JSONObject) -> str:
    """SHA-256 (hex) of a JSON object, independent of the order of its keys."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _checked(value: JSON, of: type[Part]) -> Part:
    if not isinstance(value, of):
        raise TypeError(f"{type(value).__name__} instead of {of.__name__}")
    return value


def _part(of: JSONObject, name: str, kind: type[Part]) -> Part:
    """A member of this type, an empty one where it is absent or null."""
    value = of.get(name)
    return kind() if value is None else _checked(value, kind)


def _shared_entry(entry: JSON) -> JSONObject:
    """An entry of managedFields, whose fieldsV1 is one value for all objects that have the same: objects of a kind are
    alike, and thousands of such trees would take more memory than all else that is known of a cluster.
    """
    fields = _part(_checked(entry, dict), "fieldsV1", dict)
    try:
        return {**entry, "fieldsV1": _shared_fields(json.dumps(fields))}
    except RecursionError:
        raise ValueError("metadata.managedFields is nested too deep") from None


@lru_cache(maxsize=4096)
def _shared_fields(text: str) -> JSONObject:
    fields: JSONObject = json.loads(text)
    return fields


@dataclass(frozen=True, slots=True)
class Resource:
    """An object as a cluster holds it, reduced to what decisions need. `has_owner`: another object owns it, and takes
    it along when it goes.
    """

    key: ObjectKey
    uid: str
    resource_version: str
    spec: JSONObject
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    managed_fields: tuple[JSONObject, ...] = ()
    generation: int = 0
    is_deleting: bool = False
    has_owner: bool = False

    @classmethod
    def from_body(cls, body: JSONObject, kind: Kind) -> Resource:
        """Read an object of the Kubernetes API. Absent or null parts become empty; the kind is the caller's,
        because items of a list carry none.

        Raises TypeError for a part of another type than the API's, ValueError without a name or for too deep a nesting.
        """
        metadata = _part(_checked(body, dict), "metadata", dict)
        name = _part(metadata, "name", str)
        if not name:
            raise ValueError("metadata.name")
        managed = _part(metadata, "managedFields", list)
        return cls(
            key=ObjectKey(kind.name, _part(metadata, "namespace", str), name),
            uid=_part(metadata, "uid", str),
            resource_version=_part(metadata, "resourceVersion", str),
            spec=_part(body, "spec", dict),
            labels=_part(metadata, "labels", dict),
            annotations=_part(metadata, "annotations", dict),
            managed_fields=tuple(map(_shared_entry, managed)),
            generation=_part(metadata, "generation", int),
            is_deleting=bool(metadata.get("deletionTimestamp")),
            has_owner=bool(_part(metadata, "ownerReferences", list)),
        )

    def our_fields(self) -> JSONObject | None:
        """The fieldsV1 of our applies, or None when we never applied this object (or lost every field)."""
        for entry in self.managed_fields:
            if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply":
                fields: JSONObject = entry.get("fieldsV1") or {}
                return fields
        return None

    def is_marked(self, fabric: str) -> bool:
        """Whether the object says that it belongs to `fabric`: both annotations and our field manager's entry."""
        marks = ownership_marks(fabric)
        return self.our_fields() is not None and all(self.annotations.get(k) == v for k, v in marks.items())
