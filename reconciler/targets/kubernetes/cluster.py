"""A fabric's cluster, over the Kubernetes API."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from reconciler.errors import ApplyConflictError, ClusterUnavailableError
from reconciler.model.kinds import KINDS
from reconciler.model.objects import FIELD_MANAGER
from reconciler.plan.fields import foreign_fields
from reconciler.targets.kubernetes.answers import conflict_error, is_absent, read_error, write_error
from reconciler.targets.kubernetes.nulls import clearing_patch, null_fields
from reconciler.targets.kubernetes.reading import Pages, collection, read_resource
from reconciler.targets.kubernetes.schemas import SchemaReader
from reconciler.targets.kubernetes.transport import AnswerTooLargeError, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.kinds import Kind
    from reconciler.model.objects import Resource
    from reconciler.model.served import Served
    from reconciler.targets.kubernetes.connection import ClusterAccess
    from reconciler.targets.kubernetes.transport import Answer

PAGE = 500
MAX_PAGES = 2000
LIST_TRIES = 3
"""How often a list is begun when the server forgets its version half-way (410)."""

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_GONE = 410


class KubernetesCluster:
    """`ports.Cluster` on a real API server, within one namespace. Safe to use from several threads.

    `sleep` waits between tries of one request. Raises ConfigurationError when the access cannot be used as it is.
    """

    def __init__(self, access: ClusterAccess, namespace: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._transport = Transport(access, sleep)
        self._namespace = namespace
        self._schemas = SchemaReader(self._transport)

    @property
    def address(self) -> str:
        return self._transport.address

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._transport.close()

    def version(self) -> str:
        """The server's version (`v1.32.4`). Raises as `list`."""
        answer = self._transport.send("GET", "/version")
        version = answer.body.get("gitVersion") if answer.is_ok and isinstance(answer.body, dict) else None
        if not isinstance(version, str):
            raise read_error(answer, f"{self.address}/version")
        return version

    def denied(self, kinds: Sequence[Kind], verbs: Sequence[str]) -> tuple[str, ...]:
        """Those of the rights `<verb> <plural>.<group>` that we lack in the namespace. Raises as `list`."""
        asked = [(verb, kind) for kind in kinds for verb in verbs]
        return tuple(f"{verb} {kind.plural}.{kind.group}" for verb, kind in asked if not self._may(verb, kind))

    def served(self) -> Served:
        """What the server's OpenAPI documents tell. Raises ClusterUnavailableError, ClusterAccessError,
        KindNotServedError (there are no such documents).
        """
        return self._schemas.read()

    def list(self, kind: Kind) -> tuple[Resource, ...]:
        """All objects of the kind, in pages.

        Raises KindNotServedError, ClusterUnavailableError, ClusterAccessError.
        """
        for _ in range(LIST_TRIES):
            items = self._list_once(kind)
            if items is not None:
                return items
        raise ClusterUnavailableError(f"list {kind.name}: the server forgot the list's version {LIST_TRIES} times")

    def apply(self, body: JSONObject, *, force: bool = False) -> Resource:
        """Server-side apply under our field manager; the answer is the object as it now stands.

        Raises ApplyConflictError, ObjectRejectedError, DependencyNotReadyError (also: no such namespace),
        StaleObjectError, KindNotServedError, ClusterUnavailableError, ClusterAccessError.
        """
        kind, name = KINDS[body["kind"]], body["metadata"]["name"]
        answer = self._apply_once(kind, name, body, force=force)
        if (fields := null_fields(answer)) and self._clear(kind, name, body, fields):
            answer = self._apply_once(kind, name, body, force=force)
        if not answer.is_ok:
            error = write_error(answer, f"apply {kind.name}/{name}")
            raise self._exact(error, kind, body) if isinstance(error, ApplyConflictError) else error
        return self._resource(answer.body, kind)

    def dry_run(self, body: JSONObject) -> Resource:
        """The object as a forced `apply` would leave it. Nothing is written, also not what `nulls` is about: where an
        apply would have to clear something first, this is rejected.

        Raises as `apply`, but for ApplyConflictError.
        """
        kind, name = KINDS[body["kind"]], body["metadata"]["name"]
        answer = self._apply_once(kind, name, body, force=True, is_dry_run=True)
        if not answer.is_ok:
            raise write_error(answer, f"dry run of {kind.name}/{name}")
        return self._resource(answer.body, kind)

    def delete(self, resource: Resource) -> None:
        """Delete exactly this object. Absent is fine.

        Raises StaleObjectError, ObjectRejectedError, DependencyNotReadyError, KindNotServedError,
        ClusterUnavailableError, ClusterAccessError.
        """
        preconditions = {"uid": resource.uid, "resourceVersion": resource.resource_version}
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        path = self._path(resource.key.resource_kind, resource.key.name)
        answer = self._transport.send("DELETE", path, body=options)
        if not answer.is_ok and not is_absent(answer):
            raise write_error(answer, f"delete {resource.key}")

    def _path(self, kind: Kind, name: str | None = None) -> str:
        path = collection(kind, self._namespace)
        return path if name is None else f"{path}/{quote(name, safe='')}"

    def _apply_once(self, kind: Kind, name: str, body: JSONObject, *, force: bool, is_dry_run: bool = False) -> Answer:
        query = [("fieldManager", FIELD_MANAGER), ("force", "true" if force else "false")]
        if is_dry_run:
            query.append(("dryRun", "All"))
        return self._transport.send("PATCH", self._path(kind, name), query, body, _APPLY)

    def _clear(self, kind: Kind, name: str, body: JSONObject, fields: frozenset[str]) -> bool:
        """Take out objects that an apply would leave null; whether that was done. See `nulls`."""
        path = self._path(kind, name)
        live = self._transport.send("GET", path)
        patch = clearing_patch(live.body, body, fields) if live.is_ok else None
        if patch is None:
            return False
        cleared = self._transport.send("PATCH", path, [("fieldManager", FIELD_MANAGER)], patch, _MERGE)
        if not cleared.is_ok:
            raise write_error(cleared, f"apply {kind.name}/{name}")
        return True

    def _exact(self, error: ApplyConflictError, kind: Kind, body: JSONObject) -> ApplyConflictError:
        """The conflict with all of its fields. Servers up to 1.20 name some twice and others not at all, and what is
        not named could be forced by mistake.
        """
        live = self._transport.send("GET", self._path(kind, body["metadata"]["name"]))
        fields = foreign_fields(body, self._resource(live.body, kind)) if live.is_ok else {}
        return conflict_error(f"apply {kind.name}/{body['metadata']['name']}", {**error.conflicts, **fields})

    def _list_once(self, kind: Kind) -> tuple[Resource, ...] | None:
        """None when the list expired half-way and must begin again."""
        pages = Pages(kind, self.address, read_resource, PAGE)
        for _ in range(MAX_PAGES):
            try:
                answer = self._transport.send("GET", self._path(kind), pages.query())
            except AnswerTooLargeError as error:
                pages.shrink(error)
                continue
            if answer.status == _GONE:
                return None
            if not answer.is_ok:
                raise read_error(answer, f"list {kind.name}")
            pages.take(answer)
            if pages.is_complete:
                return tuple(pages.found)
        raise ClusterUnavailableError(f"list {kind.name}: more than {MAX_PAGES * PAGE} objects")

    def _resource(self, body: JSON, kind: Kind) -> Resource:
        return read_resource(body, kind, self.address)

    def _may(self, verb: str, kind: Kind) -> bool:
        attributes = {"namespace": self._namespace, "verb": verb, "group": kind.group, "resource": kind.plural}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = self._transport.send("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=review)
        if not answer.is_ok or not isinstance(answer.body, dict):
            raise read_error(answer, "SelfSubjectAccessReview")
        return bool((answer.body.get("status") or {}).get("allowed"))
