"""A cluster whose lists come from caches."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model.json import JSONObject
    from reconciler.model.kinds import Kind
    from reconciler.model.objects import Resource
    from reconciler.model.served import Served
    from reconciler.ports import Cluster
    from reconciler.triggers.watch.cache import Cache


class CachedCluster:
    """`ports.Cluster` that asks the cluster only for what no live cache knows, and enters the answers of its own writes
    into the caches (by the kind's name). Safe to use from several threads.

    A list from a cache is no proof that the cluster can be reached: ask for its `version`.
    """

    def __init__(self, cluster: Cluster, caches: Mapping[str, Cache]) -> None:
        self._cluster = cluster
        self._caches = caches

    def for_preview(self) -> Cluster:
        """The same, for one who only looks: no pass learns what he sees."""
        return _Looking(self._cluster, self._caches)

    @property
    def address(self) -> str:
        return self._cluster.address

    def apply(self, body: JSONObject, *, force: bool = False) -> Resource:
        resource = self._cluster.apply(body, force=force)
        cache = self._caches.get(resource.key.kind)
        if cache is not None:
            cache.put(resource)
        return resource

    def dry_run(self, body: JSONObject) -> Resource:
        return self._cluster.dry_run(body)

    def delete(self, resource: Resource) -> None:
        self._cluster.delete(resource)
        cache = self._caches.get(resource.key.kind)
        if cache is not None:
            cache.removed(resource)

    def version(self) -> str:
        return self._cluster.version()

    def denied(self, kinds: Sequence[Kind], verbs: Sequence[str]) -> tuple[str, ...]:
        return self._cluster.denied(kinds, verbs)

    def served(self) -> Served:
        return self._cluster.served()

    def list(self, kind: Kind) -> tuple[Resource, ...]:
        cache = self._caches.get(kind.name)
        found = cache.read() if cache is not None else None
        if found is None:
            found = self._cluster.list(kind)
            if cache is not None:
                cache.note(found)
        return found


class _Looking(CachedCluster):
    """What passes know, by which changes are judged, stays as it is."""

    def list(self, kind: Kind) -> tuple[Resource, ...]:
        cache = self._caches.get(kind.name)
        found = cache.glimpse() if cache is not None else None
        return self._cluster.list(kind) if found is None else found
