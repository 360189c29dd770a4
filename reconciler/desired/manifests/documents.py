"""One parsed document into a manifest, or into the reasons why it is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.model.kinds import KINDS
from reconciler.model.objects import (
    FABRIC_ANNOTATION,
    GIT_ONLY_ANNOTATIONS,
    MANAGED_BY_ANNOTATION,
    Manifest,
    ObjectKey,
    Source,
)
from reconciler.model.problems import Problem, Severity, dotted

if TYPE_CHECKING:
    from reconciler.desired.manifests.places import LoadedDocument
    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.problems import Path

_GROUPS = "githedgehog.com"
_CONTROLLER_KINDS = frozenset(
    {"SwitchProfile", "ServerProfile", "VPCInfo", "Agent", "Catalog", "DHCPSubnet", "GatewayAgent"},
)
"""Kinds of Hedgehog's groups that the fabric's controller writes."""

_TOP_LEVEL = frozenset({"apiVersion", "kind", "metadata", "spec"})
_METADATA = frozenset({"name", "namespace", "labels", "annotations"})
_SERVER_METADATA = frozenset(
    {
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    },
)
"""What an exported object carries; it means nothing in Git."""

_SERVER_LABEL = "fabric.githedgehog.com/"
"""The server deletes labels whose key contains this, and computes its own."""

_OUR_ANNOTATIONS = GIT_ONLY_ANNOTATIONS | {MANAGED_BY_ANNOTATION, FABRIC_ANNOTATION}
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LONGEST_NAME = 253

_QUOTED_LENGTH = 80


def read_document(document: LoadedDocument, file: str, namespace: str) -> tuple[Manifest | None, tuple[Problem, ...]]:
    """The manifest, None when the document is refused; and all that is wrong with it, warnings too.

    `namespace` is the only one accepted, and the one of documents that name none.
    """
    return _Reader(document, file, namespace).read()


def identity(value: JSON, namespace: str) -> ObjectKey | None:
    """The identity that a document claims, whatever else is wrong with it. It stands in the fabric's namespace even if
    the document names another: what its author meant is that object.
    """
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        return None
    kind, name = value.get("kind"), value["metadata"].get("name")
    known = KINDS.get(kind) if isinstance(kind, str) else None
    if known is None or not known.is_declarable or not _is_name(name):
        return None
    return ObjectKey(known.name, namespace, name)


def _is_name(name: JSON) -> bool:
    return isinstance(name, str) and len(name) <= _LONGEST_NAME and _SUBDOMAIN.fullmatch(name) is not None


def _quoted(value: JSON) -> str:
    """A value of a document in a message: with its line breaks and control characters escaped, and not for ever."""
    text = repr(value)
    return text if len(text) <= _QUOTED_LENGTH else f"{text[:_QUOTED_LENGTH]}…"


def _refusal_of_kind(kind: str, api_version: str) -> tuple[str, str]:
    """The rule and the message for a kind that Git may not hold."""
    if kind in _CONTROLLER_KINDS:
        return "ControllerKind", f"only the fabric's controller writes {kind} objects: Git cannot declare them"
    if kind.endswith("List"):
        return "UnknownKind", f"{_quoted(kind)} is not read: write each of its items as a document of its own"
    if api_version.partition("/")[0].endswith(_GROUPS):
        return "UnknownKind", f"{_quoted(kind)} is not a kind of Hedgehog that this version knows"
    message = f"{_quoted(kind)} ({_quoted(api_version)}) is not a kind of Hedgehog: only those are applied to a fabric"
    return "UnknownKind", message


class _Reader:
    """Collects problems while it reads one document."""

    def __init__(self, document: LoadedDocument, file: str, namespace: str) -> None:
        self._document = document
        self._namespace = namespace
        self._source = Source(file, document.index, document.line)
        self._key = identity(document.value, namespace)
        self._problems = [
            self._problem(finding.rule, finding.message, finding.path, finding.line, finding.severity)
            for finding in document.findings
        ]

    def read(self) -> tuple[Manifest | None, tuple[Problem, ...]]:
        # What breaks off is not judged further: it would be blamed for what its author did write.
        manifest = None if self._is_refused() else self._manifest()
        return None if self._is_refused() else manifest, tuple(self._problems)

    def _is_refused(self) -> bool:
        return any(problem.is_refusal for problem in self._problems)

    def _manifest(self) -> Manifest | None:
        body = self._document.value
        if not isinstance(body, dict):
            self._refuse("NotAnObject", "not a Kubernetes object: a mapping is wanted", ())
            return None
        self._check_kind(body)
        self._check_top_level(body)
        metadata = self._mapping(body, "metadata", ())
        self._check_metadata(metadata)
        labels = self._texts(metadata, "labels")
        annotations = self._texts(metadata, "annotations")
        spec = self._mapping(body, "spec", ())
        if self._key is None:
            return None
        return Manifest(self._key, self._source, spec, self._own_labels(labels), self._own_annotations(annotations))

    def _check_kind(self, body: JSONObject) -> None:
        for field in ("apiVersion", "kind"):
            if not isinstance(body.get(field), str) or not body[field]:
                self._refuse("MissingField", f"{field} is missing or not text", (field,))
                return
        kind, api_version = body["kind"], body["apiVersion"]
        known = KINDS.get(kind)
        if known is None or not known.is_declarable:
            self._refuse(*_refusal_of_kind(kind, api_version), ("kind",))
        elif api_version != known.api_version:
            message = f"{kind} is declared with apiVersion {known.api_version}, not {_quoted(api_version)}"
            self._refuse("UnknownKind", message, ("apiVersion",))

    def _check_top_level(self, body: JSONObject) -> None:
        for field in body:
            if field == "status":
                self._warn("StatusIgnored", "only the cluster writes status: it is ignored", (field,))
            elif field not in _TOP_LEVEL:
                self._refuse("UnknownField", "an object has apiVersion, kind, metadata and spec", (field,))

    def _check_metadata(self, metadata: JSONObject) -> None:
        for field in metadata:
            if field in _SERVER_METADATA:
                self._warn("ServerFieldIgnored", "only the cluster writes this: it is ignored", ("metadata", field))
            elif field not in _METADATA:
                message = "not supported here; metadata has name, namespace, labels and annotations"
                self._refuse("UnsupportedField", message, ("metadata", field))
        self._check_name(metadata)
        namespace = metadata.get("namespace")
        if namespace not in (None, self._namespace):
            message = f"the fabric's namespace is {self._namespace}, not {_quoted(namespace)}"
            self._refuse("WrongNamespace", message, ("metadata", "namespace"))

    def _check_name(self, metadata: JSONObject) -> None:
        name = metadata.get("name")
        if name is None:
            self._refuse("MissingName", "metadata.name is missing", ("metadata", "name"))
        elif not isinstance(name, str):
            self._refuse("InvalidName", f"the name {_quoted(name)} is not text: quote it", ("metadata", "name"))
        elif not _is_name(name):
            message = f"the name {_quoted(name)} is not a DNS subdomain (RFC 1123: a-z, 0-9, '-' and '.', at most 253)"
            self._refuse("InvalidName", message, ("metadata", "name"))

    def _mapping(self, parent: JSONObject, field: str, path: Path) -> JSONObject:
        """A mapping that may be absent or null."""
        value = parent.get(field)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._refuse("NotAMapping", f"{field} is not a mapping", (*path, field))
            return {}
        return value

    def _texts(self, metadata: JSONObject, field: str) -> dict[str, str]:
        values = self._mapping(metadata, field, ("metadata",))
        for key, value in values.items():
            if not isinstance(value, str):
                message = f"the value {_quoted(value)} is not text: quote it"
                self._refuse("NotText", message, ("metadata", field, key))
        return values

    def _own_labels(self, labels: dict[str, str]) -> dict[str, str]:
        for key in labels:
            if _SERVER_LABEL in key:
                message = "the server computes labels of this group itself: this one is ignored"
                self._warn("ServerLabelIgnored", message, ("metadata", "labels", key))
        return {key: value for key, value in labels.items() if _SERVER_LABEL not in key}

    def _own_annotations(self, annotations: dict[str, str]) -> dict[str, str]:
        if _LAST_APPLIED in annotations:
            message = "kubectl's own record: it is ignored"
            self._warn("ServerFieldIgnored", message, ("metadata", "annotations", _LAST_APPLIED))
        dropped = _OUR_ANNOTATIONS | {_LAST_APPLIED}
        return {key: value for key, value in annotations.items() if key not in dropped}

    def _refuse(self, rule: str, message: str, path: Path) -> None:
        line = self._document.line_of(path)
        self._problems.append(self._problem(rule, message, path, line, Severity.ERROR))

    def _warn(self, rule: str, message: str, path: Path) -> None:
        line = self._document.line_of(path)
        self._problems.append(self._problem(rule, message, path, line, Severity.WARNING))

    def _problem(self, rule: str, message: str, path: Path, line: int, severity: Severity) -> Problem:
        key = self._key
        return Problem(self._source.file, self._source.document, line, dotted(path), rule, message, severity, key)
