"""What is known of one kind in one cluster."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from reconciler.model.events import Change, EventType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.events import Listing, WatchEvent
    from reconciler.model.kinds import Kind
    from reconciler.model.objects import ObjectKey, Resource


def is_ahead(version: str, of: str) -> bool:
    """Whether one resourceVersion is certainly later than another: both are numbers, as those of API servers are."""
    return version.isdecimal() and of.isdecimal() and int(version) > int(of)


def is_newer(version: str, than: str) -> bool:
    """Whether what comes in now is later than what is there. A version that is no number is, when it differs."""
    return version != than and not is_ahead(than, version)


class Cache:
    """The objects of one kind, each in its newest version. Safe to use from several threads: the watch tells of changes
    in the event loop, passes read, and enter the answers of their own writes, from worker threads.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._lock = threading.Lock()
        self._objects: dict[ObjectKey, Resource] = {}
        self._sorted: tuple[Resource, ...] | None = None
        """The objects by key; None when they changed since."""
        self._version: str | None = None
        """How far the last list, and the watch after it, have told. Answers of our own writes may be ahead of it."""
        self._reached = ""
        """The latest version of all that anybody told, answers of our own writes too."""
        self._is_live = False
        self._deleted: dict[ObjectKey, Resource] = {}
        """Objects that we deleted, as they were then: they stay away until the cluster tells of something newer. Each
        ends with the event of its deletion, or with the next list.
        """
        self._written: dict[ObjectKey, str] = {}
        """The version that our last write of an object answered, until `settle`."""
        self._removed: set[str] = set()
        """The uids of objects that we deleted, until `settle`."""
        self._seen: dict[ObjectKey, str] | None = {}
        """The versions that passes got to see, until the first `settle` after the first list; None from then on."""

    @property
    def reached(self) -> str:
        """The latest version that is known: a list that is begun now is not behind it, or the cluster was restored from
        a backup. Empty before anything is known.
        """
        with self._lock:
            return self._reached

    @property
    def is_live(self) -> bool:
        """Whether the cache follows the cluster, as far as anybody can tell."""
        with self._lock:
            return self._is_live

    def snapshot(self) -> tuple[Resource, ...]:
        """The objects by key, live or not."""
        with self._lock:
            return self._snapshot()

    def _snapshot(self) -> tuple[Resource, ...]:
        if self._sorted is None:
            self._sorted = tuple(self._objects[key] for key in sorted(self._objects))
        return self._sorted

    # What the cluster tells

    def replace(self, listing: Listing, reached: str = "") -> tuple[Change, ...] | None:
        """Take in a list and follow the cluster from there. What was added, changed and deleted since the last one, by
        key; None when anything may have been, because the cluster was restored from a backup: it is behind `reached`,
        as that was when the list was begun.

        What is newer than the list stays: it is the answer to a write of ours that was made meanwhile.
        """
        with self._lock:
            is_restored = any(is_ahead(one, listing.version) for one in (self._version or "", reached))
            if is_restored:
                self._distrust()
            kept = {k: one for k, one in self._objects.items() if is_ahead(one.resource_version, listing.version)}
            listed = {one.key: one for one in listing.resources if not self._is_gone(one)}
            changes = self._exchange({**listed, **kept})
            uids = {one.uid for one in listing.resources}
            self._deleted = {key: one for key, one in self._deleted.items() if one.uid in uids}
            self._version = listing.version
            self._reach(listing.version)
            self._is_live = True
            return None if is_restored else changes

    def _distrust(self) -> None:
        """Versions count anew: all that is known by one says nothing any more."""
        self._objects, self._reached = {}, ""
        self._deleted.clear()
        self._written.clear()
        self._removed.clear()
        self._seen = None if self._seen is None else {}

    def _exchange(self, objects: dict[ObjectKey, Resource]) -> tuple[Change, ...]:
        old, self._objects, self._sorted = self._objects, objects, None
        is_first = self._version is None
        return tuple(
            Change(key, old.get(key), objects.get(key), is_first)
            for key in sorted(old.keys() | objects.keys())
            if old.get(key) != objects.get(key)
        )

    def follow(self, event: WatchEvent) -> Change | None:
        """Take in an event; what it changed. None for a bookmark, and for what was known already. It does not bring a
        lost cache back: only a list does, since nothing else proves that the events before it were not missed.
        """
        with self._lock:
            self._version = event.version
            self._reach(event.version)
            if event.resource is None:
                return None
            if event.type is EventType.DELETED:
                return self._drop(event.resource, event.version)
            return self._take(event.resource)

    def _reach(self, version: str) -> None:
        if not is_ahead(self._reached, version):
            self._reached = version

    def _take(self, resource: Resource) -> Change | None:
        key, held = resource.key, self._objects.get(resource.key)
        if held is not None and not is_newer(resource.resource_version, held.resource_version):
            return None
        if self._is_gone(resource):
            return None
        self._deleted.pop(key, None)
        self._objects[key] = resource
        self._sorted = None
        return Change(key, held, resource)

    def _drop(self, resource: Resource, version: str) -> Change | None:
        key, held = resource.key, self._objects.get(resource.key)
        deleted = self._deleted.get(key)
        if deleted is not None and deleted.uid == resource.uid:
            del self._deleted[key]
        if held is None or not is_newer(version, held.resource_version):
            return None
        del self._objects[key]
        self._sorted = None
        return Change(key, held, None)

    def _is_gone(self, resource: Resource) -> bool:
        """Whether this is an object, or an earlier version of it, that we deleted."""
        deleted = self._deleted.get(resource.key)
        if deleted is None or deleted.uid != resource.uid:
            return False
        return not is_newer(resource.resource_version, deleted.resource_version)

    def lose(self) -> None:
        """The cluster is not followed any more, until the next list: what happens now is not seen."""
        with self._lock:
            self._is_live = False

    def clear(self) -> None:
        """The cluster does not serve the kind: there is nothing, and nothing to follow."""
        with self._lock:
            self._objects, self._sorted, self._version, self._reached = {}, None, None, ""
            self._deleted.clear()
            self._is_live = False

    # What passes read and write

    def read(self) -> tuple[Resource, ...] | None:
        """The objects by key; None while the cache does not follow the cluster."""
        with self._lock:
            if not self._is_live:
                return None
            found = self._snapshot()
            self._note(found)
            return found

    def glimpse(self) -> tuple[Resource, ...] | None:
        """As `read`, by one who is no pass."""
        with self._lock:
            return self._snapshot() if self._is_live else None

    def note(self, resources: Iterable[Resource]) -> None:
        """A pass saw these objects in a list of its own."""
        with self._lock:
            self._note(resources)

    def _note(self, resources: Iterable[Resource]) -> None:
        if self._seen is not None:
            self._seen = {one.key: one.resource_version for one in resources}

    def put(self, resource: Resource) -> None:
        """Enter the answer to a write of ours; a newer version that the watch told of stays."""
        with self._lock:
            self._written[resource.key] = resource.resource_version
            self._reach(resource.resource_version)
            self._take(resource)

    def removed(self, resource: Resource) -> None:
        """Take out what we deleted, until the cluster tells of something newer: that it goes on, or came again."""
        with self._lock:
            self._removed.add(resource.uid)
            held = self._objects.get(resource.key)
            if held is not None and (held.uid != resource.uid or _is_later(held, resource)):
                return
            if held is not None:
                del self._objects[resource.key]
                self._sorted = None
            elif self._is_live:
                return  # the event of the deletion was here before us
            self._deleted[resource.key] = resource

    def is_known(self, change: Change) -> bool:
        """Whether passes know how this object stands: by the answer to a write of their own, or because it was there
        before anything was watched, and a pass saw it so.
        """
        with self._lock:
            if change.after is None:
                return change.before is not None and change.before.uid in self._removed
            # An answer of ours that says "is being deleted" is no last word: the object goes, and must be made again.
            known = [] if change.after.is_deleting else [self._written.get(change.key)]
            if change.is_first and self._seen is not None:
                known.append(self._seen.get(change.key))
            version = change.after.resource_version
            return any(one is not None and not is_newer(version, one) for one in known)

    def settle(self) -> None:
        """Forget what passes know: every change so far was judged by it."""
        with self._lock:
            self._written.clear()
            self._removed.clear()
            if self._version is not None:
                self._seen = None


def _is_later(held: Resource, deleted: Resource) -> bool:
    return is_newer(held.resource_version, deleted.resource_version)
