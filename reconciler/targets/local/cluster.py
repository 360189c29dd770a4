"""An embedded cluster: server-side apply with field managers, versions and preconditions, in documents."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import KindNotServedError, ObjectRejectedError, StaleObjectError
from reconciler.model.events import Listing
from reconciler.model.kinds import KINDS
from reconciler.model.objects import FIELD_MANAGER, ObjectKey, Resource
from reconciler.model.served import Served
from reconciler.targets.local import managed_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from reconciler.model.json import JSONObject
    from reconciler.model.kinds import Kind
    from reconciler.model.served import Schema
    from reconciler.ports import Documents

    Observer = Callable[[ObjectKey, JSONObject | None, JSONObject | None, str], None]

_COUNTER = "counter"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MAX_NAME = 253


class LocalCluster:
    """`ports.Cluster` without a server. It has no schemas, and no admission but what it is told by `admit`: what is
    declared is stored as it is.

    Uids and resource versions count from 1, so that the same calls give the same objects. `served` are the names of
    the kinds that it serves, all by default. Safe to use from several threads.
    """

    def __init__(self, documents: Documents, name: str, served: Collection[str] = frozenset(KINDS)) -> None:
        self._documents = documents
        self._name = name
        self._served = frozenset(served)
        self._schemas: dict[str, Schema] = {}
        self._lock = threading.RLock()
        self._objects: dict[ObjectKey, JSONObject] | None = None
        self._count = 0
        self._observers: list[Observer] = []
        self._admitted: Callable[[JSONObject], JSONObject] = lambda body: body

    @property
    def address(self) -> str:
        return f"local:{self._name}"

    def version(self) -> str:
        return "embedded"

    def denied(self, kinds: Sequence[Kind], verbs: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002 - all is allowed
        return ()

    def served(self) -> Served:
        """The kinds that it serves, with the schemas that it was told to claim: none, by default."""
        with self._lock:
            found = Served.without_schemas(KINDS[name] for name in self._served & KINDS.keys()).kinds
            return Served({name: (replace(one, schema=self._schemas.get(name)),) for name, (one,) in found.items()})

    def claim(self, schemas: Mapping[str, Schema]) -> None:
        """Serve kinds (by name) with these schemas from now on. They are told, and not enforced."""
        with self._lock:
            self._schemas = dict(schemas)

    def list(self, kind: Kind) -> tuple[Resource, ...]:
        """All objects of the kind, by name. Raises KindNotServedError."""
        self._check_served(kind.name)
        with self._lock:
            found = sorted((key, body) for key, body in self._stored().items() if key.kind == kind.name)
        return tuple(Resource.from_body(body, kind) for _, body in found)

    def listing(self, kind: Kind) -> Listing:
        """As `list`, with the version of the cluster at that moment."""
        with self._lock:
            return Listing(self.list(kind), self.last_version)

    @property
    def last_version(self) -> str:
        """The version of the last write; 0 before the first."""
        with self._lock:
            self._stored()
            return str(self._count)

    def follow(self, observer: Observer) -> None:
        """Call `observer` after each write, in the writer's thread and in the order of the versions: with the object's
        key, the object before it and after it (None: absent), and the version of the write.
        """
        with self._lock:
            self._observers.append(observer)

    def serves(self, kind: Kind) -> bool:
        return kind.name in self._served and kind.name in KINDS

    def serve(self, kind: Kind) -> None:
        """Serve a kind from now on, as if its CustomResourceDefinition were created."""
        with self._lock:
            self._served |= {kind.name}

    def withdraw(self, kind: Kind) -> None:
        """Serve a kind no longer: its objects go with it."""
        with self._lock:
            for key in [key for key in self._stored() if key.kind == kind.name]:
                self._write(key, None)
            self._served -= {kind.name}

    def apply(self, body: JSONObject, *, force: bool = False, manager: str = FIELD_MANAGER) -> Resource:
        """Server-side apply, in the name of any manager. Raises ApplyConflictError, ObjectRejectedError,
        KindNotServedError.
        """
        key = self._key(body)
        with self._lock:
            live = self._stored().get(key)
            return self._store(key, live, managed_fields.apply(live, body, manager, force=force))

    def dry_run(self, body: JSONObject) -> Resource:
        """As a forced `apply`, without writing anything."""
        key = self._key(body)
        with self._lock:
            live = self._stored().get(key)
            applied = managed_fields.apply(live, body, FIELD_MANAGER, force=True)
            return Resource.from_body(self._next(live, applied), key.resource_kind)

    def admit(self, form: Callable[[JSONObject], JSONObject]) -> None:
        """Store what is written as `form` makes it from now on, as mutating admission does: it gets and gives whole
        objects, changes nothing in place, and whoever wrote a field owns it, whatever becomes of the value.
        """
        with self._lock:
            self._admitted = form

    def edit(self, key: ObjectKey, patch: JSONObject, manager: str = "kubectl-edit") -> Resource:
        """A JSON merge patch by somebody who does not apply: it overwrites fields whoever owns them. Raises
        StaleObjectError when the object does not exist.
        """
        with self._lock:
            live = self._stored().get(key)
            if live is None:
                raise StaleObjectError(f"{key} does not exist")
            return self._store(key, live, managed_fields.edit(live, patch, manager))

    def delete(self, resource: Resource) -> None:
        """Delete exactly this object. Absent is fine. Raises StaleObjectError."""
        with self._lock:
            live = self._stored().get(resource.key)
            if live is None:
                return
            metadata = live["metadata"]
            if (metadata["uid"], metadata["resourceVersion"]) != (resource.uid, resource.resource_version):
                raise StaleObjectError(f"{resource.key} changed since it was read")
            self._write(resource.key, None)

    def _check_served(self, kind: str) -> None:
        if kind not in self._served or kind not in KINDS:
            raise KindNotServedError(f"{self.address} does not serve {kind}")

    def _key(self, body: JSONObject) -> ObjectKey:
        kind, metadata = body.get("kind") or "", body.get("metadata") or {}
        self._check_served(kind)
        if body.get("apiVersion") != KINDS[kind].api_version:
            raise KindNotServedError(f"{self.address} does not serve {kind} in {body.get('apiVersion')}")
        name, namespace = metadata.get("name"), metadata.get("namespace")
        if not isinstance(name, str) or len(name) > _MAX_NAME or not _NAME.fullmatch(name):
            raise ObjectRejectedError(f"{kind}/{name}: metadata.name: not a lower-case RFC 1123 subdomain")
        if not namespace:
            raise ObjectRejectedError(f"{kind}/{name}: metadata.namespace: required")
        return ObjectKey(kind, namespace, name)

    def _store(self, key: ObjectKey, live: JSONObject | None, changed: JSONObject) -> Resource:
        """Write the object with its new version; nothing when nothing changed."""
        stored = self._next(live, changed)
        if stored is not live:
            self._write(key, stored)
        return Resource.from_body(stored, key.resource_kind)

    def _next(self, live: JSONObject | None, changed: JSONObject) -> JSONObject:
        """The object as it would be stored, in its next version; the very one that is there when nothing changed."""
        changed = self._admitted(changed)
        if live is not None and managed_fields.same_object(live, changed):
            return live
        version = self._count + 1
        metadata = {**changed["metadata"], "resourceVersion": str(version)}
        if live is None:
            metadata |= {"uid": f"00000000-0000-4000-8000-{version:012d}", "generation": 1}
        elif not managed_fields.same_spec(live, changed):
            metadata["generation"] = live["metadata"]["generation"] + 1
        return {**changed, "metadata": metadata}

    def _stored(self) -> dict[ObjectKey, JSONObject]:
        if self._objects is None:
            documents = dict(self._documents.load(self._collection))
            self._count = documents.pop(_COUNTER, {"value": 0})["value"]
            self._objects = {ObjectKey(*name.split("/", 2)): body for name, body in documents.items()}
        return self._objects

    def _write(self, key: ObjectKey, body: JSONObject | None) -> None:
        """One transaction for the object and the counter; memory follows only when it has succeeded."""
        count = self._count + 1
        document = f"{key.kind}/{key.namespace}/{key.name}"
        self._documents.save(self._collection, {document: body, _COUNTER: {"value": count}})
        self._count = count
        objects = self._stored()
        before = objects.pop(key, None)
        if body is not None:
            objects[key] = body
        for observer in self._observers:
            observer(key, before, body, str(count))

    @property
    def _collection(self) -> str:
        return f"cluster:{self._name}"
