"""How fabrics are wired, from what is known of them at the moment: nothing is fetched, and nobody is asked."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from reconciler.errors import ConfigurationError, GitAccessError, GitUnavailableError
from reconciler.model.kinds import KINDS
from reconciler.model.topology import Topology
from reconciler.plan.topology import DRAWN, topology_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reconciler.app.live import Made
    from reconciler.model.objects import ObjectKey, Resource
    from reconciler.model.revision import Revision
    from reconciler.plan.topology import Wired

log = structlog.get_logger("topology")

_OUT_OF_REACH = (GitUnavailableError, GitAccessError, ConfigurationError)
"""How a mirror fails that cannot be used; the last where there is no git."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What a topology was made of."""

    made: Made
    revision: Revision | None
    live: tuple[tuple[Resource, ...], ...]


class Wirings:
    """The topology of each fabric, made anew when Git or the cluster changed. From any thread."""

    def __init__(self, made: Callable[[], Mapping[str, Made]]) -> None:
        """`made` gives what the present configuration has for each fabric."""
        self._made = made
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}
        """By fabric. Of fifty thousand objects a topology takes a second: whoever asks meanwhile shares it."""
        self._known: dict[str, tuple[_Known, Topology]] = {}

    def of(self, fabric: str) -> Topology:
        """As Git declares the fabric at the revision that was fetched last, with what only the cluster has; an empty
        one of a fabric that is not configured.
        """
        everything = self._made()
        made = everything.get(fabric)
        if made is None:
            return Topology()
        with self._making_of(fabric, everything):
            return self._present(fabric, made)

    def _making_of(self, fabric: str, configured: Iterable[str]) -> threading.Lock:
        """What who makes the topology of a fabric holds. Nothing is kept of fabrics that left."""
        with self._lock:
            for left in (self._making.keys() | self._known.keys()) - set(configured):
                self._making.pop(left, None)
                self._known.pop(left, None)
            return self._making.setdefault(fabric, threading.Lock())

    def _present(self, fabric: str, made: Made) -> Topology:
        live = _live(made)
        try:
            now = _Known(made, made.subject.source.last_fetched(), live)
        except _OUT_OF_REACH as error:
            log.warning("the revision cannot be told", error=error.message)
            return topology_of([one for of_kind in live for one in of_kind])
        with self._lock:
            before = self._known.get(fabric)
        if before is not None and before[0] == now:
            return before[1]
        objects, is_whole = _objects(now)
        topology = topology_of(objects)
        if is_whole:  # else the next one reads Git again
            with self._lock:
                self._known[fabric] = now, topology
        return topology


def _live(made: Made) -> tuple[tuple[Resource, ...], ...]:
    """What the cluster holds, as far as it is known here."""
    if made.watch is not None:
        return tuple(made.watch.caches[kind].snapshot() for kind in DRAWN if kind in made.watch.caches)
    cluster = made.subject.cluster
    if cluster is not None and "cluster" in made.subject.fabric.simulated:
        return tuple(cluster.list(KINDS[kind]) for kind in DRAWN)
    return ()


def _objects(known: _Known) -> tuple[list[Wired], bool]:
    """The objects, and whether they are all: Git may be out of reach."""
    found: dict[ObjectKey, Wired] = {one.key: one for of_kind in known.live for one in of_kind}
    if known.revision is not None:
        try:
            found.update(known.made.subject.source.read(known.revision).manifests)
        except _OUT_OF_REACH as error:
            log.warning("the revision cannot be read", revision=str(known.revision), error=error.message)
            return list(found.values()), False
    return list(found.values()), True
