"""What a cluster serves, from a folder of CustomResourceDefinitions instead of from the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.desired.manifests.loader import load
from reconciler.errors import ConfigurationError
from reconciler.model.problems import Severity
from reconciler.model.served import Schema, Served, ServedKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.desired.manifests.places import LoadedDocument
    from reconciler.model.json import JSON, JSONObject

MAX_FILE = 16 * 1024 * 1024
"""Bytes of one file."""

_KIND = "CustomResourceDefinition"
_API_VERSION = "apiextensions.k8s.io/v1"


def read_crds(folder: Path) -> Served:
    """The kinds that the CRDs in the folder's `*.yaml` and `*.yml` define; other documents there mean nothing.

    Raises ConfigurationError, which names the file, for one that cannot be read or is no CRD although it says so, for a
    kind that is defined twice, and where the folder defines none that the reconciler knows.
    """
    found: dict[tuple[str, ...], tuple[Path, ServedKind]] = {}
    for file in _files(folder):
        for one in _read_file(file):
            other, known = found.setdefault((one.group, one.name, one.version), (file, one))
            if known is not one:
                raise ConfigurationError(f"{other} and {file} both define {one.name} ({one.group}/{one.version})")
    served = Served.of(one for _, one in found.values())
    if not served.kinds:
        raise ConfigurationError(f"{folder} holds no CustomResourceDefinition of Hedgehog")
    return served


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.suffix in {".yaml", ".yml"})
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be read: {error.strerror}") from None


def _read_file(file: Path) -> Iterator[ServedKind]:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    if len(data) > MAX_FILE:
        raise ConfigurationError(f"{file} has more than {MAX_FILE:,} bytes")
    for document in load(data):
        yield from _read_document(document, file)


def _read_document(document: LoadedDocument, file: Path) -> Iterator[ServedKind]:
    for finding in document.findings:
        if finding.severity is Severity.ERROR:
            raise ConfigurationError(f"{file}, line {finding.line}: {finding.message}")
    body = document.value
    if not isinstance(body, dict) or body.get("kind") != _KIND:
        return
    if body.get("apiVersion") != _API_VERSION:
        raise ConfigurationError(f"{file}, line {document.line}: a {_KIND} of {_API_VERSION} is wanted")
    try:
        yield from _kinds(body)
    except _MissingError as error:
        raise ConfigurationError(f"{file}, line {document.line}: a {_KIND} without {error}") from None


class _MissingError(Exception):
    """A CRD lacks a part, or has something else in its place. The message is its dotted path."""


def _kinds(crd: JSONObject) -> Iterator[ServedKind]:
    """The kind in each version that is served."""
    group, name, plural = (_part(crd, path, str) for path in ("spec.group", "spec.names.kind", "spec.names.plural"))
    for version in _part(crd, "spec.versions", list):
        if not isinstance(version, dict) or not isinstance(version.get("name"), str):
            raise _MissingError("spec.versions[].name")
        if version.get("served"):
            schema = version.get("schema")
            openapi = schema.get("openAPIV3Schema") if isinstance(schema, dict) else None
            yield ServedKind(name, group, version["name"], plural, Schema.of_object(openapi))


def _part(body: JSON, path: str, kind: type) -> JSON:
    for step in path.split("."):
        body = body.get(step) if isinstance(body, dict) else None
    if not isinstance(body, kind):
        raise _MissingError(path)
    return body
